# codecs.sh - data, a run, its measure and plots; sourced by scripts/bench-codecs and scripts/bench-goal, which set what is named here.
# shellcheck shell=bash disable=SC2154 # settings come from there

# prepare - pictures, $out/CFG, and for edge-yolo the weights that retraining begins with
prepare()
{
    local from=$root/cfg/$task.cfg
    cfg=$out/$task.cfg start=
    if [ "$task" != edge-yolo ]; then
        program=classifier edges=(edge-1 edge-2) data=$out/data
        "$root/scripts/fashion-data" "$data" --edges 2 > /dev/null || die "Fashion-MNIST is missing: scripts/deps test"
        sed "s/^max_batches=.*/max_batches=$rounds/" "$from" > "$cfg"
        awk 'NR % 5 == 0' "$data/test.list" > "$out/fifth.list"
        sed "s#^valid.*#valid = $out/fifth.list#" "$data/edge-1.data" > "$out/fifth.data"
        return
    fi
    program=detector edges=(night rain tilt) data=$out/edge-data start=$out/clean/edge-yolo_final.weights
    "$root/scripts/edge-data" "$data" --clean 2000 --images 1000 --tests 200 --film 0 > /dev/null || die "no pictures: see above"
    sed -e "s/^max_batches=.*/max_batches=$rounds/" -e 's/^burn_in=.*/burn_in=20/' -e 's/^batch=.*/batch=24/' "$from" > "$cfg"
    [ ! -s "$start" ] || return 0
    mkdir -p "$out/clean"
    sed 's/^max_batches=.*/max_batches=500/' "$from" > "$out/clean/edge-yolo.cfg"
    sed "s#^backup.*#backup = $out/clean#" "$data/clean.data" > "$out/clean/clean.data"
    (cd "$out/clean" && "$build/darknet" detector train clean.data edge-yolo.cfg -seed 1 -clear -quiet > train.log 2>&1) || die "training on clean pictures failed: $(tail -n 1 "$out/clean/train.log")"
}

# accuracy WEIGHTS [quick] - of 1; quick: on a fifth of the test pictures
accuracy()
{
    local edge of=$data/edge-1.data
    if [ "$program" = classifier ]; then
        [ -z "${2-}" ] || of=$out/fifth.data
        "$build/darknet" classifier valid "$of" "$cfg" "$1" 2>&1 | awk '/^[0-9]+: top 1:/ { sub(/,.*/, ""); last = $NF } END { print last }'
        return
    fi
    for edge in "${edges[@]}"; do
        "$build/darknet" detector map "$data/$edge.data" "$cfg" "$1" 2>/dev/null | sed -n 's/.*mAP@0.50) = .*, or \([0-9.]*\) %.*/\1/p'
    done | awk '{ s += $1; n++ } END { if (n == 3) printf "%.4f\n", s / 300 }'
}

# snapshots PID - copies each .backup that the server announces, named by the batches of a worker in its header, which it writes
snapshots()
{
    local line part=$dir/part batch batches
    batch=$(sed -n 's/^batch=//p' "$cfg")
    tail -n +1 -s .05 --pid="$1" -f "$dir/server.log" | while read -r line; do
        case $line in *' saved round '*.backup) ;; *) continue ;; esac
        cp -p "${line##* to }" "$part" || continue
        batches=$(($(od -An -t u8 -j 12 -N 8 "$part") / batch))
        mv "$part" "$dir/snapshot-$batches"
        echo $batches
    done
}

# saves_of CODEC - sets saves to the rounds between versions that are saved: $every batches, once its local steps are all there
saves_of()
{
    local steps=1
    case $1 in *local:[1-9]*) steps=${1##*local:} && steps=${steps%%:*} ;; esac
    saves=$(((every + steps - 1) / steps))
}

# train_codec CODEC SEED - in $dir: server/*_final.weights, worker-N.log, and snapshots
train_codec()
{
    local codec=${1%@*} stale='' k pids=() saves=0 option=()
    case $1 in *@*) stale=${1#*@} ;; esac
    [ "$2" != 1 ] || saves_of "$codec"
    [ -z "$stale" ] || option=(--staleness "$stale")
    "$build/dynacomm" server --workers "$workers" --listen "ipc://$dir/s" --backup "$dir/server" --backup-every "$saves" --codec "$codec" "${option[@]}" > "$dir/server.log" 2>&1 &
    pids=($!)
    snapshots $! > /dev/null &
    pids+=($!)
    for k in "${!edges[@]}"; do
        mkdir "$dir/worker-$k"
        sed "s#^backup.*#backup = $dir/worker-$k#" "$data/${edges[k]}.data" > "$dir/$k.data"
        (cd "$dir/worker-$k" && exec "$build/darknet" "$program" train "$dir/$k.data" "$cfg" ${start:+"$start" -clear} -dynacomm "ipc://$dir/s" -dynacomm-rank "$k" \
            -seed "$2" -threads 1 -loaders 1 -backup-every 1000000 -quiet > "$dir/worker-$k.log" 2>&1) &
        pids+=($!)
    done
    for k in "${pids[@]}"; do
        wait "$k" || { tail -q -n 2 "$dir"/*.log >&2; die "$1, seed $2: a process failed"; }
    done
}

# one CODEC SEED - appends a line to runs.csv, and to curve.csv for each snapshot
one()
{
    local found moved file
    dir=$out/run
    rm -rf "$dir" && mkdir -p "$dir/server" || die "cannot make $dir"
    train_codec "$1" "$2"
    for file in "$dir"/snapshot-*; do
        [ -e "$file" ] || break
        [ "${file##*-}" -gt 0 ] || continue
        found=$(accuracy "$file" quick)
        [ -n "$found" ] || die "$1, seed $2: no accuracy of a snapshot"
        echo "$task,$1,$rounds,$2,${file##*-},$found" >> "$out/curve.csv"
    done
    found=$(accuracy "$dir/server/${task}_final.weights")
    moved=$(awk '/moved .* MB up/ { for (i = 1; i <= NF; i++) if ($i == "MB") { if ($(i + 1) == "up") up += $(i - 1); else down += $(i - 1) } n++ }
        END { if (n == workers) printf "%.3f,%.3f", up / n, down / n }' workers="$workers" "$dir"/worker-?.log)
    [ -n "$found" ] && [ -n "$moved" ] || die "$1, seed $2: no accuracy, or no bytes in $dir/worker-?.log"
    echo "$task,$1,$rounds,$2,$found,$moved" >> "$out/runs.csv"
    [ "$2" != 1 ] || [ "$every" = 0 ] || echo "$task,$1,$rounds,$2,$rounds,$found" >> "$out/curve.csv"
    rm -rf "$dir"
}

# seconds TASK - of a batch, predicted for each codec that has runs: lines of seconds.csv
seconds()
{
    local profile=$out/$1.tsv up codec batch n=2
    batch=$(sed -n 's/^batch=//p' "$out/$1.cfg")
    [ "$1" != edge-yolo ] || n=3
    "$build/darknet" profile "$out/$1.cfg" -batch "$batch" -gflops 20 -o "$profile" > /dev/null 2>&1 || die "no profile of $1"
    [ -s "$out/seconds.csv" ] && sed -i "/^$1,/d" "$out/seconds.csv" || echo task,codec,up_mbit,batch_s > "$out/seconds.csv"
    for codec in $(awk -F, -v t="$1" '$1 == t && !seen[$2]++ { print $2 }' "$out/runs.csv"); do
        for up in 20 100; do
            "$build/dynacomm" plan "$profile" --workers $n --down 100mbit --up ${up}mbit --rtt 30ms --codec "${codec%@*}" --json |
                jq -r --arg head "$1,$codec,$up" '.[0] | $head + "," + (.round_s / .batches | tostring)' >> "$out/seconds.csv"
        done
    done
}

# plot TASK - $out/codecs-TASK.svg
plot()
{
    local names
    names=$(awk -F, -v t="$1" '$1 == t && !seen[$2]++ { printf "%s ", $2 }' "$out/runs.csv")
    awk -F, -v OFS=, -v t="$1" 'FNR == 1 { next } NR == FNR { s[$1, $2, $3] = $4; next } $1 == t { print $2, $5 * s[$1, $2, 20], $5 * s[$1, $2, 100], 100 * $6 }' \
        "$out/seconds.csv" "$out/curve.csv" > "$out/curve-$1.part"
    awk -F, -v OFS=, -v t="$1" 'FNR == 1 { next } NR == FNR { s[$1, $2, $3] = $4; next } $1 == t { n[$2]++; a[$2] += 100 * $5; b[$2] += $6 + $7; r[$2] = $3 }
        END { for (c in n) print c, b[c] / n[c], a[c] / n[c], r[c] * s[t, c, 20], r[c] * s[t, c, 100] }' "$out/seconds.csv" "$out/runs.csv" > "$out/final-$1.part"
    gnuplot -e "task='$1'; out='$out'; names='$names'; lines=$(wc -l < "$out/curve-$1.part")" "$root/tests/bench/codecs.gp" || die "gnuplot failed"
    rm -f "$out"/*-"$1".part
}
