#!/bin/bash
# Workers of a mesh that are killed, and started again with the same command; and its meeting server. The run goes back to a checkpoint, the
# processes of the others stay, and the weights are those of one server that nobody disturbs, to the last bit.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_mesh.sh"
classifier_data 60
classifier_cfg max_batches=0
more_layers
rounds=60
train=(-dynacomm-timeout 60)

undisturbed

for strategy in dynacomm duplex; do
    what="$strategy: a worker killed, and started again"
    train=(-dynacomm-timeout 60 -dynacomm-strategy $strategy)
    mesh 2
    round 0 23
    again 1
    mesh_ended 0 0 1
    check "$what: the run went back" grep -q 'lost shard 2 of 2: .*: the run goes back to round [12]0' server.out
    check "$what: the other worker's process went on" grep -q 'goes on from round' worker-0.out worker-0.err
    same_weights
    replayed
done
train=(-dynacomm-timeout 60)
finish
