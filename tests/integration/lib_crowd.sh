# lib_crowd.sh - peers that nobody invited, as processes beside a server (tests/process/crowd.c); sourced, not run.
# shellcheck shell=bash
. "$(dirname "${BASH_SOURCE[0]}")/lib_keys.sh"

crowd=$build/tests/crowd

# crowd_begins KIND N [SERVER-KEY] - until crowd_ends: all N were there. crowd_ends - its words are in crowd.out
crowd_begins()
{
    : > crowd.out
    exec {crowd_in}> >(exec "$crowd" "$1" "$2" 127.0.0.1 "$port" "${@:3}" > crowd.out 2> crowd.err)
    crowd_pid=$!
    seen "$crowd_pid" crowd.out '^there' || not_ok "$what: the crowd comes" "$(cat crowd.err)"
}
crowd_ends()
{
    echo >&"$crowd_in" # its end would not do: who was started since holds it open, too
    exec {crowd_in}>&-
    wait "$crowd_pid"
    check "$what: the crowd was whole to the end" test $? -eq 0
}

# Of the server: peak memory in KiB; open descriptors.
peak_KiB() { sed -n 's/^VmHWM:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$server_pid/status"; }
descriptors() { ls "/proc/$server_pid/fd" 2> /dev/null | wc -l; }

# may_count - says so where descriptors cannot be counted: a server with keys lets nobody but root look
may_count() { [ -r "/proc/$server_pid/fd" ] || echo "skip $what: the server's descriptors: only root may count them"; }
