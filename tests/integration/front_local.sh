#!/bin/bash
# -dynacomm local:N: a server and N workers under one command, which outlives none of them and none of them it.
. "$(dirname "$0")/lib_front.sh"

# Processes whose command line holds this test's directory: all that a run here could leave behind.
left()
{
    pgrep -f "classifier train $work|server --listen .*$work" | grep -v "^$$\$"
}

none_left()
{
    local pid
    for pid in $(left); do
        tail --pid="$pid" -f /dev/null # it may still be at its goodbye
    done
    [ -z "$(left)" ]
}

run()
{
    "$darknet" classifier train "$work/c.data" "$work/c.cfg" "$@"
}

same()
{
    cmp -s "$1" "$2"
}

export TMPDIR=$work/tmp
mkdir tmp
classifier_data 60
classifier_cfg max_batches=0
run -dynacomm local:2 -seed 3 -rounds 12 -threads 2 > out 2> err
status=$?
check "local:2 ends well" test $status -eq 0 -a -s backup/c.weights
[ $status -eq 0 ] || cat err
check "one worker's rounds are shown" test "$(grep -c '^12, ' out)" -eq 1
check "nothing runs on" none_left
check "no temporary directory stays" rmdir tmp
mkdir -p tmp
mv backup first
run -dynacomm local:2 -seed 3 -rounds 12 -threads 2 -dynacomm-strategy sequential > out 2>&1
check "again, with another strategy: same weights" same first/c.weights backup/c.weights
rm -rf backup
run -dynacomm local:2 -seed 4 -rounds 12 -threads 2 > out 2>&1
check "another seed: other weights" sh -c '[ -s backup/c.weights ] && ! cmp -s first/c.weights backup/c.weights'

# Stopped half way and started again: momentum, data order and all go on.
rm -rf backup
run -dynacomm local:2 -seed 3 -rounds 5 -threads 2 > out 2>&1
run -dynacomm local:2 -seed 3 -rounds 12 -threads 2 > out 2> err
check "started again: goes on" sh -c 'grep -q "^6, " out && ! grep -q "^5, " out'
check "started again: same weights as in one go" same first/c.weights backup/c.weights
run -dynacomm local:2 -seed 3 -rounds 3 -threads 2 -clear > out 2> err
check "-clear starts anew" grep -q '^1, ' out

# Fewer bytes: as repeatable as exact, also when stopped half way, whichever the strategy.
for codec in topk:0.1 "int8 -dynacomm-local-steps 3"; do
    rm -rf backup
    # shellcheck disable=SC2086 # a codec and perhaps a flag
    run -dynacomm local:2 -seed 3 -rounds 12 -threads 2 -dynacomm-codec $codec > out 2> err
    check "$codec: trains" test $? -eq 0 -a -s backup/c.weights
    check "$codec: other weights than exact" sh -c '! cmp -s first/c.weights backup/c.weights'
    check "$codec: tells what was moved" grep -q 'MB up and .* MB down (codec' err
    rm -rf coded && mv backup coded
    # shellcheck disable=SC2086
    run -dynacomm local:2 -seed 3 -rounds 6 -threads 2 -dynacomm-codec $codec > out 2> err
    # shellcheck disable=SC2086
    run -dynacomm local:2 -seed 3 -rounds 12 -threads 2 -dynacomm-strategy layerwise -dynacomm-codec $codec > out 2> err
    check "$codec: started again: same weights as in one go" same coded/c.weights backup/c.weights
    check "$codec: nothing was lost" sh -c '! grep -q "it is lost" err'
done
run -dynacomm local:2 -seed 3 -rounds 18 -threads 2 > out 2> err
check "another codec than the run's is refused" sh -c '[ '$?' -ne 0 ] && grep -q "is of a run with the codec int8+local:3" err'
run -dynacomm local:2 -seed 3 -rounds 3 -dynacomm-codec zip > out 2> err
check "a codec that is none" sh -c '[ '$?' -ne 0 ] && grep -q "is no codec" err'
rm -rf backup

# Ctrl-C on the command that started it all, as a script sends it.
mkfifo rounds
rm -rf backup
env --default-signal=INT "$darknet" classifier train "$work/c.data" "$work/c.cfg" -dynacomm local:2 -seed 3 \
    -rounds 100000 > rounds 2> err &
pid=$!
awk '/^3, /{exit}' < rounds > /dev/null
kill -INT $pid
wait $pid
check "Ctrl-C: status" test $? -eq 130
check "Ctrl-C: a line says so" grep -q '^darknet: stopped by Ctrl-C after round' err
check "Ctrl-C: nothing runs on" none_left

# The command itself is killed: the kernel takes its children along.
rm -rf backup
env --default-signal=INT "$darknet" classifier train "$work/c.data" "$work/c.cfg" -dynacomm local:2 -seed 3 \
    -rounds 100000 > rounds 2> err &
pid=$!
awk '/^3, /{exit}' < rounds > /dev/null
kill -KILL $pid
wait $pid 2> /dev/null
check "killed: nothing runs on" none_left

# A worker is killed: the run fails as a whole.
rm -rf backup
env --default-signal=INT "$darknet" classifier train "$work/c.data" "$work/c.cfg" -dynacomm local:2 -seed 3 \
    -rounds 100000 > rounds 2> err &
pid=$!
awk '/^3, /{exit}' < rounds > /dev/null
pkill -KILL -P $pid -f -- '-quiet' # worker 1
wait $pid
check "a worker killed: status" test $? -eq 1
check "a worker killed: a line" grep -q '^darknet: ' err
check "a worker killed: nothing runs on" none_left

# A server that cannot start: a stand-in beside a copy of the program.
mkdir bin
cp "$darknet" bin/
printf '#!/bin/sh\necho "dynacomm: the dog ate my port" >&2\nexit 3\n' > bin/dynacomm
chmod +x bin/dynacomm
bin/darknet classifier train "$work/c.data" "$work/c.cfg" -dynacomm local:2 -seed 3 -rounds 5 > out 2> err
check "server fails: status" test $? -eq 1
check "server fails: its line" grep -q '^darknet: server: .*the dog ate my port' err
check "server fails: nothing runs on" none_left
rm bin/dynacomm
PATH=/nowhere bin/darknet classifier train "$work/c.data" "$work/c.cfg" -dynacomm local:2 -rounds 5 > out 2> err
check "server missing: status and line" sh -c 'grep -q "^darknet: server: cannot start dynacomm" err'
check "bad input is reported once" \
    sh -c '"$1" classifier train nowhere c.cfg -dynacomm local:3 2>&1 | wc -l | grep -qx 1' - "$darknet"
finish
