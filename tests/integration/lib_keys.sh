# lib_keys.sh - a server with keys, and workers that were invited; sourced, not run.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lib_fault.sh"

# free_port - one that nobody listens on, below those that the kernel gives out by itself
free_port()
{
    perl -MIO::Socket::INET -e 'for (1 .. 1000) { my $p = 15000 + int rand 17000;
        my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $p, Listen => 1) or next;
        print $p; exit }'
}

port=$(free_port)
url=tcp://127.0.0.1:$port
export XDG_CONFIG_HOME=$work/config

# invite NAME OPTION... - an invitation's line
invite()
{
    local name=$1
    shift
    "$dynacomm" invite --key server.key --address "127.0.0.1:$port" "$@" "$name"
}

# member RANK LINE OPTION... - starts a worker with an invitation: as worker of lib_fault.sh
member()
{
    local rank=$1 url=$2
    shift 2
    worker "$rank" "$@"
}
