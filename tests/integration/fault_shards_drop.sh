#!/bin/bash
# Workers that are lost in a run over shards and not waited for, or no longer, that leave, come late, or come back when the others have gone on:
# who makes which round is the same at all shards, and the run's replay on one machine has its weights, to the last bit.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_shards.sh"
classifier_data 60
classifier_cfg max_batches=0
more_layers
rounds=120 # a worker that comes back may take part some dozens of short rounds later
train=(-dynacomm-timeout 60)

# without N - worker 0 and N shards end well, and worker 1 was not waited for
without()
{
    local k
    ended "worker 0" "${worker_pid[0]}" 0
    for ((k = 1; k <= $1; k++)); do
        ended "shard $k" "${shard_pid[$k]}" 0
    done
    check "$what: the round went on without it" grep -q 'goes on without worker 1' shard-1.out
    check "$what: the end is saved" grep -q "saved round $rounds to store/c_final.weights" shard-1.out
    replayed
}

# held COMMAND... - while worker 0 stands still: it has rounds left afterwards
held()
{
    kill -STOP "${worker_pid[0]}"
    "$@"
    kill -CONT "${worker_pid[0]}"
}

# rejoins - worker 1 is killed, and started again when nobody waits for it
rejoins()
{
    killed 1
    seen "${shard_pid[1]}" shard-1.out 'goes on without worker 1'
    comes worker 1 -rounds $rounds "${train[@]}"
}

# comes COMMAND... - with it worker 1 comes to the first shard, once more
comes()
{
    local before
    before=$(grep -c 'worker 1 joined' shard-1.out)
    "$@"
    grep -m $((before + 1)) 'worker 1 joined' > joined.out < <(exec tail -q -n +1 -s .05 --pid="${shard_pid[1]}" -f shard-1.out)
}

# reaches_all - the cut link is made again, and worker 1 comes to the first shard once more, if it has not by now: it may have reached that one
# all the while
reaches_all()
{
    link "$far" "$near" 0
    grep -m 2 'worker 1 joined' > joined.out < <(exec tail -q -n +1 -s .05 --pid="${shard_pid[1]}" -f shard-1.out)
}

# took_part N - worker 1 took part anew, from the same round on at the first and the last of N shards
took_part()
{
    local at
    at=$(sed -n 's/.*worker 1 takes part from round \([0-9]*\) on/\1/p' shard-1.out | tail -n 1)
    check "$what: it took part" test -n "$at"
    check "$what: from round $at on at all" grep -q "worker 1 takes part from round $at on" "shard-$1.out"
    check "$what: the log says so" grep -q "^round $at: 2 workers" <("$dynacomm" log store/c.log)
}

undisturbed

n=2
for strategy in sequential dynacomm duplex; do
    what="$strategy, $n shards: a worker that is not waited for"
    train=(-dynacomm-timeout 60 -dynacomm-strategy $strategy)
    over "$n" --on-loss drop --min-workers 1
    round 0 8
    killed 1
    without "$n"
    check "$what: the shards said why" grep -q 'worker 1 is not waited for' shard-1.out
    n=$((n + 1))
done
train=(-dynacomm-timeout 60)

what="a worker that is not back in time"
over 3 --on-loss wait:1 --min-workers 1
round 0 8
killed 1
without 3
check "$what: the first shard said why" grep -q 'worker 1 did not come back in time' shard-1.out

what="fewer than --min-workers"
over 2 --on-loss drop
round 0 8
back 1
all_ended 2 0
check "$what: the first shard waited" grep -q 'waiting for workers: 1 of at least 2 are here' shard-1.out
same_weights
replayed

what="a worker that is asked to leave"
over 2 --min-workers 1
round 0 8
kill -TERM "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 143
without 2

what="a worker that the owner drops"
rm -rf store backup
page=http://127.0.0.1:$(free_port)
shard 1 2 --workers 2 --min-workers 1 --backup store --backup-every 10 --http "${page#http://}"
shard 2 2 --workers 2
seen "${shard_pid[1]}" shard-1.out 'listening on'
worker 0 -rounds $rounds "${train[@]}"
worker 1 -rounds $rounds "${train[@]}"
round 0 8
kill -STOP "${worker_pid[1]}"
check "$what: is dropped" "$dynacomm" drop "$page" 1
without 2
kill -CONT "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 1

what="a worker that comes late"
rm -rf store backup
shards 3 --workers 2 --min-workers 1 --start-after 0 --backup store --backup-every 10
seen "${shard_pid[1]}" shard-1.out 'listening on'
worker 0 -rounds $rounds "${train[@]}"
round 0 8
held comes worker 1 -rounds $rounds "${train[@]}"
all_ended 3 0
took_part 3
replayed

for n in 2 4; do
    what="a worker that comes back to $n shards when they have gone on"
    over "$n" --on-loss drop --min-workers 1
    round 0 8
    held rejoins
    all_ended "$n" 0
    took_part "$n"
    replayed
done

# As it comes: in the middle of a round, with some shards a round ahead of others, and before it takes part again.
what="a worker killed at many moments, and back"
over 3 --on-loss drop --min-workers 1
for at in 5 13 21 29; do
    round 0 $at
    killed 1
    worker 1 -rounds $rounds "${train[@]}"
done
round 0 37
held rejoins
all_ended 3 0
took_part 3
replayed

what="bf16: a worker that comes back when the others have gone on"
over 2 --on-loss drop --min-workers 1 --codec bf16
round 0 8
held rejoins
all_ended 2 0
took_part 2
replayed

what="all workers killed; one that was passed over is back first"
over 2 --on-loss drop --min-workers 1
round 0 25
killed 1
seen "${shard_pid[1]}" shard-1.out 'goes on without worker 1'
killed 0
seen "${shard_pid[1]}" shard-1.out 'waiting for workers: 0 of at least 1 are here'
worker 1 -rounds $rounds "${train[@]}"
ended "worker 1" "${worker_pid[1]}" 0
ended "shard 1" "${shard_pid[1]}" 0
ended "shard 2" "${shard_pid[2]}" 0
check "$what: the run went back" grep -q 'nobody is left of those who made round [0-9]*: the run goes back to round [0-9]' shard-1.out
replayed

ipc=$url
for k in 1 2; do
    what="a worker cut off from shard $k"
    cut_off $k 'goes on without worker 1' --on-loss drop --min-workers 1
    held reaches_all
    all_ended 2 0
    took_part 2
    replayed
    unlinked
done
url=$ipc

what="a shard lost, and a worker that never returns"
over 2 --on-loss wait:60 --min-workers 1 --start-after 1
round 0 23
killed 1
again 2 2
ended "worker 0" "${worker_pid[0]}" 0
ended "shard 1" "${shard_pid[1]}" 0
ended "shard 2" "${shard_pid[2]}" 0
check "$what: the run went back" grep -q 'the run goes back to round [12]0' shard-1.out
check "$what: and began without it" grep -q '1 of 2 workers are ready: the run begins without the others in 1 s' shard-1.out
replayed
finish
