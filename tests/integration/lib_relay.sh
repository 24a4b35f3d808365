# lib_relay.sh - relays between a server and its workers, as separate processes; sourced, after lib_fault.sh.

# relay NAME PARENT WORKERS OPTION... - starts a relay at $url-NAME in the background: relay-NAME.out, relay-NAME.err, ${relay_pid[NAME]}
declare -A relay_pid=()
relay()
{
    local name=$1 parent=$2 workers=$3
    shift 3
    : > "relay-$name.out"
    env --default-signal=INT "$dynacomm" relay --parent "$parent" --listen "$url-$name" --workers "$workers" "$@" \
        > "relay-$name.out" 2> "relay-$name.err" &
    relay_pid[$name]=$!
    worker_pid["relay $name"]=$! # who is killed if the test gives up
    seen "${relay_pid[$name]}" "relay-$name.out" 'listening on' || cat "relay-$name.err"
}

# behind NAME RANK OPTION... - a worker that knows the relay only
behind()
{
    url=$url-$1 worker "${@:2}"
}

# all_end STATUS WORKERS RELAY... - the server, so many workers and the relays have ended with it
all_end()
{
    local status=$1 workers=$2 k
    shift 2
    for ((k = 0; k < workers; k++)); do
        ended "worker $k" "${worker_pid[$k]}" "$status"
    done
    for k in "$@"; do
        ended "relay $k" "${relay_pid[$k]}" "$status"
    done
    ended server "$server_pid" "$status"
}
