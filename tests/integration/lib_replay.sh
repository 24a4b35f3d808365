# lib_replay.sh - runs, and their replays; sourced after lib_front.sh, not run.
# shellcheck shell=bash disable=SC2154

# split_data NAME N - NAME0.data ... of NAME.data: each has every N-th image of the list
split_data()
{
    local list k
    list=$(sed -n 's/^train = //p' "$1.data")
    for ((k = 0; k < $2; k++)); do
        awk -v n="$2" -v k="$k" 'NR % n == k' "$list" > "$1$k.list"
        sed -e "s#^train = .*#train = $PWD/$1$k.list#" -e "s#^backup = .*#backup = $PWD/weights$k#" "$1.data" > "$1$k.data"
    done
}

# run KIND CFG TO N STRATEGY ROUNDS - a server that saves into TO, and N workers, each with its own data
run()
{
    local kind=$1 cfg=$2 to=$3 n=$4 k status=0 url="ipc://$PWD/$3.sock"
    local workers=()
    "$dynacomm" server --listen "$url" --workers "$n" --backup "$to" --backup-every 3 > "$to.server" 2>&1 &
    local server=$!
    for ((k = 0; k < n; k++)); do
        "$darknet" "$kind" train "${cfg%.cfg}$k.data" "$cfg" -seed 11 -rounds "$6" -dynacomm "$url" -dynacomm-rank "$k" \
            -dynacomm-strategy "$5" > "$to.worker$k" 2>&1 &
        workers+=($!)
    done
    for k in "${workers[@]}" $server; do wait "$k" || status=1; done
    [ $status -eq 0 ] || tail -n 3 "$to".*
    return $status
}

# replayed KIND CFG DIR N [DATA_OF] - whether the log in DIR, replayed, has the run's final weights
replayed()
{
    local kind=$1 cfg=$2 from=$3 k data=${5:-} base=${2%.cfg}
    if [ -z "$data" ]; then
        for ((k = 0; k < $4; k++)); do data+="${data:+,}$k=$base$k.data"; done
    fi
    rm -f "weights0/${base}_replay.weights"
    "$darknet" "$kind" train "${base}0.data" "$cfg" -dynacomm-replay "$from/$base.log" -data-of "$data" > "$from.replay" 2>&1 ||
        { tail -n 3 "$from.replay"; return 1; }
    cmp "weights0/${base}_replay.weights" "$from/${base}_final.weights" && grep -q "the same, bit for bit, as" "$from.replay"
}
