# lib_churn.sh - a run whose workers and server are killed, stopped and started again; sourced after lib_fault.sh, not run.
# shellcheck shell=bash
#
# What is drawn repeats with CHURN_SEED=.
seed=${CHURN_SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$seed
what="seed $seed"
: > server.log
exec 9<> <(:)

# begin_server OPTION... - as server of lib_fault.sh; what earlier ones wrote is in server.log
begin_server()
{
    cat server.out >> server.log 2> /dev/null
    server "$@"
}

# begin_worker K URL DATA OPTION... - starts worker K, or starts it again; what it writes is kept, unlike worker's of lib_fault.sh
begin_worker()
{
    local k=$1 to=$2 of=$3
    shift 3
    env --default-signal=INT "$darknet" classifier train "$of" c.cfg -dynacomm "$to" -dynacomm-patience 2m \
        -kernels stock -threads 1 -seed 3 "$@" >> "worker-$k.out" 2>> "worker-$k.err" &
    worker_pid[$k]=$!
}

# lines - how many rounds all workers have printed. alive PID - neither ended nor stopped. pause SECONDS
lines() { cat worker-*.out | wc -l; }
alive() { kill -0 "$1" 2> /dev/null && ! grep -q '^State:.*[TZ]' "/proc/$1/status" 2> /dev/null; }
pause() { read -r -t "$1" -u 9; }

# moves LEAST [N] - a worker ends a round, or all of them N, within 30 s, if LEAST of them are alive
moves()
{
    local before n=0 pid waited
    before=$(lines)
    for pid in "${worker_pid[@]}"; do alive "$pid" && n=$((n + 1)); done
    [ $n -ge "$1" ] || return 0
    for ((waited = 0; waited < 300; waited++)); do
        [ "$(lines)" -lt $((before + ${2:-1})) ] || return 0
        pause .1
    done
    return 1
}

# all_end - the server saves the last whole round; nothing is left over
all_end()
{
    local pid
    kill -INT "$server_pid"
    ended server "$server_pid" 130
    for pid in "${worker_pid[@]}"; do # one that was just started would wait for another server
        kill -KILL "$pid" 2> /dev/null
        wait "$pid" 2> /dev/null
    done
    check "$what: nothing is left over" test "$(find store -name '*.tmp' | wc -l)" -eq 0
}

# replayed DATA DATA-OF - the replay of the run's log has the weights that the server saved last, to the last bit
replayed()
{
    "$darknet" classifier train "$1" c.cfg -dynacomm-replay store/c.log -data-of "$2" -kernels stock -threads 1 -seed 3 -quiet > replay.log 2>&1 ||
        not_ok "$what: replayed" "$(tail -n 3 replay.log)"
    check "$what: the replay has the weights that were saved, to the last bit ($(last_saved) rounds)" cmp store/c.backup backup/c_replayed.weights
}
