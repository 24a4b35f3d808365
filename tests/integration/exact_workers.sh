#!/bin/bash
# Two, three and four workers: every strategy, and every run, gives the same bits at every worker; they are those of one
# machine with as many times the subdivisions, to float rounding; the server's .weights has the mean of the statistics.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_exact.sh"
features=$root/tests/exact/cfg

# many NAME CFG ARGS...
many()
{
    local name=$1 cfg=$2
    shift 2
    "$exact_net" many --name "$name" "$@" "$cfg" > many.out 2> many.err || sed 's/^/# /' many.err >> many.out
    [ -s many.out ] || not_ok "$name" "the comparison did not run"
    tally many.out
}

for n in 2 3 4; do
    many convolutions "$features/convolutions.cfg" --files --rounds 3 --workers $n
    many matrices "$features/matrices.cfg" --files --rounds 3 --workers $n
done
many frozen "$features/frozen.cfg" --files --rounds 3 --workers 3
many recurrent "$features/recurrent.cfg" --files --rounds 3 --workers 2 # [lstm] and [gru] carry state between subdivisions
many adam "$features/adam.cfg" --files --rounds 1 --workers 2
many random "$features/random.cfg" --files --rounds 3 --workers 3
many forks "$features/forks.cfg" --files --rounds 3 --workers 3
many "sizes, changing" "$features/sizes.cfg" --files --rounds 3 --sizes 64,96,64 --workers 2

net_settings "$features/frozen.cfg" policy.cfg policy=random power=1
many "policy random, frozen layers" policy.cfg --rounds 3 --workers 3 --no-alone

net_settings "$packaged/cifar.cfg" cifar.cfg width=16 height=16 batch=4 subdivisions=2 learning_rate=.01
many cifar cifar.cfg --files --rounds 3 --workers 2
net_settings "$packaged/resnet18.cfg" resnet18.cfg width=32 height=32 batch=4 learning_rate=.001 burn_in=2
many resnet18 resnet18.cfg --files --workers 3
net_settings "$packaged/yolov3-tiny.cfg" tiny.cfg width=96 height=96 batch=2 learning_rate=.001 burn_in=2
many yolov3-tiny tiny.cfg --files --workers 4
finish
