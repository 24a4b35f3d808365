#!/bin/bash
# Every packaged cfg: one worker of a server, each strategy, equals one machine bit for bit.
#   exact_packaged.sh [NAME...]     only these; EXACT_KERNELS=fast (default) or stock; EXACT_JOBS side by side (2)
#   EXACT_WORKERS=N: N workers instead, whose bits must agree between strategies, workers and runs (what they have to do with one
#   machine is exact_workers.sh's)
#   EXACT_SERVERS=N: over N servers that hold the model together; mesh: over the workers, which hold it
# Networks of tens of millions of parameters take duplex and one more strategy, by turns; EXACT_ALL=1, or make
# exact-all, takes all five everywhere, with one worker and with two. EXACT_CFGS=DIRECTORY takes the cfgs there
# instead, such as a fork's.
#
# What is changed in the copy of a cfg, so that minutes do: the input's size (32x32 where a net takes any), two images
# a round, two subdivisions for some, fewer time steps, a learning rate at which no layer overflows in two rounds, and
# no thousand rounds of burn-in, in which weights would stand still and anything would look equal.
# Begins early: it takes minutes of both processors.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_exact.sh"
results=$work/results
mkdir "$results"

# settings NAME - those of [net] that replace the cfg's
settings()
{
    local size=32 batch=2 subdivisions=1 rate=.0005 more=
    case $1 in
    alexnet) size=67 ;;
    cifar*) size=12 batch=4 subdivisions=2 ;;
    darknet | darknet19 | resnet18 | tiny) batch=4 subdivisions=2 ;;
    go*) size=9 ;;
    densenet*) batch=4 rate=.0001 ;;
    gru) size= batch=4 more="time_steps=4" ;;
    rnn*) size= batch=4 rate=.00001 more="time_steps=4" ;; # normalised over so few samples, it is easily blown up
    yolov3-tiny) batch=4 subdivisions=2 ;;
    yolov3*) size=64 rate=.0001 ;;
    *-p[67]*) size=128 rate=.0001 ;;
    yolov[47]* | cs* | cd53* | enet* | Gaussian*) size=64 rate=.0001 ;;
    yolov1*) size=64 ;;
    esac
    echo ${size:+width=$size height=$size} batch=$batch subdivisions=$subdivisions learning_rate=$rate burn_in=2 $more
}

# strategies NAME TURN - the driver's options for how much of it is compared
strategies()
{
    local others=(sequential layerwise ibatch dynacomm)
    case $1 in
    alexnet | darknet19* | darknet53* | darknet9000 | densenet* | extraction* | res* | strided | vgg* | yolo9000 | yolov[123] | \
        yolov2-voc | yolov3-[osv]*)
        [ -n "${EXACT_ALL:-}" ] || { echo --strategies duplex,"${others[$2 % 4]}"; return; }
        ;;
    esac
    echo --files
}

one()
{
    local name=$1 cfg=$work/$1.cfg
    net_settings "$packaged/$name.cfg" "$cfg" $(settings "$name")
    sed -i -E 's/^(crop_height|crop_width) *=.*/\1=24/' "$cfg"
    # A network that ends in a plain layer has no loss to train on: it is given one.
    case $(grep '^\[' "$cfg" | tail -1) in
    "[maxpool]"* | "[conv"* | "[avgpool]"*) printf '\n[cost]\ntype=sse\n' >> "$cfg" ;;
    esac
    local how=(one)
    [ -z "${EXACT_WORKERS:-}" ] || how=(many --no-alone --workers "$EXACT_WORKERS")
    case ${EXACT_SERVERS:-} in
    mesh) how+=(--mesh) ;;
    ?*) how+=(--shards "$EXACT_SERVERS") ;;
    esac
    "$exact_net" "${how[@]}" $(strategies "$name" "$2") --name "$name" --kernels "${EXACT_KERNELS:-fast}" "$cfg" > "$results/$name" 2> "$results/$name.err" ||
        if grep -q '^darknet: .*: there is no layer' "$results/$name.err"; then
            echo "ok $name: refused: $(grep '^darknet: ' "$results/$name.err" | tail -1)" >> "$results/$name"
        else
            sed 's/^/# /' "$results/$name.err" >> "$results/$name"
        fi
    rm "$cfg"
}

names=("$@")
[ ${#names[@]} -gt 0 ] || mapfile -t names < <(cd "$packaged" && ls *.cfg | sed 's/\.cfg$//')
running=0 turn=0
for name in "${names[@]}"; do
    one "$name" $turn &
    turn=$((turn + 1))
    running=$((running + 1))
    [ $running -lt "${EXACT_JOBS:-2}" ] || { wait -n; running=$((running - 1)); }
done
wait
for name in "${names[@]}"; do
    [ -s "$results/$name" ] || not_ok "$name" "the comparison did not run"
    tally "$results/$name"
done
finish
