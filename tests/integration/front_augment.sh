#!/bin/bash
# The forks' augmentation and input sizes, from the cfg to the weights: a cfg that has them trains, learns, and gives the
# same weights whatever loads its images and whoever it trains with.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_squares.sh"
squares data 40 1
find "$PWD/data/images" -name '*.png' | LC_ALL=C sort > list
printf '%s\n' 'classes = 1' "train = $PWD/list" "valid = $PWD/list" "backup = $PWD/backup" > o.data
squares_cfg plain.cfg 200
# with KEY=VALUE... - s.cfg: the plain one with these keys of [net], or of [yolo] after a ":"
with()
{
    local key
    cp plain.cfg s.cfg
    for key in "$@"; do
        case $key in
        :*) sed -i "s/^random=0/random=0\n${key#:}/" s.cfg ;;
        *) sed -i "s/^momentum=/$key\nmomentum=/" s.cfg ;;
        esac
    done
}

# train ARGS... - trains s.cfg from the start: out, err
train()
{
    rm -rf backup
    "$darknet" detector train o.data s.cfg -seed 1 -threads 1 "$@" > out 2> err
}

with mosaic=1 mosaic_bound=1 blur=1 gaussian_noise=10 :resize=1.2
train -map -mAP_epochs 10
check "mosaic, blur, noise, resize: learns" awk '/^ Last accuracy/ { good = $9 > 60 } END { exit !good }' out
cp backup/s_final.weights first.weights
train -loaders 3
check "any number of loaders: the same weights" cmp -s first.weights backup/s_final.weights
train -dynacomm local:1
check "one worker: the same weights" cmp -s first.weights backup/s_final.weights
with mosaic=1 :resize=1.2
train
check "without blur and noise: other weights" sh -c '! cmp -s first.weights backup/s_final.weights'
with mixup=1 flip=0
train -map -mAP_epochs 10
check "mixup: learns" awk '/^ Last accuracy/ { good = $9 > 60 } END { exit !good }' out
with letter_box=1
train -rounds 2
check "letter_box=1 trains" test $? -eq 0
with letter_box=1 mosaic=1
train -map -mAP_epochs 10
check "letter_box=1 and mosaic=1: learns" awk '/^ Last accuracy/ { good = $9 > 60 } END { exit !good }' out
check "letter_box=1 and mosaic=1: a note" grep -q "^darknet: .*letter_box=1 and mosaic=1" err
with cutmix=1
train -rounds 2
check "cutmix=1 of a detector: a note" sh -c 'test $1 -eq 0 && grep -q "^darknet: .*cutmix=1" err' - $?

# A moving average of the weights from half of the rounds on.
with ema_alpha=.9
sed -i 's/^max_batches=.*/max_batches=24/' s.cfg
train
check "ema_alpha: a second file" sh -c '[ -s backup/s_ema.weights ] && ! cmp -s backup/s_ema.weights backup/s_final.weights'
cp backup/s_ema.weights backup/s_final.weights .
train -dynacomm local:1
check "ema_alpha, one worker: the same two files" sh -c 'cmp s_ema.weights backup/s_ema.weights && cmp s_final.weights backup/s_final.weights'
with ema_alpha=1
refused "ema_alpha=1: one line" "s.cfg line .*ema_alpha=1"

# Input sizes: the largest first and last, always multiples of 32, in proportion, none beyond the factor.
with mosaic=1 max_chart_loss=5
sed -i -e 's/^random=0/random=1.5/' -e 's/^width=.*/width=128/' -e 's/^max_batches=.*/max_batches=240/' -e 's/^batch=.*/batch=2/' s.cfg
train
check "random=1.5: begins with the largest" test "$(grep -m1 -oE '^ [0-9]+ x [0-9]+ $' out)" = ' 224 x 192 '
check "random=1.5: ends with the largest" test "$(grep -oE '^ [0-9]+ x [0-9]+ $' out | tail -n 1)" = ' 224 x 192 '
check "random=1.5: several sizes within the factor" awk '/^ [0-9]+ x [0-9]+ $/ {
    n++; seen[$1 " " $3]; bad += $1 % 32 || $3 % 32 || $1 < 96 || $1 > 224 || $3 < 64 || $3 > 192 }
    END { for (s in seen) k++; exit !(n > 3 && k > 2 && !bad) }' out
cp backup/s_final.weights first.weights
train -loaders 2 -dynacomm local:1
check "random=1.5, one worker: the same weights" cmp -s first.weights backup/s_final.weights

# random=1 is a factor of 1.4; a second size follows after ten rounds.
sed -i 's/^random=1.5/random=1.4/' s.cfg
train -rounds 12
cp backup/s_final.weights first.weights
sed -i 's/^random=1.4/random=1/' s.cfg
train -rounds 12 -dialect forks
check "random=1: as random=1.4" cmp -s first.weights backup/s_final.weights
check "random=1: sizes change" test "$(grep -cE '^ [0-9]+ x [0-9]+ $' out)" -ge 2
train -rounds 12 -dialect forks -dynacomm local:1
check "random=1, one worker: the same weights" cmp -s first.weights backup/s_final.weights

# A classifier's.
classifier_data
classifier_cfg max_batches=0
sed -i 's/^angle=/mosaic=1\ncutmix=1\nblur=1\nlabel_smooth_eps=0.1\nangle=/' c.cfg
classify()
{
    rm -rf backup
    "$darknet" classifier train c.data c.cfg -seed 1 -threads 1 -rounds 20 "$@" > out 2> err
}
classify
check "classifier: cutmix, mosaic, blur, smooth labels train" sh -c 'test $1 -eq 0 && grep -q "^20, " out' - $?
cp backup/c.weights first.weights
classify -loaders 3 -dynacomm local:1
check "classifier, one worker: the same weights" cmp -s first.weights backup/c.weights
sed -i '/^cutmix=1/d' c.cfg
classify
check "classifier, without cutmix: other weights" sh -c '! cmp -s first.weights backup/c.weights'
finish
