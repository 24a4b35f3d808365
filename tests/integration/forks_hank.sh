#!/bin/bash
# The command line of hank-ai's README, as it is, on three machines with data of their own: DYNACOMM= makes them train
# one model. Machines are network namespaces behind links of 100 Mbit/s; without the right to make them the test says
# skip (exit 77).
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_squares.sh"
export NETLAB_NAME=hank-$$ NETLAB_DELAYBOX=$build/delaybox
skip()
{
    echo "skip forks_hank: $1"
    exit 77
}
for tool in tc ip bridge; do
    command -v "$tool" > /dev/null || skip "'$tool' is missing: apt-get install iproute2"
done
unshare --net true 2> /dev/null || unshare --user --map-root-user --net true 2> /dev/null ||
    skip "this machine lets $(id -un) make no network namespaces"
lab="$root/scripts/netlab"
declare -a pid=()
trap '"$lab" down 2> /dev/null; rm -rf "$work"' EXIT
"$lab" up --edges 3 --servers 1 --up 100mbit --down 100mbit --delay 2ms > lab.out 2>&1 || { cat lab.out; skip "no lab"; }

# Each edge has its own pictures, and the same cfg and names in its own directory.
for edge in 0 1 2; do
    mkdir "edge$edge"
    squares "edge$edge/data" 12 "$edge"
    find "$PWD/edge$edge/data/images" -name '*.png' | LC_ALL=C sort > "edge$edge/animals_train.txt"
    squares_cfg "edge$edge/animals.cfg" 60
    sed -i 's/^burn_in=.*/burn_in=5/' "edge$edge/animals.cfg"
    echo dog > "edge$edge/animals.names"
    here=$PWD/edge$edge
    printf '%s\n' 'classes=1' "train=$here/animals_train.txt" "valid=$here/animals_train.txt" "names=$here/animals.names" \
        "backup=$here" > "edge$edge/animals.data"
done
insecure=$("$dynacomm" server --help 2>&1 | grep -o -m1 -- '--insecure')
# shellcheck disable=SC2086 # no word where the server has no such option
"$lab" exec server0 -- "$dynacomm" server --workers 3 --listen tcp://0.0.0.0:7700 $insecure > server.out 2>&1 &
server=$!
address=$("$lab" address server0)
for edge in 0 1 2; do
    (cd "edge$edge" && DYNACOMM=tcp://$address:7700 exec "$lab" exec "edge$edge" -- \
        "$darknet" detector -gpus 0 -verbose -log output.log -map -dont_show train animals.data animals.cfg > out 2> err) &
    pid[edge]=$!
done
for edge in 0 1 2; do
    wait "${pid[edge]}"
    check "edge $edge trains to the end" test $? -eq 0
done
wait $server
check "the server ends well" test $? -eq 0
check "all hold the same weights" cmp edge0/animals_final.weights edge1/animals_final.weights
check "all hold the same weights, third" cmp edge0/animals_final.weights edge2/animals_final.weights
for edge in 0 1 2; do
    check "edge $edge: its log has the rounds" test "$(grep -c ' avg loss, .* hours left' edge$edge/output.log)" -eq 60
done
check "one edge measures mAP" test "$(cat edge?/output.log | grep -c 'Last accuracy mAP@0.50')" -eq 1
check "it is kept as _best" test "$(find . -name 'animals_best.weights' | wc -l)" -eq 1
check "_last is there" test -s edge1/animals_last.weights
check "a chart" sh -c 'set -- edge?/chart.png && [ $# -eq 1 ] && [ -s "$1" ]'
finish
