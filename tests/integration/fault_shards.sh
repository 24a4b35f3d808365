#!/bin/bash
# Several servers that hold a model together: the weights are one server's, also after a resume; what does not fit is refused
# with a line; who is lost, worker or shard, ends the run everywhere, and what was saved is resumed.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_shards.sh"
classifier_data
classifier_cfg max_batches=0

# Servers that do not start.
no_start()
{
    what=$1
    "$dynacomm" server --listen "$url" --workers 2 "${@:3}" > server.out 2> server.err
    check "$what: status" test $? -eq 1
    said server.err "dynacomm server:" "$2"
}
no_start "no number" "--shard|K/N" --shard two
no_start "a number too high" "'3/2' is not K/N" --shard 3/2
no_start "too many" "there are 2 to 16" --shard 1/17
no_start "no first" "shard 2 of 2|address of the first" --shard 2/2
no_start "the first has a first" "this is the first shard" --shard 1/2 --first "$url-1"
no_start "a list of members at another shard" "first shard alone|--members" --shard 2/2 --first "$url-1" --key no-such-file --members none
no_start "with --balance" "shards|balanced" --shard 1/2 --balance
no_start "with --clip-norm" "shards|norms" --shard 1/2 --clip-norm 3

# A run that others come to who do not fit; it goes on without noticing.
what="a run over two shards"
shard 1 2 --workers 2 --backup parts --timeout 3
seen "${shard_pid[1]}" shard-1.out 'listening on'
worker 0 -rounds 12
seen "${shard_pid[1]}" shard-1.out 'a worker waits: shard 2 of 2 is not here'
misfit()
{
    what=$1
    "$dynacomm" server --listen "$url-9" --first "$url" "${@:3}" > server.out 2> server.err
    check "$what: status" test $? -eq 1
    said server.err "dynacomm server:" "$2"
}
misfit "another number of shards" "shard 2 of 3|first of 2" --shard 2/3 --workers 2
misfit "another number of workers" "for 3 workers|first for 2" --shard 2/2 --workers 3
misfit "another codec" "has the codec int8, and the first none|only the first one" --shard 2/2 --workers 2 --codec int8
shard 2 2 --workers 2 --timeout 3
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
misfit "a second one with one number" "shard 2 of 2 is here already" --shard 2/2 --workers 2
alone()
{
    what=$1
    worker 1 -rounds 12 "${@:3}"
    ended worker "${worker_pid[1]}" 1
    said worker-1.err darknet: "$2"
}
first=$url
url=$first-2 alone "a worker names another shard first" "shard 2 of 2|name the first one"
url=$first,$first-2,$first-3 alone "a worker names too many" "first of 2 shards|3 addresses"
url=$first,$first alone "a worker names one twice" "shard 1 of 2|in their order"
url=$first,nowhere alone "a worker names no address" "'nowhere' is not an address"
what="a run over two shards"
url=$first,$first-2 worker 1 -rounds 12
all_ended 2 0
server --workers 2 --backup whole --timeout 3
worker 0 -rounds 12
worker 1 -rounds 12
ended "one server" "$server_pid" 0
check "$what: one server's weights" cmp parts/c_final.weights whole/c_final.weights
check "$what: one server's state" cmp parts/c.state whole/c.state
server --workers 2 --timeout 3
url=$first,$first-2 alone "one server where shards are named" "has all of the model"
kill "$server_pid"
wait "$server_pid"

# Whoever listens on all interfaces is reached at the one that leads to the first.
what="over TCP"
a=$(free_port) b=$(free_port)
url=tcp://0.0.0.0:$a shard 1 2 --workers 1 --insecure
"$dynacomm" server --listen "tcp://0.0.0.0:$b" --workers 1 --insecure --shard 2/2 --first "tcp://127.0.0.1:$a" > shard-2.out 2> shard-2.err &
shard_pid[2]=$!
worker_pid["shard 2"]=$!
url=tcp://127.0.0.1:$a worker 0 -rounds 3
ended "shard 1" "${shard_pid[1]}" 0
ended "shard 2" "${shard_pid[2]}" 0
ended "worker 0" "${worker_pid[0]}" 0
check "$what: its address is announced" grep -q "shard 2 of 2 is here, at tcp://127.0.0.1:$b" shard-1.out

# Who is lost ends the run everywhere; all that was saved is gone on with.
lost()
{
    what="$1 is killed"
    local k pid last
    rm -rf parts
    shards 2 --workers 2 --backup parts --backup-every 3 --timeout 3 --on-loss end
    worker 0
    worker 1
    seen "${shard_pid[1]}" shard-1.out 'saved round [1-9]' || not_ok "$what: runs" "$(cat shard-*.err worker-*.err)"
    pid=${worker_pid[1]}
    [ "$1" = "worker 1" ] || pid=${shard_pid[2]}
    kill -KILL "$pid"
    wait "$pid"
    for k in "${worker_pid[0]}" "${shard_pid[1]}"; do
        wait "$k"
        check "$what: another process ends with 1" test $? -eq 1
    done
    said shard-1.err "dynacomm server:" "$2"
    [ "$1" = "worker 1" ] || { wait "${worker_pid[1]}"; check "$what: worker 1 ends with 1" test $? -eq 1; }
    [ "$1" != "worker 1" ] || { wait "${shard_pid[2]}"; check "$what: shard 2 ends with 1" test $? -eq 1; }
    last=$(sed -n 's/.*saved round \([0-9]*\) to .*/\1/p' shard-1.out | tail -n 1)
    what="$what, then again"
    shards 2 --workers 2 --backup parts --timeout 3
    worker 0 -rounds $((last + 5))
    worker 1 -rounds $((last + 5))
    all_ended 2 0
    check "$what: goes on from round $last" grep -q "resuming c at round $last " shard-1.out
    check "$what: so does the other" grep -q "resuming c at round $last " shard-2.out
    check "$what: the end is saved" grep -q "saved round $((last + 5)) to parts/c_final.weights" shard-1.out
}
lost "worker 1" "worker 1"
lost "shard 2" "lost"
finish
