#!/bin/bash
# --balance: one worker of four is four times as slow as the others, and is given fewer images; then it is killed and comes back, and
# the server, too. Whatever was fed when, the run made again from its log has the same weights to the last bit.
. "$(dirname "$0")/lib_fault.sh"
classifier_data 60
classifier_cfg max_batches=0 subdivisions=8 batch=16
rounds=120

# four OPTION... - a server and four workers; each subdivision takes 2 ms, worker 3's 8 ms
four()
{
    local k
    server --workers 4 --backup store --backup-every 10 --balance "$@"
    for k in 0 1 2; do lying $k "drag 0.002" -rounds $rounds -dynacomm-timeout 60; done
    slow
}

slow() { lying 3 "drag 0.008" -rounds $rounds -dynacomm-timeout 60; }

what="one of four is slow"
four
check "$what: it is given fewer images" seen "$server_pid" server.out 'from round [0-9]* on, images of a round: .*worker 3 [246]; it is to take'
what="and killed, and back"
seen "${worker_pid[0]}" worker-0.out '^60, '
kill -KILL "${worker_pid[3]}"
wait "${worker_pid[3]}" 2> /dev/null
seen "$server_pid" server.out 'waiting for worker 3, lost\|the connection to worker 3 was closed' || not_ok "$what: lost"
slow
seen "$server_pid" server.out 'worker 3 is back' || not_ok "$what: back"
what="and the server"
seen "$server_pid" server.out 'saved round [789]0 ' || not_ok "$what: saved"
kill -KILL "$server_pid"
wait "$server_pid" 2> /dev/null
server --workers 4 --backup store --backup-every 10 --balance
for k in 0 1 2 3; do ended "worker $k" "${worker_pid[$k]}" 0; done
ended server "$server_pid" 0
"$dynacomm" log store/c.log > log
check "$what: the log has who fed how many" grep -qE 'worker 3, id [0-9a-f]{16}, [246] images' log
check "$what: the sum stays the same" test "$(awk '/^ +worker .* images/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ /^images/) sum += $i; if (++n % 4 == 0) { print sum; sum = 0 } }' log | sort -u)" = 64
"$darknet" classifier train c.data c.cfg -dynacomm-replay store/c.log -data-of 0=c.data,1=c.data,2=c.data,3=c.data -kernels stock -threads 1 \
    -quiet > replay.log 2>&1 || not_ok "$what: replayed" "$(tail -n 3 replay.log)"
check "$what: its replay has the same weights to the last bit" cmp store/c_final.weights backup/c_replayed.weights

what="liars and images"
"$dynacomm" server --listen "$url" --workers 4 --balance --clip-norm 3 > out 2> err
check "$what: not both" grep -q 'balance them, or bound liars, not both (--balance)' err
finish
