#!/bin/bash
# A member that says what no worker may (tests/process/liar.c) is out, with one line that says what it said; what was saved stays,
# and the others go on from there. One that lies in its JOIN is refused, and the run begins without it.
. "$(dirname "$0")/lib_fault.sh"
classifier_data
classifier_cfg max_batches=0

what=honest
server --workers 2 --backup honest --timeout 3
worker 0 -rounds 8
worker 1 -rounds 8
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0

what="a frame, and both are needed"
server --workers 2 --backup store --backup-every 2 --timeout 3
worker 0
lying 1 "frame between"
ended "the liar" "${worker_pid[1]}" 1
ended "worker 0" "${worker_pid[0]}" 1
ended server "$server_pid" 1
said server.err 'dynacomm server: ' "worker 1|not a run of whole blocks"
said worker-1.err 'darknet: ' "not a run of whole blocks"
resumes "$(last_saved)"

# What each is, and what the server's line says of it. One worker is enough for this run: it goes on.
while IFS='|' read -r lie words; do
    what="frame $lie"
    rm -rf store backup
    server --workers 2 --min-workers 1 --backup store --backup-every 2 --on-loss drop
    worker 0 -rounds 60
    lying 1 "frame $lie" -rounds 60
    ended "worker 0" "${worker_pid[0]}" 0
    ended server "$server_pid" 0
    wait "${worker_pid[1]}" # comes back, and is out again, until the others are done
    check "$what: a line says what it sent" grep -q "lost worker 1 .*worker 1 sent a .*$words.*the run goes on without it" server.out
    check "$what: worker 0 makes all rounds" grep -q 'saved round 60 to store/c_final.weights' server.out
done <<'LIES'
round|of another round
twice|GRAD frame \(twice\|of another round\)
beyond|not a run of whole blocks
between|not a run of whole blocks
many|not a run of whole blocks
LIES

for lie in model cut long; do
    what="join $lie"
    rm -rf store backup
    server --workers 2 --backup store --timeout 3
    worker 0 -rounds 8
    seen "$server_pid" server.out 'worker 0 joined' || not_ok "$what: begins" "$(cat server.err)"
    lying 1 "join $lie" -rounds 8
    ended "the liar" "${worker_pid[1]}" 1
    said server.out '[0-9:]* a worker was refused' 'refused'
    worker 1 -rounds 8
    ended "worker 0" "${worker_pid[0]}" 0
    ended "worker 1" "${worker_pid[1]}" 0
    ended server "$server_pid" 0
    check "$what: the weights are those without it" cmp honest/c_final.weights store/c_final.weights
done
finish
