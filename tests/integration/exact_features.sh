#!/bin/bash
# What the packaged cfgs leave out (tests/exact/cfg): every trainable layer, the settings of layers and of [net],
# every schedule of learning rates; one worker, each strategy, with our kernels and the library's own.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_exact.sh"
features=$root/tests/exact/cfg

# one NAME CFG ARGS...
one()
{
    local name=$1 cfg=$2
    shift 2
    "$exact_net" one --files --name "$name" "$@" "$cfg" > one.out 2> one.err || sed 's/^/# /' one.err >> one.out
    [ -s one.out ] || not_ok "$name" "the comparison did not run"
    tally one.out
}

for kernels in fast stock; do
    for cfg in "$features"/*.cfg; do
        name=$(basename "$cfg" .cfg)
        case $name in
        policy) continue ;;
        sizes) one "$name, $kernels kernels" "$cfg" --kernels $kernels --rounds 4 --sizes 64,96,32,64 ;;
        forks)
            one "$name, $kernels kernels" "$cfg" --kernels $kernels --rounds 4 --sizes 64,96,32,64
            sed 's/^groups=4$/&\nstopbackward=2/' "$cfg" > thawing.cfg
            one "$name, stopbackward=2, $kernels kernels" thawing.cfg --kernels $kernels --rounds 4
            ;;
        *) one "$name, $kernels kernels" "$cfg" --kernels $kernels --rounds 3 ;;
        esac
    done
done

# policy NAME SETTING... - the schedule, over rounds in which it changes the rate
policy()
{
    local name=$1
    shift
    net_settings "$features/policy.cfg" policy.cfg "policy=$name" "$@"
    one "policy $name $*" policy.cfg --rounds 5
}
policy constant
policy constant burn_in=3 power=2
policy step step=2 scale=.5
policy steps steps=1,3,4 scales=.5,.1,2
policy exp gamma=.8
policy poly max_batches=8 power=2
policy sigmoid gamma=.7 step=2
policy random power=1
policy random burn_in=2 power=2

# Layers that a server could not train exactly are refused, by a line that says what to do.
classifier_data
for setting in binary xnor; do
    classifier_cfg
    sed -i "0,/^size=3/s//size=3\n$setting=1/" c.cfg
    "$darknet" classifier train c.data c.cfg -dynacomm "ipc://$PWD/nobody" > refused.out 2>&1
    check "$setting=1 over a server: status" test $? -eq 1
    check "$setting=1 over a server: a line" grep -q "layer 0 has $setting=1, which cannot be trained over a server: remove it" refused.out
done
finish
