#!/bin/bash
# What ends a run in its middle, where --on-loss end asks for that: everyone gets a line and a non-zero exit, the last whole round is saved where the
# server survives, and a restart goes on from it.
. "$(dirname "$0")/lib_fault.sh"
classifier_data 60
classifier_cfg max_batches=0

what="Ctrl-C on the server"
running
kill -INT "$server_pid"
ended server "$server_pid" 130
ended "worker 0" "${worker_pid[0]}" 1
ended "worker 1" "${worker_pid[1]}" 1
said server.err "dynacomm server:" "the server was stopped"
said worker-0.err darknet: "the server ended the run: the server was stopped"
said worker-1.err darknet: "the server ended the run: the server was stopped"
resumes "$(last_saved)"

what="Ctrl-C on a worker"
running
kill -INT "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 130
ended "worker 0" "${worker_pid[0]}" 1
ended server "$server_pid" 1
said worker-1.err darknet: "stopped by Ctrl-C"
said server.err "dynacomm server:" "worker 1 left in round"
said worker-0.err darknet: "worker 1 left in round"
resumes "$(last_saved)"

what="a worker killed"
running
kill -KILL "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 137
ended "worker 0" "${worker_pid[0]}" 1
ended server "$server_pid" 1
said server.err "dynacomm server:" "lost worker 1 in round|the connection to worker 1 was lost"
said worker-0.err darknet: "lost worker 1 in round"
lost=$(sed -n 's/.*lost worker 1 in round \([0-9]*\).*/\1/p' server.err)
# Rounds are counted from 1; one that was whole at the server when it reported the loss is whole.
check "$what: the last whole round is saved" test "$(last_saved)" -ge $((lost - 1))
resumes "$(last_saved)"

what="the server killed"
running
kill -KILL "$server_pid"
ended server "$server_pid" 137
ended "worker 0" "${worker_pid[0]}" 1
ended "worker 1" "${worker_pid[1]}" 1
said worker-0.err darknet: "the connection to the server at|was lost"
said worker-1.err darknet: "the connection to the server at|was lost"
checkpoint=$(last_saved)
resumes "$(perl -e 'seek STDIN, 12, 0; read STDIN, $b, 8; print unpack("Q<", $b) / 8' < store/c.backup)"
mv store resumed
last=$(sed -n 's/.*saved round \([0-9]*\) to store.c_final.weights/\1/p' server.out)
what="the same without the kill"
server --workers 2 --backup store --timeout 3
worker 0 -rounds "$last"
worker 1 -rounds "$last"
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: the same weights to the last bit" cmp store/c_final.weights resumed/c_final.weights
rm -rf resumed

what="a worker that stands still"
running
kill -STOP "${worker_pid[1]}"
ended "worker 0" "${worker_pid[0]}" 1
ended server "$server_pid" 1
kill -CONT "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 1
said server.err "dynacomm server:" "lost worker 1 in round|no heartbeat from worker 1 for 3 s"
said worker-0.err darknet: "no heartbeat from worker 1 for 3 s"
said worker-1.err darknet: "the server"
resumes "$(last_saved)"

what="a server that stands still"
running
kill -STOP "$server_pid"
ended "worker 0" "${worker_pid[0]}" 1
ended "worker 1" "${worker_pid[1]}" 1
said worker-0.err darknet: "no heartbeat from the server at|for 3 s"
kill -CONT "$server_pid"
ended server "$server_pid" 1
said server.err "dynacomm server:" "lost worker"
resumes "$(last_saved)"

what="an image that cannot be read in the middle"
rm -rf store backup
sed "s/^train.*/train = own.list/" c.data > own.data
mkdir own
cp pictures/000[0-8]_*.pgm own
find "$PWD/own" -name '*.pgm' | LC_ALL=C sort > own.list
server --workers 2 --backup store --backup-every 3 --timeout 3 --on-loss end
worker 0
data=own.data worker 1
seen "$server_pid" server.out 'saved round'
for picture in own/*.pgm; do
    printf 'P5\n12 12\n255\nshort' > cut.pgm
    mv cut.pgm "$picture" # at once: no decoder meets an empty file
done
ended "worker 1" "${worker_pid[1]}" 1
ended "worker 0" "${worker_pid[0]}" 1
ended server "$server_pid" 1
said worker-1.err darknet: "own.list|own/000"
said server.err "dynacomm server:" "worker 1 left in round|own.list|own/000"
said worker-0.err darknet: "worker 1 left in round|own/000"
resumes "$(last_saved)"

what="workers with different -rounds"
rm -rf store backup
server --workers 2 --backup store --timeout 3
worker 0 -rounds 20
worker 1 -rounds 30
wait "${worker_pid[0]}" # done by its own lights, unless the other was ahead
ended "worker 1" "${worker_pid[1]}" 1
ended server "$server_pid" 1
said server.err "dynacomm server:" "worker 0 finished after round 20 but worker 1 goes on|give all the same rounds"
said worker-1.err darknet: "worker 0 finished after round 20"
check "$what: the last whole round is saved" test "$(last_saved)" -eq 20
finish
