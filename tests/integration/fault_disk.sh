#!/bin/bash
# A disk that is full at a checkpoint: the run ends with a line that says so, the checkpoint before is as it was, and
# a restart with room goes on from it.
. "$(dirname "$0")/lib_fault.sh"
classifier_data
classifier_cfg max_batches=0
sed -i 's/^filters=6/filters=96/' c.cfg # weights of more than 10 KiB

# limited BLOCKS NAME COMMAND... - runs it with files of at most that many KiB; its output passes through pipes, which
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
        ulimit -f "$blocks"
        exec env --default-signal=INT "$@" > out.pipe 2> err.pipe
    )
    status=$?
    wait $out $err
    return $status
}

# no_room NAME REASON - after a run whose server could not write: all but the last round's state as before
no_room()
{
    what=$1
    ended server "$server_pid" 1
    ended "worker 0" "${worker_pid[0]}" 1
    ended "worker 1" "${worker_pid[1]}" 1
    said server.err "dynacomm server:" "cannot write|store/c.|$2|untouched"
    said worker-0.err darknet: "the server ended the run: cannot write"
    check "$what: nothing half-written stays" sh -c '! ls store/*.tmp 2> /dev/null'
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

# A limit on the size of files, in blocks of 1024 bytes: the weights do not fit; they do, but the state does not.
for blocks in 4 $((weights / 1024 + 2)); do
    what="file-size limit of $blocks KiB"
    limited "$blocks" server "$dynacomm" server --listen "$url" --workers 2 --backup store --backup-every 2 \
        --timeout 3 &
    server_pid=$!
    worker 0
    worker 1
    no_room "$what" "File too large"
    check "$what: the state before is intact" cmp before/c.state store/c.state
    check "$what: the weights before are intact" cmp before/c_final.weights store/c_final.weights
done
what="with room"
resumes 6

# A file system that is full: needs a name space of one's own, which not every machine gives.
if unshare -rm true 2> /dev/null; then
    rm -rf store
    mkdir store
    what="full disk"
    cat > full.sh <<'SH'
mount -t tmpfs -o size=64k tmpfs store || exit 99
cp before/c.state before/c_final.weights store/
head -c 1000000 /dev/zero > store/filler 2> /dev/null
"$@" > server.out 2> server.err
status=$?
cmp store/c.state before/c.state && cmp store/c_final.weights before/c_final.weights || status=98
ls store/*.tmp 2> /dev/null && status=97
exit $status
SH
    unshare -rm sh full.sh "$dynacomm" server --listen "$url" --workers 2 --backup store --backup-every 2 --timeout 3 &
    server_pid=$!
    worker 0
    worker 1
    no_room "$what" "No space left on device"
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
