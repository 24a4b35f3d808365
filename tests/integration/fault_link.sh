#!/bin/bash
# A link between edge and cloud that goes silent for a while, and connections that are destroyed a hundred times: training goes
# on by itself, to the same bits. Prints the time lost, and tests none.
# Mostly waits: for links that are cut.
#
# Needs the right to make network namespaces; without it, it says that it was skipped and why (exit 77).
. "$(dirname "$0")/lib_fault.sh"
lab=link-$$
netlab() { "$root/scripts/netlab" --name "$lab" "$@"; }
on() { exec "$root/scripts/netlab" --name "$lab" exec "$@"; }
skip()
{
    echo "skip fault_link: $1"
    exit 77
}
for tool in ip tc ss; do
    command -v "$tool" > /dev/null || skip "'$tool' is missing: apt-get install iproute2"
done
unshare --net true 2> /dev/null || unshare --user --map-root-user --net true 2> /dev/null ||
    skip "this machine lets $(id -un) make no network namespaces"
netlab up --edges 2 --down 100mbit --up 100mbit --delay 5ms --while $$ > /dev/null || skip "the network lab did not start"
trap 'for pid in $server_pid "${worker_pid[@]}"; do kill -KILL "$pid" 2> /dev/null; done; netlab down; rm -rf "$work"' EXIT
classifier_data 60
classifier_cfg max_batches=0

# lab_run ROUNDS - a server and two workers, each on a host of its own, with the time-outs that users get
lab_run()
{
    local i
    rm -rf store
    : > server.out
    (on server0 -- "$dynacomm" server --listen tcp://0.0.0.0:7700 --insecure --workers 2 --on-loss wait:120 --backup store) > server.out 2> server.err &
    server_pid=$!
    seen "$server_pid" server.out 'listening on' || cat server.err
    for i in 0 1; do
        : > "worker-$i.out"
        (on "edge$i" -- "$darknet" classifier train c.data c.cfg -dynacomm tcp://server0:7700 -dynacomm-rank "$i" \
            -kernels stock -threads 1 -seed 3 -rounds "$1") > "worker-$i.out" 2> "worker-$i.err" &
        worker_pid[$i]=$!
    done
}

# lab_end - all end well; the weights are those of the undisturbed run
lab_end()
{
    ended "worker 0" "${worker_pid[0]}" 0
    ended "worker 1" "${worker_pid[1]}" 0
    ended server "$server_pid" 0
    if [ -e undisturbed.weights ]; then
        check "$what: the same weights to the last bit" cmp store/c_final.weights undisturbed.weights
    else
        check "$what: weights are saved" cp store/c_final.weights undisturbed.weights
    fi
}

round() { seen "${worker_pid[0]}" worker-0.out "^$1, "; }
now_ms() { date +%s%3N; }

rounds=300
what="an undisturbed run"
begin=$(now_ms)
lab_run $rounds
lab_end
undisturbed_ms=$(($(now_ms) - begin))

for cut in 5 12 60; do
    what="a link cut for $cut s"
    begin=$(now_ms)
    lab_run $rounds
    check "$what: training is under way" round 20
    netlab cut edge1
    sleep "$cut" # the event itself, not a wait for one
    netlab join edge1
    lab_end
    check "$what: the server says that it waits, and for whom" grep -q 'nothing heard from worker 1 for' server.out
    check "$what: the worker says that the server is back" grep -q 'is back after' worker-1.out worker-1.err
    echo "# $what: $(($(now_ms) - begin - undisturbed_ms - 1000 * cut)) ms lost beside the cut"
done

# port - the worker's end of its connection, once it has one other than $1
port()
{
    local at=$1
    while kill -0 "${worker_pid[1]}" 2> /dev/null; do
        at=$(netlab exec edge1 -- ss -Htn state established dport = :7700 | sed -n 's/.*:\([0-9]*\) *[^ ]*:7700.*/\1/p' | tail -n 1)
        [ -z "$at" ] || [ "$at" = "$1" ] || break
    done
    echo "$at"
}

what="a connection destroyed 100 times"
begin=$(now_ms)
lab_run 3000
check "$what: training is under way" round 20
was='' killed=0
while [ $killed -lt 100 ]; do
    is=$(port "$was")
    [ -n "$is" ] || break
    netlab exec edge1 -- ss -K dport = :7700 sport = ":$is" > /dev/null 2>&1
    # a kernel that destroys no connections answers with an empty list
    [ -z "$(netlab exec edge1 -- ss -Htn state established dport = :7700 sport = ":$is")" ] || break
    was=$is
    killed=$((killed + 1))
done
if [ $killed -eq 0 ]; then
    kill -INT "${worker_pid[@]}"
    wait "${worker_pid[@]}" "$server_pid"
    echo "skip $what: this kernel destroys no connections (CONFIG_INET_DIAG_DESTROY)"
else
    check "$what: it was" test $killed -eq 100
    rm undisturbed.weights
    lab_end
    echo "# $what: $(($(now_ms) - begin)) ms"
    what="as long a run, undisturbed"
    lab_run 3000
    lab_end
fi
finish
