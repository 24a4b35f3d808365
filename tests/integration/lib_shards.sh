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

# Runs that somebody disturbs: of $rounds rounds, workers with options "${train[@]}".

# more_layers - c.cfg with four layers: as many shards can have one each
more_layers()
{
    local more='[convolutional]\nfilters=6\nsize=3\nstride=1\npad=1\nactivation=leaky\n\n'
    sed -i "s/^\[maxpool\]/$more$more&/" c.cfg
}

# over N OPTION... - N shards for two workers, and both
over()
{
    local n=$1
    shift
    rm -rf store backup
    shards "$n" --workers 2 --backup store --backup-every 10 "$@"
    seen "${shard_pid[1]}" shard-1.out 'listening on'
    worker 0 -rounds $rounds "${train[@]}"
    worker 1 -rounds $rounds "${train[@]}"
}

# round RANK R - the worker has ended its round R
round() { seen "${worker_pid[$1]}" "worker-$1.out" "^$2, "; }

# killed RANK
killed()
{
    kill -KILL "${worker_pid[$1]}"
    wait "${worker_pid[$1]}" 2> /dev/null
}

# back RANK - it is killed, and started again when that was noticed at the first shard
back()
{
    killed "$1"
    seen "${shard_pid[1]}" shard-1.out "waiting for worker $1, lost\|the connection to worker $1 was closed; waiting for it\|worker $1 is not waited for"
    worker "$1" -rounds $rounds "${train[@]}"
}

# again K N OPTION... - shard K is killed, and started again with the same command
again()
{
    kill -KILL "${shard_pid[$1]}"
    wait "${shard_pid[$1]}" 2> /dev/null
    cat "shard-$1.out" >> "shard-$1.before"
    shard "$1" "$2" --workers 2 --backup store --backup-every 10 "${@:3}"
}

# undisturbed - one server's run that nobody disturbs: undisturbed.weights
undisturbed()
{
    what="one server, undisturbed"
    rm -rf store backup
    server --workers 2 --backup store --backup-every 10
    worker 0 -rounds $rounds "${train[@]}"
    worker 1 -rounds $rounds "${train[@]}"
    ended "worker 0" "${worker_pid[0]}" 0
    ended "worker 1" "${worker_pid[1]}" 0
    ended server "$server_pid" 0
    cp store/c_final.weights undisturbed.weights
}

# unlinked - nothing comes over the link any more
unlinked()
{
    kill -KILL "$link_pid"
    wait "$link_pid" 2> /dev/null
}

# cut_off K LINE OPTION... - over TCP: worker 1 cannot reach shard K of 2 any more, and the other one it can, until the first shard has said
# LINE; `link "$far" "$near" 0` makes it reach both. Options are the first shard's
cut_off()
{
    local a b
    a=$(free_port) b=$(free_port)
    rm -rf store backup
    url=tcp://127.0.0.1:$a shard 1 2 --workers 2 --insecure --timeout 3 --backup store --backup-every 10 "${@:3}"
    url=tcp://127.0.0.1:$a
    "$dynacomm" server --listen "tcp://127.0.0.1:$b" --workers 2 --insecure --timeout 3 --shard 2/2 --first "$url" > shard-2.out 2> shard-2.err &
    shard_pid[2]=$!
    worker_pid["shard 2"]=$!
    near=$a far=$(free_port)
    [ "$1" -eq 1 ] || near=$b
    link "$far" "$near" 0
    worker 0 -rounds $rounds "${train[@]}"
    if [ "$1" -eq 1 ]; then a=$far; else b=$far; fi
    url=tcp://127.0.0.1:$a,tcp://127.0.0.1:$b worker 1 -rounds $rounds "${train[@]}"
    round 0 8
    unlinked
    seen "${shard_pid[1]}" shard-1.out "$2"
}
