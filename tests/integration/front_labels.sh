#!/bin/bash
# Label files as users and the darknet forks have them: wrong lines end the run with file and line, pictures of nothing
# train, formats, Unicode and Windows line ends make no difference.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_mixed.sh"

# refused NAME WORDS ARGS... - darknet ARGS fails with one line on stderr that holds every word of WORDS (by |)
refused()
{
    local name=$1 words=$2 word status
    shift 2
    "$darknet" "$@" > out 2> err
    status=$?
    [ "$status" -eq 1 ] || { not_ok "$name" "status $status: $(head -c 400 err)"; return; }
    [ "$2" != train ] && sed -i -n '$p' err # the layers stand before
    [ "$(wc -l < err)" -eq 1 ] || { not_ok "$name" "not one line: $(head -c 400 err)"; return; }
    local IFS='|'
    for word in "darknet: " $words; do
        grep -qF -- "$word" err || { not_ok "$name" "no '$word' in: $(cat err)"; return; }
    done
    ok "$name"
}

detector_data
echo "valid = $PWD/d.list" >> d.data
printf 'a\nb\n' > names
echo "names = $PWD/names" >> d.data
cp labels/eagle.txt good.txt
while IFS=: read -r name line words; do
    { cat good.txt; echo "$line"; } > labels/eagle.txt
    refused "$name" "labels/eagle.txt line 3|$words" detector train d.data d.cfg
done <<'CASES'
NaN:0 nan nan nan nan:nan
infinity:0 .5 .5 inf .5:inf
far outside:1 .5 1e30 .5 .5:1e30
a hair too far:1 1.001 .5 .5 .5:1.001
a negative size:1 .5 .5 -.2 .5:-.2
six columns:1 .5 .5 .2 .5 .97:more columns
CASES
"$darknet" detector train d.data d.cfg -force -rounds 2 -seed 1 > out 2> err
check "-force trains without the line" test $? -eq 0
refused "the same in detector map" "labels/eagle.txt line 3" detector map d.data d.cfg backup/d_final.weights
refused "the same in the list of -map" "labels/eagle.txt line 3" detector train d.data d.cfg -map
cp good.txt labels/eagle.txt

# none, few and all label files missing
rm labels/dog.txt labels/horses.txt labels/eagle.txt
refused "no label file at all" "3 of 3 images|line 1|labels/dog.txt" detector train d.data d.cfg
: > labels/eagle.txt
"$darknet" detector train d.data d.cfg -force -rounds 2 -seed 1 > out 2> err
check "-force trains on pictures of nothing" test $? -eq 0
check "missing label files are counted" grep -q '^darknet: .*/d.list: 2 of 3 images have no label file, the first is line 1' err
cp -r images labels.d && for name in dog eagle horses; do cp good.txt "labels.d/$name.txt"; done
find "$PWD/labels.d" -name '*.jpg' | LC_ALL=C sort > d.list
"$darknet" detector train d.data d.cfg -rounds 2 -seed 1 > out 2> err
check "label files beside the pictures" sh -c 'test $1 -eq 0 && ! grep -q "label file" err' - $?
printf '\xff\xfed\0' > wide.list
sed 's/^train.*/train = wide.list/' d.data > wide.data
refused "a list in UTF-16" "wide.list|UTF-16" detector train wide.data d.cfg

# a set as users have them
mixed_data "$PWD/mixed data" || { not_ok "mixed data" "python3-opencv is missing"; finish; }
sed 's/^max_batches=.*/max_batches=100/; s/^learning_rate=.*/learning_rate=0.01/; s/^batch=.*/batch=8/' d.cfg > mixed.cfg
"$darknet" detector train "mixed data/mixed.data" mixed.cfg -seed 4 -map > out 2> err
check "mixed data: 100 rounds" test $? -eq 0 -a -s "mixed data/backup/mixed_final.weights"
check "mixed data: 3 of 24 without a label file" grep -q 'mixed.list: 3 of 24 images have no label file' err
check "mixed data: the loss is a number, and falls" perl -ne '/^(\d+): ([\d.]+), ([\d.]+) avg/ and $l{$1} = $3;
    END { exit !($l{100} > 0 && $l{100} < $l{1} / 2) }' out
check "mixed data: all objects counted" perl -ne '/TP = (\d+), FP = \d+, FN = (\d+), average/ and $n = $1 + $2; END { exit !($n == 36) }' out
finish
