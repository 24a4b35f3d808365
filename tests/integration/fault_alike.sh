#!/bin/bash
# Workers of one run whose cfgs, class names or weights differ: refused with a line that names what differs, before
# the run notices; augmentation that differs is a warning.
. "$(dirname "$0")/lib_fault.sh"
kind=detector data=d.data cfg=d.cfg
detector_data
printf 'cat\ndog\n' > names
echo "names = $PWD/names" >> d.data
cp d.cfg good.cfg
cp d.data good.data
"$darknet" detector train d.data d.cfg -rounds 1 -seed 5 > out 2>&1
cp backup/d_final.weights start.weights
"$darknet" detector train d.data d.cfg -rounds 2 -seed 6 > out 2>&1
cp backup/d_final.weights other.weights
rm -rf backup

# misfit NAME WORDS [OPTION...] - worker 1 must be refused with these words
misfit()
{
    what=$1
    worker 1 "${@:3}"
    ended worker "${worker_pid[1]}" 1
    said worker-1.err darknet: "$2"
}

# key SED WORDS - a cfg with another value of one key
key()
{
    sed "$1" good.cfg > d.cfg
    misfit "another $(expr "$1" : 's/^\([a-z_]*\)')" "$2"
    cp good.cfg d.cfg
}

server --workers 2
worker 0 -rounds 3
seen "$server_pid" server.out 'waiting for 1 more'
key 's/^anchors=.*/anchors=10,14, 23,27, 37,59/' "has 'anchors=10,14,23,27,37,59'|the run 'anchors=10,14,23,27,37,58'"
key 's/^mask=.*/mask=1,2/' "has 'mask=1,2'|the run 'mask=0,1'"
key 's/^width=.*/width=96/' "has 'width=96'|the run 'width=64'"
key 's/^ignore_thresh=.*/ignore_thresh=.6/' "has 'ignore_thresh=0.6'|the run 'ignore_thresh=0.7'"
key 's/^truth_thresh=.*//' "has 'nothing of the kind'|'truth_thresh=1'"
key 's/^activation=linear/activation=leaky/' "has 'activation="
key 's/^max_batches=.*/max_batches=500\npolicy=steps\nsteps=90\nscales=.1/' "has 'policy=steps'"
printf 'dog\ncat\n' > other
sed 's/names$/other/' good.data > d.data
misfit "the names in another order" "has 'class names=|the run 'class names="
cp good.data d.data
misfit "weights at worker 1 alone" "worker 1 has weights, start.weights|worker 0|has none" start.weights

# What says the same in other words, what only fills the memory otherwise, and augmentation.
what="written otherwise"
sed -e 's/^subdivisions=1/subdivisions=2/' -e 's/^ignore_thresh=.7/ignore_thresh = 0.70/' \
    -e 's/^max_batches=.*/max_batches=400/' -e 's/^hue=.1/hue=.2/' good.cfg > d.cfg
worker 1 -rounds 3
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: one warning" test "$(grep -c "workers . and . augment their images differently: 'hue=0\.[12]' and 'hue=0\.[12]'" server.out)" -eq 1
cp good.cfg d.cfg

# Weights: worker 0's are everybody's; the same at both are no contradiction, others are.
what="weights at worker 0 alone"
server --workers 2
worker 0 -rounds 4 start.weights
seen "$server_pid" server.out 'waiting for 1 more'
cp start.weights copy.weights
what="other weights"
misfit "other weights" "worker 1 starts from other.weights|worker 0 from other values, start.weights" other.weights
what="weights alike"
worker 1 -rounds 4 copy.weights
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: no warning" sh -c '! grep -q differently server.out'
finish
