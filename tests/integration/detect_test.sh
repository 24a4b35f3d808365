#!/bin/bash
# detector test: -ext_output, -out FILE.json (also for a list on standard input), -save_labels and predictions.jpg
# say the same boxes, in the forks' formats.
. "$(dirname "$0")/lib_front.sh"

detector_data
printf 'dog\nbig "bird"\n' > d.names
printf '%s\n' "valid = $PWD/d.list" "names = $PWD/d.names" "results = $PWD" >> d.data
# As it was initialised, without batch norm's statistics, which a round does not settle.
sed -i '/^batch_normalize/d; s/^learning_rate=.*/learning_rate=0.000001/' d.cfg
"$darknet" detector train d.data d.cfg -seed 3 -rounds 1 -quiet > /dev/null 2> err || not_ok "a network to test with" "$(tail -1 err)"
weights=backup/d_final.weights
mkdir -p 'with "blank'
cp images/eagle.jpg 'with "blank/an eagle.jpg'
cp "$photos/giraffe.jpg" other.jpg
printf '%s\r\n' images/dog.jpg 'with "blank/an eagle.jpg' other.jpg > list

"$darknet" detector test d.data d.cfg "$weights" -thresh 0.26 -ext_output -save_labels -dont_show -out result.json \
    < list > out 2> err
check "a list: status" test $? -eq 0
check "a list: no flag without effect" sh -c '! grep -q "^darknet: .*no effect" err'
check "a list: predictions.jpg" sh -c 'test -s predictions.jpg && ! ls result.json.*.tmp 2> /dev/null'

# same - the pictures, boxes and classes of result.json are those of out and of the label files
same()
{
    /usr/bin/python3 - "$@" <<'P'
import json, re, struct, sys
import cv2
result = json.load(open('result.json'))
files = ['images/dog.jpg', 'with "blank/an eagle.jpg', 'other.jpg']
assert [r['filename'] for r in result] == files, [r['filename'] for r in result]
assert [r['frame_id'] for r in result] == [1, 2, 3]
names, total = ['dog', 'big "bird"'], 0
text = open('out').read().replace('Enter Image Path: ', '')
parts = re.split(r'^.*: Predicted in [0-9.]+ .*seconds\.\n', text, flags=re.M)[1:]
assert len(parts) == 3
for r, part in zip(result, parts):
    h, w = cv2.imread(r['filename']).shape[:2]
    boxes = {}
    for o in r['objects']:
        assert o['name'] == names[o['class_id']] and o['confidence'] > .26
        c = o['relative_coordinates']
        key = (c['center_x'], c['center_y'], c['width'], c['height'])
        boxes.setdefault(key, []).append((o['confidence'], o['class_id']))
    total += len(boxes)
    lines = [re.fullmatch(r'(.*): (\d+)%\t\(left_x: +(-?\d+)   top_y: +(-?\d+)   width: +(\d+)   height: +(\d+)\)', line)
             for line in part.splitlines()]
    assert all(lines) and len(lines) == len(r['objects']), part
    lefts, want = [int(line[3]) for line in lines], []
    for (x, y, bw, bh), classes in boxes.items():
        for p, c in classes:
            want.append((names[c], round(100 * p), (x - bw / 2) * w, (y - bh / 2) * h, bw * w, bh * h))
    for line in lines:
        got = (line[1], int(line[2])) + tuple(int(line[k]) for k in range(3, 7))
        assert any(g[0] == got[0] and all(abs(a - b) <= 1 for a, b in zip(g[1:], got[1:])) for g in want), got
    assert lefts == sorted(lefts), lefts
    labels = sorted(open(re.sub(r'\.jpg$', '.txt', r['filename'])).read().split('\n')[:-1])
    clip = lambda v: min(max(v, 0), 1)
    wanted = sorted('%d %2.4f %2.4f %2.4f %2.4f' % ((max(v)[1],) + tuple(clip(z) for z in k)) for k, v in boxes.items())
    assert len(labels) == len(wanted), (labels, wanted)
    for a, b in zip(labels, wanted):
        assert all(abs(float(s) - float(t)) < 2e-4 for s, t in zip(a.split(), b.split())), (a, b)
assert total >= 3, total
P
}
check "a list: JSON, lines and label files say the same" same
check "the forks' JSON, to the blank" perl -0ne 'exit !(/\A\[\n\{\n "frame_id":1, \n "filename":"images\/dog.jpg", \n "objects": \[ \n  \{"class_id":[01], "name":"/ &&
    /"relative_coordinates":\{"center_x":[0-9.]+, "center_y":[0-9.]+, "width":[0-9.]+, "height":[0-9.]+\}, "confidence":0\.[0-9]+\}, \n  \{/ &&
    /\}\n \] \n\}, \n\{\n "frame_id":2, \n/ && /\n \] \n\}\n\]\z/)' result.json

# what is drawn is in the picture: it differs from the photograph at boxes, and nowhere if there are none
"$darknet" detector test d.data d.cfg "$weights" images/dog.jpg -thresh 0.99 -ext_output -dont_show > out 2> err
cp predictions.jpg none.jpg
"$darknet" detector test d.data d.cfg "$weights" images/dog.jpg -thresh 0.26 -ext_output -dont_show > out 2> err
check "boxes are drawn" /usr/bin/python3 -c '
import cv2, numpy
photo, none, some = (cv2.imread(f).astype(int) for f in ("images/dog.jpg", "none.jpg", "predictions.jpg"))
away = lambda a: (numpy.abs(a - photo).max(axis=2) > 90).sum()
assert photo.shape == none.shape == some.shape and away(none) < 20 and away(some) > 200, (away(none), away(some))'
check "no prompt for a picture that is named" sh -c '! grep -q "Enter Image" out'

# a picture in the middle of a list that cannot be read: one line, a status, and a whole JSON of those before
printf 'images/dog.jpg\nnowhere.jpg\nother.jpg\n' > list
"$darknet" detector test d.data d.cfg "$weights" -thresh 0.26 -ext_output -dont_show -out part.json < list > out 2> err
check "a missing picture: status, line" sh -c 'test $1 -eq 1 && grep -q "^darknet: .*nowhere.jpg" err' - $?
check "a missing picture: the JSON before it" /usr/bin/python3 -c 'import json; assert len(json.load(open("part.json"))) == 1'
"$darknet" detector test d.data d.cfg "$weights" images/dog.jpg -ext_output -out nowhere/result.json > out 2> err
check "no such directory" sh -c 'test $1 -eq 1 && grep -q "^darknet: .*nowhere/result.json" err' - $?
mkdir -p set/JPEGImages
cp images/dog.jpg set/JPEGImages/
"$darknet" detector test d.data d.cfg "$weights" set/JPEGImages/dog.jpg -save_labels -dont_show > out 2> err
check "-save_labels without the folder" sh -c 'test $1 -eq 1 && grep -q "^darknet: -save_labels.*set/labels/dog.txt" err' - $?
mkdir set/labels
"$darknet" detector test d.data d.cfg "$weights" set/JPEGImages/dog.jpg -thresh .26 -save_labels -dont_show > out 2> err
check "-save_labels in VOC's folders" test $? -eq 0 -a -s set/labels/dog.txt
"$darknet" detector test d.data d.cfg "$weights" images/dog.jpg -points 11 -dont_show > out 2> err
check "a flag of another command is reported" grep -q '^darknet: -points has no effect here: it is for detector map' err
finish
