#!/bin/bash
# scripts/fashion-data: complete, disjoint over edges, repeatable, and what Darknet's commands want.
. "$(dirname "$0")/lib_front.sh"
make_data=$root/scripts/fashion-data

"$make_data" data --edges 3 > out
check "it succeeds" test $? -eq 0
check "60000 and 10000 pictures" test "$(wc -l < data/train.list)" -eq 60000 -a "$(wc -l < data/test.list)" -eq 10000
check "each edge has its share" test "$(cat data/edge-*.list | wc -l)" -eq 60000 -a "$(wc -l < data/edge-2.list)" -eq 20000
sort data/edge-*.list > union
check "disjoint, and nothing is left out" cmp union data/train.list
check "6000 pictures of each class" test "$(grep -c '_6-shirt.pgm$' data/train.list)" -eq 6000
check "every path holds exactly one label" \
    awk 'NR == FNR { label[$0]; next } { n = 0; for (l in label) n += index($0, l) > 0; bad += n != 1 } END { exit bad > 0 }' \
    data/labels.list data/train.list
check "the first picture is the dataset's first" \
    sh -c 'gzip -dc /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz | head -c 800 | tail -c 784 > pixels
        head -n 1 data/train.list | xargs tail -c 784 | cmp - pixels'

sha256sum data/*.list data/*.data > before
"$make_data" data --edges 3 > out
check "again: the same files" sha256sum --quiet -c before
"$make_data" data > out
check "other edges: only theirs remain" test "$(echo data/edge-*.data)" = "data/edge-1.data data/edge-2.data"
check "nothing half-made stays" test -z "$(find data -name '.making*')"
"$darknet" classifier train data/edge-1.data "$root/cfg/fashion.cfg" -seed 1 -rounds 2 > out 2> err
check "ours trains on an edge's share" test $? -eq 0 -a -s data/backup-1/fashion.weights

for arguments in '--edges 0' '--edges two' '--edges' '--shards' 'a b'; do
    # shellcheck disable=SC2086
    "$make_data" $arguments > out 2> err
    check "refused: $arguments" test $? -eq 1 -a "$(wc -l < err)" -eq 1
done
FASHION_MNIST=/nowhere "$make_data" other > out 2> err
check "dataset missing: remedy" grep -q 'apt-get install dataset-fashion-mnist' err
check "dataset missing: nothing made" test ! -e other
finish
