#!/bin/bash
# The server's .weights in the packaged program: it predicts what ours does, to the last digit it prints.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_exact.sh"
other=/usr/bin/darknet

# train KIND DATA CFG ROUNDS - a server and two workers as processes; the weights land in server/
train()
{
    local rank pids=()
    rm -rf server
    "$dynacomm" server --listen "ipc://$PWD/socket" --workers 2 --backup server --quiet > server.log 2>&1 &
    pids+=($!)
    for rank in 0 1; do
        sed "s#^backup.*#backup = $PWD/worker-$rank#" "$2" > "worker-$rank.data"
        "$darknet" "$1" train "worker-$rank.data" "$3" -dynacomm "ipc://$PWD/socket" -dynacomm-rank $rank -seed 5 \
            -rounds "$4" > "worker-$rank.log" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || { cat server.log worker-*.log; return 1; }
    done
}

classifier_data
classifier_cfg
check "a classifier trains over a server" train classifier c.data c.cfg 30
sed 's#^labels.*#labels = numbers#' c.data > n.data
printf '0\n1\n2\n' > numbers
sed 's/^batch=.*/batch=1/;s/^subdivisions=.*/subdivisions=1/' c.cfg > predict.cfg
for picture in $(sed -n '1p;8p;18p' train.list); do
    "$other" classifier predict n.data predict.cfg server/c_final.weights "$picture" -t 3 2> /dev/null | grep '%' > theirs
    "$exact_net" classify predict.cfg server/c_final.weights "$picture" 2> /dev/null > ours
    check "classifier predict $(basename "$picture"): three classes" test "$(wc -l < theirs)" -eq 3
    check "classifier predict $(basename "$picture"): the same numbers" diff theirs ours
done

detector_data
check "a detector trains over a server" train detector d.data d.cfg 30
sed 's/^batch=.*/batch=1/' d.cfg > predict.cfg
printf 'first\nsecond\n' > d.names
ls "$photos"/{dog,eagle,horses,person}.jpg > d.valid
printf '%s\n' 'classes = 2' "valid = $PWD/d.valid" "names = $PWD/d.names" "results = $PWD/results" > v.data
mkdir results
"$other" detector valid v.data predict.cfg server/d_final.weights > valid.log 2>&1
{ sed 's/^/0 /' results/comp4_det_test_first.txt; sed 's/^/1 /' results/comp4_det_test_second.txt; } | LC_ALL=C sort > theirs
while read -r picture; do
    "$exact_net" detect predict.cfg server/d_final.weights "$picture" 2> /dev/null
done < d.valid | LC_ALL=C sort > ours
check "detector valid: boxes were found" test -s theirs
check "detector valid: $(wc -l < theirs) boxes, the same to six digits" diff theirs ours
finish
