#!/bin/bash
# Workers that are killed and come back, the server too: nobody else is started by hand, and the weights are those of a run
# that nobody disturbed, to the last bit. Workers that do not come back, come late, or leave: the run goes on by --on-loss.
. "$(dirname "$0")/lib_fault.sh"
classifier_data 60
classifier_cfg max_batches=0
rounds=150

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

# killed RANK
killed()
{
    kill -KILL "${worker_pid[$1]}"
    wait "${worker_pid[$1]}" 2> /dev/null
}

# The server finds that its process is gone, or that its connection is; with --on-loss drop nobody waits.
waiting='waiting for worker 1, lost\|the connection to worker 1 was closed; waiting for it\|worker 1 is not waited for'

# back - worker 1 is killed, and started again when that was noticed
back()
{
    killed 1
    seen "$server_pid" server.out "$waiting\|worker 1 is not waited for"
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
    check "$what: the server said who was waited for" grep -q "$waiting" server.out
    check "$what: and that it was back" grep -q 'worker 1 is back, and goes on from round' server.out
    same_weights
    replayed
done
train=(-dynacomm-timeout 60)

what="both workers killed, and back"
elastic
round 8
back
killed 0
worker 0 -rounds $rounds "${train[@]}"
all_end
same_weights
replayed

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
replayed

what="a worker that is not waited for"
elastic --on-loss drop --min-workers 1
round 8
killed 1
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
check "$what: the round went on without it" grep -q 'goes on without worker 1' server.out
check "$what: the end is saved" grep -q "saved round $rounds to store/c_final.weights" server.out
replayed

what="a worker that is not back in time"
elastic --on-loss wait:1 --min-workers 1
round 8
killed 1
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
check "$what: the server waited" grep -q 'waiting for worker 1, lost 0 s ago, 1 s left' server.out
check "$what: and went on" grep -q 'goes on without worker 1' server.out
replayed

what="fewer than --min-workers"
elastic --on-loss drop
round 8
back
all_end
check "$what: the server waited" grep -q 'waiting for workers: 1 of at least 2 are here' server.out
same_weights
replayed

what="fewer than --min-workers, since one was asked to leave"
elastic --on-loss drop
round 8
kill -STOP "${worker_pid[0]}"
sleep .3 # so that it has most probably given all of its round, which then ends with it; what is checked holds either way
kill -TERM "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 143
kill -CONT "${worker_pid[0]}"
seen "$server_pid" server.out 'waiting for workers: 1 of at least 2 are here'
check "$what: the server waited" test $? -eq 0
worker 1 -rounds $rounds "${train[@]}"
all_end
same_weights
replayed

what="a worker that comes late"
rm -rf store backup
server --workers 2 --min-workers 1 --start-after 0 --backup store
worker 0 -rounds $rounds "${train[@]}"
round 8
kill -STOP "${worker_pid[0]}" # it has rounds left when the other has begun
worker 1 -rounds $rounds "${train[@]}"
seen "$server_pid" server.out 'worker 1 joined'
kill -CONT "${worker_pid[0]}"
all_end
check "$what: it took part" grep -q 'worker 1 takes part from round' server.out
replayed

what="a worker that is asked to leave"
elastic --min-workers 1
round 8
kill -TERM "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 143
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
check "$what: it said goodbye" grep -q 'worker 1 left in round [0-9]*: stopped by SIGTERM' server.out
replayed

what="a worker killed, and back, over TCP"
ipc=$url
url=tcp://127.0.0.1:$(free_port)
elastic
round 8
killed 1
seen "$server_pid" server.out 'the connection to worker 1 was closed; waiting for it, 60 s left' # at once
worker 1 -rounds $rounds "${train[@]}"
all_end
check "$what: the server said who was waited for" grep -q 'the connection to worker 1 was closed' server.out
same_weights
replayed

what="a worker that is not waited for, over TCP"
elastic --on-loss drop --min-workers 1
round 8
killed 1
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
check "$what: the server said why" grep -q 'worker 1 is not waited for (its connection was closed)' server.out
replayed
url=$ipc

what="a worker that comes back with other threads"
elastic
round 8
killed 1
worker 1 -rounds $rounds "${train[@]}" -threads 2
ended "worker 1" "${worker_pid[1]}" 1
said worker-1.err 'darknet: the server refused' 'worker 1 computed with|when it was lost|threads=2|start it as before'
worker 1 -rounds $rounds "${train[@]}"
all_end
same_weights
replayed

# What a codec has not sent, and what layers remember, is with the worker: one that was killed comes back with what it had at a
# checkpoint, and the run goes back there.
for codec in bf16 topk:0.1/int8 int8+local:3; do
    what="$codec: undisturbed"
    elastic --codec $codec
    all_end
    cp store/c_final.weights undisturbed.weights
    what="$codec: a worker killed, and back"
    elastic --codec $codec --backup-every 4
    round 27
    back
    all_end
    check "$what: the run went back" grep -q 'worker 1 is back without what it had kept: the run goes back to round [1-9]' server.out
    same_weights
    replayed
done

what="int8+local:3: the server killed, and a worker that is back before it"
elastic --codec int8+local:3 --backup-every 4
round 27
kill -KILL "$server_pid"
wait "$server_pid" 2> /dev/null
killed 1
worker 1 -rounds $rounds "${train[@]}"
server --workers 2 --backup store --backup-every 4 --codec int8+local:3
all_end
check "$what: the run went on" grep -q 'resuming c at round [1-9]' server.out
check "$what: the worker that lived said so" grep -q 'goes on from round' worker-0.out worker-0.err
same_weights
replayed

for codec in bf16 topk:0.1/int8 int8+local:3; do
    what="$codec: a worker is lost, nobody waits, and it comes back"
    elastic --codec $codec --on-loss drop --min-workers 1
    round 9
    kill -STOP "${worker_pid[0]}" # it has rounds left when the other is back
    killed 1
    seen "$server_pid" server.out 'worker 1 is not waited for'
    worker 1 -rounds $rounds "${train[@]}"
    seen "$server_pid" server.out 'worker 1 joined$'
    kill -CONT "${worker_pid[0]}"
    all_end
    # If it had given all of the round that is still on, it is in that round.
    check "$what: it took part" grep -q 'worker 1 takes part from round\|worker 1 is back without .* goes back to round' server.out
    replayed
done

what="a worker with a codec is lost, and there is no backup"
rm -rf store backup
server --workers 2 --codec bf16
worker 0 -rounds $rounds "${train[@]}"
worker 1 -rounds $rounds "${train[@]}"
round 4
killed 1
ended "worker 0" "${worker_pid[0]}" 1
ended server "$server_pid" 1
check "$what: the server had said what that means" grep -q 'with this codec a worker keeps what it has not sent yet, and without --backup there is no checkpoint to go back to, so the run ends when a worker is lost' server.out

# Layers that remember nothing from one pass to the next, and such that do.
{ sed -n '/^\[net\]/,/^$/p' c.cfg | sed 's/^batch=.*/batch=4\ntime_steps=2/'; printf '[lstm]\noutput=8\n\n[gru]\noutput=6\n\n[connected]\noutput=3\nactivation=linear\n\n[softmax]\n'; } > lstm.cfg
sed 's/^\[dropout\]/[crnn]\noutput_filters=4\nhidden_filters=4\nactivation=leaky\n\n&/' c.cfg > crnn.cfg
for layers in crnn lstm; do
    cp $layers.cfg c.cfg
    what="$layers: undisturbed"
    elastic
    all_end
    cp store/c_final.weights undisturbed.weights
    what="$layers: a worker killed, and back"
    elastic --backup-every 4
    round 27
    back
    all_end
    check "$what: the run went back if its layers remember" test "$(grep -c 'the run goes back to round [1-9]' server.out)" -eq "$([ $layers = crnn ]; echo $?)"
    same_weights
    replayed
done
finish
