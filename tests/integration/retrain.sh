#!/bin/bash
# darknet detector retrain: from a video or a folder, labelled by a teacher that was trained here or by files.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_squares.sh"
export TMPDIR=$work/tmp
mkdir tmp

# The teacher knows two classes, the student one; the student's weights are of a run that was too short.
squares data 80 1
squares view.avi 40 2
find "$PWD/data/images" -name '*.png' | LC_ALL=C sort > train.txt
echo square > names
printf 'disc\nsquare\n' > teacher.names
squares_cfg student.cfg 400
squares_cfg teacher.cfg 220
sed -i 's/^classes=1/classes=2/; s/^filters=6/filters=7/' teacher.cfg
printf '%s\n' 'classes = 1' "train = $PWD/train.txt" "names = $PWD/names" 'backup = backup' > o.data
"$darknet" detector train o.data student.cfg -rounds 10 -seed 1 > out 2> err || cat err
cp backup/student_final.weights student.weights
cp -r data twice
sed -i 's/^0 /1 /' twice/labels/*.txt
sed 's#/data/#/twice/#' train.txt > twice.txt
printf '%s\n' 'classes = 2' "train = $PWD/twice.txt" "names = $PWD/teacher.names" 'backup = backup' > t.data
"$darknet" detector train t.data teacher.cfg -seed 1 -map > out 2> err || cat err
cp backup/teacher_final.weights teacher.weights
cp backup/teacher_best.weights best.weights
check "the teacher has learnt" awk '/Last accuracy/ {good = $5 > 40} END {exit !good}' out # its other class is never there

# -map of a run that goes on, badly: the best so far is not lost.
mkdir worse
sed 's/^learning_rate=.*/learning_rate=0.05/; s/^max_batches=.*/max_batches=226/' teacher.cfg > worse/teacher.cfg
"$darknet" detector train t.data worse/teacher.cfg backup/teacher_last.weights -seed 1 -map > out 2> err
check "-map of a run that goes on: the best stays" sh -c 'test $1 -eq 0 && cmp -s best.weights backup/teacher_best.weights &&
    grep -q "(226 iterations)" out && ! grep -q "New best" out' - $?

retrain=(detector retrain o.data student.cfg student.weights)
teacher=(-teacher teacher.cfg teacher.weights -teacher-names teacher.names)

# ---- a video and a teacher

"$darknet" "${retrain[@]}" -from view.avi "${teacher[@]}" -every 2 -only-list > out 2> err
check "video and teacher: status" test $? -eq 0
check "video and teacher: the other class is named" grep -q '^darknet: the teacher.s boxes of disc are dropped' err
# Of the 20, those in which it finds something: after so few rounds it misses some, and which follows the processor's sums.
check "video and teacher: every second frame" test "$(wc -l < retrain/train.list)" -ge 10 -a \
    -z "$(grep -E '[13579]\.jpg$' retrain/train.list)" -a ! -e backup/student.backup
# overlap of each box with the square that was drawn
for file in retrain/labels/*.txt; do
    paste -d ' ' <(head -n 1 "$file") "view.avi.labels/$(basename "$file")"
done > boxes
check "video and teacher: class and place" awk '
    function least(a, b) { return a < b ? a : b }
    function most(a, b) { return a > b ? a : b }
    $1 != 0 { bad = 1 }
    { w = least($2 + $4 / 2, $7 + $9 / 2) - most($2 - $4 / 2, $7 - $9 / 2)
      h = least($3 + $5 / 2, $8 + $10 / 2) - most($3 - $5 / 2, $8 - $10 / 2)
      if (w > 0 && h > 0) sum += w * h / ($4 * $5 + $9 * $10 - w * h) }
    END { exit bad || sum / NR < .5 }' boxes
check "video: red stays red" /usr/bin/python3 - <<'PYTHON'
import cv2
first = open('retrain/train.list').readline().strip()
label = open('view.avi.labels/' + first.split('/')[-1].replace('.jpg', '.txt')).read().split()
blue, green, red = (int(v) for v in cv2.imread(first)[int(float(label[2]) * 96), int(float(label[1]) * 96)])
assert red > 180 and blue < 110, (blue, green, red)
PYTHON

# ---- the same command without -only-list goes on from there, and trains as detector train does

rm -rf backup
"$darknet" "${retrain[@]}" -from view.avi "${teacher[@]}" -every 2 -rounds 6 -clear -seed 3 > out 2> err
check "again: takes the frames that are there" sh -c 'test $1 -eq 0 && grep -q "retrain.data is complete" err' - $?
cp backup/student_final.weights first.weights
"$darknet" detector train retrain/retrain.data student.cfg student.weights -rounds 6 -clear -seed 3 > out 2> err
check "trains as detector train does, to the bit" cmp -s first.weights backup/student_final.weights
"$darknet" "${retrain[@]}" -from view.avi "${teacher[@]}" -every 2 -rounds 12 -dynacomm local:2 -clear > out 2> err
check "with -dynacomm local:2" sh -c 'test $1 -eq 0 && grep -q "^12: " out' - $?

# ---- labels from a folder

mkdir hand
cp view.avi.labels/frame_00000[369].txt hand/
cp view.avi.labels/frame_000012.txt hand/12.txt
"$darknet" "${retrain[@]}" -from view.avi -labels hand -out by-hand -format png -only-list > out 2> err
check "video and label files: by name and by number" test \
    "$(sed 's#.*/##' by-hand/train.list | tr '\n' ' ')" = \
    "frame_000003.png frame_000006.png frame_000009.png frame_000012.png "
check "video and label files: the boxes" sh -c 'awk "{print \$1, \$2}" by-hand/labels/frame_000012.txt > a &&
    awk "{printf \"%d %.6f\n\", \$1, \$2}" hand/12.txt | cmp -s - a'
"$darknet" "${retrain[@]}" -from data/images -labels data/labels -frames 10 -out folder -only-list > out 2> err
check "folder and label files" test "$(wc -l < folder/train.list)" -eq 10 -a -s folder/labels/p0009.txt

# ---- bad input: one line, nothing written

# refused NAME WORDS ARGS... - `retrain` with ARGS ends with one line that holds every word (separated by |)
refused()
{
    local name=$1 words=$2 word status
    shift 2
    "$darknet" "${retrain[@]}" -out none "$@" > out 2> err
    status=$?
    [ "$status" -ne 0 ] && [ "$status" -lt 128 ] || { not_ok "$name" "status $status"; return; }
    [ "$(grep -vc 'boxes of disc are dropped' err)" -eq 1 ] || { not_ok "$name" "not one line: $(cat err)"; return; }
    local IFS='|'
    for word in $words; do
        tail -n 1 err | grep -qF -- "$word" || { not_ok "$name" "no '$word' in: $(cat err)"; return; }
    done
    [ ! -e none ] || { not_ok "$name" "wrote $(ls none)"; return; }
    ok "$name"
}

mkdir empty bad-labels
echo '7 .5 .5 .1 .1' > bad-labels/0.txt
echo disc > other.names
refused "video missing" "nowhere.avi" -from nowhere.avi "${teacher[@]}"
refused "not a video" "student.cfg|video" -from student.cfg "${teacher[@]}"
refused "a camera that is not there" "camera 63|/dev/video63" -from 63 "${teacher[@]}"
refused "a stream that is not there" "http://127.0.0.1:1/live" -from http://127.0.0.1:1/live "${teacher[@]}"
refused "a folder without images" "empty|no image" -from empty "${teacher[@]}"
refused "no detections" "view.avi|-thresh" -from view.avi "${teacher[@]}" -thresh 1
refused "no label file fits" "none kept|data/labels" -from view.avi -labels data/labels
refused "label file with another class" "bad-labels/0.txt|class 7" -from view.avi -labels bad-labels
refused "folder of labels missing" "nowhere" -from view.avi -labels nowhere
refused "teacher of other classes, names not given" "-teacher-names" -from view.avi -teacher teacher.cfg teacher.weights
sed 's/^classes=.*/classes=1/; s/^filters=7/filters=6/' teacher.cfg > one.cfg
refused "teacher without a class of the student's" "other.names|disc" -from view.avi -teacher one.cfg student.weights \
    -teacher-names other.names
refused "teacher's weights missing" "nowhere.weights" -from view.avi -teacher teacher.cfg nowhere.weights -teacher-names teacher.names
refused "neither teacher nor labels" "usage" -from view.avi
refused "unknown flag" "-teachers|-teacher" -from view.avi "${teacher[@]}" -teachers 1
refused "-every 0" "-every" -from view.avi "${teacher[@]}" -every 0
mkdir images
refused "a path in which Darknet would look elsewhere" "images/out" -from view.avi "${teacher[@]}" -out images/out
if rmdir images; then ok "which leaves no folder"; else not_ok "which leaves no folder" "$(ls images)"; fi
sed '/^names/d' o.data > nameless.data
retrain[2]=nameless.data
refused "data file without names" "nameless.data|names" -from view.avi "${teacher[@]}"
retrain[2]=o.data
"$darknet" "${retrain[@]}" -from view.avi "${teacher[@]}" -every 3 -only-list > out 2> err
check "other settings: refused" sh -c 'test $1 -eq 1 && grep -q "^darknet: retrain/retrain.data .*-relabel" err' - $?
"$darknet" "${retrain[@]}" -from view.avi "${teacher[@]}" -every 3 -only-list -relabel > out 2> err
check "other settings: -relabel" sh -c 'test $1 -eq 0 && ! grep -q 000002 retrain/train.list' - $?
rmdir tmp
finish
