#!/bin/bash
# Checkpoints by time, the three that stay, and what a start makes of damaged ones; clocks that are wrong.
. "$(dirname "$0")/lib_fault.sh"
classifier_data 60
classifier_cfg max_batches=0

# states - the rounds of the states in store/, the newest first; Darknet's header of the .backup has the images seen
states()
{
    echo $(($(od -An -tu8 -j12 -N8 store/c.backup) / 8))
    find store -name 'c.state-*' | sed 's/.*-//' | sort -rn
}

# checkpoints N - waits until the server has said that it has saved N times
checkpoints()
{
    grep -q -m1 . < <(exec tail -q -n +1 -s .05 --pid="$server_pid" -f server.out | grep --line-buffered 'saved round' | sed -u -n "$1p")
}

# killed - the server at once, and with it the run
killed()
{
    kill -KILL "$server_pid"
    wait "$server_pid" "${worker_pid[@]}" 2> /dev/null
}

what="every 100 ms"
server --workers 2 --backup store --backup-every 100ms --timeout 3
worker 0
worker 1
check "$what: saved again and again" checkpoints 5
killed
check "$what: three states stay" test "$(find store -name 'c.state*' ! -name '*.tmp' | wc -l)" -eq 3
check "$what: and nothing of others" test -z "$(find store -type f ! -name 'c.state*' ! -name c.backup ! -name c.log ! -name .dynacomm.lock)"
mapfile -t round < <(states)
rounds=$((round[0] + 5))
cp -r store killed

what="no damage"
server --workers 2 --backup store --timeout 3
worker 0 -rounds $rounds
worker 1 -rounds $rounds
ended server "$server_pid" 0
wait "${worker_pid[@]}"
check "$what: goes on from the newest" grep -q "resuming c at round ${round[0]} " server.out
mv store undamaged

# goes_back ROUND LINES - after damage in store/: so many lines about it, and the same bits at the end
goes_back()
{
    server --workers 2 --backup store --timeout 3
    worker 0 -rounds $rounds
    worker 1 -rounds $rounds
    ended server "$server_pid" 0
    wait "${worker_pid[@]}"
    check "$what: goes back to round $1" grep -q "resuming c at round $1 " server.out
    check "$what: $2 lines say why" test "$(grep -c 'store/c.state.* is damaged: .*; the one before it is taken' server.out)" -eq "$2"
    check "$what: the same weights to the last bit" cmp store/c_final.weights undamaged/c_final.weights
    check "$what: the same state" cmp store/c.state undamaged/c.state
    check "$what: the log reaches the end" eval '"$dynacomm" log store/c.log > log.txt && grep -q "^$rounds rounds are saved" log.txt'
    rm -rf store
}

what="a byte of the newest"
cp -r killed store
printf 'x' | dd of=store/c.state bs=1 seek=5000 conv=notrunc status=none
goes_back "${round[1]}" 1

what="the newest is empty, the one before full of zeros"
cp -r killed store
: > store/c.state
size=$(stat -c %s "store/c.state-${round[1]}")
truncate -s 0 "store/c.state-${round[1]}"
truncate -s "$size" "store/c.state-${round[1]}"
goes_back "${round[2]}" 2

what="all are damaged"
cp -r killed store
for file in store/c.state*; do truncate -s 3000 "$file"; done
cp -r store before
server --workers 2 --backup store --timeout 3
"$darknet" classifier train c.data c.cfg -dynacomm "$url" -rounds 1 > out 2> err
check "$what: the worker is refused" test $? -eq 1
check "$what: it says why" grep -q "store/c.state-${round[2]} is damaged: .*; start the run anew, from the .weights beside it" err
kill "$server_pid"
wait "$server_pid"
check "$what: nothing is written over" diff -r -x .dynacomm.lock store before
server --workers 2 --backup store --timeout 3 --fresh
worker 0 -rounds 3
worker 1 -rounds 3
ended server "$server_pid" 0
check "$what: --fresh starts anew" test "$(find store -name 'c.state*' | sort | xargs -n 1 basename | tr '\n' ' ')" = 'c.state c.state-0 '
wait "${worker_pid[@]}"

what="wrong values"
for value in x 10,20 1.5 30m0 -1s; do
    "$dynacomm" server --listen "$url" --workers 1 --backup-every "$value" > out 2> err
    status=$?
    check "$what: --backup-every $value" eval '[ $status -eq 1 ] && [ "$(wc -l < err)" = 1 ] && grep -qF "neither rounds (100) nor a time (30s)" err'
done
"$darknet" classifier train c.data c.cfg -backup-every 0 > out 2> err
status=$?
check "$what: -backup-every 0" eval '[ $status -eq 1 ] && grep -qF "neither rounds (100) nor a time (30s)" err'

what="alone, by time"
rm -rf backup
env --default-signal=INT "$darknet" classifier train c.data c.cfg -seed 3 -backup-every 100ms > out 2> err &
pid=$!
until [ -e backup/c.backup ] || ! kill -0 $pid; do read -r -t .05 <> <(:); done
kill -INT $pid
wait $pid
check "$what: is saved before Darknet's 1000 rounds" test $? -eq 130 -a -e backup/c.backup

what="a clock that jumps by ten years"
if [ -n "${LD_PRELOAD:-}" ] || ldd "$dynacomm" | grep -q 'lib[at]san'; then
    echo "skip $what: a sanitizer has to be loaded first"
elif ! ${CC:-cc} -shared -fPIC -o clock.so "$root/tests/process/clock.c"; then
    not_ok "$what" "cannot compile a clock"
else
    rm -rf store
    export LD_PRELOAD=$PWD/clock.so
    server --workers 2 --backup store --backup-every 100ms --timeout 3
    worker 0
    worker 1
    unset LD_PRELOAD
    check "$what: saved again and again" checkpoints 8
    check "$what: the lines' times are wrong" test "$(cut -c 1-2 server.out | sort -u | wc -l)" -ge 2
    check "$what: not at every round" test "$(od -An -tu8 -j12 -N8 store/c.backup)" -ge $((8 * 16))
    kill -KILL "$server_pid"
    wait "$server_pid" "${worker_pid[@]}" 2> /dev/null
    check "$what: three states stay" test "$(find store -name 'c.state*' ! -name '*.tmp' | wc -l)" -eq 3
    LD_PRELOAD=$PWD/clock.so resumes "$(states | head -n 1)"
fi
finish
