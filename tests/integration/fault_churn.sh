#!/bin/bash
# Churn: workers and the server are killed, stopped and started again, for CHURN_S seconds (15; `make churn`: 60). Training never
# stands still for long while enough of them live, nothing is left over, and the replay of the run's log has the weights that
# the server saved last, to the last bit. CHURN_SEED= repeats the events.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_churn.sh"
workers=4 least=2
churn_s=${CHURN_S:-15}
classifier_data 120
classifier_cfg max_batches=0
for ((k = 0; k < workers; k++)); do
    awk "NR % $workers == $k" train.list > "c$k.list"
    sed "s#^train.*#train = $PWD/c$k.list#" c.data > "c$k.data"
    : > "worker-$k.out"
done

# starts_server, starts_worker K - or start it again
starts_server()
{
    begin_server --workers $workers --min-workers $least --on-loss wait:2 --start-after 3 --backup store --backup-every 20 --timeout 20
}
starts_worker() { begin_worker "$1" "$url" "c$1.data" -dynacomm-rank "$1"; }

starts_server
for ((k = 0; k < workers; k++)); do starts_worker "$k"; done
seen "${worker_pid[0]}" worker-0.out '^5, ' || not_ok "$what: begins" "$(cat server.out server.err)"
killed=0 stopped=0 servers=0 stuck=0
end=$((SECONDS + churn_s))
while [ $SECONDS -lt $end ]; do
    k=$((RANDOM % workers)) event=$((RANDOM % 8))
    case $event in
    0 | 1 | 2 | 3) # a worker dies; started again at once, or late
        kill -KILL "${worker_pid[$k]}" 2> /dev/null && killed=$((killed + 1))
        wait "${worker_pid[$k]}" 2> /dev/null
        [ $event -lt 2 ] || pause "$((RANDOM % 4)).5"
        starts_worker "$k"
        ;;
    4) # or goes, and comes back
        kill -TERM "${worker_pid[$k]}" 2> /dev/null
        wait "${worker_pid[$k]}" 2> /dev/null
        starts_worker "$k"
        ;;
    5 | 6)
        kill -STOP "${worker_pid[$k]}" 2> /dev/null && stopped=$((stopped + 1))
        pause "$((RANDOM % 3)).5"
        kill -CONT "${worker_pid[$k]}" 2> /dev/null
        ;;
    7)
        kill -KILL "$server_pid"
        wait "$server_pid" 2> /dev/null
        servers=$((servers + 1))
        starts_server
        ;;
    esac
    pause ".$((RANDOM % 9 + 1))"
    for ((k = 0; k < workers; k++)); do # nobody ends by itself
        alive "${worker_pid[$k]}" || { tail -n 1 "worker-$k.err" >> ends && starts_worker "$k"; }
    done
    moves $least || { stuck=$((stuck + 1)) && break; }
done
check "$what: $killed kills, $stopped stops, $servers servers: never stood still" test $stuck -eq 0
[ $stuck -eq 0 ] || { tail -n 15 server.out && tail -n 3 worker-*.err; }
check "$what: no worker ended by itself" test ! -s ends
[ ! -s ends ] || cat ends

all_end
of=$(for ((k = 0; k < workers; k++)); do printf ',%d=c%d.data' "$k" "$k"; done)
replayed c0.data "${of#,}"
finish
