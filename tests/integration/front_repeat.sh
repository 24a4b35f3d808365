#!/bin/bash
# A run is repeated, and resumed, to the bit: same seed, any number of threads that load images.
. "$(dirname "$0")/lib_front.sh"

# train DIR ARGS... - a run whose weights land in DIR
train()
{
    local to=$1
    shift
    sed "s#^backup.*#backup = $PWD/$to#" "$data" > run.data
    "$darknet" "$kind" train run.data "$cfg" "$@" > "$to.log" 2>&1 || { cat "$to.log"; return 1; }
}

same()
{
    cmp -s "$1" "$2"
}

differ()
{
    [ -s "$1" ] && [ -s "$2" ] && ! cmp -s "$1" "$2"
}

classifier_data
classifier_cfg
data=c.data kind=classifier cfg=c.cfg
train a -seed 3 -rounds 12
train b -seed 3 -rounds 12
train one -seed 3 -rounds 12 -loaders 1
train five -seed 3 -rounds 12 -loaders 5
train other -seed 4 -rounds 12
check "classifier: same seed, same weights" same a/c.weights b/c.weights
check "classifier: one loader thread, same weights" same a/c.weights one/c.weights
check "classifier: five loader threads, same weights" same a/c.weights five/c.weights
check "classifier: another seed, other weights" differ a/c.weights other/c.weights

# Darknet's .backup holds no momentum: alone, only a run without it can go on to the bit.
classifier_cfg momentum=0
train whole -seed 3 -rounds 12
train part -seed 3 -rounds 7 -backup-every 7
train part part/c.backup -seed 3 -rounds 12
check "classifier: resumed from .backup, same weights" same whole/c.weights part/c.weights
check "classifier: numbered weights every epoch" test -s whole/c_1.weights -a -s whole/c_3.weights
check "classifier: -clear starts at round 1" \
    sh -c '"$1" classifier train run.data c.cfg part/c.backup -clear -seed 3 -rounds 1 2>/dev/null | grep -q "^1, "' - "$darknet"

# The drawn seed is printed, and repeats the run.
train drawn -rounds 3
seed=$(sed -n 's/^Seed: //p' drawn.log)
train again -rounds 3 -seed "$seed"
check "the printed seed repeats the run" same drawn/c.weights again/c.weights

# Multi-scale: sizes change every ten rounds, and a run resumed between two changes goes on with the right one.
detector_data
sed -i 's/^random=0/random=1/' d.cfg
data=d.data kind=detector cfg=d.cfg
train whole -seed 5 -rounds 14
train part -seed 5 -rounds 6 -backup-every 6
train part part/d.backup -seed 5 -rounds 14
check "detector: sizes change" test "$(grep -c Resizing whole.log)" -eq 2
check "detector: resumed from .backup, same weights" same whole/d_final.weights part/d_final.weights

# A regressor: one number per image.
mkdir values
mkdir values/images values/labels
for picture in pictures/000*.pgm; do
    name=$(basename "$picture" .pgm)
    cp "$picture" "values/images/$name.jpg" # by its content it is still read as what it is
    echo "0.${name:3:1}" > "values/labels/$name.txt"
done
find "$PWD/values/images" -name '*.jpg' | LC_ALL=C sort > r.list
printf '%s\n' 'classes = 1' "train = $PWD/r.list" "backup = $PWD/backup" > r.data
sed 's/^filters=3/filters=1/; s/^\[softmax\]/[logistic]/; s/^momentum=.*/momentum=0/' c.cfg > r.cfg
data=r.data kind=regressor cfg=r.cfg
train whole -seed 5 -rounds 9
train part -seed 5 -rounds 4 -backup-every 4
train part part/r.backup -seed 5 -rounds 9
check "regressor: resumed from .backup, same weights" same whole/r.weights part/r.weights
: > values/labels/0003_cat.txt
"$darknet" regressor train r.data r.cfg -rounds 1 > out 2> err
check "regressor: numbers missing" grep -q '^darknet: .*0003_cat.txt has 0 numbers' err
finish
