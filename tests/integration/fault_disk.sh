#!/bin/bash
# A disk that is full at a checkpoint: training goes on with a line that says so, the checkpoint before is as it was, and
# once there is room the next one is written. At the end of a run it is an error, and a restart with room goes on.
. "$(dirname "$0")/lib_fault.sh"
classifier_data
classifier_cfg max_batches=0
sed -i 's/^filters=6/filters=96/' c.cfg # weights of more than 10 KiB

# limited BLOCKS NAME COMMAND... - runs it with files of at most that many KiB, which may be raised; its output passes through pipes, which
# have no such limit, into NAME.out and NAME.err
limited()
{
    local blocks=$1 name=$2
    shift 2
    rm -f out.pipe err.pipe
    mkfifo out.pipe err.pipe
    cat out.pipe > "$name.out" &
    local out=$!
    cat err.pipe > "$name.err" &
    local err=$! status
    (
        ulimit -S -f "$blocks"
        exec env --default-signal=INT "$@" > out.pipe 2> err.pipe
    )
    status=$?
    wait $out $err
    return $status
}

# not_saved FILE REASON - a checkpoint could not be written: a line says so, what was there is as it was, and the run goes on
not_saved()
{
    check "$what: says that it goes on" seen "$server_pid" server.out 'is not saved, and training goes on: cannot'
    check "$what: names the file and why" grep -q "goes on: cannot .*store/c$1.*$2" server.out
    check "$what: the state before is intact" cmp before/c.state store/c.state
    check "$what: the weights before are intact" cmp before/c_final.weights store/c_final.weights
}

# saved_again - there is room: the next checkpoint is written, in one line after as many rounds as it took
saved_again()
{
    check "$what, then room: it is said" seen "$server_pid" server.out 'checkpoints are written again: the [0-9]* before'
    check "$what, then room: saved" seen "$server_pid" server.out 'saved round'
    check "$what: few lines about it" test "$(grep -c 'is not saved' server.out)" -lt 12
}

# stopped - Ctrl-C on the server
stopped()
{
    kill -INT "$1"
    ended server "$server_pid" 130
    ended "worker 0" "${worker_pid[0]}" 1
    ended "worker 1" "${worker_pid[1]}" 1
    check "$what: nothing half-written stays" test -z "$(find store -name '*.tmp')"
}

what="a first run"
rm -rf store
server --workers 2 --backup store --timeout 3
worker 0 -rounds 6
worker 1 -rounds 6
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
cp -r store before
weights=$(stat -c %s store/c_final.weights)
log=$(stat -c %s store/c.log)

# A limit on the size of files: the log does not fit; it does, but the weights do not; or the state does not.
for case in "$log .log" "$((weights - 1)) .backup" "$((weights + 1)) .state"; do
    bytes=${case% *} file=${case#* }
    what="no room for c$file"
    rm -rf store
    cp -r before store
    : > server.out
    limited unlimited server "$dynacomm" server --listen "$url" --workers 2 --backup store --backup-every 2 \
        --timeout 3 &
    server_pid=$!
    seen "$server_pid" server.out 'listening on'
    pid=$(cat store/.dynacomm.lock)
    prlimit --pid "$pid" --fsize="$bytes:"
    worker 0
    worker 1
    not_saved "$file" "File too large"
    prlimit --pid "$pid" --fsize=unlimited
    saved_again
    stopped "$pid"
    resumes "$(last_saved)"
done

what="no room at the end"
rm -rf store
cp -r before store
limited $((weights / 1024)) server "$dynacomm" server --listen "$url" --workers 2 --backup store --timeout 3 &
server_pid=$!
worker 0 -rounds 9
worker 1 -rounds 9
ended server "$server_pid" 1
wait "${worker_pid[@]}"
said server.err "dynacomm server:" "cannot write|store/c_final.weights|File too large|untouched"
check "$what: nothing half-written stays" test -z "$(find store -name '*.tmp')"
check "$what: the state before is intact" cmp before/c.state store/c.state
resumes 6

# A file system that is full, and then is not: needs a name space of one's own, which not every machine gives.
if unshare -rm true 2> /dev/null; then
    rm -rf store
    mkdir store
    what="full disk"
    cat > full.sh <<'SH'
mount -t tmpfs -o size=256k tmpfs store || exit 99
cp -p before/* store/
head -c 1000000 /dev/zero > store/filler 2> /dev/null
"$@" > server.out 2> server.err &
pid=$!
for said in 'is not saved, and training goes on: cannot .*No space left on device' 'checkpoints are written again' 'saved round'; do
    tail -q -n +1 -s .05 --pid=$pid -f server.out | grep -q -m1 "$said" || exit 98
    [ -e store/filler ] || continue
    cmp store/c.state before/c.state && cmp store/c_final.weights before/c_final.weights || exit 97
    ls store/*.tmp 2> /dev/null && exit 96
    rm store/filler
done
kill -INT $pid
wait $pid
status=$?
ls store/*.tmp 2> /dev/null && exit 95
cp store/* after/
exit $status
SH
    mkdir after
    unshare -rm bash full.sh env --default-signal=INT "$dynacomm" server --listen "$url" --workers 2 --backup store --backup-every 2 --timeout 3 &
    server_pid=$!
    worker 0
    worker 1
    ended server "$server_pid" 130
    wait "${worker_pid[@]}"
    rmdir store
    mv after store
    resumes "$(last_saved)"

    # Three generations do not fit: the oldest make room, and the run is saved all the same.
    what="a small disk"
    rm -rf store
    mkdir store
    state=$(stat -c %s before/c.state)
    cat > small.sh <<SH
mount -t tmpfs -o size=$(((2 * state + 4 * weights) / 1024 + 8))k tmpfs store || exit 99
"\$@" > server.out 2> server.err
status=\$?
ls -l store >&2
ls store/*.tmp 2> /dev/null && exit 95
exit \$status
SH
    unshare -rm bash small.sh "$dynacomm" server --listen "$url" --workers 2 --backup store --backup-every 2 --timeout 3 &
    server_pid=$!
    worker 0 -rounds 20
    worker 1 -rounds 20
    ended server "$server_pid" 0
    wait "${worker_pid[@]}"
    check "$what: says what makes room" grep -q 'the disk is nearly full: the checkpoint of round [0-9]* makes room' server.out
    check "$what: no checkpoint is missed" test "$(grep -c 'saved round' server.out)" -eq 12 -a "$(grep -c 'is not saved' server.out)" -eq 0
else
    ok "full disk: left out, no name spaces here; the file-size limit above takes the same path"
fi

# A worker's own weights.
what="a worker's disk"
rm -rf store backup
server --workers 1 --backup store --timeout 3
limited 4 worker-0 "$darknet" classifier train c.data c.cfg -dynacomm "$url" -seed 3 -kernels stock -rounds 9 \
    -backup-every 4 &
worker_pid[0]=$!
ended "worker 0" "${worker_pid[0]}" 1
ended server "$server_pid" 1
said worker-0.err darknet: "cannot write|backup/c_|File too large"
said server.err "dynacomm server:" "worker 0 left in round 5: cannot write"
check "$what: the last whole round is saved" test "$(last_saved)" -eq 4
finish
