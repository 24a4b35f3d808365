# churn.sh - machines that die, stand still and lose their links while they train. Sourced by scripts/churn and scripts/churn-long,
# which set: workers, least (--min-workers), name (the cfg's), train (the workers' options), rounds (0 = without an end), lab ("" = no network
# lab), listen, url, kinds and the *_ms below.
#
# A machine has a process, which is up, dead or stopped, and a link, which is up or cut; both end at a time of their own. Every event is
# written to the file `events` with the time (microseconds) at which it was done, which scripts read afterwards.
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # what the callers set and read
# shellcheck source=tests/integration/lib_fault.sh
source "$root/tests/integration/lib_fault.sh"

declare -a process=() process_due=() link=() link_due=()
server_state=down server_due=0 settle_ms=0 kills=0 stops=0 cuts=0 server_kills=0
exec 9<> <(:)

netlab() { "$root/scripts/netlab" --name "$lab" "$@"; }

# here HOST COMMAND... - in place of this (background) shell, so that $! is its number; on HOST if there is a lab
here() {
    if [[ $lab ]]; then exec "$root/scripts/netlab" --name "$lab" exec "$1" -- "${@:2}"; else exec "${@:2}"; fi
}

clock() { now=${EPOCHREALTIME//[!0-9]/}; }
pause() { read -r -t "$1" -u 9; } # seconds; the events' own times, not a wait for something
draw() { drawn=$(($1 + (RANDOM * 32768 + RANDOM) % ($2 - $1 + 1))); } # FROM TO

# event WHAT [WHO] - is done
event() {
    clock
    echo "$now $*" >>events
}

# begin_server, begin_worker K - start it, or start it again; what they write is kept
begin_server() {
    [[ ! -e server.out ]] || cat server.out >>server.log
    : >server.out
    (here server0 env --default-signal=INT "$dynacomm" server --listen "$listen" --workers "$workers" --min-workers "$least" \
        --backup "$PWD/store" "${flags[@]}") >server.out 2>>server.err &
    server_pid=$!
    event server-up
    server_state=up
    seen "$server_pid" server.out 'listening on' || { cat server.err && return 1; }
}

begin_worker() {
    (here "edge$1" env --default-signal=INT "$darknet" classifier train "edge-$1.data" "$name.cfg" -dynacomm "$url" -dynacomm-rank "$1" \
        -dynacomm-patience 30m -threads 1 -seed 3 "${train[@]}") >>"worker-$1.out" 2>>"worker-$1.err" &
    worker_pid[$1]=$!
    process[$1]=up
    event start "$1"
}

# begin - the server and all workers, with nothing left of a run before; events begin when all of them train
begin() {
    local k
    rm -rf store backup-* worker-*.out worker-*.err server.err server.log server.out events progress ends
    flags=("$@") kills=0 stops=0 cuts=0 server_kills=0
    begin_server || return 1
    for ((k = 0; k < workers; k++)); do
        mkdir "backup-$k"
        : >"worker-$k.out"
        link[k]=up
        begin_worker "$k"
    done
    for ((k = 0; k < workers; k++)); do
        seen "${worker_pid[$k]}" "worker-$k.out" '^[0-9]*, ' || { cat "worker-$k.err" && return 1; }
    done
}

# calm ROUNDS - all that is on ends, who is dead is started, and every worker makes so many rounds; false if training stands still for 30 s
calm() {
    local k last
    heal
    [[ $server_state == up ]] || begin_server || return 1
    for ((k = 0; k < workers; k++)); do [[ ${process[k]} != dead ]] || begin_worker "$k"; done
    stood=0
    for ((k = 0; k < workers; k++)); do
        last=$(($(grep -c '^[0-9]*, ' "worker-$k.out") + $1))
        while (($(grep -c '^[0-9]*, ' "worker-$k.out") < last)); do
            pause .2
            watch
            ((stood < 30000000)) || return 1
        done
    done
}

# end_all SIGNAL - of those that are still there
end_all() {
    local pid
    for pid in $server_pid "${worker_pid[@]}"; do kill -"$1" "$pid" 2>/dev/null; done
    for pid in $server_pid "${worker_pid[@]}"; do wait "$pid" 2>/dev/null; done
    worker_pid=() server_pid=''
}

# tidy_up - nobody is left behind; what was written is kept if a check failed, for who looks for the fault
tidy_up() {
    end_all KILL
    if ((failures)); then echo "# what was written is kept in $work"; else rm -rf "$work"; fi
}

# share_data LIST DATA - edge-K.list and edge-K.data: each worker's share of the images of a list, and a data file like DATA for them
share_data() {
    local k
    for ((k = 0; k < workers; k++)); do
        awk -v n="$workers" -v k="$k" 'NR % n == k' "$1" >"edge-$k.list"
        sed "s#^train.*#train = $PWD/edge-$k.list#; s#^backup.*#backup = $PWD/backup-$k#" "$2" >"edge-$k.data"
    done
}

# replay WEIGHTS - the run made again from its log has these weights, to the last bit
replay() {
    "$darknet" classifier train edge-0.data "$name.cfg" -dynacomm-replay "store/$name.log" -data-of "$(data_of)" -quiet "${train[@]}" >replay.log 2>&1 ||
        not_ok "$what: replayed" "$(tail -n 3 replay.log)"
    check "$what: the weights are those of the replay, to the last bit" cmp "$1" "backup-0/${name}_replayed.weights"
}

# data_of - the workers' data, as a replay takes it
data_of() {
    local k of=''
    for ((k = 0; k < workers; k++)); do of+=",$k=edge-$k.data"; done
    echo "${of#,}"
}

# lives PID - it is there and has not ended; it may be stopped
lives() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) }
    [[ ${stat%% *} != [ZX] ]]
}

# highest - the round that the workers have come to
highest() { tail -qn 3 worker-*.out | awk '/^[0-9]+, / && $1 + 0 > most { most = $1 + 0 } END { print most + 0 }'; }

# live - how many machines can compute and be heard
count_live() {
    local k
    live=0
    for ((k = 0; k < workers; k++)); do
        [[ ${process[k]} == up && ${link[k]} == up ]] && live=$((live + 1))
    done
}

# ---- what happens -------------------------------------------------------------------------------------------------

kill_worker() {
    kill -KILL "${worker_pid[$1]}"
    wait "${worker_pid[$1]}" 2>/dev/null
    event kill "$1"
    process[$1]=dead kills=$((kills + 1))
    draw 0 "$dead_most_ms"
    process_due[$1]=$((now + drawn * 1000))
}

stop_worker() {
    kill -STOP "${worker_pid[$1]}"
    event stop "$1"
    process[$1]=stopped stops=$((stops + 1))
    draw 1000 "$stopped_most_ms"
    process_due[$1]=$((now + drawn * 1000))
}

cut_link() {
    netlab cut "edge$1"
    event cut "$1"
    link[$1]=cut cuts=$((cuts + 1))
    draw 1000 "$cut_most_ms"
    link_due[$1]=$((now + drawn * 1000))
}

join_link() {
    netlab join "edge$1"
    event join "$1"
    link[$1]=up
}

kill_server() {
    kill -KILL "$server_pid"
    wait "$server_pid" 2>/dev/null
    event server-kill
    server_state=down server_kills=$((server_kills + 1))
    draw 0 "$server_down_most_ms"
    server_due=$((now + drawn * 1000))
}

revive() {
    if [[ ${process[$1]} == dead ]]; then
        begin_worker "$1"
    else
        kill -CONT "${worker_pid[$1]}"
        process[$1]=up
        event go "$1"
    fi
}

# end_one - what is due longest ends; false: nothing is due
end_one() {
    local k due=$now what='' who
    for ((k = 0; k < workers; k++)); do
        if [[ ${process[k]} != up ]] && ((process_due[k] <= due)); then due=${process_due[k]} what=revive who=$k; fi
        if [[ ${link[k]} == cut ]] && ((link_due[k] <= due)); then due=${link_due[k]} what=join_link who=$k; fi
    done
    [[ $what ]] && "$what" "$who"
}

# begin_one - one of `kinds` (kill, stop, cut) to a machine that it can happen to
begin_one() {
    local try k kind
    for ((try = 0; try < 100; try++)); do
        k=$((RANDOM % workers)) kind=${kinds[RANDOM % ${#kinds[@]}]}
        case $kind in
        kill) [[ ${process[k]} != dead ]] && kill_worker "$k" && return ;;
        stop) [[ ${process[k]} == up ]] && stop_worker "$k" && return ;;
        cut) [[ ${link[k]} == up ]] && cut_link "$k" && return ;;
        esac
    done
}

# happen - one event: the server's if it is its turn (the command server_turn says so), the end of what is due, or something new
happen() {
    clock
    if [[ $server_state == down ]]; then
        ((now < server_due)) || { begin_server && return; }
    elif server_turn; then
        kill_server
        return
    fi
    end_one || begin_one
}

# heal - all ends that is on, but for the dead
heal() {
    local k
    for ((k = 0; k < workers; k++)); do
        [[ ${link[k]} == up ]] || join_link "$k"
        [[ ${process[k]} != stopped ]] || revive "$k"
    done
}

# look_after - a worker that ended by itself is noted in `ends` and started again; not one that has made all `rounds`
look_after() {
    local k status
    for ((k = 0; k < workers; k++)); do
        if [[ ${process[k]} != up ]] || lives "${worker_pid[$k]}"; then continue; fi
        [[ $server_state == down ]] || lives "$server_pid" || return # the run is over
        wait "${worker_pid[$k]}" 2>/dev/null
        status=$?
        if ((rounds && status == 0)); then
            process[k]=dead process_due[k]=$((now + 3600000000))
            continue
        fi
        echo "worker $k, status $status: $(tail -n 1 "worker-$k.err")" >>ends
        begin_worker "$k"
    done
}

# ---- what is seen -------------------------------------------------------------------------------------------------

size=0 moved=0 looked=0 longest=0 stood=0
# watch - adds up how long no round was made while enough machines lived; `stood` is that, since the last round
watch() {
    local before=$size s
    size=0
    for s in $(stat -c %s worker-*.out); do size=$((size + s)); done
    count_live
    clock
    if ((size != before || looked == 0)); then
        stood=0
    elif [[ $server_state == up ]] && ((live >= least)); then
        stood=$((stood + now - looked))
    fi
    looked=$now
    ((stood <= longest)) || longest=$stood
    echo "$now $(highest) $live $server_state" >>progress
}

# churn MORE LEAST_MS MOST_MS - an event every so many milliseconds for as long as the command MORE succeeds; false if training stands still
# for 30 s. With settle_ms an event waits up to so long for a round since the last one, if enough machines live: where they start slowly, nobody would
# ever be there.
churn() {
    local next wait_s since=0
    size=0 looked=0 longest=0 stood=0 live=$workers
    event begin "$(highest)"
    while "$1"; do
        draw "$2" "$3"
        next=$((now + drawn * 1000))
        while clock && ((now < next || (size == since && live >= least && now < next + settle_ms * 1000))); do
            printf -v wait_s '0.%06d' $((next - now > 500000 ? 500000 : next > now ? next - now : 200000))
            pause "$wait_s"
            watch
            ((stood < 30000000)) || return 1
        done
        "$1" || break
        since=$size
        happen
        look_after
    done
    event end "$(highest)"
}

# after - what must hold after a run: nobody ended by itself, nothing is left over
after() {
    local left
    if [[ -s ends ]]; then not_ok "$what: no worker ended by itself" "$(<ends)"; else ok "$what: no worker ended by itself"; fi
    left=$(leftovers)
    if [[ $left ]]; then not_ok "$what: nothing is left over" "$left"; else ok "$what: nothing is left over"; fi
}

# leftovers - files that are no part of a run, one a line (what a worker saves of its own is)
leftovers() {
    find store backup-* -type f | grep -vE "^store/$name(\.(backup|state|state-[0-9]+|log|barred)|_final\.weights)\$" |
        grep -vE "^backup-[0-9]+/(\.$name(-[0-9]+)?\.id|$name\.backup|$name(_[0-9]+|_replayed)?\.weights)\$"
}
