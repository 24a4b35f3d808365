#!/bin/bash
# --staleness: workers that may be rounds ahead of a slow one compute on older parameters; the log says on which, and the run made again
# from it on one machine has the same weights, bit for bit. With 0 a run is what it is without. What it does not go together with
# is refused by one line.
. "$(dirname "$0")/lib_fault.sh"
classifier_data 60
classifier_cfg
mkdir -p backup
for k in 0 1 2; do
    awk "NR % 3 == $k" train.list > "c$k.list"
    sed "s#^train.*#train = $PWD/c$k.list#" c.data > "c$k.data"
done

# train STRATEGY SLOW SERVER-OPTION... - three workers for nine rounds; worker 1 takes 40 ms longer in each of them if SLOW is yes
train()
{
    local strategy=$1 slow=$2 k status=0 pid
    shift 2
    rm -rf run
    server --workers 3 --backup run --backup-every 4 "$@"
    for k in 0 1 2; do
        if [ $k = 1 ] && [ "$slow" = yes ]; then
            data=c$k.data lying $k "drag 0.02" -rounds 9 -dynacomm-strategy "$strategy" -quiet
        else
            data=c$k.data worker $k -rounds 9 -dynacomm-strategy "$strategy" -quiet
        fi
    done
    for pid in "${worker_pid[@]}" $server_pid; do wait "$pid" || status=$?; done
    [ "$status" -eq 0 ] || cat server.err worker-*.err
    "$dynacomm" log run/c.log > log.txt || status=$?
    return "$status"
}

# replayed - the run's weights from its log
replayed()
{
    rm -f backup/c_replayed.weights
    "$darknet" classifier train c0.data c.cfg -dynacomm-replay run/c.log -data-of 0=c0.data,1=c1.data,2=c2.data -kernels stock \
        -threads 1 -quiet > replay.log 2>&1 || tail -n 3 replay.log
    cmp run/c_final.weights backup/c_replayed.weights
}

# ages - the ages of versions that gradients were computed on, each once
ages() { sed -n 's/^round [0-9]*: worker [0-9]* computed on version [0-9]*, \([0-9]*\) older.*/\1/p' log.txt | sort -u | tr '\n' ' '; }

check "none: trained" train duplex no
cp run/c_final.weights before.weights
check "0: trained" train duplex yes --staleness 0
check "0: the weights of a run without, bit for bit" cmp run/c_final.weights before.weights
check "0: all compute on the same" test -z "$(ages)"
for staleness in 1 2; do
    for strategy in duplex dynacomm; do
        what="$staleness, $strategy, a slow worker"
        check "$what: trained" train $strategy yes --staleness $staleness
        check "$what: a line says how a run with it ends" grep -q "workers may be up to $staleness rounds* ahead of the slowest" server.out
        check "$what: a line says what it means for the learning rate" \
            grep -q "with momentum 0.9, the largest learning_rate that is stable with gradients of $staleness rounds* ago is [1-9][0-9]* times smaller" server.out
        check "$what: others were ahead, and none by more ($(ages))" eval '[[ "$(ages)" = *"$staleness "* && "$(ages)" != *"$((staleness + 1)) "* ]]'
        check "$what: the replay has the same weights, bit for bit" replayed
    done
done
check "other versions make other weights" eval '! cmp -s run/c_final.weights before.weights'
what="2, all alike"
check "$what: trained" train duplex no --staleness 2
check "$what: the replay has the same weights, bit for bit" replayed

# The server is killed, and started again: all go on from its checkpoint.
what="2, killed"
rm -rf run
server --workers 3 --backup run --backup-every 3 --staleness 2
for k in 0 2; do data=c$k.data worker $k -rounds 24 -quiet -dynacomm-timeout 60; done
data=c1.data lying 1 "drag 0.02" -rounds 24 -quiet -dynacomm-timeout 60
check "$what: it has saved" seen "$server_pid" server.out 'saved round 6 to'
kill -KILL "$server_pid"
wait "$server_pid" 2> /dev/null
server --workers 3 --backup run --backup-every 3 --staleness 2
check "$what: it goes on" seen "$server_pid" server.out 'training c with 3 workers from round [1-9]'
for k in 0 1 2; do ended "worker $k" "${worker_pid[$k]}" 0; done
ended "the server" "$server_pid" 0
check "$what: the replay has the same weights, bit for bit" replayed

# refused OPTION... - a server that does not start, for a line that names both
refused()
{
    "$dynacomm" server --listen "$url" --workers 2 --staleness 1 "$@" > out 2> err
    check "with $*: one line that names both" eval "[ $? -ne 0 ] && [ \$(wc -l < err) = 1 ] && grep -q -e '--staleness does not go together with .*${1}' err"
}
refused --on-loss drop
refused --on-loss wait:60
refused --codec int8
refused --balance
refused --mesh
what="a worker that asks for a codec"
server --workers 2 --staleness 1
worker 0 -dynacomm-codec int8 -quiet
ended "the worker" "${worker_pid[0]}" 1
check "$what: a line says why" grep -q -e '--staleness does not go together with a --codec that loses something' worker-0.err
kill -INT "$server_pid"
wait "$server_pid"
finish
