#!/bin/bash
# detector test and map against a fork: boxes within 1 pixel, scores within .01, mAP within 0.1 points.
#
# tests/data/forks-detect holds what AlexeyAB's Darknet (59596d7, AVX, OpenMP, OpenCV 4.6) printed for net.cfg, weights.py
# and the packaged photographs, by the commands below with its program in the place of ours:
#   stretched.json  -thresh .4 -dont_show -out stretched.json < list      letterbox.json  the same with -letter_box
#   difficult.txt   `detector map -points 11` with a list of difficult objects
#   map.txt         the lines of `detector map` with no flag, -points 11, and -iou_thresh 0.75 -thresh 0.3
. "$(dirname "$0")/lib_front.sh"
data=$root/tests/data/forks-detect

/usr/bin/python3 "$data/weights.py" net.weights
cp "$data/net.cfg" .
printf 'dog\nbird\n' > net.names
ls "$photos"/*.jpg > list
printf '%s\n' 'classes = 2' "valid = $PWD/valid.list" "names = $PWD/net.names" "results = $PWD" > d.data

# same FILE FILE [PIXELS SCORE] - two JSON files have the same pictures and boxes
same()
{
    /usr/bin/python3 - "$@" <<'P'
import json, sys
import cv2
ours, theirs = (json.load(open(f)) for f in sys.argv[1:3])
pixels, score = map(float, sys.argv[3:5] if len(sys.argv) > 3 else (1, .01))
assert [p['filename'] for p in ours] == [p['filename'] for p in theirs]
total = 0
for a, b in zip(ours, theirs):
    h, w = cv2.imread(a['filename']).shape[:2]
    assert len(a['objects']) == len(b['objects']), (a['filename'], len(a['objects']), len(b['objects']))
    edges = lambda o: [(o['relative_coordinates'][k], s) for k, s in (('center_x', w), ('center_y', h), ('width', w), ('height', h))]
    left = list(b['objects'])
    for o in a['objects']:
        near = [p for p in left if p['name'] == o['name'] and abs(p['confidence'] - o['confidence']) <= score and
                all(abs(x - y) * s <= pixels for (x, s), (y, _) in zip(edges(o), edges(p)))]
        assert near, (a['filename'], o)
        left.remove(near[0])
        total += 1
assert total > 40, total
P
}

"$darknet" detector test d.data net.cfg net.weights -thresh .4 -dont_show -out ours.json < list > out 2> err
check "stretched: status" test $? -eq 0
check "stretched, as the cfg is the forks': the fork's boxes" same ours.json "$data/stretched.json"
"$darknet" detector test d.data net.cfg net.weights -thresh .4 -dont_show -letter_box -out ours.json < list > out 2> err
check "-letter_box: the fork's boxes" same ours.json "$data/letterbox.json"
sed 's/^height=.*/&\nletter_box=1/' net.cfg > letter.cfg
"$darknet" detector test d.data letter.cfg net.weights -thresh .4 -out named < list > out 2> err
check "letter_box=1, and any -out is JSON: the fork's boxes" same named "$data/letterbox.json"
check "the comparison finds a difference" sh -c '! "$@" 2> /dev/null' - bash -c "$(declare -f same); same '$data/stretched.json' '$data/letterbox.json'"

/usr/bin/python3 "$data/labels.py" "$data/stretched.json"
find "$PWD/images" -name '*.jpg' | LC_ALL=C sort > valid.list
for flags in "" "-points 11" "-iou_thresh 0.75 -thresh 0.3"; do
    # shellcheck disable=SC2086
    "$darknet" detector map d.data net.cfg net.weights $flags 2> err
done > all
grep -E '^class_id = |conf_thresh|IoU thresh|^ mean average|detections_count' all > map.txt
check "map: the fork's lines" cmp -s <(sed -E 's/[0-9]+\.[0-9]+/N/g; s/detections_count = [0-9]+/N/' map.txt) \
    <(sed -E 's/[0-9]+\.[0-9]+/N/g; s/detections_count = [0-9]+/N/' "$data/map.txt")
check "map: within 0.1 points" perl -e 'my ($a, $b) = map { open my $f, "<", $_ or exit 1; join "", <$f> } @ARGV;
    my @x = $a =~ /(?:ap =|or) (\d+\.\d+) ?%/g; my @y = $b =~ /(?:ap =|or) (\d+\.\d+) ?%/g;
    exit 1 if @x != 9 || @y != 9;
    abs($x[$_] - $y[$_]) <= .1 or exit 1 for 0 .. 8;' map.txt "$data/map.txt"

# objects that need not be found: every third, in a list of their own
for part in easy hard; do
    cp -r images $part
    find "$PWD/$part" -name '*.jpg' | LC_ALL=C sort > $part.list
done
sed -i '1~3d' easy/*.txt
for file in hard/*.txt; do sed -n '1~3p' "images/${file#hard/}" > "$file"; done
sed "s#^valid.*#valid = $PWD/easy.list\ndifficult = $PWD/hard.list#" d.data > hard.data
"$darknet" detector map hard.data net.cfg net.weights -points 11 > out 2> err
grep -E '^class_id = |conf_thresh|^ mean average|detections_count' out > map.txt
check "difficult = : the fork's mAP" cmp -s <(grep -o 'mean average.*' map.txt | cut -c1-41) <(grep -o 'mean average.*' "$data/difficult.txt" | cut -c1-41)
head -2 hard.list > short.list
sed -i "s#^difficult.*#difficult = $PWD/short.list#" hard.data
"$darknet" detector map hard.data net.cfg net.weights > out 2> err
check "difficult = : another length" sh -c 'test $1 -eq 1 && grep -q "^darknet: .*short.list has 2 lines" err' - $?
# label files beside the images and in labels/: the forks look beside first
mkdir -p set/images set/labels
cp images/dog.jpg set/images/ && cp images/dog.txt set/images/ && : > set/labels/dog.txt
echo "$PWD/set/images/dog.jpg" > valid.list
"$darknet" detector map d.data net.cfg net.weights > out 2> err
check "labels beside the images come first" grep -q "unique_truth_count = $(wc -l < images/dog.txt) " out

# The packaged Darknet's dialect is another: the same cfg without what only the forks know.
grep -vE '^(scale_x_y|nms_kind|beta_nms|iou_loss)=' net.cfg | sed 's/=mish/=leaky/; s/=swish/=leaky/; /^groups=2/d; /^group_id=/d' > plain.cfg
/usr/bin/python3 - net.weights plain.weights <<'P'
import sys
# without the route's groups the fourth convolution sees 16 planes: its filters are given twice
data = open(sys.argv[1], 'rb').read()
at = 20 + 4 * (8 + 8 * 27 + 16 + 16 * 72 + 16 + 16 * 144)
head, bias, filters, rest = data[:at], data[at:at + 64], data[at + 64:at + 64 + 4608], data[at + 64 + 4608:]
open(sys.argv[2], 'wb').write(head + bias + filters + filters + rest)
P
"$darknet" detector test d.data plain.cfg plain.weights -thresh .3 -dialect pjreddie -out p.json < list > out 2> err
"$darknet" detector test d.data plain.cfg plain.weights -thresh .3 -out q.json < list > out 2> err
"$darknet" detector test d.data plain.cfg plain.weights -thresh .3 -dont_show -out f.json < list > out.forks 2> err.forks
"$darknet" detector test d.data plain.cfg plain.weights -thresh .3 -dialect pjreddie -letter_box -out l.json < list > out 2> err
check "a cfg of both: the packaged Darknet's way" same p.json q.json 0 0
check "a flag of the forks: theirs" sh -c 'test -s f.json && ! cmp -s f.json q.json && grep -q "forks.*dont_show" err.forks && grep -q "milli-seconds" out.forks'
check "the packaged Darknet's way keeps proportions" same p.json l.json 0 0
finish
