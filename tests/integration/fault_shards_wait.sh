#!/bin/bash
# Workers that are killed, stopped or cut off in a run over shards, and come back: the round is held for them at all shards. Shards that
# are killed, and started again: all go back to a checkpoint. Nobody else is started by hand, and the weights are those of one server that
# nobody disturbed, to the last bit.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_shards.sh"
classifier_data 60
classifier_cfg max_batches=0
more_layers
rounds=60
train=(-dynacomm-timeout 60)

# near_end - over TCP: the end is saved; worker 0 has heard of it, and what worker 1 is told by the first shard is on its way, and lost
near_end()
{
    local a b
    a=$(free_port) b=$(free_port)
    far=$(free_port)
    rm -rf store backup
    first=(--listen "tcp://127.0.0.1:$a" --workers 2 --insecure --shard 1/2 --backup store)
    env --default-signal=INT "$dynacomm" server "${first[@]}" > shard-1.out 2> shard-1.err &
    shard_pid[1]=$!
    worker_pid["shard 1"]=$!
    url=tcp://127.0.0.1:$a
    "$dynacomm" server --listen "tcp://127.0.0.1:$b" --workers 2 --insecure --shard 2/2 --first "$url" > shard-2.out 2> shard-2.err &
    shard_pid[2]=$!
    worker_pid["shard 2"]=$!
    link "$far" "$a" .3
    worker 0 -rounds 2 "${train[@]}"
    url=tcp://127.0.0.1:$far,tcp://127.0.0.1:$b worker 1 -rounds 2 "${train[@]}"
    seen "${shard_pid[1]}" shard-1.out 'c_final.weights' || not_ok "$what: the end is saved" "$(cat shard-*.err worker-*.err)"
    unlinked
    near=$a
}

undisturbed

n=2
for strategy in sequential layerwise ibatch dynacomm duplex auto; do
    what="$strategy, $n shards: a worker killed, and back"
    train=(-dynacomm-timeout 60 -dynacomm-strategy $strategy)
    over "$n"
    round 0 8
    back 1
    all_ended "$n" 0
    check "$what: it was back" grep -q 'worker 1 is back, and goes on from round' shard-1.out
    check "$what: at the last shard, too" grep -q 'worker 1 is back, and goes on from round' "shard-$n.out"
    same_weights
    replayed
    n=$((n % 3 + 2))
done
train=(-dynacomm-timeout 60)

what="both workers killed, and back"
over 2
round 0 8
back 1
back 0
all_ended 2 0
same_weights
replayed

# As it comes: in the middle of a round, with some shards a round ahead of others.
what="a worker killed at many moments"
over 3
for ((at = 5; at <= 45; at += 8)); do
    round $((at % 2)) $at
    back $(((at / 8) % 2))
done
all_ended 3 0
same_weights
replayed

what="a worker stopped until nobody hears it"
over 2 --timeout 3
round 0 8
kill -STOP "${worker_pid[1]}"
seen "${shard_pid[1]}" shard-1.out 'lost worker 1 .*waiting for worker 1'
kill -CONT "${worker_pid[1]}"
all_ended 2 0
check "$what: it joined again" grep -q 'joining it again' worker-1.out worker-1.err
same_weights
replayed

for k in 1 2 3; do
    what="shard $k of 3 killed, and started again"
    over 3
    round 0 23
    again $k 3
    all_ended 3 0
    check "$what: the run went back" grep -q 'resuming c at round [12]0 ' shard-1.out
    check "$what: the workers said so" grep -q 'goes on from round' worker-1.out worker-1.err
    same_weights
    replayed
done

what="shard 2 killed, and started again, over TCP"
a=$(free_port) b=$(free_port)
rm -rf store backup
env --default-signal=INT "$dynacomm" server --listen "tcp://127.0.0.1:$a" --workers 2 --insecure --shard 1/2 --backup store --backup-every 10 > shard-1.out 2> shard-1.err &
shard_pid[1]=$!
worker_pid["shard 1"]=$!
second()
{
    "$dynacomm" server --listen "tcp://127.0.0.1:$b" --workers 2 --insecure --shard 2/2 --first "tcp://127.0.0.1:$a" > shard-2.out 2> shard-2.err &
    shard_pid[2]=$!
    worker_pid["shard 2"]=$!
}
second
url=tcp://127.0.0.1:$a worker 0 -rounds $rounds "${train[@]}"
url=tcp://127.0.0.1:$a worker 1 -rounds $rounds "${train[@]}"
round 0 23
kill -KILL "${shard_pid[2]}"
wait "${shard_pid[2]}" 2> /dev/null
second
all_ended 2 0
check "$what: the run went back" grep -q 'lost shard 2 of 2: it was started again, or cut off: the run goes back to round [12]0' shard-1.out
same_weights
replayed

what="a shard and a worker killed together"
over 2
round 0 23
killed 1
again 2 2
worker 1 -rounds $rounds "${train[@]}"
all_ended 2 0
same_weights
replayed

what="one after the other killed, shards and workers"
over 3
for k in 3 1 2 1; do
    round 0 $((k * 4 + 2))
    back 1
    seen "${shard_pid[1]}" shard-1.out 'worker 1 is back, and goes on\|training c'
    again $k 3
    seen "${shard_pid[1]}" shard-1.out 'training c with 2 workers'
done
all_ended 3 0
same_weights
replayed

what="the first shard killed before there is a run, and back"
rm -rf store backup
shards 2 --workers 2 --backup store --backup-every 10
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
again 1 2
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
worker 0 -rounds $rounds "${train[@]}"
worker 1 -rounds $rounds "${train[@]}"
all_ended 2 0
check "$what: the other one says so" grep -q 'lost the first shard: .*; trying to reach it for 60 s' shard-2.out
same_weights

what="a shard that is not back in time"
train=(-dynacomm-timeout 20)
over 2 --on-loss wait:1
round 0 8
kill -KILL "${shard_pid[2]}"
wait "${shard_pid[2]}" 2> /dev/null
ended "shard 1" "${shard_pid[1]}" 1
ended "worker 0" "${worker_pid[0]}" 1
ended "worker 1" "${worker_pid[1]}" 1
said shard-1.err "dynacomm server:" "shard 2 of 2 did not come back in time"
said worker-0.err "darknet:" "shard 2 of 2 did not come back in time"
train=(-dynacomm-timeout 60)

what="a shard is lost, and there is no backup"
shards 2 --workers 2
seen "${shard_pid[1]}" shard-1.out 'listening on'
worker 0 -rounds $rounds "${train[@]}"
worker 1 -rounds $rounds "${train[@]}"
round 0 8
kill -KILL "${shard_pid[2]}"
wait "${shard_pid[2]}" 2> /dev/null
ended "shard 1" "${shard_pid[1]}" 1
ended "worker 0" "${worker_pid[0]}" 1
ended "worker 1" "${worker_pid[1]}" 1
said shard-1.err "dynacomm server:" "lost shard 2 of 2|no checkpoint that the run could go back to"

# What a codec has not sent is with the worker: as with one server the run goes back for one that was killed.
for codec in bf16 int8+local:3; do
    what="$codec, one server, undisturbed"
    rm -rf store backup
    server --workers 2 --backup store --backup-every 10 --codec $codec
    worker 0 -rounds $rounds "${train[@]}"
    worker 1 -rounds $rounds "${train[@]}"
    ended "worker 0" "${worker_pid[0]}" 0
    ended "worker 1" "${worker_pid[1]}" 0
    ended server "$server_pid" 0
    cp store/c_final.weights coded.weights
    what="$codec: a worker killed, and back"
    over 2 --codec $codec --backup-every 4
    round 0 27
    back 1
    all_ended 2 0
    check "$what: the run went back" grep -q 'worker 1 is back without what it had kept: the run goes back to round [1-9]' shard-1.out
    check "$what: the same weights to the last bit" cmp store/c_final.weights coded.weights
    replayed
done

ipc=$url
for k in 1 2; do
    what="a worker cut off from shard $k"
    cut_off $k 'lost worker 1 .*waiting for worker 1'
    link "$far" "$near" 0
    all_ended 2 0
    check "$what: it joined both again" grep -q 'joining it again' worker-1.out worker-1.err
    same_weights
    replayed
    unlinked
done

what="a link that breaks at the end"
near_end
seen "${shard_pid[1]}" shard-1.out 'worker 1 has not heard that the run has ended'
link "$far" "$near" 0
all_ended 2 0
replayed
unlinked

what="a worker killed at the end, and started again"
near_end
killed 1
rm -f backup/c.weights
url=tcp://127.0.0.1:$near worker 1 -rounds 2 "${train[@]}"
all_ended 2 0
check "$what: it has the last weights" cmp store/c_final.weights backup/c.weights

what="the first shard killed when the end was saved, and started again"
near_end
kill -KILL "${shard_pid[1]}"
wait "${shard_pid[1]}" 2> /dev/null
env --default-signal=INT "$dynacomm" server "${first[@]}" > shard-1.out 2> shard-1.err &
shard_pid[1]=$!
worker_pid["shard 1"]=$!
link "$far" "$near" 0
all_ended 2 0
check "$what: worker 1 heard" grep -q 'worker 1 hears that the run has ended, with round 2' shard-1.out
unlinked
url=$ipc

what="a worker that is back later than it is waited for"
over 2 --on-loss wait:1
round 0 8
killed 1
seen "${shard_pid[1]}" shard-1.out 'waiting for workers: 1 of at least 2 are here'
check "$what: the first shard says why" grep -q 'worker 1 did not come back in time' shard-1.out
worker 1 -rounds $rounds "${train[@]}"
all_ended 2 0
same_weights
replayed
finish
