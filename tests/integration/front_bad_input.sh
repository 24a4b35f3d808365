#!/bin/bash
# Bad input: one line on stderr that begins "darknet:" and names the thing, a non-zero exit, and nothing written.
. "$(dirname "$0")/lib_front.sh"

# refused NAME WORDS ARGS... - darknet ARGS must fail; its one line holds every word of WORDS (separated by |)
refused()
{
    local name=$1 words=$2 word status
    shift 2
    rm -rf backup
    "$darknet" "$@" > out 2> err
    status=$?
    [ "$status" -ne 0 ] || { not_ok "$name" "exit 0"; return; }
    [ "$status" -lt 128 ] || { not_ok "$name" "died, status $status"; return; }
    [ "$(wc -l < err)" -eq 1 ] || { not_ok "$name" "not one line: $(head -c 400 err)"; return; }
    grep -q '^darknet: ' err || { not_ok "$name" "line does not begin with darknet: $(cat err)"; return; }
    local IFS='|'
    for word in $words; do
        grep -qF -- "$word" err || { not_ok "$name" "no '$word' in: $(cat err)"; return; }
    done
    [ ! -e backup ] || [ -z "$(ls backup)" ] || { not_ok "$name" "wrote $(ls backup)"; return; }
    ok "$name"
}

# with NAME WORDS SED_ARGS -- as refused, on a copy of c.cfg that sed changed
with_cfg()
{
    local name=$1 words=$2
    shift 2
    sed "$@" c.cfg > bad.cfg
    refused "$name" "$words" classifier train c.data bad.cfg
}

with_data()
{
    local name=$1 words=$2
    shift 2
    sed "$@" c.data > bad.data
    refused "$name" "$words" classifier train bad.data c.cfg
}

classifier_data
classifier_cfg
"$darknet" classifier train c.data c.cfg -rounds 2 > out 2> err || { cat err; not_ok "good input" "refused"; finish; }
cp backup/c.weights good.weights

# command line
refused "no arguments for train" usage classifier train
refused "too many words" usage classifier train c.data c.cfg good.weights more
refused "unknown flag" "-sede|-seed" classifier train c.data c.cfg -sede 3
refused "-seed without value" "-seed" classifier train c.data c.cfg -seed
refused "-seed not a number" "-seed|abc" classifier train c.data c.cfg -seed abc
refused "-seed negative" "-seed|-3" classifier train c.data c.cfg -seed -3
refused "-rounds zero" "-rounds" classifier train c.data c.cfg -rounds 0
refused "-rounds not a number" "-rounds|1e3" classifier train c.data c.cfg -rounds 1e3
refused "-threads too many" "-threads" classifier train c.data c.cfg -threads 99999
refused "-kernels unknown" "-kernels|quick" classifier train c.data c.cfg -kernels quick
refused "-dynacomm-strategy unknown" "fastest" classifier train c.data c.cfg -dynacomm-strategy fastest
refused "local: without number" "local:" classifier train c.data c.cfg -dynacomm local:
refused "local:0" "local:0" classifier train c.data c.cfg -dynacomm local:0

# .data file and lists
refused "data file missing" "nowhere.data" classifier train nowhere.data c.cfg
refused "data file is a directory" "pictures|directory" classifier train pictures c.cfg
with_data "no train key" "train" /^train/d
with_data "no labels key" "labels" /^labels/d
with_data "no classes key" "classes" /^classes/d
with_data "no backup key" "backup" /^backup/d
with_data "classes not a number" "classes|three" 's/^classes.*/classes = three/'
with_data "list missing" "nowhere.list" 's/^train.*/train = nowhere.list/'
with_data "labels missing" "nowhere.labels" 's/^labels.*/labels = nowhere.labels/'
with_data "more classes than labels" "names|3 labels|4" 's/^classes.*/classes = 4/'
: > empty.list
with_data "list empty" "empty.list|empty" 's/^train.*/train = empty.list/'
printf '\r\n \n' > blank.list
with_data "list of empty lines" "blank.list|empty" 's/^train.*/train = blank.list/'
printf 'cat\n\ndog\nowl\n' > blank.labels
with_data "labels with an empty line" "blank.labels|line 2" 's/^labels.*/labels = blank.labels/'
{ head -3 train.list; echo; tail -27 train.list; echo "$PWD/pictures/9999_cat.pgm"; } > missing.list
with_data "list entry missing" "missing.list|line 32|9999_cat.pgm" 's/^train.*/train = missing.list/'
echo 'not an image' > pictures/text_cat.jpg
{ cat train.list; echo "$PWD/pictures/text_cat.jpg"; } > text.list
with_data "list entry not an image" "text.list|text_cat.jpg" 's/^train.*/train = text.list/'
printf 'P5\n12 12\n255\nshort' > pictures/cut_cat.pgm
echo "$PWD/pictures/cut_cat.pgm" > cut.list
with_data "image cut off" "cut.list|cut_cat.pgm" 's/^train.*/train = cut.list/'
{ cat train.list; cat cut.list; } > late.list
sed 's/^train.*/train = late.list/' c.data > bad.data
"$darknet" classifier train bad.data c.cfg -seed 1 > out 2> err
check "image cut off, met while training: status" test $? -eq 1
check "image cut off, met while training: last line" sh -c 'tail -n 1 err | grep -q "^darknet: late.list: .*cut_cat.pgm"'
printf 'cat\nat\nowl\n' > trap.labels
with_data "label inside another" "trap.labels|'cat', 'at'" 's/^labels.*/labels = trap.labels/'
printf 'cat\ndog\nemu\n' > zero.labels
with_data "images without a label" "zero.labels|holds none|_owl.pgm" 's/^labels.*/labels = zero.labels/'
echo file > taken
with_data "backup is a file" "taken" 's/^backup.*/backup = taken/'
with_data "backup cannot be made" "/proc/nowhere" 's#^backup.*#backup = /proc/nowhere#'

# cfg
refused "cfg missing" "nowhere.cfg" classifier train c.data nowhere.cfg
refused "cfg empty" "empty.list|no sections" classifier train c.data empty.list
with_cfg "cfg without [net]" "[net]|[convolutional]" '1,/^$/d'
with_cfg "cfg without layers" "no layers" '/^$/,$d'
with_cfg "option before a section" "batch=8|line 1" 1d
with_cfg "unknown layer" "[softmaxx]" 's/^\[softmax\]/[softmaxx]/'
with_cfg "line that is no option" "line 4|width" 's/^width=12/width/'
with_cfg "unknown key" "line 14|momentun|momentum|-allow-unused" 's/^momentum/momentun/'
with_cfg "unknown key of a layer" "filtres|filters" '0,/^filters/s/^filters/filtres/'
with_cfg "key that is not carried out" "track=1|sequences" 's/^momentum=.*/track=1/'
with_cfg "layer that is not carried out" "[conv_lstm]|former frames" 's/^\[avgpool\]/[conv_lstm]/'
sed 's/^momentum/momentun/' c.cfg > unused.cfg
"$darknet" classifier train c.data unused.cfg -rounds 1 -allow-unused > out 2> err
check "-allow-unused: trains" test $? -eq 0
check "-allow-unused: says so" grep -q "^darknet: unused.cfg line .*'momentun'" err
with_cfg "unknown activation" "activation=leeky|leaky" '0,/^activation=.*/s//activation=leeky/'
with_cfg "batch not divisible" "batch=8|subdivisions=3" 's/^subdivisions=2/subdivisions=3/'
with_cfg "subdivisions zero" "subdivisions=0" 's/^subdivisions=2/subdivisions=0/'
with_cfg "batch not a number" "batch=eight" 's/^batch=8/batch=eight/'
with_cfg "rate not a number" "learning_rate=fast" 's/^learning_rate=.*/learning_rate=fast/'
with_cfg "steps without scales" "scales" 's/^policy=.*/policy=steps\nsteps=10/'
with_cfg "steps and scales differ" "steps= has 2|scales= has 1" 's/^policy=.*/policy=steps\nsteps=10,20\nscales=.1/'
with_cfg "not square" "square" 's/^height=12/height=16/'
with_cfg "one channel" "channels=3" 's/^channels=3/channels=1/'
with_cfg "outputs differ from classes" "classes" 's/^filters=3/filters=5/'
with_cfg "route to nowhere" "layers=-9" 's/^\[avgpool\]/[route]\nlayers=-9/'
with_cfg "shortcut without from" "from=" 's/^\[avgpool\]/[shortcut]/'

# weights
refused "weights missing" "nowhere.weights" classifier train c.data c.cfg nowhere.weights
: > empty.weights
refused "weights empty" "empty.weights" classifier train c.data c.cfg empty.weights
head -c 300 good.weights > cut.weights
refused "weights cut off inside a layer" "cut.weights|layer 0" classifier train c.data c.cfg cut.weights
head -c 301 good.weights > odd.weights
refused "weights cut off inside a number" "odd.weights" classifier train c.data c.cfg odd.weights
cat good.weights good.weights > long.weights
refused "weights of a larger network" "long.weights|another cfg" classifier train c.data c.cfg long.weights
cp pictures/0000_cat.pgm image.weights
refused "weights that are no weights" "image.weights" classifier train c.data c.cfg image.weights

head -c 20 good.weights > header.weights
refused "weights without parameters" "header.weights" classifier train c.data c.cfg header.weights

# what looks like it but is not bad: a backbone, and a longer file with -force
"$darknet" partial c.cfg good.weights backbone 1 > out 2>&1
"$darknet" classifier train c.data c.cfg backbone -rounds 1 -clear > out 2> err
check "a backbone's weights are loaded" test $? -eq 0
check "a backbone: a note names the layers" grep -q '^darknet: backbone holds layers 0 to 2; ' err
"$darknet" classifier train c.data c.cfg long.weights -rounds 1 -clear -force > out 2> err
check "-force loads the part that fits" test $? -eq 0
sed 's/^labels.*/labels = trap.labels/' c.data > bad.data
"$darknet" classifier train bad.data c.cfg -rounds 1 -force > out 2> err
check "-force trains on labels as they are" sh -c 'test $1 -eq 0 && grep -q "^darknet: .*exactly one label" err' - $?

# detector
detector_data
refused "detector with a classifier's cfg" "[softmax]|[yolo]" detector train d.data c.cfg
sed 's/^classes=2/classes=3/' d.cfg > bad.cfg
refused "filters in front of [yolo]" "filters=14|16" detector train d.data bad.cfg
sed 's/^\[yolo\]/[maxpool]\n[yolo]/; s/^filters=14/filters=13/' d.cfg > bad.cfg
refused "outputs do not fit [yolo]" "bad.cfg|does not fit" detector train d.data bad.cfg
sed 's/^mask=.*/mask=1,3/' d.cfg > bad.cfg
refused "mask out of range" "mask=1,3" detector train d.data bad.cfg
sed 's/^num=3/num=4/' d.cfg > bad.cfg
refused "anchors missing" "anchors" detector train d.data bad.cfg
sed '/^max_batches/d' d.cfg > bad.cfg
refused "no end" "max_batches" detector train d.data bad.cfg
rm labels/eagle.txt
refused "boxes missing" "eagle.jpg|labels/eagle.txt" detector train d.data d.cfg
echo '2 .5 .5 .1 .1' > labels/eagle.txt
refused "class out of range" "eagle.txt|class 2|classes=2" detector train d.data d.cfg
echo '1 .5 .5 .1' > labels/eagle.txt
refused "box incomplete" "eagle.txt|box 1" detector train d.data d.cfg
finish
