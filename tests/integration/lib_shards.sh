# lib_shards.sh - a server in several shards, as separate processes; sourced, after lib_fault.sh.

# shard K N OPTION... - starts shard K of N in the background: shard-K.out, shard-K.err, ${shard_pid[K]}; the first one at $url
declare -A shard_pid=()
shard()
{
    local k=$1 n=$2
    shift 2
    : > "shard-$k.out"
    env --default-signal=INT "$dynacomm" server --listen "$([ "$k" -eq 1 ] && echo "$url" || echo "$url-$k")" --shard "$k/$n" \
        $([ "$k" -eq 1 ] || echo --first "$url") "$@" > "shard-$k.out" 2> "shard-$k.err" &
    shard_pid[$k]=$!
    worker_pid["shard $k"]=$! # who is killed if the test gives up
}

# shards N OPTION... - all of them
shards()
{
    local n=$1 k
    shift
    for ((k = 1; k <= n; k++)); do
        shard "$k" "$n" "$@"
    done
}

# all_ended N STATUS - the shards and workers 0 and 1 have ended with it
all_ended()
{
    local k
    for ((k = 1; k <= $1; k++)); do
        ended "shard $k" "${shard_pid[$k]}" "$2"
    done
    ended "worker 0" "${worker_pid[0]}" "$2"
    ended "worker 1" "${worker_pid[1]}" "$2"
}
