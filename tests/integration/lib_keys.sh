# lib_keys.sh - a server with keys, and workers that were invited; sourced, not run.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lib_fault.sh"

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
