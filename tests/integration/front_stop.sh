#!/bin/bash
# Ctrl-C and SIGTERM: the run ends after a whole round, says what can be resumed, and that resumes.
. "$(dirname "$0")/lib_front.sh"

# stopped SIGNAL STATUS - starts an endless run, sends the signal after its third round
stopped()
{
    rm -rf backup out err
    mkfifo out
    env --default-signal=INT "$darknet" classifier train c.data c.cfg -seed 3 > out 2> err &
    local pid=$!
    awk '/^3, /{exit}' < out > /dev/null # the run goes on: SIGPIPE is not its end
    kill -"$1" $pid
    wait $pid
    local status=$?
    check "$1: status" test $status -eq "$2"
    check "$1: a line with the checkpoint" grep -q '^darknet: stopped by .* after round [0-9]*; go on with .*/c.backup' err
    rm out
    local round
    round=$(sed -n 's/.*after round \([0-9]*\);.*/\1/p' err)
    "$darknet" classifier train c.data c.cfg backup/c.backup -seed 3 -rounds $((round + 1)) > out 2> err
    check "$1: goes on with the next round" grep -q "^$((round + 1)), " out
    "$darknet" classifier train c.data c.cfg -seed 3 -rounds "$round" > out 2>&1
    check "$1: the checkpoint is that round's weights" cmp backup/c.backup backup/c.weights
}

classifier_data
classifier_cfg max_batches=0 momentum=0
stopped INT 130
stopped TERM 143
finish
