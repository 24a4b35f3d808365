#!/bin/bash
# partial: the first layers of a weights file, equal to the packaged program's and good to start from.
. "$(dirname "$0")/lib_front.sh"

detector_data
"$darknet" detector train d.data d.cfg -seed 3 -rounds 3 -quiet > /dev/null 2> err || not_ok "weights" "$(tail -1 err)"
weights=backup/d_final.weights
/usr/bin/darknet partial d.cfg "$weights" theirs.conv.5 5 > out 2> err
export DARKNET_PACKAGED=/nowhere/darknet
"$darknet" partial d.cfg "$weights" ours.conv.5 5 > out 2> err
check "status" test $? -eq 0
# the header: version 0.2.0, then images seen; a convolution of 4 filters on 3 planes with batch norm is 120 numbers
check "size: one convolution" test "$(stat -c %s ours.conv.5)" -eq $((20 + 4 * (4 * 4 + 4 * 3 * 9)))
check "the numbers are the network's" cmp <(tail -c +21 ours.conv.5) <(tail -c +21 "$weights" | head -c "$((4 * (4 * 4 + 4 * 3 * 9)))")
check "no images were seen" test "$(od -An -tu8 -j 12 -N 8 ours.conv.5 | tr -d ' ')" = 0
check "the packaged program's numbers" cmp <(tail -c +21 ours.conv.5) <(tail -c +21 theirs.conv.5)
check "nothing half-written" sh -c '! ls ./*.tmp 2> /dev/null'
"$darknet" detector train d.data d.cfg ours.conv.5 -seed 3 -rounds 1 -quiet > out 2> err
check "training starts from it" sh -c 'test $1 -eq 0 && grep -q "ours.conv.5 holds layers 0 to 4" err' - $?
"$darknet" partial d.cfg "$weights" all.weights 7 > out 2> err
check "all layers" cmp <(tail -c +21 all.weights) <(tail -c +21 "$weights")

# bad_input NAME PATTERN ARGS... - one line that names the thing, status 1, no file
bad_input()
{
    local name=$1 pattern=$2 status
    shift 2
    rm -f x
    "$darknet" partial "$@" > out 2> err
    status=$?
    check "bad input: $name" sh -c 'test $1 -eq 1 -a ! -e x && ! ls x.*.tmp 2> /dev/null && tail -1 err | grep -q "^darknet: .*$2"' - "$status" "$pattern"
}
bad_input "too few words" "usage: darknet partial CFG WEIGHTS OUT LAYERS" d.cfg "$weights" x
bad_input "too many layers" "d.cfg has 7 layers" d.cfg "$weights" x 8
bad_input "no number" "many" d.cfg "$weights" x many
bad_input "a file that holds less" "first 6 layers" d.cfg ours.conv.5 x 6
bad_input "no weights" "nowhere" d.cfg nowhere x 3
bad_input "no directory" "nowhere/x" d.cfg "$weights" nowhere/x 3
finish
