#!/bin/bash
# -dynacomm-local-steps auto: over a short link workers push every batch; the link becomes long, and they step alone; a worker is killed
# and comes back, and so does the server; the link is short again, and they step alone less. The run made again from its log has the same weights to
# the last bit. So has one over two shards, of which the first says how many batches a round has.
#
# Needs the right to make network namespaces; without it, it says that it was skipped and why (exit 77).
# Runs alone: it measures what a link can do.
. "$(dirname "$0")/lib_fault.sh"
lab=auto-$$
netlab() { "$root/scripts/netlab" --name "$lab" "$@"; }
skip()
{
    echo "skip fault_local_auto: $1"
    exit 77
}
for tool in ip tc; do
    command -v "$tool" > /dev/null || skip "'$tool' is missing: apt-get install iproute2"
done
unshare --net true 2> /dev/null || unshare --user --map-root-user --net true 2> /dev/null ||
    skip "this machine lets $(id -un) make no network namespaces"
netlab up --edges 2 --servers 2 --delay 2ms --while $$ > /dev/null || skip "the network lab did not start"
trap 'for pid in $server_pid "${worker_pid[@]}"; do kill -KILL "$pid" 2> /dev/null; done; netlab down; rm -rf "$work"' EXIT
[ -x "$liar" ] || { not_ok "a slow worker" "$liar is not built: make tests" && exit 1; }
classifier_data 60
classifier_cfg max_batches=0

# as in lib_fault, but on the lab's hosts; a batch takes 60 ms, whatever this machine can do
server()
{
    : > server.out
    "$root/scripts/netlab" --name "$lab" exec server0 -- "$dynacomm" server --listen tcp://0.0.0.0:7700 --insecure --workers 2 \
        --on-loss wait:120 --backup store --backup-every 5 > server.out 2> server.err &
    server_pid=$!
    seen "$server_pid" server.out 'listening on' || cat server.err
}

worker()
{
    : > "worker-$1.out"
    LIE="drag 0.03" "$root/scripts/netlab" --name "$lab" exec "edge$1" -- "$liar" classifier train c.data c.cfg \
        -dynacomm tcp://server0:7700 -dynacomm-rank "$1" -dynacomm-local-steps auto -kernels stock -threads 1 -seed 3 \
        "${@:2}" > "worker-$1.out" 2> "worker-$1.err" &
    worker_pid[$1]=$!
}

what="a short link"
server
for k in 0 1; do worker $k; done
check "$what: workers push every batch, and a line says why" \
    seen "$server_pid" server.out 'local steps: it stays at 1 batch between pushes: a batch takes .* s, the network adds .* s a round, [0-9]* % of its computation'
what="a long link"
netlab set 'edge*' --delay 80ms
check "$what: workers step alone" \
    seen "$server_pid" server.out 'local steps: from round [0-9]* on [0-9]* batches between pushes: .*(with 1 it is [0-9]* %)'
what="killed, and back"
kill -KILL "${worker_pid[1]}"
wait "${worker_pid[1]}" 2> /dev/null
worker 1
check "$what: a worker" seen "$server_pid" server.out 'training c with 2 workers from round [1-9]'
last=$(last_saved)
check "$what: the run goes on" seen "$server_pid" server.out "saved round $((last + 10)) to"
kill -KILL "$server_pid"
wait "$server_pid" 2> /dev/null
server
check "$what: the server" seen "$server_pid" server.out 'training c with 2 workers from round [1-9]'
what="a short link again"
netlab set 'edge*' --delay 1ms
check "$what: fewer batches" seen "$server_pid" server.out 'local steps: from round [0-9]* on [0-9]* batch'
for k in 0 1; do kill -TERM "${worker_pid[$k]}"; done
for k in 0 1; do ended "worker $k" "${worker_pid[$k]}" 143; done
kill -INT "$server_pid"
wait "$server_pid"
"$dynacomm" log store/c.log > log
check "$what: the log has each change" test "$(grep -c 'batch.* a round, after' log)" -ge 3
"$darknet" classifier train c.data c.cfg -dynacomm-replay store/c.log -data-of 0=c.data,1=c.data -kernels stock -threads 1 \
    -quiet > replay.log 2>&1 || not_ok "$what: replayed" "$(tail -n 3 replay.log)"
check "$what: its replay has the same weights to the last bit" cmp store/c.backup backup/c_replayed.weights

what="two shards over a long link"
netlab set 'edge*' --delay 80ms
: > server.out
"$root/scripts/netlab" --name "$lab" exec server0 -- "$dynacomm" server --listen tcp://0.0.0.0:7700 --insecure --workers 2 --shard 1/2 \
    --backup parts --backup-every 5 > server.out 2> server.err &
server_pid=$!
seen "$server_pid" server.out 'listening on' || cat server.err
"$root/scripts/netlab" --name "$lab" exec server1 -- "$dynacomm" server --listen tcp://0.0.0.0:7700 --insecure --workers 2 --shard 2/2 \
    --first tcp://server0:7700 > shard-2.out 2> shard-2.err &
second_pid=$!
worker_pid["shard 2"]=$second_pid # which is killed if the test gives up
for k in 0 1; do worker $k -rounds 120 -dynacomm-strategy duplex; done
check "$what: workers step alone" \
    seen "$server_pid" server.out 'local steps: from round [0-9]* on [0-9]* batches between pushes: '
for k in 0 1; do ended "worker $k" "${worker_pid[$k]}" 0; done
ended "shard 1" "$server_pid" 0
ended "shard 2" "$second_pid" 0
"$darknet" classifier train c.data c.cfg -dynacomm-replay parts/c.log -data-of 0=c.data,1=c.data -kernels stock -threads 1 \
    -quiet > replay.log 2>&1 || not_ok "$what: replayed" "$(tail -n 3 replay.log)"
check "$what: its replay has the same weights to the last bit" cmp parts/c_final.weights backup/c_replayed.weights
finish
