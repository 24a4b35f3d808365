#!/bin/bash
# Churn: workers and the server are killed, stopped and started again, for CHURN_S seconds (15; `make churn`: 60). Training never
# stands still for long while enough of them live, nothing is left over, and the replay of the run's log has the weights that
# the server saved last, to the last bit. CHURN_SEED= repeats the events.
. "$(dirname "$0")/lib_fault.sh"
workers=4 least=2
churn_s=${CHURN_S:-15}
seed=${CHURN_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$seed
what="seed $seed"
classifier_data 120
classifier_cfg max_batches=0
for ((k = 0; k < workers; k++)); do
    awk "NR % $workers == $k" train.list > "c$k.list"
    sed "s#^train.*#train = $PWD/c$k.list#" c.data > "c$k.data"
    : > "worker-$k.out"
done
: > server.log

# begin_server, begin_worker K - start it, or start it again; what they write is kept
begin_server()
{
    cat server.out >> server.log 2> /dev/null
    server --workers $workers --min-workers $least --on-loss wait:2 --start-after 3 --backup store --backup-every 20 --timeout 20
}
begin_worker()
{
    env --default-signal=INT "$darknet" classifier train "c$1.data" c.cfg -dynacomm "$url" -dynacomm-rank "$1" -dynacomm-patience 2m \
        -kernels stock -threads 1 -seed 3 >> "worker-$1.out" 2>> "worker-$1.err" &
    worker_pid[$1]=$!
}

lines() { cat worker-*.out | wc -l; }
alive() { kill -0 "$1" 2> /dev/null && ! grep -q '^State:.*[TZ]' "/proc/$1/status" 2> /dev/null; }
pause() { read -r -t "$1" -u 9; }
exec 9<> <(:)

# moves - somebody ends a round within 30 s, if enough are there
moves()
{
    local before n=0 k waited
    before=$(lines)
    for ((k = 0; k < workers; k++)); do alive "${worker_pid[$k]}" && n=$((n + 1)); done
    [ $n -ge $least ] || return 0
    for ((waited = 0; waited < 300; waited++)); do
        [ "$(lines)" -eq "$before" ] || return 0
        pause .1
    done
    return 1
}

begin_server
for ((k = 0; k < workers; k++)); do begin_worker "$k"; done
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
        begin_worker "$k"
        ;;
    4) # or goes, and comes back
        kill -TERM "${worker_pid[$k]}" 2> /dev/null
        wait "${worker_pid[$k]}" 2> /dev/null
        begin_worker "$k"
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
        begin_server
        ;;
    esac
    pause ".$((RANDOM % 9 + 1))"
    for ((k = 0; k < workers; k++)); do # nobody ends by itself
        alive "${worker_pid[$k]}" || { tail -n 1 "worker-$k.err" >> ends && begin_worker "$k"; }
    done
    moves || { stuck=$((stuck + 1)) && break; }
done
check "$what: $killed kills, $stopped stops, $servers servers: never stood still" test $stuck -eq 0
[ $stuck -eq 0 ] || { tail -n 15 server.out && tail -n 3 worker-*.err; }
check "$what: no worker ended by itself" test ! -s ends
[ ! -s ends ] || cat ends

# The last whole round is saved.
kill -INT "$server_pid"
ended server "$server_pid" 130
for ((k = 0; k < workers; k++)); do # one that was just started would wait for another server
    kill -KILL "${worker_pid[$k]}" 2> /dev/null
    wait "${worker_pid[$k]}" 2> /dev/null
done
check "$what: nothing is left over" test "$(find store -name '*.tmp' | wc -l)" -eq 0
of=$(for ((k = 0; k < workers; k++)); do printf ',%d=c%d.data' "$k" "$k"; done)
"$darknet" classifier train c0.data c.cfg -dynacomm-replay store/c.log -data-of "${of#,}" -kernels stock -threads 1 -seed 3 -quiet > replay.log 2>&1 ||
    not_ok "$what: replayed" "$(tail -n 3 replay.log)"
check "$what: the replay has the weights that were saved, to the last bit ($(last_saved) rounds)" cmp store/c.backup backup/c_replayed.weights
finish
