#!/bin/bash
# Workers behind relays: one worker's training is the packaged library's, bit for bit, with every strategy; several workers'
# is the same with every strategy, and one machine's to float rounding; so is the .weights.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_exact.sh"
features=$root/tests/exact/cfg

compare one convolutions "$features/convolutions.cfg" --workers 1 --relays 1 --rounds 3
compare one frozen "$features/frozen.cfg" --workers 1 --relays 1 --rounds 3
compare one adam "$features/adam.cfg" --workers 1 --relays 1 --rounds 3
compare many convolutions "$features/convolutions.cfg" --relays 2 --rounds 3 --workers 4
compare many frozen "$features/frozen.cfg" --relays 2 --rounds 3 --workers 3
net_settings "$packaged/yolov3-tiny.cfg" tiny.cfg width=96 height=96 batch=2 learning_rate=.001 burn_in=2
# One round: sums of another order differ in their last bits, and from there on this network, with two images a batch, answers by jumps (which
# value of a pool is the largest, which box is the best); which bits differ depends on the processor. Later rounds are the others' above.
compare many yolov3-tiny tiny.cfg --relays 2 --workers 3 --rounds 1
finish
