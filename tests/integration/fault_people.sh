#!/bin/bash
# What people see of workers that are lost and come back, in a terminal, as JSON and as metrics; and who is dropped: nobody waits
# for it any more, it may not come back, also not to a server that was started again, and only the run's owner decides that.
. "$(dirname "$0")/lib_keys.sh"
classifier_data 60
classifier_cfg max_batches=0
rounds=1000
tcp=$url
url=ipc://$work/socket
waits="waiting for worker 1, lost\|the connection to worker 1 was closed; waiting for it"

# crowd OPTION... - a server with a page, $page, for two workers
crowd()
{
    server --workers 2 --min-workers 1 --on-loss wait:600 --http 127.0.0.1:0 --backup store --backup-every 5 "$@"
    seen "$server_pid" server.out 'watch this run at' || not_ok "page" "$(cat server.err)"
    page=$(sed -n 's/.*watch this run at //p' server.out)
}

# killed RANK
killed()
{
    kill -KILL "${worker_pid[$1]}"
    wait "${worker_pid[$1]}" 2> /dev/null
}

# turned_away RANK WORDS - that worker's process ends with the line
turned_away()
{
    ended "worker $1" "${worker_pid[$1]}" 1
    said "worker-$1.err" 'darknet: the server refused' "$2"
}

what="a worker that is lost"
crowd
worker 0 -rounds $rounds -dynacomm-timeout 60
worker 1 -rounds $rounds -dynacomm-timeout 60
seen "${worker_pid[0]}" worker-0.out '^20, '
killed 1
check "$what: the status says so" until_status '.losses == 1 and .rejoins == 0 and .joins == 2 and .rounds_held_up == 1 and .workers_here == 1 and
    (.workers[1] | .state == "lost" and .losses == 1 and .lost_s < 60 and .wait_left_s > 500 and .since_s == .lost_s)'
"$dynacomm" status "$page" > table
check "$what: the table says how long it is waited for" grep -qE '^waiting for worker 1, lost [0-9]+ s ago, 9:[0-9]+ min left$' table
"$dynacomm" members "$page" > roster
check "$what: members counts" grep -q '^1 of 2 workers are here, 2 joins, 1 loss, 0 returns, 0 dropped, 0 restarts of the server, 1 round held up$' roster
check "$what: members names all" test "$(grep -cE '^ +[01]  -  +[0-9a-f]{16}  (training|lost) +[0-9]+ s +[01] +[0-9]+ +[0-9]+$' roster)" -eq 2
curl -s -m 10 "${page}metrics" > metrics
check "$what: metrics count" test "$(grep -cE '^dynacomm_(losses_total 1|rejoins_total 0|joins_total 2|rounds_held_up_total 1|restarts_total 0|drops_total 0|workers 1|worker_losses_total\{worker="1"\} 1|worker_info\{worker="1",name="",state="lost"\} 1)$' metrics)" -eq 9
worker 1 -rounds $rounds -dynacomm-timeout 60
check "$what, and back" until_status '.losses == 1 and .rejoins == 1 and .workers_here == 2 and .workers[1].state == "training"'

what="a worker that is dropped while it is waited for"
killed 1
until_status '.losses == 2' || not_ok "$what: lost"
check "$what: nobody else can be" refused "another" "no worker of this run is 'cam-9'" "$dynacomm" drop "$page" cam-9
check "$what: no page of another site can" test "$(curl -s -m 10 -o /dev/null -w '%{http_code}' -X POST "${page}drop?worker=1")" = 403
check "$what: nor ask for it" test "$(curl -s -m 10 -o /dev/null -w '%{http_code}' -X OPTIONS "${page}drop?worker=1")" = 405
"$dynacomm" drop "$page" 1 > answer 2>&1
check "$what: the answer" grep -q '^worker 1 is dropped: nobody waits for it, and it may not come back$' answer
check "$what: the round goes on" seen "$server_pid" server.out 'goes on without worker 1'
kill -STOP "${worker_pid[0]}" # it has rounds left when the other has come back in vain
check "$what: members says so" until_status '.drops == 1 and .workers_here == 1 and .workers[1].state == "dropped"'
worker 1 -rounds $rounds
turned_away 1 "kept out of the run (worker 1 was dropped by the run's owner)"
kill -KILL "$server_pid"
wait "$server_pid" 2> /dev/null
crowd
worker 1 -rounds $rounds
turned_away 1 "kept out of the run (worker 1 was dropped by the run's owner)"
kill -CONT "${worker_pid[0]}"
check "$what: the other goes on" until_status '.restarts == 1 and .round > 30'
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
"$darknet" classifier train c.data c.cfg -dynacomm-replay store/c.log -data-of 0=c.data,1=c.data -kernels stock -threads 1 -quiet > replay.log 2>&1 ||
    not_ok "$what: replayed" "$(tail -n 3 replay.log)"
check "$what: its replay has the same weights to the last bit" cmp store/c_final.weights backup/c_replayed.weights

what="a worker that is slower than the other"
rm -rf store backup
crowd
worker 0 -rounds 100000
lying 1 "slow 0.05" -rounds 100000
check "$what: the server's line" seen "$server_pid" server.out 'worker 1 holds up the others by .* s of a round.* s: its computation takes .* s a round, the others'
check "$what: the status" until_status '.held_up_by | .rank == 1 and .cause == "computation" and .seconds > 0.02 and .own_s > 0.05 and .others_s < .own_s'
"$dynacomm" status "$page" > table
check "$what: the table" grep -qE "^worker 1 holds up the others by 0.0[0-9]* s a round: its computation takes 0.0[0-9]* s, the others' 0.[0-9]* s$" table
curl -s -m 10 "${page}metrics" > metrics
check "$what: the metrics" grep -qE '^dynacomm_straggler_seconds\{worker="1",cause="computation"\} 0.0' metrics
check "$what: it is said once" test "$(grep -c 'holds up' server.out)" -eq 1
kill -TERM "$server_pid"
wait "$server_pid" "${worker_pid[@]}" 2> /dev/null

what="a worker that is dropped while it trains, with keys"
rm -rf store backup
url=$tcp
"$dynacomm" keygen server.key > /dev/null
"$dynacomm" keygen other.key > /dev/null
one=$(invite cam-1)
two=$(invite cam-2)
crowd --key server.key
member 0 "$one" -rounds 100000 -dynacomm-timeout 60
member 1 "$two" -rounds 100000 -dynacomm-timeout 60
url=$tcp
seen "${worker_pid[0]}" worker-0.out '^20, '
refused "not without the key" "only the run's owner may drop a worker: give the server's --key FILE" "$dynacomm" drop "$page" cam-2
refused "not with another" "only the run's owner may drop a worker: prove the server's key" "$dynacomm" drop "$page" cam-2 --key other.key
check "$what: both still train" until_status '.drops == 0 and .workers_here == 2'
"$dynacomm" drop "$page" cam-2 --key server.key > answer 2>&1
check "$what: the answer" grep -q '^worker 1 (cam-2) is dropped: nobody waits for it, and it may not come back$' answer
turned_away 1 "kept out of the run (worker 1 (cam-2) was dropped by the run's owner)"
"$dynacomm" members "$page" > roster
check "$what: members names it" grep -qE "^ +1  cam-2  +[0-9a-f]{16}  dropped" roster
killed 0
check "$what: who is waited for has a name" until_status '.workers[0].state == "lost"'
"$dynacomm" status "$page" > table
check "$what: the table has it" grep -q '^waiting for worker cam-1, lost' table
kill -TERM "$server_pid"
wait "$server_pid"
finish
