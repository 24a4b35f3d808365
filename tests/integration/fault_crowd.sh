#!/bin/bash
# Two thousand peers that nobody invited: a run with keys begins, goes on and ends with the weights that it makes alone, and
# the server holds at most 64 of them, in bounded memory, and says little. The same without keys, for those that need none.
. "$(dirname "$0")/lib_crowd.sh"

classifier_data
classifier_cfg
rounds=(-rounds 40)
most=66       # descriptors: 64 connections that wait at a time, and two of a checkpoint that may be under way
memory=16384  # KiB that the server may grow by
public=$("$dynacomm" keygen server.key)
invited=$(invite cam-1)
other=$(invite cam-2)

# trains KIND - a run of two members from start to end while the crowd is there; sets grew, held and lines
trains()
{
    local before=0
    SECONDS=0
    rm -rf store backup
    server --workers 2 --backup store --timeout 60 --key server.key
    may_count
    before=$(peak_KiB) files=$(descriptors)
    [ "$1" = alone ] || crowd_begins "$@"
    member 0 "$invited" "${rounds[@]}" -dynacomm-timeout 60
    member 1 "$other" "${rounds[@]}" -dynacomm-timeout 60
    seen "$server_pid" server.out 'all 2 are here' || not_ok "$what: the run begins" "$(cat server.err worker-*.err)"
    held=$(($(descriptors) - files)) grew=$(peak_KiB)
    ended "worker 0" "${worker_pid[0]}" 0
    ended "worker 1" "${worker_pid[1]}" 0
    [ "$1" = alone ] || crowd_ends
    wait "$server_pid"
    check "$what: the server ends as it should" test $? -eq 0
    grew=$((grew - before))
    lines=$(grep -c 'closed before' server.out)
}

what=alone
trains alone
sum=$(sha256sum < store/c_final.weights)
alone_grew=$grew
files_alone=$held

for attack in "idle 2000" "half 2000" "half 2000 $public" "garbage 500" "hello 500" "huge 500" "huge 500 $public" "churn 2000"; do
    what="${attack//$public/with the server\'s key}"
    # shellcheck disable=SC2086 # words
    trains $attack
    check "$what: the weights are those of the run alone" test "$(sha256sum < store/c_final.weights)" = "$sum"
    check "$what: the server holds at most 64 of them ($((held - files_alone)))" test $((held - files_alone)) -le $most
    check "$what: its memory grows by at most 16 MiB ($((grew - alone_grew)) KiB)" test $((grew - alone_grew)) -le $memory
    check "$what: at most three lines a minute about them ($lines)" test "$lines" -le $((3 + 3 * SECONDS / 60))
    check "$what: the log counts them" grep -qE '[0-9]+ connections? w.* closed before' server.out
    [[ $attack == *"$public" ]] || sed -n "s/^answer [0-9]* \(..*\)/\1/p" crowd.out > "heard.${attack%% *}"
done

# ---- what they hear ----

# hears FILE - the answers of a server that trains anything else, to all kinds of them
what="another server"
server --workers 5 --key server.key
for attack in "hello 64" "half 64" "garbage 64"; do
    # shellcheck disable=SC2086 # words
    crowd_begins $attack
    crowd_ends
    sed -n "s/^answer [0-9]* \(..*\)/\1/p" crowd.out > "hears.${attack%% *}"
    check "${attack%% *}: the same bytes from every server" cmp "heard.${attack%% *}" "hears.${attack%% *}"
done
check "a hello without a key is answered with 24 bytes that say so" grep -qx '44594e4347415445[0-9a-f]\{32\}' hears.hello
check "and nothing else is answered at all" test ! -s hears.half -a ! -s hears.garbage
kill -TERM "$server_pid"
wait "$server_pid"

# ---- without keys ----

what="an open server"
server --workers 2 --backup open --timeout 60 --insecure
before=$(peak_KiB)
worker 0 "${rounds[@]}" -dynacomm-timeout 60
worker 1 "${rounds[@]}" -dynacomm-timeout 60
seen "$server_pid" server.out 'all 2 are here' || not_ok "$what: the run begins" "$(cat server.err worker-*.err)"
crowd_begins half-join 500
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
crowd_ends
wait "$server_pid"
check "$what: the weights are those of the run alone" test "$(sha256sum < open/c_final.weights)" = "$sum"

what="an open server that waits"
for attack in "half-join 500" "join 500"; do
    server --workers 2 --insecure
    before=$(peak_KiB)
    # shellcheck disable=SC2086 # words
    crowd_begins $attack
    seen "$server_pid" server.out "$([ "${attack%% *}" = join ] && echo 'was refused' || echo listening)" ||
        not_ok "$what: $attack" "$(cat server.err)"
    crowd_ends
    grew=$(($(peak_KiB) - before))
    check "$what, $attack: its memory grows by at most 16 MiB ($grew KiB)" test $grew -le $memory
    lines=$(grep -cvE 'listening|insecure' server.out)
    check "$what, $attack: at most ten lines a minute ($lines)" test "$lines" -le 10
    kill -TERM "$server_pid"
    wait "$server_pid"
done
finish
