#!/usr/bin/env bash
# Runs alone: networks of up to 277 million parameters
# forks_cfgs.sh [NAME...] - each cfg of the forks, by the program as its users call it: trains three rounds on random
# weights, writes weights of the size that docs/darknet.md says, validates and detects with them; or ends with one line
# that names file, line and option. FORKS_CFG= names the directory of the cfgs (`cfg/` of a checkout of AlexeyAB's
# Darknet). Only the size of the input, batch and max_batches are changed. An hour for all, so that it needs names or FORKS_ALL=1:
# make forks-cfgs.
# shellcheck source=tests/integration/lib_front.sh
. "$(dirname "$0")/lib_front.sh"
# shellcheck source=tests/integration/lib_squares.sh
. "$root/tests/integration/lib_squares.sh"
[ -d "${FORKS_CFG:-}" ] || { echo "skip forks_cfgs: FORKS_CFG= names no directory of the forks' cfgs"; exit 77; }
[ $# -gt 0 ] || [ -n "${FORKS_ALL:-}" ] || { echo "skip forks_cfgs: an hour; make forks-cfgs runs it"; exit 77; }
page=$root/docs/darknet.md

# Refused, and what the line must name; classifiers.
refused=" yolov4-sam-mish-csp-reorg-bfm:[reorg3d] yolov4-tiny_contrastive:contrastive=1 yolov3-tiny_occlusion_track:track=1 "
classifiers=" csdarknet53-omega cspx-p7-mish-omega darknet19 darknet53 efficientnet-lite3 efficientnet_b0 "

squares data 4 7
find "$PWD/data/images" -name '*.png' | LC_ALL=C sort > list
head -3 list > three
seq 1200 | sed 's/^/c/' > labels

# size NAME - of the input: heads at strides of 64 and 128 need more
size()
{
    case $1 in *-p6) echo 128 ;; *-p7*) echo 256 ;; *-p5*) echo 128 ;; *) echo 64 ;; esac
}

# says NAME - the bytes that the page promises, empty if none
says()
{
    grep -F "\`$1\`" "$page" | grep -o '| [0-9 ]* |$' | tr -d '| '
}

# started NAME CFG - weights that a cfg with frozen layers starts from: they compute with the rolling statistics, which random
# weights have none of. The same cfg with nothing frozen makes them, in rounds that move nothing else.
started()
{
    sed -E 's/^stopbackward=.*//; s/^(learning_rate|decay)=.*/\1=0/; s/^max_batches=.*/max_batches=80/' "$2" > start.cfg
    "$darknet" detector train o.data start.cfg -saveweights 80 -dont_show -quiet > said 2>&1 || return
    mv out/start_final.weights start.weights
    rm -f out/*
    echo start.weights -clear
}

# last FILE - its last line that is not empty
last()
{
    tr '\r' '\n' < "$1" | grep . | tail -1
}

detector()
{
    local name=$1 cfg=$2 classes bytes weights from=()
    classes=$(sed -n 's/^classes *= *//p' "$cfg" | tail -1)
    head -"${classes:-1}" labels > names
    printf '%s\n' "classes=$classes" "train=$PWD/list" "valid=$PWD/three" "names=$PWD/names" "backup=$PWD/out" 'saveweights=1' > o.data
    case $name in *-frozen) read -ra from < <(started "$name" "$cfg") ;; esac
    if ! "$darknet" detector train o.data "$cfg" "${from[@]}" -dont_show -quiet > said 2>&1; then
        not_ok "$name trains" "$(last said)"
        return
    fi
    weights=out/${name%%.*}_final.weights # as every Darknet names them: up to the first dot
    bytes=$(stat -c %s "$weights" 2> /dev/null)
    if [ "${bytes:-0}" != "$(says "$name")" ] && [ -n "$(says "$name")" ]; then
        not_ok "$name: size of its weights" "${bytes:-none}, not $(says "$name")"
    elif grep -qi 'unused field' said; then
        not_ok "$name trains" "$(grep -i -m1 'unused field' said)"
    elif [ -z "$bytes" ]; then
        not_ok "$name trains" "it wrote no $weights"
    else
        ok "$name trains: $bytes bytes"
    fi
    "$darknet" detector map o.data "$cfg" "$weights" > said 2>&1 && grep -q 'mAP@0.50' said
    check "$name validates" [ $? = 0 ]
    "$darknet" detector test o.data "$cfg" "$weights" "$(head -1 list)" -thresh .1 -dont_show -out found.json > said 2>&1 &&
        python3 -c 'import json; assert len(json.load(open("found.json"))) == 1'
    check "$name detects" [ $? = 0 ]
}

classifier()
{
    local name=$1 cfg=$2
    classifier_data 12 > /dev/null
    { printf '%s\n' cat dog owl; seq 997 | sed 's/^/class-/'; } > c.names
    sed -i "s#^labels = .*#labels = $PWD/c.names#; s#^classes = .*#classes = 1000#; s#^backup = .*#backup = $PWD/out#" c.data
    if ! "$darknet" classifier train c.data "$cfg" > said 2>&1; then
        not_ok "$name trains" "$(last said)"
        return
    fi
    ok "$name trains"
    check "$name validates" "$darknet" classifier valid c.data "$cfg" out/"$name"*.weights > said 2>&1
    grep '^\(not \)\?ok' said
    check "$name predicts" "$darknet" classifier predict c.data "$cfg" out/"$name"*.weights "$(head -1 train.list)" > said 2>&1
    grep '^\(not \)\?ok' said
}

names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(cd "$FORKS_CFG" && ls yolov[234]*.cfg yolov7*.cfg cs*.cfg cd53*.cfg enet*.cfg efficientnet*.cfg Gaussian*.cfg darknet19.cfg darknet53.cfg |
    sed 's/\.cfg$//' | LC_ALL=C sort -u)
for name in "${names[@]}"; do
    rm -rf out && mkdir out
    pixels=$(size "$name")
    sed -E 's/\r$//' "$FORKS_CFG/$name.cfg" | awk -v pixels="$pixels" '
        /^\[/ { section = $0 }
        section ~ /^\[net/ && /^[ \t]*(batch|subdivisions|width|height|burn_in|max_batches|max_crop|min_crop)[ \t]*=/ { next }
        { print }
        /^\[net/ { print "batch=2\nsubdivisions=1\nburn_in=0\nmax_batches=3\nwidth=" pixels "\nheight=" pixels }' > "$name.cfg"
    case $refused in
    *" $name:"*)
        what=${refused#*" $name:"}
        "$darknet" detector train o.data "$name.cfg" -dont_show > said 2>&1 && status=0 || status=$?
        check "$name is refused by a line: $(last said)" [ "$status" = 1 -a -n "$(grep -F "${what%% *}" said | grep -F "$name.cfg line")" ]
        continue
        ;;
    esac
    case $classifiers in *" $name "*) classifier "$name" "$name.cfg" ;; *) detector "$name" "$name.cfg" ;; esac
    rm -f "$name.cfg"
done
finish
