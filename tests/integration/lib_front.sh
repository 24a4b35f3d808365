# lib_front.sh - what the front end's tests share; sourced, not run.
# shellcheck shell=bash disable=SC2034
#
# A test runs in an empty directory of its own ($work), with $darknet and $dynacomm from BUILD (default build/), says
# "ok NAME" or "not ok NAME: why" per check, and ends with `finish`.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$root/build}
case $build in /*) ;; *) build=$root/$build ;; esac
darknet=$build/darknet
dynacomm=$build/dynacomm
photos=/usr/share/darknet/data
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

ok()
{
    echo "ok $1"
}

not_ok()
{
    echo "not ok $1: $2"
    failures=$((failures + 1))
}

# check NAME COMMAND... - ok if the command succeeds
check()
{
    local name=$1
    shift
    if "$@"; then ok "$name"; else not_ok "$name" "failed: $*"; fi
}

finish()
{
    [ "$failures" -eq 0 ] || exit 1
    exit 0
}

# classifier_data [PICTURES] - pictures/, names, train.list and c.data: three classes of 12x12 noise
classifier_data()
{
    mkdir -p pictures
    perl -e 'srand 7; my @labels = qw(cat dog owl);
        for my $i (0 .. $ARGV[0] - 1) {
            open my $f, ">:raw", sprintf("pictures/%04d_%s.pgm", $i, $labels[$i % 3]) or die;
            print $f "P5\n12 12\n255\n", map { chr(int(rand(80)) + 80 * ($i % 3)) } 1 .. 144;
        }' "${1:-30}"
    find "$PWD/pictures" -name '*.pgm' | LC_ALL=C sort > train.list
    printf 'cat\ndog\nowl\n' > names
    printf '%s\n' 'classes = 3' "train = $PWD/train.list" "valid = $PWD/train.list" "labels = $PWD/names" \
        "backup = $PWD/backup" > c.data
}

# classifier_cfg [KEY=VALUE...] - c.cfg: convolutions, batch normalisation, dropout; keys replace those of [net]
classifier_cfg()
{
    cat > c.cfg <<'CFG'
[net]
batch=8
subdivisions=2
width=12
height=12
channels=3
min_crop=12
max_crop=16
angle=5
hue=.1
saturation=.75
exposure=.75
learning_rate=0.05
momentum=0.9
decay=0.0005
policy=constant
max_batches=500

[convolutional]
batch_normalize=1
filters=6
size=3
stride=1
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[dropout]
probability=.3

[convolutional]
filters=3
size=1
stride=1
activation=linear

[avgpool]

[softmax]
CFG
    local setting
    for setting in "$@"; do
        sed -i "s/^${setting%%=*}=.*/$setting/" c.cfg
    done
}

# detector_data - images/, their boxes, d.data and d.cfg: the packaged photos, two classes, several sizes
detector_data()
{
    mkdir -p images labels
    local name
    for name in dog eagle horses; do
        cp "$photos/$name.jpg" images/
        printf '0 0.5 0.5 0.4 0.6\n1 0.3 0.2 0.1 0.1\n' > "labels/$name.txt"
    done
    find "$PWD/images" -name '*.jpg' | LC_ALL=C sort > d.list
    printf '%s\n' 'classes = 2' "train = $PWD/d.list" "backup = $PWD/backup" > d.data
    cat > d.cfg <<'CFG'
[net]
batch=2
subdivisions=1
width=64
height=64
channels=3
hue=.1
saturation=1.5
exposure=1.5
learning_rate=0.001
momentum=0
decay=0
max_batches=500

[convolutional]
batch_normalize=1
filters=4
size=3
stride=2
pad=1
activation=leaky

[maxpool]
size=2
stride=2

[maxpool]
size=2
stride=2

[maxpool]
size=2
stride=2

[maxpool]
size=2
stride=2

[convolutional]
filters=14
size=1
stride=1
activation=linear

[yolo]
mask=0,1
anchors=10,14, 23,27, 37,58
classes=2
num=3
jitter=.3
ignore_thresh=.7
truth_thresh=1
random=0
CFG
}
