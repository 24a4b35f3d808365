#!/bin/bash
# Workers that are killed and come back, the server too: nobody else is started by hand, and the weights are those of a run
# that nobody disturbed, to the last bit. Workers that do not come back, come late, or leave: the run goes on as it was told.
. "$(dirname "$0")/lib_fault.sh"
classifier_data 60
classifier_cfg max_batches=0
rounds=300

# elastic SERVER-OPTION... - a server for two workers, and both
elastic()
{
    rm -rf store backup
    server --workers 2 --backup store --backup-every 10 "$@"
    worker 0 -rounds $rounds "${train[@]}"
    worker 1 -rounds $rounds "${train[@]}"
}

round() { seen "${worker_pid[0]}" worker-0.out "^$1, "; }

# all_end - everybody ends well
all_end()
{
    ended "worker 0" "${worker_pid[0]}" 0
    ended "worker 1" "${worker_pid[1]}" 0
    ended server "$server_pid" 0
}

same_weights() { check "$what: the same weights to the last bit" cmp store/c_final.weights undisturbed.weights; }

# back - worker 1 is killed and started again
back()
{
    kill -KILL "${worker_pid[1]}"
    wait "${worker_pid[1]}" 2> /dev/null
    worker 1 -rounds $rounds "${train[@]}"
}

train=(-dynacomm-timeout 60)
what="an undisturbed run"
elastic
all_end
cp store/c_final.weights undisturbed.weights

for strategy in sequential layerwise ibatch dynacomm duplex auto; do
    what="$strategy: a worker killed, and back"
    train=(-dynacomm-timeout 60 -dynacomm-strategy $strategy)
    elastic
    round 8
    back
    all_end
    check "$what: the server said who was waited for" grep -q 'waiting for worker 1, lost' server.out
    check "$what: and that it was back" grep -q 'worker 1 is back, and goes on from round' server.out
    same_weights
done
train=(-dynacomm-timeout 60)

what="both workers killed, and back"
elastic
round 8
back
kill -KILL "${worker_pid[0]}"
wait "${worker_pid[0]}" 2> /dev/null
worker 0 -rounds $rounds "${train[@]}"
all_end
same_weights

what="the server killed, and started again"
elastic
seen "$server_pid" server.out 'saved round 20 '
kill -KILL "$server_pid"
wait "$server_pid" 2> /dev/null
server --workers 2 --backup store --backup-every 10
all_end
check "$what: the run went on" grep -q 'resuming c at round' server.out
check "$what: the workers said so" grep -q 'goes on from round' worker-1.out worker-1.err
same_weights

what="a worker that is not waited for"
elastic --on-loss drop --min-workers 1
round 8
kill -KILL "${worker_pid[1]}"
wait "${worker_pid[1]}" 2> /dev/null
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
check "$what: the round went on without it" grep -q 'goes on without worker 1' server.out
check "$what: the end is saved" grep -q "saved round $rounds to store/c_final.weights" server.out

what="a worker that is not back in time"
elastic --on-loss wait:1 --min-workers 1
round 8
kill -KILL "${worker_pid[1]}"
wait "${worker_pid[1]}" 2> /dev/null
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
check "$what: the server waited" grep -q 'waiting for worker 1, lost 0 s ago, 1 s left' server.out
check "$what: and went on" grep -q 'goes on without worker 1' server.out

what="fewer than --min-workers"
elastic --on-loss drop
round 8
back
all_end
check "$what: the server waited" grep -q 'waiting for workers: 1 of at least 2 are here' server.out
same_weights

what="a worker that comes late"
rm -rf store backup
server --workers 2 --min-workers 1 --start-after 0 --backup store
worker 0 -rounds 6000 "${train[@]}" # more than it does before the other has begun
round 8
worker 1 -rounds 6000 "${train[@]}"
all_end
check "$what: it took part" grep -q 'worker 1 takes part from round' server.out

what="a worker that is asked to leave"
elastic --min-workers 1
round 8
kill -TERM "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 143
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
check "$what: it said goodbye" grep -q 'worker 1 left in round [0-9]*: stopped by SIGTERM' server.out
finish
