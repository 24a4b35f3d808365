#!/bin/bash
# Codecs that lose something and local steps, over shards and over a mesh: the plain server's bits, with every strategy; also when the
# run is gone on with over other servers, after a worker was killed, and when its log is replayed.
# Mostly waits: for processes that start and end
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_shards.sh"
classifier_data
classifier_cfg max_batches=0
sed -i 's/^filters=6/filters=200/' c.cfg # enough blocks for each to hold some
meet=mesh${url#ipc}

# trains DIR HOW ROUNDS CODEC STRATEGY - two workers over a plain server, N shards (HOW is N) or a mesh, up to so many rounds; what
# workers keep is in DIR-kept, too
trains()
{
    local dir=$1 how=$2 rounds=$3 codec=$4 strategy=$5 to=$url
    what="$how, $codec, $strategy, to round $rounds"
    sed "s#^backup.*#backup = $PWD/$dir-kept#" c.data > "$dir.data"
    mkdir -p "$dir-kept"
    case $how in
        plain) server --workers 2 --backup "$dir" --backup-every 2 --codec "$codec" ;;
        mesh) server --mesh --workers 2 --backup "$dir" --backup-every 2 --codec "$codec" && to=$meet ;;
        *) shards "$how" --workers 2 --on-loss end --codec "$codec" $([ "$how" != 1 ] && echo --backup "$dir" --backup-every 2) ;;
    esac
    local rank
    for rank in 0 1; do
        url=$to data=$dir.data worker "$rank" ${rounds:+-rounds "$rounds"} -dynacomm-strategy "$strategy" -dynacomm-id "w$rank"
    done
}

# done_well HOW - all of it has ended well
done_well()
{
    case $1 in
        plain | mesh)
            ended "worker 0" "${worker_pid[0]}" 0
            ended "worker 1" "${worker_pid[1]}" 0
            ended server "$server_pid" 0
            ;;
        *) all_ended "$1" 0 ;;
    esac
}

# whole DIR HOW ROUNDS CODEC STRATEGY - the same, to its end
whole()
{
    trains "$@"
    done_well "$2"
}

# same A B [LOG] - the runs' files, and what worker 1 has kept at their end
same()
{
    local file kept
    for file in c_final.weights c.backup c.state ${3:-}; do
        check "$what: $file" cmp "$1/$file" "$2/$file"
    done
    kept=$(basename "$(ls -v "$1-kept"/c.kept-1-* | tail -n 1)")
    check "$what: what is not sent ($kept)" cmp "$1-kept/$kept" "$2-kept/$kept"
}

# replayed DIR - its log on one machine
replayed()
{
    rm -f backup/c_replayed.weights
    "$darknet" classifier train c.data c.cfg -kernels stock -threads 1 -dynacomm-replay "$1/c.log" -data-of 0=c.data,1=c.data -quiet > replay.log 2>&1
    check "$what: its replay" cmp "$1/c_final.weights" backup/c_replayed.weights
}

# alike CODEC ROUNDS HOW:STRATEGY... - a plain server's run, and others
alike()
{
    local codec=$1 rounds=$2 one
    whole one plain "$rounds" "$codec" duplex
    replayed one
    for one in "${@:3}"; do
        rm -rf other other-kept
        whole other "${one%:*}" "$rounds" "$codec" "${one#*:}"
        same one other c.log
    done
    replayed other
    rm -rf one one-kept other other-kept
}
alike int8 6 2:duplex mesh:layerwise
alike int3 6 2:layerwise mesh:duplex
alike topk:0.02/bf16 6 3:sequential
alike topk5:0.05 6 2:dynacomm mesh:layerwise
alike int8+local:2 8 mesh:dynacomm
alike int8+local:4:6 10 2:layerwise # 1, 1, 1, 2, 2 and 4 batches: the first push from 10 on is that of batch 11

# all_failed - two shards and two workers end with 1
all_failed()
{
    local pid
    for pid in "${shard_pid[1]}" "${shard_pid[2]}" "${worker_pid[0]}" "${worker_pid[1]}"; do
        wait "$pid"
        check "$what: status of another process" test $? -eq 1
    done
}

# Begun over a mesh, gone on with over shards, then by one server. In between worker 1 loses what it had kept at the end.
whole one plain 10 topk:0.05 duplex
whole other mesh 4 topk:0.05 duplex
whole other 2 7 topk:0.05 ibatch
check "$what: goes on from round 4" grep -q 'resuming c at round 4 ' shard-2.out
rm other-kept/c.kept-1-7
trains other 2 10 topk:0.05 duplex
all_failed
said shard-1.err "dynacomm server:" "worker 1|is back without what it had kept|start all again|goes back to round 6"
said worker-1.err darknet: "start all again|goes back to round 6"
whole other plain 10 topk:0.05 layerwise
what="a mesh's run, then two shards', then a plain server's"
check "$what: it went on from round 6" grep -q 'resuming c at round 6 ' server.out
same one other
replayed other
rm -rf one one-kept other other-kept

# A worker that is killed had what it kept at the checkpoints.
trains other 2 "" int8 duplex
seen "${shard_pid[1]}" shard-1.out 'saved round [4-9]'
kill -KILL "${worker_pid[1]}"
wait "${worker_pid[1]}"
what="worker 1 is killed"
for pid in "${worker_pid[0]}" "${shard_pid[1]}" "${shard_pid[2]}"; do
    wait "$pid"
    check "$what: status of another process" test $? -eq 1
done
end=$(($(sed -n 's/.*saved round \([0-9]*\) to .*/\1/p' shard-1.out | tail -n 1) + 4))
trains other 2 $end int8 duplex
wait "${shard_pid[1]}"
if grep -q 'start all again' shard-1.err; then # it had not kept the last one yet
    all_failed
    whole other 2 $end int8 duplex
else
    done_well 2
fi
whole one plain $end int8 duplex
what="worker 1 is killed, and all started again"
same one other
finish
