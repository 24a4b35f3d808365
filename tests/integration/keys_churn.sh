#!/bin/bash
# Keys under churn: a run goes on while workers and the server are killed and started again, members are expelled and others
# invited, some lie, and crowds that nobody invited are at its port. Nobody but members gets in, the server stays within its bounds, and
# the replay has the weights that were saved last, to the last bit. Each crowd comes once, each event at least twice; with CHURN_S= (make
# churn-keys) they go on for so many seconds, as drawn.
. "$(dirname "$0")/lib_crowd.sh"
. "$root/tests/integration/lib_churn.sh"
least=2      # workers
memory=16384 # KiB that the server may grow by
most=70      # descriptors more: 64 connections that wait at a time, a checkpoint's, and of members that come back
files=128    # descriptors that the server may have in all
classifier_data 120
classifier_cfg max_batches=0
public=$("$dynacomm" keygen server.key)
declare -A invitation=() member=()
names=0 lied=0

# starts_server, starts_member K - or start it again
starts_server()
{
    begin_server --workers 4 --min-workers $least --on-loss wait:2 --start-after 3 --backup store --backup-every 20 --timeout 20 --key server.key
    prlimit --pid "$server_pid" --nofile=$files: # what they hold must leave enough for checkpoints
    since=$SECONDS
}
starts_member() { begin_worker "$1" "${invitation[$1]}" c.data; }

# another - is invited: $k. any - one of the members: $k
another()
{
    k=$names
    names=$((names + 1))
    invitation[$k]=$(invite "cam-$k")
}
any()
{
    local all=("${!member[@]}")
    k=${all[RANDOM % ${#all[@]}]}
}

# within_bounds - this server, and what it has said about them
within_bounds()
{
    local grew=$(($(peak_KiB) - calm_KiB)) held=$(($(descriptors) - calm_files)) said_n
    said_n=$(grep -c 'closed before' server.out)
    [ $grew -le $memory ] && [ $held -le $most ] && [ "$said_n" -le $((3 + 3 * (SECONDS - since) / 60)) ] ||
        echo "$crowd_name: grew by $grew KiB, $held descriptors, $said_n lines" >> bounds
    [ $grew -le $worst_KiB ] || worst_KiB=$grew
    [ $held -le $worst_files ] || worst_files=$held
}

# turned_away K WORDS - its process ends, and says why
turned_away()
{
    ended "cam-$1" "${worker_pid[$1]}" 1
    unset "worker_pid[$1]"
    said "worker-$1.err" 'darknet: ' "$2"
    : > "worker-$1.err"
}

# all_move - each member ends a round: the run has all of them, and goes on without any one
all_move()
{
    local waited k moved
    local -A before=()
    for k in "${!member[@]}"; do before[$k]=$(wc -l < "worker-$k.out"); done
    for ((waited = 0; waited < 600; waited++)); do
        moved=yes
        for k in "${!member[@]}"; do [ "$(wc -l < "worker-$k.out")" -gt "${before[$k]}" ] || moved=; done
        [ -z "$moved" ] || return 0
        pause .1
    done
    not_ok "$what, $crowd_name: every member takes part" "$(tail -n 15 server.out)"
}

# ---- what happens ----

worker_dies()
{
    any
    kill -KILL "${worker_pid[$k]}"
    wait "${worker_pid[$k]}" 2> /dev/null
    starts_member "$k"
}

worker_stops()
{
    any
    kill -STOP "${worker_pid[$k]}"
    pause 1
    kill -CONT "${worker_pid[$k]}"
}

server_dies()
{
    within_bounds
    kill -KILL "$server_pid"
    wait "$server_pid" 2> /dev/null
    starts_server
}

# One is expelled, and comes again in vain; another takes its place.
members_change()
{
    all_move
    any
    : > "worker-$k.err"
    "$dynacomm" expel --key server.key "cam-$k" > out
    turned_away "$k" "does not know this worker's key"
    starts_member "$k"
    turned_away "$k" "does not know this worker's key"
    unset "member[$k]"
    another
    member[$k]=yes
    starts_member "$k"
}

# One says what no worker may, is put out, and comes again in vain.
member_lies()
{
    local kinds=(round twice beyond between many)
    another
    lies "frame ${kinds[RANDOM % 5]}" starts_member "$k"
    turned_away "$k" "this worker is kept out of the run"
    starts_member "$k"
    turned_away "$k" "this worker is kept out of the run"
    lied=$((lied + 1))
}

# ---- the run ----

crowds=("idle 2000" "half 2000" "half 2000 $public" "garbage 500" "hello 500" "huge 500" "huge 500 $public" "churn 2000" "half-join 200" "join 200")
events=(worker_dies server_dies members_change member_lies worker_stops server_dies worker_dies members_change member_lies worker_stops)
calm_KiB=0 calm_files=0 worst_KiB=0 worst_files=0 stuck=0
starts_server
for ((n = 0; n < 3; n++)); do
    another
    member[$k]=yes
    starts_member "$k"
done
seen "$server_pid" server.out 'saved round [1-9]' || not_ok "$what: begins" "$(cat server.out server.err)"
may_count
calm_KiB=$(peak_KiB) calm_files=$(descriptors)
echo "# in peace: $calm_KiB KiB, $calm_files descriptors"
end=$((SECONDS + ${CHURN_S:-0}))
for ((turn = 0; turn < 10 || SECONDS < end; turn++)); do
    crowd_kind=${crowds[turn]:-${crowds[RANDOM % 10]}}
    event=${events[turn]:-${events[RANDOM % 10]}}
    crowd_name="${crowd_kind/$public/with the server\'s key}, $event"
    # shellcheck disable=SC2086 # words
    crowd_begins $crowd_kind
    $event
    moves $least 9 || { not_ok "$what, $crowd_name: the run goes on" "$(tail -n 15 server.out)"; break; }
    within_bounds
    crowd_ends
    [[ $crowd_kind == *"$public" ]] || sed -n 's/^answer [0-9]* \(..*\)/\1/p' crowd.out >> heard
    for k in "${!member[@]}"; do # no member ends by itself
        alive "${worker_pid[$k]}" || { echo "cam-$k: $(tail -n 1 "worker-$k.err")" >> ends && starts_member "$k"; }
    done
done
check "$what: no member ended by itself in $turn turns" test ! -s ends || cat ends
check "$what: the server grew by at most $worst_KiB KiB and held at most $worst_files descriptors more, and was silent" test ! -s bounds || cat bounds

all_end
cat server.out >> server.log
check "$what: every checkpoint was written" test "$(grep -c 'cannot write\|not saved' server.log)" -eq 0
check "$what: nobody but members joined" test "$(grep -c ' joined' server.log)" -gt 0 -a "$(grep ' joined' server.log | grep -vcE '\(cam-[0-9]+\) joined')" -eq 0
check "$what: who lied was put out with one line each" test "$(grep -c 'and it is kept out' server.log)" -eq $lied
check "$what: who was not invited heard that it needs a key, and nothing else" test "$(sort -u heard | grep -c .)" -eq 1
check "$what: the list has who is left" test "$(grep -c '^cam-' members.txt)" -eq $((${#member[@]} + lied))
of=$("$dynacomm" log store/c.log | sed -n 's/^ *worker \([0-9]*\), id.*/\1=c.data/p' | sort -nu | paste -sd,)
replayed c.data "$of"
finish
