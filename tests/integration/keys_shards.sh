#!/bin/bash
# Keys with shards: who was invited to the first trains at all of them, to the bits of one server without keys; who has no key, another one, or
# was not taken by the first is refused at each of them with a line, and so is a shard without the server's key; who is expelled is out everywhere.
# Mostly waits: for handshakes that come to nothing, and for a process that is stopped.
. "$(dirname "$0")/lib_keys.sh"
. "$root/tests/integration/lib_shards.sh"
classifier_data
classifier_cfg
second=tcp://127.0.0.1:$(free_port)
public=$("$dynacomm" keygen server.key)
other=$("$dynacomm" keygen other.key)
mkdir machine # the second shard's: a copy of the key is all that it has
cp -p server.key machine/

# second_shard OPTION... - starts shard 2 of 2
second_shard()
{
    : > shard-2.out
    env --default-signal=INT "$dynacomm" server --listen "$second" --shard 2/2 --first "$url" --workers 2 "$@" > shard-2.out 2> shard-2.err &
    shard_pid[2]=$!
    worker_pid["shard 2"]=$!
}

# alone NAME WORDS LINE OPTION... - a worker that is refused with one line
alone()
{
    what=$1
    member 1 "$3" -rounds 12 "${@:4}"
    ended "the worker" "${worker_pid[1]}" 1
    said worker-1.err darknet: "$2"
}

# rogue NAME WORDS OPTION... - a shard that is refused with one line
rogue()
{
    what=$1
    second_shard "${@:3}"
    ended "the shard" "${shard_pid[2]}" 1
    said shard-2.err "dynacomm server:" "$2"
}

what="one server without keys"
server --workers 2 --backup plain
worker 0 -rounds 12
worker 1 -rounds 12
ended server "$server_pid" 0

what="shards with keys"
one=$(invite cam-1)
two=$(invite cam-2)
shard 1 2 --workers 2 --backup sealed --key server.key
seen "${shard_pid[1]}" shard-1.out 'listening on'
rogue "a shard without a key" "has a key, and this shard has none"
started_ms=$(date +%s%3N)
rogue "a shard with another key" "does not have this shard's key" --key other.key
took_ms=$(($(date +%s%3N) - started_ms))
check "$what: at once, not after the 3 s of a worker ($took_ms ms)" test "$took_ms" -lt 2000
rogue "a shard with a list of members" "first shard alone has a list of members|--members" --key machine/server.key --members members.txt
second_shard --key machine/server.key
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
for at in "$url" "$second"; do
    alone "no key, at $at" "takes only workers with a key" "$at"
    alone "another server's key, at $at" "does not have the key that the invitation names" "dynacomm:cam-1@${at#tcp://}/$other" -dynacomm-key a.key
done
alone "a key that nobody knows, at the first" "does not know this worker's key" "dynacomm:cam-1@${url#tcp://}/$public" -dynacomm-key a.key
alone "a key that nobody knows, at the second" "takes only workers that the first shard has taken" "dynacomm:cam-1@${second#tcp://}/$public" -dynacomm-key a.key
alone "an invitation, at the second" "takes only workers that the first shard has taken" "${two/${url#tcp://}/${second#tcp://}}"
what="shards with keys"
check "$what: no invitation is used up there" test ! -e machine/members.txt -a ! -e machine/server.key.invitations
member 0 "$one" -rounds 12
member 1 "$two" -rounds 12
all_ended 2 0
check "$what: the plain server's weights" cmp plain/c_final.weights sealed/c_final.weights
check "$what: the second names its members" grep -q 'worker 1 (cam-2) joined' shard-2.out

what="shards with keys, a worker killed and back"
shard 1 2 --workers 2 --backup sealed-back --backup-every 3 --key server.key
second_shard --key machine/server.key
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
member 0 "$one" -rounds 12 -dynacomm-timeout 60
member 1 "$two" -rounds 100000
seen "${worker_pid[1]}" worker-1.out '^3, '
kill -KILL "${worker_pid[1]}"
wait "${worker_pid[1]}" 2> /dev/null
member 1 "$two" -rounds 12 -dynacomm-timeout 60
all_ended 2 0
check "$what: it was back at the second" grep -q 'worker 1 is back, and goes on from round' shard-2.out
check "$what: the plain server's weights" cmp plain/c_final.weights sealed-back/c_final.weights

what="shards with keys, a worker killed that is not waited for, and back"
shard 1 2 --workers 2 --min-workers 1 --on-loss drop --backup store --key server.key
second_shard --key machine/server.key
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
member 0 "$one" -rounds 120 -dynacomm-timeout 60
member 1 "$two" -rounds 120
seen "${worker_pid[1]}" worker-1.out '^3, '
killed 1
seen "${shard_pid[1]}" shard-1.out 'goes on without worker 1'
kill -STOP "${worker_pid[0]}" # it has rounds left
member 1 "$two" -rounds 120 -dynacomm-timeout 60
grep -m 2 'worker 1 (cam-2) joined' > joined.out < <(exec tail -q -n +1 -s .05 --pid="${shard_pid[1]}" -f shard-1.out)
kill -CONT "${worker_pid[0]}"
all_ended 2 0
check "$what: it took part again" grep -q 'takes part from round' shard-2.out
replayed

what="shards with keys, each killed and started again"
begin_first()
{
    shard 1 2 --workers 2 --backup sealed-again --backup-every 3 --key server.key
}
for k in 1 2; do
    rm -rf sealed-again
    begin_first
    second_shard --key machine/server.key
    seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
    member 0 "$one" -rounds 12 -dynacomm-timeout 60
    member 1 "$two" -rounds 12 -dynacomm-timeout 60
    seen "${worker_pid[1]}" worker-1.out '^4, '
    kill -STOP "${worker_pid[0]}" # it has rounds left
    kill -KILL "${shard_pid[$k]}"
    wait "${shard_pid[$k]}" 2> /dev/null
    if [ $k -eq 1 ]; then begin_first; else second_shard --key machine/server.key; fi
    kill -CONT "${worker_pid[0]}"
    all_ended 2 0
    check "$what: shard $k: the plain server's weights" cmp plain/c_final.weights sealed-again/c_final.weights
done

what="shards with keys and a codec"
server --workers 2 --backup plain-coded --codec topk:0.1/int8
worker 0 -rounds 12
worker 1 -rounds 12
ended server "$server_pid" 0
shard 1 2 --workers 2 --backup sealed-coded --key server.key --codec topk:0.1/int8
second_shard --key machine/server.key --codec topk:0.1/int8
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
member 0 "$one" -rounds 12
member 1 "$two" -rounds 12
all_ended 2 0
check "$what: the plain server's weights" cmp plain-coded/c_final.weights sealed-coded/c_final.weights

what="expelled while it trains"
shard 1 2 --workers 2 --key server.key
second_shard --key machine/server.key
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
member 0 "$one" -rounds 100000 -dynacomm-timeout 30
member 1 "$two" -rounds 100000
seen "${shard_pid[2]}" shard-2.out 'training c with 2 workers'
kill -STOP "${worker_pid[1]}" # it says nothing itself
"$dynacomm" expel --key server.key cam-2 > out
ended "shard 1" "${shard_pid[1]}" 1
ended "shard 2" "${shard_pid[2]}" 1
kill -CONT "${worker_pid[1]}"
ended "worker 0" "${worker_pid[0]}" 1
ended "worker 1" "${worker_pid[1]}" 1
check "$what: the first shard's line" grep -q 'cam-2) was expelled' shard-1.err
check "$what: the second shard's line" grep -q 'the first shard ended the run: .*cam-2) was expelled' shard-2.err

what="expelled before the run"
shard 1 2 --workers 2 --key server.key
second_shard --key machine/server.key
seen "${shard_pid[1]}" shard-1.out 'shard 2 of 2 is here'
member 0 "$one" -rounds 12 -dynacomm-timeout 30
seen "${worker_pid[0]}" shard-2.out '(cam-1) joined'
kill -STOP "${worker_pid[0]}" # it says nothing itself
"$dynacomm" expel --key server.key cam-1 > out
seen "${shard_pid[2]}" shard-2.out 'worker 0 left before the start'
check "$what: the second shard ends its session" test $? -eq 0
kill -CONT "${worker_pid[0]}"
ended "the worker" "${worker_pid[0]}" 1
said worker-0.err darknet: "does not know this worker's key"
kill "${shard_pid[@]}"
wait
finish
