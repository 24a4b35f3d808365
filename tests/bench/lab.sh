# lab.sh - one benchmark run in the network lab: links, their goodput, a server, its workers. Sourced by scripts/bench
# and scripts/bench-ddp, which set: root, build, work (a directory), lab (a name).
#
# The model's first trip, up from one worker and down to all, is over before the rounds begin ("ready"), but it takes the
# shaped link: had it run without limits, the engine would know a link that no longer exists, and take rounds to forget it.
# Every process is awaited by its number; nothing here sleeps or has a time limit of its own: the engine's do.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034,SC1083,SC2093 # what the callers set; {name[i]} are descriptors, not commands

PORT=7700
listen=tcp://0.0.0.0:$PORT connect=tcp://server0:$PORT
shards=1            # servers that hold the model together, on server0, server1 and so on
mesh=no             # yes: the workers hold it, and server0 is where they meet
access=(--insecure) # who may take part; with keys, connect is an invitation
IPERF_PORT=5300
pids=()

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

netlab() { "$root/scripts/netlab" --name "$lab" "$@"; }

# in_lab HOST COMMAND...: runs it there, in place of this (background) shell, so that $! is its number
in_lab() { exec "$root/scripts/netlab" --name "$lab" exec "$1" -- "${@:2}"; }

need_tools() {
    local tool
    for tool in iperf3 jq awk ip tc; do
        command -v "$tool" >/dev/null || die "'$tool' is missing: apt-get install iperf3 jq iproute2"
    done
    [[ -x $build/dynacomm && -x $build/delaybox ]] || die "$build is not built: run make"
}

# lab_up EDGES DELAY (one way) [SERVERS]: makes the lab, unlimited
lab_up() {
    netlab up --edges "$1" --servers "${3:-1}" --delay "$2" --while "$$"
    lab_edges=$1
    local i
    iperf_pids=()
    for ((i = 0; i < $1; i++)); do
        # Its own output says when it listens.
        mkfifo "$work/iperf.$i"
        in_lab server0 iperf3 --server --port $((IPERF_PORT + i)) --forceflush >"$work/iperf.$i" 2>&1 &
        iperf_pids+=($!)
        local line
        exec {iperf_out[i]}<"$work/iperf.$i"
        while read -r line <&"${iperf_out[i]}" && [[ $line != *listening* ]]; do :; done
        cat <&"${iperf_out[i]}" >/dev/null &
        exec {iperf_out[i]}<&-
        rm "$work/iperf.$i"
    done
}

lab_down() {
    [[ ${lab_edges-} ]] || return 0
    local pid
    for pid in "${iperf_pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${iperf_pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    netlab down
    lab_edges=
}

# half RATE: of "100mbit", for the slow edge
half() { awk -v r="$1" 'BEGIN { n = r + 0; u = r; sub(/^[0-9.]+/, "", u); print n / 2 u }'; }

# shape DOWN UP SLOW: the edges' rates; with SLOW = yes edge0 has half of them
shape() {
    netlab set 'edge*' --down "$1" --up "$2"
    if [[ $3 == yes ]]; then netlab set edge0 --down "$(half "$1")" --up "$(half "$2")"; fi
}

# goodput WORKERS DOWN UP SLOW DELAY: sets goodput_down and goodput_up to what TCP gets on edge0's link, in bit/s, while
# as many edges send at once as will train. Measured once per lab and link.
declare -A goodput_known=()
goodput() {
    local key="$*" i direction option
    if [[ ! ${goodput_known[$key]-} ]]; then
        local found=()
        shape "$2" "$3" "$4"
        for direction in down up; do
            option=()
            [[ $direction == down ]] && option=(--reverse)
            pids=()
            for ((i = 0; i < $1; i++)); do
                in_lab "edge$i" iperf3 --client server0 --port $((IPERF_PORT + i)) --time 2 --omit 1 --json \
                    "${option[@]}" >"$work/iperf.$i.json" &
                pids+=($!)
            done
            for i in "${pids[@]}"; do wait "$i" || die "iperf3 failed on link $key: $(cat "$work"/iperf.*.json)"; done
            pids=()
            found+=("$(jq '.end.sum_received.bits_per_second | floor' "$work/iperf.0.json")")
        done
        goodput_known[$key]="${found[*]}"
    fi
    read -r goodput_down goodput_up <<<"${goodput_known[$key]}"
}

# server_usage PID...: processor seconds so far, and peak memory in MB, of all of them
server_usage() {
    local pid files=()
    for pid; do files+=("/proc/$pid/stat" "/proc/$pid/status"); done
    awk -v hz="$(getconf CLK_TCK)" 'FILENAME ~ /stat$/ { cpu += ($14 + $15) / hz } /^VmHWM:/ { mb += $2 / 1024 }
        END { print cpu, mb }' "${files[@]}"
}

# server_at K: what the K-th server, from 0, listens on, and where others reach it
server_at() {
    if (($1 == 0)); then
        echo "$listen $connect"
    elif [[ $listen == ipc://* ]]; then
        echo "$listen-$1 $listen-$1"
    elif [[ $connect == *server0* ]]; then
        echo "$listen ${connect/server0/server$1}"
    else
        echo "${listen%:*}:$((${listen##*:} + $1)) ${connect%:*}:$((${connect##*:} + $1))"
    fi
}

# machine_usage: processor seconds of the whole machine so far, busy and idle
machine_usage() {
    awk -v hz="$(getconf CLK_TCK)" '/^cpu / { print ($2 + $3 + $4 + $7 + $8) / hz, ($5 + $6) / hz }' /proc/stat
}

# until_line FD WORD FILE: copies lines to FILE up to the first that begins with WORD; fails if there is none
until_line() {
    local line
    while IFS= read -r line <&"$1"; do
        printf '%s\n' "$line" >>"$3"
        [[ $line == "$2"* ]] && return 0
        if [[ ${on_line-} ]]; then "$on_line" "$line"; fi
    done
    return 1
}

# train NAME WORKERS DOWN UP SLOW -- BENCH ARGUMENTS...: one run; leaves $work/NAME.I (rows and summary of worker I),
# $work/NAME.I.log, and sets server_cpu_s (over all rounds), server_mb and machine_busy (share of all processors, ditto)
train() {
    local name=$1 workers=$2 down=$3 up=$4 slow=$5 i before after machine dir=$work/$1.run
    local -a in out
    shift 6
    rm -rf "$dir" "$work/$name".*
    mkdir -p "$dir"
    shape "$down" "$up" "$slow"
    mkfifo "$dir/server"
    local of=() k at to=$connect
    ((shards == 1)) || of=(--shard "1/$shards")
    [[ $mesh == no ]] || of=(--mesh) to=mesh:${connect#*:}
    in_lab server0 "$build/dynacomm" server --listen "$listen" "${access[@]}" --workers "$workers" "${of[@]}" \
        >"$dir/server" 2>"$work/$name.server.log" </dev/null &
    local servers=("$!")
    pids=("$!")
    exec {server_out}<"$dir/server"
    until_line "$server_out" '' "$work/$name.server" || die "the server did not start: $(cat "$work/$name.server.log")"
    for ((k = 1; k < shards; k++)); do
        read -ra at <<<"$(server_at "$k")"
        in_lab "server$k" "$build/dynacomm" server --listen "${at[0]}" "${access[@]}" --workers "$workers" --quiet \
            --shard "$((k + 1))/$shards" --first "$connect" --announce "${at[1]}" >/dev/null 2>"$work/$name.server-$k.log" </dev/null &
        servers+=("$!")
        pids+=("$!")
    done
    for ((i = 0; i < workers; i++)); do
        mkfifo "$dir/in.$i" "$dir/out.$i"
        # None keeps others' inputs open: in a mesh nobody ends before all have seen the end of theirs.
        (
            for k in "${in[@]}" "${out[@]}"; do exec {k}>&-; done
            in_lab "edge$i" "$build/dynacomm" bench "$@" --connect "$to" --rank "$i" --hold
        ) <"$dir/in.$i" >"$dir/out.$i" 2>"$work/$name.$i.log" &
        pids+=($!)
        exec {in[i]}>"$dir/in.$i" {out[i]}<"$dir/out.$i"
    done
    for ((i = 0; i < workers; i++)); do
        until_line "${out[i]}" ready "$dir/greeting" || die "worker $i of $name: $(cat "$work/$name.$i.log")"
    done
    before=$(server_usage "${servers[@]}") machine=$(machine_usage)
    for ((i = 0; i < workers; i++)); do echo go >&"${in[i]}"; done
    for ((i = 0; i < workers; i++)); do
        until_line "${out[i]}" summary "$work/$name.$i" || die "worker $i of $name: $(cat "$work/$name.$i.log")"
    done
    after=$(server_usage "${servers[@]}")
    machine_busy=$(awk -v a="$machine" -v b="$(machine_usage)" 'BEGIN {
        split(a, x, " "); split(b, y, " "); busy = y[1] - x[1]; printf "%.3f", busy / (busy + y[2] - x[2]) }')
    for ((i = 0; i < workers; i++)); do exec {in[i]}>&- {out[i]}<&-; done
    cat <&"$server_out" >>"$work/$name.server"
    exec {server_out}<&-
    for i in "${pids[@]}"; do wait "$i" || die "a process of $name failed: $(cat "$work/$name".*.log)"; done
    pids=()
    read -r server_cpu_s server_mb <<<"$(awk -v a="$before" -v b="$after" 'BEGIN {
        split(a, x, " "); split(b, y, " "); printf "%.4f %.1f", y[1] - x[1], y[2] }')"
    rm -rf "$dir"
}

end_all() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    lab_down 2>/dev/null || true
    rm -rf "$work"
}
