#!/bin/bash
# A run's log and everybody's data make the same weights again, on one machine: classifier and detector, one to three
# workers, the paper's transmissions and both directions at once.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_replay.sh"

# runs KIND CFG NAME STRATEGY... - 1 to 3 workers, each strategy, and their replays
runs()
{
    local kind=$1 cfg=$2 name=$3 n strategy
    shift 3
    for n in 1 2 3; do
        for strategy in "$@"; do
            [ "$n$strategy" = 1dynacomm ] && continue
            check "$kind, $n workers, $strategy: the run ends" run "$kind" "$cfg" "$name-$n-$strategy" "$n" "$strategy" 7
            check "$kind, $n workers, $strategy: the replay has its bits" replayed "$kind" "$cfg" "$name-$n-$strategy" "$n"
        done
    done
}

classifier_data 30
classifier_cfg
sed -i 's/^policy=constant/policy=poly\npower=2/' c.cfg
split_data c 3
runs classifier c.cfg c duplex dynacomm
detector_data
sed -i -e 's/^momentum=.*/momentum=0.9/' -e 's/^decay=.*/decay=0.0005/' -e 's/^random=0/random=1/' d.cfg
split_data d 3
runs detector d.cfg d duplex

# What is wrong is said before anything starts.
refused()
{
    local name=$1 line=$2
    shift 2
    "$darknet" classifier train c0.data c.cfg "$@" > refused.out 2>&1
    local status=$?
    check "$name: exits with 1" test $status -eq 1
    check "$name: one line, which says so" sh -c '[ "$(wc -l < refused.out)" -eq 1 ] && grep -qF -- "$1" refused.out' - "$line"
}
log=c-2-duplex/c.log
refused "no such log" "cannot open" -dynacomm-replay nowhere.log
refused "not a log" "is not the log of a run" -dynacomm-replay c.cfg
refused "an unknown worker" "has no such worker, but 0, 1" -dynacomm-replay $log -data-of 0=c0.data,1=c1.data,2=c2.data
refused "a worker without data" "where worker 1's data is: add 1=FILE" -dynacomm-replay $log -data-of 0=c0.data
refused "a worker twice" "worker 0's data is given twice" -dynacomm-replay $log -data-of 0=c0.data,0=c1.data
refused "no pair" "is not WORKER=FILE" -dynacomm-replay $log -data-of c0.data
refused "data without a log" "-data-of is for -dynacomm-replay" -data-of 0=c0.data
refused "a server too" "needs no server" -dynacomm-replay $log -dynacomm ipc://nobody
head -c 100 $log > short.log
refused "a log cut short" "short.log" -dynacomm-replay short.log

# Other values than the run's, or another network, are no start for it.
check "other weights are refused" sh -c \
    '! "$1" classifier train c0.data c.cfg c-2-duplex/c_final.weights -dynacomm-replay "$2" > other.out 2>&1 &&
     grep -q "began with other values" other.out' - "$darknet" $log
# Workers are also called by their ids.
ids=$("$dynacomm" log $log | sed -n 's/.*worker \([0-9]*\), id \([0-9a-f]*\),.*/\2=c\1.data/p' | paste -sd,)
check "data of ids" replayed classifier c.cfg c-2-duplex 2 "$ids"
# Other data makes other weights, and that is seen.
check "other data is seen" sh -c '! "$1" classifier train c0.data c.cfg -dynacomm-replay "$2" -data-of 0=c1.data,1=c0.data \
    > swapped.out 2>&1 && grep -q "is not c-2-duplex/c_final.weights" swapped.out' - "$darknet" $log
finish
