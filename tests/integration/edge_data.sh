#!/bin/bash
# edge_data.sh - scripts/edge-data: the same bytes from the same seed, disjoint garments, labels within pictures, bad input.
. "$(dirname "${BASH_SOURCE[0]}")/lib_front.sh"
edge_data=$root/scripts/edge-data
small=(--clean 12 --images 6 --tests 5 --film 3)

# refused NAME WORDS ARGUMENT... - one line with the words, a status other than 0
refused()
{
    local name=$1 words=$2
    shift 2
    if "$edge_data" "$@" > out 2> err; then not_ok "$name" "accepted"; return; fi
    if [ "$(wc -l < err)" -eq 1 ] && grep -q '^edge-data: ' err && grep -qF -- "$words" err; then
        ok "$name: $(cut -c 1-120 err)"
    else
        not_ok "$name" "$(tail -n 3 err)"
    fi
}

# sums DIR - every picture and label with its checksum
sums()
{
    (cd "$1" && find . -name '*.jpg' -o -name '*.txt' | LC_ALL=C sort | xargs sha256sum)
}

check "makes data" "$edge_data" "$work/a" --seed 5 "${small[@]}"
check "makes it again elsewhere" "$edge_data" "$work/b" --seed 5 "${small[@]}"
check "with another seed" "$edge_data" "$work/c" --seed 6 "${small[@]}"
sums a > a.sums
sums b > b.sums
sums c > c.sums
check "the same seed, the same bytes" cmp a.sums b.sums
check "another seed, no picture in common" test -z "$(cat a.sums c.sums | grep jpg | cut -d ' ' -f 1 | sort | uniq -d)"
check "pictures as many as asked for" test "$(grep -c jpg a.sums)" -eq $((12 + 3 * 6 + 4 * 5 + 4 * 3))
check "a label file for each" test "$(grep -c jpg a.sums)" -eq "$(grep -c txt a.sums)"
check "nothing unfinished is left" test -z "$(find a -name '.making*')"

# What overlaps between shares, with the script's own function, over all garments.
cat > shares.py <<PY
import importlib.machinery, importlib.util, itertools, sys
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader('edge_data', '$edge_data')
module = importlib.util.module_from_spec(importlib.util.spec_from_loader('edge_data', loader))
loader.exec_module(module)
settings = {'seed': 5}
for kind, parts, total in (('train', ['train'], 60000), ('test', ['test', 'film'], 10000)):
    sets = [set(map(int, module.share(d, p, settings))) for d in module.domains.DOMAINS for p in parts]
    assert all(a.isdisjoint(b) for a, b in itertools.combinations(sets, 2)), kind
    assert set().union(*sets) == set(range(total)), kind
PY
check "no garment in two domains or in test and film" /usr/bin/python3 shares.py

cat > labels.py <<'PY'
import glob, sys
import cv2
n = kinds = 0
for path in glob.glob(sys.argv[1] + '/*/*/labels/*.txt'):
    size = cv2.imread(path.replace('/labels/', '/images/').replace('.txt', '.jpg')).shape
    assert size == (192, 192, 3), (path, size)
    rows = [line.split() for line in open(path)]
    assert 1 <= len(rows) <= 4, path
    for kind, *box in rows:
        x, y, w, h = map(float, box)
        kinds |= 1 << int(kind)
        n += 1
        assert x - w / 2 > -1e-5 and y - h / 2 > -1e-5 and x + w / 2 < 1 + 1e-5 and y + h / 2 < 1 + 1e-5, (path, box)
        assert 0.04 < w < 0.7 and 0.04 < h < 0.7, (path, box)
assert n > 100 and kinds == 1023, (n, bin(kinds))
PY
check "boxes lie within their pictures, all ten classes occur" /usr/bin/python3 labels.py a
check "darknet takes the data" sh -c "'$darknet' detector map a/night.data '$root/cfg/edge-yolo.cfg' nowhere.weights 2>&1 | grep -q nowhere.weights"
check "anchors of the cfg's number" test "$("$edge_data" a --anchors 3 | tr -s ', ' '\n\n' | grep -c .)" -eq 6

rm -r a/rain
check "run again, it makes what is missing" "$edge_data" "$work/a" --seed 5 "${small[@]}"
sums a > again.sums
check "and that is what was there" cmp a.sums again.sums

refused "other settings in the same place" "other settings" "$work/a" --seed 7 "${small[@]}"
refused "an unknown option" "--sed" --sed 1
refused "a number that is none" "'many'" x --images many
refused "a number too large" "100000" x --tests 100001
refused "a negative number" "'-1'" x --clean -1
refused "a number left out" "needs a number" x --seed
refused "two directories" "one directory" x y
refused "a directory that Darknet would misread" "'images'" "$work/my-images"
refused "a directory with a blank" "' '" "$work/my data"
refused "no labels for anchors" "make the data first" "$work/none" --anchors 3
FASHION_MNIST=$work/none refused "the dataset is missing" "dataset-fashion-mnist" x "${small[@]}"
DARKNET_PHOTOS=$work/none refused "the photographs are missing" "apt-get install darknet" x "${small[@]}"
mkdir broken && for f in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do echo no | gzip > broken/$f-ubyte.gz; done
FASHION_MNIST=$work/broken refused "a dataset that is none" "expected format" x "${small[@]}"
check "what was refused has written nothing" test ! -e x
check "nothing unfinished is left after all that" test -z "$(find . -name '.making*')"
finish
