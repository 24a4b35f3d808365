#!/bin/bash
# Workers of a mesh that are killed, and started again with the same command; and its meeting server. The run goes back to a checkpoint, the
# processes of the others stay, and the weights are those of one server that nobody disturbs, to the last bit.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_mesh.sh"
classifier_data 60
classifier_cfg max_batches=0
more_layers
rounds=60
train=(-dynacomm-timeout 60)

undisturbed

for strategy in dynacomm duplex; do
    what="$strategy: a worker killed, and started again"
    train=(-dynacomm-timeout 60 -dynacomm-strategy $strategy)
    mesh 2
    round 0 23
    again 1
    mesh_ended 0 0 1
    check "$what: the run went back" grep -q 'lost shard 2 of 2: .*: the run goes back to round [12]0' server.out
    check "$what: the other worker's process went on" grep -q 'goes on from round' worker-0.out worker-0.err
    same_weights
    replayed
done
train=(-dynacomm-timeout 60)

what="the meeting server killed, and started again"
mesh 2
round 0 23
meets_again
mesh_ended 0 0 1
check "$what: the run was resumed" grep -q 'resuming c at round [12]0 from store' server.out
check "$what: worker 0's process is here again" grep -q 'a worker is here again, with shard 1 of 2' server.out
check "$what: worker 1's process is here again" grep -q 'a worker is here again, with shard 2 of 2' server.out
same_weights
replayed

what="the meeting server and a worker killed together"
mesh 2
round 0 23
killed 1
meets_again
joins 1
mesh_ended 0 0 1
same_weights
replayed

what="one after the other killed"
mesh 2
round 0 13
again 1
round 1 24
again 0
round 0 35
again 1
mesh_ended 0 0 1
same_weights
replayed

what="killed again while it is waited for"
mesh 2
round 0 23
again 1
seen "$server_pid" server.out 'waiting for the mesh.s workers'
again 1
mesh_ended 0 0 1
same_weights
replayed

what="another worker killed while one is waited for"
mesh 2
round 0 23
again 1
seen "$server_pid" server.out 'waiting for the mesh.s workers'
again 0
mesh_ended 0 0 1
same_weights
replayed

# without_rank N OPTION... - worker N of the mesh, which asks for no number
without_rank()
{
    : > "worker-$1.out"
    env --default-signal=INT "$darknet" classifier train c.data c.cfg -dynacomm "$meet" -rounds $rounds "${train[@]}" -kernels stock -threads 1 \
        -seed 3 "${@:2}" > "worker-$1.out" 2> "worker-$1.err" &
    worker_pid[$1]=$!
}

for gone in 0 1; do
    what="worker $gone killed, and another one in its place, without ranks"
    rm -rf store backup
    options=(--workers 2)
    meets "${options[@]}"
    without_rank 0
    seen "$server_pid" server.out 'waiting for 1 more'
    without_rank 1
    round 0 23
    killed $gone
    [ $gone -eq 0 ] || meets_again
    without_rank $gone -dynacomm-id another
    mesh_ended 0 0 1
    same_weights
    replayed
done

what="both killed at once"
mesh 2
round 0 23
killed 0
killed 1
joins 1
joins 0
mesh_ended 0 0 1
same_weights
replayed

what="a worker stopped until nobody hears it"
mesh 2 --timeout 3
round 0 8
kill -STOP "${worker_pid[1]}"
seen "$server_pid" server.out 'lost shard 2 of 2: .*: the run goes back\|lost worker 1 '
kill -CONT "${worker_pid[1]}"
mesh_ended 0 0 1
check "$what: it joined again" grep -q 'joining it again' worker-1.out worker-1.err
same_weights
replayed

what="a worker that leaves, and is started again"
mesh 2
round 0 23
kill -TERM "${worker_pid[1]}"
wait "${worker_pid[1]}"
joins 1
mesh_ended 0 0 1
same_weights
replayed

what="over TCP: a worker killed, and started again"
ipc=$url ipc_meet=$meet
near=$(free_port)
url=tcp://127.0.0.1:$near meet=mesh://127.0.0.1:$near
mesh 2
round 0 23
again 1
mesh_ended 0 0 1
check "$what: the run went back" grep -q 'lost shard 2 of 2: it was started again, or cut off: the run goes back to round [12]0' server.out
same_weights
replayed

what="over TCP: the meeting server killed, and started again"
mesh 2
round 0 23
meets_again
mesh_ended 0 0 1
same_weights
replayed

# near_end - the end is saved; what worker 1 is told by the meeting server is on its way, and lost
near_end()
{
    far=$(free_port)
    rm -rf store backup
    options=(--workers 2 --on-loss wait:1 --timeout 10)
    meets "${options[@]}"
    link "$far" "$near" .3
    rounds=2 joins 0
    meet=mesh://127.0.0.1:$far rounds=2 joins 1
    seen "$server_pid" server.out 'c_final.weights'
    unlinked
}

what="a worker killed at the end"
near_end
killed 1
mesh_ended 0 0

what="a worker killed at the end, and started again"
near_end
killed 1
rounds=2 joins 1
mesh_ended 0 0
wait "${worker_pid[1]}"
check "$what: it hears so, if the server is there still" grep -q "the mesh's run has ended\|no server answers" worker-1.err

what="the meeting server killed when the end was saved, and started again"
near_end
meets_again
link "$far" "$near" 0
mesh_ended 0 0 1
check "$what: worker 1 heard" grep -q 'worker 1 hears that the run has ended, with round 2' server.out
unlinked
url=$ipc meet=$ipc_meet

what="a worker that is not back in time"
mesh 2 --timeout 3 --on-loss wait:3
round 0 8
killed 1
mesh_ended 1 0
said server.err "dynacomm server:" "the worker with shard 2 of 2 did not come back in time"
said worker-0.err "darknet:" "did not come back in time"

what="a worker is lost, and there is no backup"
rm -rf store backup
server --mesh --workers 2 --timeout 3
joins 0
joins 1
round 0 8
killed 1
mesh_ended 1 0
said server.err "dynacomm server:" "lost shard 2 of 2|no checkpoint that the run could go back to"
said worker-0.err "darknet:" "lost"

# What a codec has not sent is with the worker, on its disk for checkpoints.
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
    what="$codec: a worker killed, and started again"
    mesh 2 --codec $codec --backup-every 4
    round 0 27
    again 1
    mesh_ended 0 0 1
    check "$what: the same weights to the last bit" cmp store/c_final.weights coded.weights
    replayed
    what="$codec: the meeting server killed, and started again"
    mesh 2 --codec $codec --backup-every 4
    round 0 27
    meets_again
    mesh_ended 0 0 1
    check "$what: the same weights to the last bit" cmp store/c_final.weights coded.weights
    replayed
done

data_of=0=c.data,1=c.data,2=c.data
what="three workers, undisturbed"
mesh 3
mesh_ended 0 0 1 2
cp store/c_final.weights undisturbed.weights

what="three workers, two killed at once"
mesh 3
round 0 13
killed 1
killed 2
joins 2
joins 1
mesh_ended 0 0 1 2
same_weights
replayed

what="three workers, a second killed while the first is waited for"
mesh 3
round 0 13
killed 1
seen "$server_pid" server.out 'is here again, with shard 1'
killed 2
joins 1
joins 2
mesh_ended 0 0 1 2
same_weights
replayed

what="three workers with unequal links, one and the meeting server killed"
rm -rf store backup
options=(--workers 3)
meets "${options[@]}"
joins 0 -dynacomm-link 100mbit
joins 1 -dynacomm-link 20mbit
joins 2 -dynacomm-link 50mbit
round 0 13
killed 1
meets_again
joins 1 -dynacomm-link 30mbit # the others keep their parts
mesh_ended 0 0 1 2
same_weights
replayed

finish
