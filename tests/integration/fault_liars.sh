#!/bin/bash
# A member that says what no worker may (tests/process/liar.c) is put out with one line that says what it said, and kept out, also
# by a server that is started again; the others go on, or from what was saved. One that lies in its JOIN is refused, and the run begins
# without it.
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
saved=$(last_saved)

what="it comes again to the same server, started again"
server --workers 2 --backup store --timeout 3
worker 1
ended "worker 1" "${worker_pid[1]}" 1
said worker-1.err 'darknet: ' "this worker is kept out of the run|worker 1 sent a GRAD frame that is not a run of whole blocks"
kill -TERM "$server_pid"
ended server "$server_pid" 143
check "$what: without a line" test "$(grep -c 'refused' server.out)" -eq 0

what="its line is taken out"
check "$what: it is there" grep -Eq '^[0-9a-f]{16} lost worker 1 .* not a run of whole blocks' store/c.barred
sed -i '/whole blocks/d' store/c.barred
resumes "$saved"

what="a new run"
echo "00000000000000aa was kept out of the last one" > store/c.barred
server --workers 2 --backup store --timeout 3 --fresh
worker 0 -rounds 8
worker 1 -rounds 8
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: nobody is kept out" test ! -e store/c.barred

# What each is, and what the server's line says of it. One worker is enough for this run: it goes on.
while IFS='|' read -r lie words; do
    what="frame $lie"
    rm -rf store backup
    server --workers 2 --min-workers 1 --backup store --backup-every 2 --on-loss drop
    worker 0
    lying 1 "frame $lie"
    ended "the liar" "${worker_pid[1]}" 1
    said worker-1.err 'darknet: ' "this worker is kept out of the run"
    seen "$server_pid" server.out "saved round $(($(last_saved) + 4)) " || not_ok "$what: worker 0 goes on" "$(cat server.err)"
    kill -INT "$server_pid"
    ended server "$server_pid" 130
    wait "${worker_pid[0]}" # ends with the server
    check "$what: a line says what it sent" grep -q \
        "lost worker 1 .*worker 1 sent a .*$words.*the run goes on without it, and it is kept out" server.out
    check "$what: one line" test "$(grep -c 'worker 1 sent\|refused' server.out)" -eq 1
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
