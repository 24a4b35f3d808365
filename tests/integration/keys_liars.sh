#!/bin/bash
# A member that lies in its JOIN is kept out by its key, with one line, whatever it says later. Invited anew with another
# key, it takes part.
. "$(dirname "$0")/lib_keys.sh"
classifier_data
classifier_cfg
"$dynacomm" keygen server.key > out
one=$(invite cam-1)
two=$(invite cam-2)
server --workers 2 --backup store --key server.key

member 0 "$one" -rounds 8
seen "$server_pid" server.out 'worker 0 (cam-1) joined' || not_ok "the first joins" "$(cat server.err)"
for lie in cut long; do
    what="join $lie"
    url=$two lying 1 "join $lie" -rounds 8
    ended "the liar" "${worker_pid[1]}" 1
    said server.out '[0-9:]* a worker was refused' 'a JOIN frame|; cam-2 is kept out'
done
what="an honest JOIN"
member 1 "$two" -rounds 8
ended "the worker" "${worker_pid[1]}" 1
said worker-1.err 'darknet: ' 'this worker is kept out of the run|a JOIN frame is cut short'
check "$what: no further line about it" test "$(grep -c 'refused\|kept out' server.out)" -eq 1

what="invited anew"
"$dynacomm" expel --key server.key cam-2 > out
member 1 "$(invite cam-2)" -rounds 8 -dynacomm-key another.key
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: takes part" grep -q 'worker 1 (cam-2) joined' server.out
check "$what: the run's list has the key that is kept out" grep -Eq '^[0-9a-f]{16} a JOIN frame is cut short' store/c.barred
finish
