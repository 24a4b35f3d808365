# measure.sh - runs of the detector over test pictures and film, and the curves' drawing; sourced by scripts/demo-yolo.
# shellcheck shell=bash disable=SC2154 # settings come from there

# side_by_side COMMAND - one process per core; stdin: arguments, one line per call of `COMMAND ARGUMENT...`
side_by_side()
{
    # shellcheck disable=SC2163 # the name is in it
    export -f "$1"
    export data out
    OMP_NUM_THREADS=1 xargs -P "$(nproc)" -L 1 bash -c "set -euo pipefail; $1 \"\$@\"" "$1" || die "a detector failed: see above"
}

# one_map MODEL ROUND DOMAIN CFG WEIGHTS - a line "MODEL ROUND DOMAIN PERCENT"
one_map()
{
    local map
    map=$(build/darknet detector map "$data/$3.data" "$4" "$5" 2> "$out/results/map-$1-$2-$3.log" |
        sed -n 's/.*mAP@0.50) = .*, or \([0-9.]*\) %.*/\1/p')
    [ -n "$map" ] || { tail -n 1 "$out/results/map-$1-$2-$3.log" >&2 && exit 1; }
    printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$map"
}

# measure - $out/map.tsv: every model on every edge's test pictures, together's snapshots too
measure()
{
    local domain snapshot run file
    {
        for domain in clean "${edges[@]}"; do
            echo "stale 0 $domain $out/clean/folded.cfg $stale"
        done
        for run in full frozen; do
            for file in "$out/$run"/snapshot-*.weights; do
                snapshot=${file##*-}
                for domain in "${edges[@]}"; do echo "$run ${snapshot%.weights} $domain $out/cfg/$run.cfg $file"; done
            done
            echo "$run $rounds clean $out/cfg/$run.cfg $out/$run/snapshot-$rounds.weights"
        done
        for run in "${edges[@]}"; do
            for domain in "${edges[@]}"; do
                echo "alone-$run $rounds $domain $out/cfg/full.cfg $out/alone-$run/$run/full_final.weights"
            done
        done
    } | side_by_side one_map > "$out/map.tsv.part"
    sort -t "$(printf '\t')" -k1,1 -k2,2n -k3,3 "$out/map.tsv.part" > "$out/map.tsv"
    rm "$out/map.tsv.part"
}

# one_detect MODEL SET CFG WEIGHTS - boxes of a test set or film, as `detector valid` writes them: $out/results/SET/MODEL_*.txt
one_detect()
{
    mkdir -p "$out/results/$2"
    sed "s|^results = .*|results = $out/results/$2|" "$data/$2.data" > "$out/results/$2/$1.data"
    build/darknet detector valid "$out/results/$2/$1.data" "$3" "$4" -out "$1_" > "$out/results/$2/$1.log" 2>&1 ||
        { tail -n 1 "$out/results/$2/$1.log" >&2 && exit 1; }
}

detect()
{
    local edge suffix
    for edge in "${edges[@]}"; do
        for suffix in '' -film; do
            echo "before $edge$suffix $out/clean/folded.cfg $stale"
            echo "after $edge$suffix $out/cfg/full.cfg $out/full/snapshot-$rounds.weights"
        done
    done | side_by_side one_detect
}

# curves - $out/curve.svg and curve.png from $out/curve-*.tsv
curves()
{
    local format
    for format in svg png; do
        gnuplot -e "out='$out'; format='$format'" "$parts/curve.gp" 2> "$out/gnuplot.log" || die "$(grep -m 1 . "$out/gnuplot.log")"
    done
    rm -f "$out/gnuplot.log"
}
