#!/bin/bash
# Runs over shards with three workers, with local steps, and with both, in which workers are lost and not waited for, and come back: the others
# go on, the crews are the same at all shards, and the run's replay on one machine has its weights, to the last bit.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_shards.sh"
classifier_data 60
classifier_cfg max_batches=0
more_layers
rounds=120 # a worker that comes back may take part some dozens of short rounds later
data_of=0=c.data,1=c.data,2=c.data
train=(-dynacomm-timeout 60)

# over_three N OPTION... - N shards for three workers, of which one is enough, and those
over_three()
{
    local n=$1 k
    shift
    rm -rf store backup
    shards "$n" --workers 3 --min-workers 1 --on-loss drop --backup store --backup-every 10 "$@"
    seen "${shard_pid[1]}" shard-1.out 'listening on'
    for k in 0 1 2; do
        worker $k -rounds $rounds "${train[@]}"
    done
}

# three_ended N - all of N shards and three workers have ended well
three_ended()
{
    all_ended "$1" 0
    ended "worker 2" "${worker_pid[2]}" 0
}

# passed K - worker K is killed, and the others go on
passed()
{
    killed "$1"
    seen "${shard_pid[1]}" shard-1.out "goes on without worker $1"
    check "$what: the others go on without worker $1" test $? -eq 0
}

# returns K - it comes while worker 0 stands still, which has rounds left then
returns()
{
    local before
    before=$(grep -c "worker $1 joined" shard-1.out)
    kill -STOP "${worker_pid[0]}"
    worker "$1" -rounds $rounds "${train[@]}"
    grep -m $((before + 1)) "worker $1 joined" > joined.out < <(exec tail -q -n +1 -s .05 --pid="${shard_pid[1]}" -f shard-1.out)
    kill -CONT "${worker_pid[0]}"
    seen "${shard_pid[1]}" shard-1.out "worker $1 takes part from round"
    check "$what: worker $1 takes part again" test $? -eq 0
}

# alike N - the crews that the first and the last of N shards say
alike()
{
    check "$what: the same rounds at the last shard" cmp <(grep -o 'worker [0-9] takes part from round [0-9]*' shard-1.out) \
        <(grep -o 'worker [0-9] takes part from round [0-9]*' "shard-$1.out")
}

n=2
for strategy in dynacomm duplex; do
    what="$strategy, $n shards, three workers: two lost, one after the other, and back"
    train=(-dynacomm-timeout 60 -dynacomm-strategy $strategy)
    over_three "$n"
    round 0 8
    passed 2
    passed 1
    returns 2
    returns 1
    three_ended "$n"
    alike "$n"
    replayed
    n=$((n + 2))
done
train=(-dynacomm-timeout 60)

what="3 shards, three workers: two lost at once, one of them back"
over_three 3
round 0 8
killed 1
passed 2
returns 2
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 2" "${worker_pid[2]}" 0
for k in 1 2 3; do
    ended "shard $k" "${shard_pid[$k]}" 0
done
alike 3
replayed

for codec in exact+local:3 int8+local:2; do
    what="$codec, 2 shards, three workers: one lost, and back"
    over_three 2 --codec $codec
    round 0 9
    passed 1
    returns 1
    three_ended 2
    alike 2
    replayed
done
finish
