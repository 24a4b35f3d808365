#!/bin/bash
# A mesh, whose workers hold the model: one worker's training is the packaged library's, bit for bit, with every strategy; two, three
# and four workers' is the same with every strategy, and one machine's to float rounding; so is the .weights. A plain server
# makes the same, and goes on with what a mesh began, as a mesh does with what it began.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_exact.sh"
features=$root/tests/exact/cfg

# mesh HOW NAME CFG ARGS...
mesh()
{
    compare "$1" "$2" "$3" --mesh "${@:4}"
}

mesh one convolutions "$features/convolutions.cfg" --rounds 3
mesh one adam "$features/adam.cfg" --rounds 3
mesh many convolutions "$features/convolutions.cfg" --rounds 3 --workers 2
mesh one frozen "$features/frozen.cfg" --rounds 3
mesh many matrices "$features/matrices.cfg" --rounds 3 --workers 3
net_settings "$packaged/yolov3-tiny.cfg" tiny.cfg width=96 height=96 batch=2 learning_rate=.001 burn_in=2
mesh many yolov3-tiny tiny.cfg --workers 4

classifier_data
classifier_cfg max_batches=0
sed -i 's/^filters=6/filters=200/' c.cfg # enough blocks for each to hold some

# trains DIR HOW ROUNDS STRATEGY - two workers, over a plain server, two shards (shards) or a mesh, up to so many rounds
trains()
{
    local dir=$1 how=$2 rounds=$3 strategy=$4 meet=$url rank
    what="$how, $strategy"
    server $([ "$how" != mesh ] || echo --mesh) --workers 2 --backup "$dir" --backup-every 2 --timeout 20
    [ "$how" != mesh ] || meet=mesh${url#ipc}
    for rank in 0 1; do
        url=$meet worker "$rank" -rounds "$rounds" -dynacomm-strategy "$strategy" -dynacomm-timeout 20
    done
    ended "worker 0" "${worker_pid[0]}" 0
    ended "worker 1" "${worker_pid[1]}" 0
    ended server "$server_pid" 0
}

# same A B - the runs' files
same()
{
    local file
    for file in c_final.weights c.backup c.state c.log; do
        check "$what: $file" cmp "$1/$file" "$2/$file"
    done
}

for strategy in sequential layerwise ibatch dynacomm duplex; do
    trains plain server 6 "$strategy"
    trains meshed mesh 6 "$strategy"
    same plain meshed
    rm -rf plain meshed
done
trains plain server 4 auto
cp -r plain mixed
trains meshed mesh 4 auto
trains plain server 9 auto
trains mixed mesh 9 auto
check "a mesh goes on with a plain server's run" grep -q "resuming c at round 4 " server.out
what="a plain server's run, then a mesh's" same plain mixed
trains meshed server 9 auto
check "a plain server goes on with a mesh's run" grep -q "resuming c at round 4 " server.out
what="a mesh's run, then a plain server's" same plain meshed
finish
