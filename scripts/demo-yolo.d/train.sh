# train.sh - the lab, and every training run of scripts/demo-yolo; sourced by it.
# shellcheck shell=bash disable=SC2154 # settings come from there
port=7700
lab=demo-yolo-$$
host=
processes=()
# Three edges share this machine's cores.
threads=$(($(nproc) / ${#edges[@]} > 0 ? $(nproc) / ${#edges[@]} : 1))

clean_up()
{
    [ ${#processes[@]} -eq 0 ] || kill "${processes[@]}" 2> /dev/null || true
    [ -z "$host" ] || scripts/netlab --name "$lab" down > /dev/null 2>&1 || true
}
trap clean_up EXIT
trap 'exit 130' INT TERM

open_lab()
{
    scripts/netlab --name "$lab" up --edges ${#edges[@]} --down 100mbit --up ${up_mbit}mbit --delay 10ms --while $$ > "$out/netlab.log" 2>&1 ||
        die "no emulated network here: run it as root or allow user namespaces ($(tail -n 1 "$out/netlab.log"))"
    host=$(scripts/netlab --name "$lab" address server0)
}

# on HOST COMMAND...
on()
{
    local host=$1
    shift
    exec scripts/netlab --name "$lab" exec "$host" -- "$@"
}

# await NAME - until all started processes have ended; their logs' last lines if one failed
await()
{
    local pid status=0
    for pid in "${processes[@]}"; do wait "$pid" || status=$?; done
    processes=()
    [ "$status" -eq 0 ] || { tail -q -n 2 "$out/$1"/*.log >&2 && die "$1 failed"; }
}

# follow LOG PID EVERY - every so many rounds a line, until the process has ended; in the background, so that signals are heard
follow()
{
    tail -n +1 -s .2 --pid="$2" -f "$1" | awk -v every="$3" '/^[0-9]+: / && $1 % every == 0 { print "    round " $0; fflush() }'
}

# data_file DOMAIN RUN - the domain's data file, with the run's own directory for weights
data_file()
{
    mkdir -p "$out/$2"
    sed "s|^backup = .*|backup = $out/$2/$1|" "$data/$1.data" > "$out/$2/$1.data"
}

# train_clean - $out/clean/folded.{cfg,weights}; what the same cfg, seed and pictures made before is used again
train_clean()
{
    local key
    sed -e "s/^max_batches=.*/max_batches=$clean_rounds/" -e "s/^batch=.*/batch=$clean_batch/" cfg/edge-yolo.cfg > "$out/cfg/clean.cfg"
    key=$(cat "$out/cfg/clean.cfg" "$data/settings.json" | cksum)
    if [ "$(cat "$out/clean/key" 2> /dev/null)" = "$key" ]; then
        echo "    made before, kept in $out/clean: remove it to train anew"
        return
    fi
    rm -rf "$out/clean"
    data_file clean clean
    touch "$out/clean/train.log"
    env -C "$out/clean" "$PWD/build/darknet" detector train "$out/clean/clean.data" "$out/cfg/clean.cfg" -seed "$seed" -clear > "$out/clean/train.log" 2>&1 &
    processes=($!)
    follow "$out/clean/train.log" $! $((clean_rounds / 4)) &
    processes+=($!)
    await clean
    "$parts/fold.py" "$out/cfg/clean.cfg" "$out/clean/clean/clean_final.weights" "$out/clean/folded.cfg" "$out/clean/folded.weights"
    echo "$key" > "$out/clean/key"
}

# retraining_cfg VARIANT - full or frozen: the folded network, Adam instead of SGD as there is no batch norm to tame gradients,
# no decay as a frozen layer would only fade. frozen trains the last two convolutions.
retraining_cfg()
{
    sed -e "s/^batch=.*/batch=$batch/" -e "s/^max_batches=.*/max_batches=$rounds/" -e "s/^learning_rate=.*/learning_rate=$rate\nadam=1/" \
        -e "s/^burn_in=.*/burn_in=$burn_in/" -e 's/^decay=.*/decay=0/' "$out/clean/folded.cfg" |
        awk -v frozen="$1" '{ print } /^\[/ { n++ } frozen == "frozen" && n == 9 && /^\[/ { print "stopbackward=1" }' > "$out/cfg/$1.cfg"
}

# keep_snapshots RUN PID - copies every checkpoint that the server announces, named by the round in its header
keep_snapshots()
{
    local line file part=$out/$1/snapshot.part
    tail -n +1 -s .05 --pid="$2" -f "$out/$1/server.log" | while read -r line; do
        case $line in *' saved round '*.backup) ;; *) continue ;; esac
        file=${line##* to }
        cp "$file" "$part"
        mv "$part" "$out/$1/snapshot-$(($(od -An -t u8 -j 12 -N 8 "$part") / batch)).weights"
    done
}

# together RUN CFG ROUNDS STRATEGY EVERY - a server and three edges in the lab; snapshots every so many rounds in $out/RUN
together()
{
    local run=$1 cfg=$2 n=$3 strategy=$4 snapshots=$5 edge
    mkdir -p "$out/$run"
    touch "$out/$run/server.log" "$out/$run/edge0.log"
    on server0 build/dynacomm server --listen "tcp://0.0.0.0:$port" --insecure --workers ${#edges[@]} --backup "$out/$run/server" \
        --backup-every "$snapshots" > "$out/$run/server.log" 2>&1 &
    processes=($!)
    keep_snapshots "$run" $! &
    processes+=($!)
    for edge in "${!edges[@]}"; do
        data_file "${edges[edge]}" "$run"
        on "edge$edge" env -C "$out/$run" "$PWD/build/darknet" detector train "$out/$run/${edges[edge]}.data" "$out/cfg/$cfg.cfg" "$stale" -clear -seed "$seed" \
            -rounds "$n" -backup-every 1000000 -threads "$threads" -dynacomm "tcp://$host:$port" -dynacomm-rank "$edge" \
            -dynacomm-strategy "$strategy" > "$out/$run/edge$edge.log" 2>&1 &
        processes+=($!)
    done
    follow "$out/$run/edge0.log" $! $((n > 100 ? n / 4 : n / 2)) &
    processes+=($!)
    await "$run"
    cp "$out/$run/server/${cfg}_final.weights" "$out/$run/snapshot-$n.weights"
}

# alone - every edge for itself, all at the same time: as many rounds, as many of its own pictures as together
alone()
{
    local edge
    processes=()
    for edge in "${edges[@]}"; do
        data_file "$edge" "alone-$edge"
        touch "$out/alone-$edge/train.log"
        env -C "$out/alone-$edge" "$PWD/build/darknet" detector train "$out/alone-$edge/$edge.data" "$out/cfg/full.cfg" "$stale" -clear -seed "$seed" -backup-every 1000000 \
            -threads "$threads" > "$out/alone-$edge/train.log" 2>&1 &
        processes+=($!)
    done
    follow "$out/alone-${edges[0]}/train.log" $! $((rounds / 2)) &
    processes+=($!)
    await alone-"${edges[0]}"
}
