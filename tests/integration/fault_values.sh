#!/bin/bash
# Numbers that are none. A loss that is not finite ends a run with a line, alone and as a worker; a gradient is left out,
# costs its worker the place, or ends the run; and what was saved stays.
. "$(dirname "$0")/lib_fault.sh"
classifier_data
classifier_cfg max_batches=0

# begun OPTION... - a new server with these options
begun()
{
    rm -rf store backup
    server --workers 2 --backup store --backup-every 2 --timeout 3 "$@"
}

# finite FILE - every value of a .weights file is a number
finite()
{
    perl -e 'open F, "<:raw", shift or die; local $/; $_ = <F>; exit !!grep { ($_ & 0x7f800000) == 0x7f800000 } unpack "x20 V*", $_' "$1"
}

what="a loss alone"
"$darknet" classifier train c.data c.cfg -seed 3 -kernels stock -rounds 4 -backup-every 2 > out 2> err
check "$what: four rounds" test $? -eq 0
cp -r backup before
sed 's/^learning_rate=.*/learning_rate=1e30/' c.cfg > wild.cfg
mkdir -p wild && cp backup/c.backup wild/wild.backup
sed "s,^backup.*,backup = $PWD/wild," c.data > wild.data
"$darknet" classifier train wild.data wild.cfg wild/wild.backup -seed 3 -kernels stock -rounds 40 -backup-every 1 > out 2> err
check "$what: not finite, status 1" test $? -eq 1
lines=$(grep -c '^darknet: .*\(the loss is\|is not written\)' err)
check "$what: one line says so" test "$lines" -eq 1
check "$what: the backup has numbers only" finite wild/wild.backup
check "$what: nothing else was written" test "$(ls wild)" = wild.backup

what="a loss of a worker"
sed 's/^learning_rate=.*/learning_rate=1e18/' c.cfg > keep.cfg
cp c.cfg good.cfg
begun
cfg=keep.cfg worker 0 -rounds 60
cfg=keep.cfg worker 1 -rounds 60
ended "worker 0" "${worker_pid[0]}" 1
ended "worker 1" "${worker_pid[1]}" 1
ended server "$server_pid" 1
check "$what: a line" grep -Eq '^darknet: .*(the loss is (nan|inf|-inf)|is not saved|left in round)' worker-0.err
check "$what: no weights of the end" test ! -e store/keep_final.weights

what="a gradient of one round"
begun
worker 0 -rounds 6
lying 1 "nan 3" -rounds 6
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: named and left out" grep -Eq \
    "round 3: worker 1's gradient of layer [0-9]+ \(convolutional [a-z]+\) is nan: left out of that round" server.out
check "$what: once" test "$(grep -c 'left out' server.out)" -eq 1
check "$what: the end is saved" grep -q 'saved round 6 to store/c_final.weights' server.out

"$dynacomm" log store/c.log > log.txt
check "$what: the run's log says so" grep -Eq '^round 3: of worker 1, [0-9]+ of [0-9]+ blocks count' log.txt
check "$what: of that round only" test "$(grep -c 'blocks count' log.txt)" -eq 1

"$darknet" classifier train c.data c.cfg -kernels stock -dynacomm-replay store/c.log -data-of 0=c.data,1=c.data > out 2> err
check "$what: replayed" test $? -eq 0
check "$what: the same weights, bit for bit" cmp store/c_final.weights backup/c_replayed.weights

what="three rounds in a row"
begun
worker 0
lying 1 "nan 5 3"
ended server "$server_pid" 1
ended "worker 0" "${worker_pid[0]}" 1
ended "worker 1" "${worker_pid[1]}" 1
said server.err "dynacomm server:" "round 7: worker 1's gradient|the 3rd round in a row|expelled"
check "$what: round 6 is saved" test "$(last_saved)" -eq 6

declare -A says=([stop]="the run ends there" [expel]="the worker is expelled")
for policy in stop expel; do
    what="--on-bad-value $policy"
    begun --on-bad-value $policy
    worker 0
    lying 1 "nan 4"
    ended server "$server_pid" 1
    ended "worker 0" "${worker_pid[0]}" 1
    ended "worker 1" "${worker_pid[1]}" 1
    said server.err "dynacomm server:" "round 4: worker 1's gradient|nan|${says[$policy]}"
    check "$what: round 3 is saved" test "$(last_saved)" -eq 3
done

what="weights to start from"
perl -e 'open F, "<:raw", shift; local $/; $_ = <F>; substr($_, 20, 4) = pack "f", 9**9**9; open G, ">:raw", shift; print G $_' \
    before/c.backup inf.weights
begun
"$darknet" classifier train c.data c.cfg inf.weights -dynacomm "$url" -dynacomm-rank 0 -seed 3 -rounds 2 > out 2> err
check "$what: refused" test $? -eq 1
check "$what: with the layer" grep -q '^darknet: an initial value of layer 0 (convolutional [a-z]*) is inf' err
kill "$server_pid"
wait "$server_pid" 2> /dev/null
finish
