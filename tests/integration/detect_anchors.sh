#!/bin/bash
# detector calc_anchors: the anchors of boxes whose clusters are known, in the forks' lines and files.
. "$(dirname "$0")/lib_front.sh"

# boxes FILE W:H... - a label file with a few boxes around each size, given in pixels of 416x416
boxes()
{
    perl -e 'my $seed = srand(5); for my $size (@ARGV) { my ($w, $h) = split /:/, $size;
        for my $k (-2 .. 2) { printf "%d 0.5 0.5 %.6f %.6f\n", $w > 100, $w * (1 + $k / 100) / 416, $h * (1 - $k / 100) / 416 } }' \
        "${@:2}" > "$1"
}

mkdir -p images labels
for name in a b; do
    cp "$photos/dog.jpg" images/$name.jpg
    boxes labels/$name.txt 10:14 40:20 120:200 300:250
done
find "$PWD/images" -name '*.jpg' | LC_ALL=C sort > d.list
printf '%s\n' 'classes = 2' "train = $PWD/d.list" > d.data

"$darknet" detector calc_anchors d.data -num_of_clusters 4 -width 416 -height 416 -dont_show > out 2> err
check "status" test $? -eq 0 -a ! -s err
check "anchors.txt" grep -qx ' 10, 14,  40, 20, 120,200, 300,250' anchors.txt
check "counters_per_class.txt" grep -qx 'counters_per_class = 20, 20' counters_per_class.txt
check "the forks' lines" sh -c 'grep -q "^ num_of_clusters = 4, width = 416, height = 416 $" out &&
    grep -q "image: 2 .* box: 40" out && grep -q "^ iterations = [0-9]* $" out &&
    grep -q "^counters_per_class = 20, 20$" out && grep -q "^ avg IoU = 9[0-9].[0-9][0-9] % $" out &&
    grep -qx "anchors =  10, 14,  40, 20, 120,200, 300,250" out'
"$darknet" detector calcanchors d.data -num_of_clusters 4 -width 13 -height 13 > out 2> err
check "in cells, and hank-ai's spelling" grep -qx '0.3125,0.4375, 1.2500,0.6250, 3.7500,6.2500, 9.3750,7.8125' anchors.txt
cp anchors.txt before
"$darknet" detector calc_anchors d.data -num_of_clusters 3 -width 416 -height 416 > out 2> err
cp anchors.txt three
"$darknet" detector calc_anchors d.data -num_of_clusters 3 -width 416 -height 416 > out 2> err
check "repeatable" cmp -s three anchors.txt

# bad_input NAME PATTERN ARGS... - one line that names the thing, status 1, no files
bad_input()
{
    local name=$1 pattern=$2 status
    shift 2
    rm -f anchors.txt
    "$darknet" detector calc_anchors "$@" > out 2> err
    status=$?
    check "bad input: $name" sh -c 'test $1 -eq 1 -a "$(wc -l < err)" -eq 1 -a ! -e anchors.txt && grep -q "^darknet: .*$2" err' \
        - "$status" "$pattern"
}
bad_input "no size" "width" d.data -num_of_clusters 3
bad_input "no data" "usage: darknet detector calc_anchors DATA"
bad_input "more clusters than sizes" "num_of_clusters" d.data -num_of_clusters 30 -width 416 -height 416
bad_input "no number" "num_of_clusters" d.data -num_of_clusters many -width 416 -height 416
printf '0 0.5 0.5 nan 0.1\n' > labels/b.txt
bad_input "a label of NaN" "b.txt line 1" d.data -width 416 -height 416
rm labels/*.txt
bad_input "no labels" "label file" d.data -width 416 -height 416
finish
