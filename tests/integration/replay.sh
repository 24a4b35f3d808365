#!/bin/bash
# A run made again on one machine from its log has the run's weights, bit for bit: one, two and three workers with data of
# their own, classifier and detector, resumed runs too. And wrong logs and lists of data end with one line.
. "$(dirname "$0")/lib_front.sh"
classifier_data 60
classifier_cfg
detector_data
mkdir backup
for k in 0 1 2; do
    awk "NR % 3 == $k" train.list > "c$k.list"
    sed "s#^train.*#train = $PWD/c$k.list#" c.data > "c$k.data"
    awk "NR % 3 == $k" d.list > "d$k.list"
    sed "s#^train.*#train = $PWD/d$k.list#" d.data > "d$k.data"
done

serves=() # the server's further options

# train KIND WORKERS ROUNDS STRATEGY [FLAG...] - a run with its checkpoints in run/
train()
{
    local kind=$1 workers=$2 rounds=$3 strategy=$4 letter=${1:0:1} rank pids=() status=0 pid
    shift 4
    "$dynacomm" server --listen "ipc://$PWD/socket" --workers "$workers" --backup run --backup-every 4 --quiet "${serves[@]}" > server.log 2>&1 &
    pids+=($!)
    for ((rank = 0; rank < workers; rank++)); do
        "$darknet" "$kind" train "$letter$rank.data" "$letter.cfg" -dynacomm "ipc://$PWD/socket" -dynacomm-rank "$rank" \
            -dynacomm-strategy "$strategy" -threads $((rank + 1)) -seed 5 -rounds "$rounds" -quiet "$@" > "worker-$rank.log" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || status=$?; done
    [ "$status" -eq 0 ] || cat server.log worker-*.log
    return "$status"
}

# replay KIND WORKERS - made again; the seed is the log's
replay()
{
    local kind=$1 letter=${1:0:1} of='' k
    for ((k = 0; k < $2; k++)); do of=$of${of:+,}$k=$letter$k.data; done
    shift 2
    rm -f "backup/${letter}_replayed.weights"
    "$darknet" "$kind" train "${letter}0.data" "$letter.cfg" "$@" -dynacomm-replay "run/$letter.log" -data-of "$of" -threads 3 -quiet \
        > replay.log 2>&1 || { cat replay.log; return 1; }
}

same()
{
    cmp -s "run/$1_final.weights" "backup/$1_replayed.weights"
}

for kind in classifier detector; do
    letter=${kind:0:1}
    for workers in 1 2 3; do
        strategy=duplex
        [ "$workers" = 2 ] && strategy=dynacomm
        rm -rf run
        check "$kind, $workers workers: trained" train "$kind" "$workers" 11 "$strategy"
        check "$kind, $workers workers: replayed" replay "$kind" "$workers"
        check "$kind, $workers workers: the same weights, bit for bit" same "$letter"
    done
done

# The weights are not those that any run would make.
cp c1.data c1.right
cp c0.data c1.data
rm -rf run
check "other data: trained" train classifier 2 8 duplex
cp c1.right c1.data
check "other data: replayed" replay classifier 2
check "other data makes other weights" eval '! same c'

# A run that went on after its end, with other threads, other workers, and alone: the log goes on with it.
rm -rf run
check "in two parts: the first" train classifier 2 6 duplex
check "in two parts: the second" train classifier 2 13 duplex
check "in two parts: replayed" replay classifier 2
check "in two parts: the same weights, bit for bit" same c
"$dynacomm" log run/c.log > log.txt 2>&1
cp run/c.log two.log
check "three go on: trained" train classifier 3 16 duplex
check "three go on: replayed" replay classifier 3
check "three go on: the same weights, bit for bit" same c
check "one goes on: trained" train classifier 1 19 duplex
check "one goes on: nothing is left to do, and it is saved once more" train classifier 2 19 duplex
check "two go on: trained" train classifier 2 23 dynacomm
check "one and two go on: replayed" replay classifier 3
check "one and two go on: the same weights, bit for bit" same c
"$dynacomm" log run/c.log > long.txt 2>&1
check "the log for people: servers" eval 'grep -q "^round 1: a server for 2 workers begins" long.txt && grep -q "^round 17: a server for 1 worker begins, which carries the momentum" long.txt'
cp two.log run/c.log
check "the log for people: who, and what is saved" eval 'grep -q "^round 1: 2 workers" log.txt && grep -q "^    worker 1, id" log.txt && grep -q "^13 rounds are saved" log.txt'

# Codecs, local steps, and sums that bound liars; stopped, and gone on with: worker 1 without what it had not sent.
# again NAME WORKERS OPTION... - the same twice as long, in two parts
again()
{
    local name=$1 workers=$2
    shift 2
    serves=("$@")
    rm -rf run backup/*
    check "$name: trained" train classifier "$workers" 6 dynacomm
    rm -f backup/c.kept-1-* run/c.state-0 # at round 0 nobody had anything to send: the run would go back there
    check "$name: goes on" train classifier "$workers" 12 duplex
    check "$name: replayed" replay classifier "$workers"
    check "$name: the same weights, bit for bit" same c
    serves=()
}
cp run/c.log exact.log
again int8 2 --codec int8
again topk 3 --codec topk:0.05:4/int8
again "local steps" 2 --codec bf16+local:3
check "local steps: the log says what is lost" eval '"$dynacomm" log run/c.log | grep -q "^round 3: worker 1 had lost what it had not sent"'
again median 3 --aggregate median
again "trimmed mean, bounded norms" 3 --aggregate trimmed-mean:1 --clip-norm 1
mkdir -p run && cp exact.log run/c.log

# Recurrent layers, whose state is each worker's own; a file of class names of one's own; a moving average.
cp c.cfg plain.cfg
{ sed -n '/^\[net\]/,/^$/p' plain.cfg | sed 's/^batch=.*/batch=4\ntime_steps=2/'; printf '[lstm]\noutput=8\n\n[gru]\noutput=6\n\n[connected]\noutput=3\nactivation=linear\n\n[softmax]\n'; } > c.cfg
rm -rf run
check "recurrent layers: trained" train classifier 2 5 duplex
check "recurrent layers: gone on with" train classifier 2 9 duplex
check "recurrent layers: replayed" replay classifier 2
check "recurrent layers: the same weights, bit for bit" same c
sed -e 's/^\[net\]/[net]\nema_alpha=.9/' -e 's/^max_batches=.*/max_batches=12/' plain.cfg > c.cfg
cp names names.own
sed -i "s#^labels.*#labels = $PWD/names.own#" c1.data
rm -rf run
check "a file of names of its own, an average: trained" train classifier 2 12 duplex -dialect forks
check "a file of names of its own, an average: replayed" replay classifier 2 -dialect forks
check "a file of names of its own, an average: the same weights, bit for bit" same c
check "a file of names of its own, an average: the same average" cmp run/c_ema.weights backup/c_replayed_ema.weights
cp plain.cfg c.cfg
cp c1.right c1.data
mkdir -p run && cp exact.log run/c.log

# refused NAME WORDS ARGS... - one line that holds WORDS, and nothing written
refused()
{
    local name=$1 words=$2
    shift 2
    rm -f backup/c_replayed.weights
    "$darknet" classifier train c0.data c.cfg "$@" > out 2> err
    if [ $? -ne 0 ] && [ "$(grep -c '^darknet: ' err)" = 1 ] && grep -qF -- "$words" err && [ ! -e backup/c_replayed.weights ]; then
        ok "$name"
    else
        not_ok "$name" "$(cat err)"
    fi
}
refused "a worker's data is missing" "the data of worker 1 is missing" -dynacomm-replay run/c.log -data-of 0=c0.data
refused "a worker that took no part" "worker 7 took no part" -dynacomm-replay run/c.log -data-of 0=c0.data,1=c1.data,7=c2.data
refused "a worker twice" "worker 0 is named twice" -dynacomm-replay run/c.log -data-of 0=c0.data,0=c1.data
refused "no list of data" "needs the data of each worker" -dynacomm-replay run/c.log
# Each computes its images so many at once: one cfg cannot stand for both. Its sums would have other last bits.
cp run/c.log same.log
rm -rf run
mkdir other
sed 's/^subdivisions=2/subdivisions=4/' c.cfg > other/c.cfg
"$dynacomm" server --listen "ipc://$PWD/socket" --workers 2 --backup run --quiet > server.log 2>&1 &
"$darknet" classifier train c0.data c.cfg -dynacomm "ipc://$PWD/socket" -dynacomm-rank 0 -seed 5 -rounds 3 -quiet > worker-0.log 2>&1 &
"$darknet" classifier train c1.data other/c.cfg -dynacomm "ipc://$PWD/socket" -dynacomm-rank 1 -seed 5 -rounds 3 -quiet > worker-1.log 2>&1
wait
check "other subdivisions: trained" test -e run/c_final.weights
check "other subdivisions: not replayed" eval '! replay classifier 2 > /dev/null'
check "other subdivisions: a line says why" grep -q 'round 1: worker 1 computed 2 images at once, .*make it 4: a run whose workers have other subdivisions' replay.log
cp same.log run/c.log

refused "no log" "-data-of belongs to -dynacomm-replay" -data-of 0=c0.data
refused "with a server" "leave -dynacomm away" -dynacomm-replay run/c.log -data-of 0=c0.data,1=c1.data -dynacomm local:2
refused "a data file that is not there" "none.data" -dynacomm-replay run/c.log -data-of 0=c0.data,1=none.data
refused "a log that is not there" "run/none.log" -dynacomm-replay run/none.log -data-of 0=c0.data
refused "a file that is no log" "is not the log of a run" -dynacomm-replay c.cfg -data-of 0=c0.data
head -c 200 run/c.log > short.log
refused "a log that is cut off in its head" "short.log" -dynacomm-replay short.log -data-of 0=c0.data,1=c1.data
sed -i 's/^filters=6/filters=7/' c.cfg
refused "another cfg" "run/c.log" -dynacomm-replay run/c.log -data-of 0=c0.data,1=c1.data
"$dynacomm" log c.data > out 2> err
check "dynacomm log of another file" eval '[ "$(cat err)" = "dynacomm log: c.data is not the log of a run" ] && [ ! -s out ]'
finish
