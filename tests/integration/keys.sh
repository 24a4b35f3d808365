#!/bin/bash
# Keys: who was invited takes part and trains to the same bits as without keys; nobody else does, each with a line.
. "$(dirname "$0")/lib_keys.sh"

classifier_data
classifier_cfg
rounds=(-rounds 12)

# ---- files ----

what=files
public=$("$dynacomm" keygen server.key)
check "keygen prints the public key" grep -q "^public-key $public$" server.key
check "a key's file is its owner's alone" test "$(stat -c %a server.key)" = 600
"$dynacomm" keygen server.key > out 2> err
check "a key is never overwritten" grep -q 'server.key is there already' err
cp server.key open.key
chmod 640 open.key
"$dynacomm" server --listen "$url" --workers 1 --key open.key > out 2> err
check "a key that others may read is refused" grep -q 'open.key can be read by other users (mode 640): chmod 600 open.key' err
echo "no key" > none.key
chmod 600 none.key
"$dynacomm" server --listen "$url" --workers 1 --key none.key > out 2> err
check "what is no key is refused" grep -q 'none.key is not a key: make one with dynacomm keygen' err
echo "cam-1 short" > bad.txt
"$dynacomm" server --listen "$url" --workers 1 --key server.key --members bad.txt > out 2> err
check "a list of members with a mistake is refused" grep -q 'bad.txt line 1: after the name cam-1 comes a public key' err

# ---- without keys: this machine only ----

what=open
"$dynacomm" server --listen "tcp://0.0.0.0:$port" --workers 1 > out 2> err
check "without keys other machines are not served" grep -q 'other machines reach tcp://0.0.0.0:.* without a key .*: give --key FILE, or --insecure' err
(url=tcp://0.0.0.0:$port && server --workers 1 --insecure && kill -TERM "$server_pid" && wait "$server_pid")
check "--insecure says what it means" grep -q 'insecure: whoever reaches tcp://0.0.0.0:' server.out

# ---- the same bits ----

what="without keys"
server --workers 2 --backup plain
worker 0 "${rounds[@]}"
worker 1 "${rounds[@]}"
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
what="with keys"
one=$(invite cam-1)
two=$(invite cam-2)
check "an invitation is one line" test "$(echo "$one" | grep -c "^dynacomm:cam-1@127.0.0.1:$port/$public/")" -eq 1
server --workers 2 --backup sealed --key server.key
member 0 "$one" "${rounds[@]}"
member 1 "$two" "${rounds[@]}"
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "the same weights" cmp plain/c_final.weights sealed/c_final.weights
check "the edges are members" test "$(grep -cE '^cam-[12] [A-Za-z0-9_-]{43} ' members.txt)" -eq 2
check "the log names them" grep -q 'worker 0 (cam-1) joined' server.out
check "the edge's key is kept" test "$(stat -c %a config/dynacomm/cam-1-*.key)" = 600
check "no secret is in any line" bash -c '! grep -rF "$1" ./*.out ./*.err' _ "$(echo "$one" | cut -d/ -f3)"

# ---- who does not take part ----

# refused NAME WORDS LINE OPTION... - a worker that is refused with one line
refused()
{
    local name=$1 words=$2 line=$3
    shift 3
    what=$name
    member 0 "$line" "${rounds[@]}" "$@"
    ended "the worker" "${worker_pid[0]}" 1
    said worker-0.err darknet: "$words"
}

server --workers 2 --key server.key
what="a server's process"
check "$what gets no new privileges" grep -q '^NoNewPrivs:[[:space:]]1$' "/proc/$server_pid/status"
check "$what keeps its key in locked memory" grep -q '^VmLck:[[:space:]]*[1-9]' "/proc/$server_pid/status"
check "$what leaves no core file" test "$(prlimit --pid "$server_pid" --core --noheadings --output SOFT,HARD | xargs)" = "0 0"
refused "an invitation that was used, another key" 'this invitation was used before' "$one" -dynacomm-key other.key
refused "an unknown key" "does not know this worker's key" "${one%/*/*}" -dynacomm-key unknown.key
refused "another server's key" 'does not have the key that the invitation names' \
    "dynacomm:cam-1@127.0.0.1:$port/$("$dynacomm" keygen second.key)"
refused "no key" 'takes only workers with a key' "$url"
late=$(invite cam-3 --expires 1h)
sed -i "/^cam-3/s/ [0-9]*$/ $(($(date +%s) - 60))/" server.key.invitations
refused "an invitation that has expired" 'this invitation has expired' "$late"
old=$(invite cam-4)
invite cam-4 > new
refused "an invitation whose place a newer one took" 'knows no such invitation' "$old"
refused "half an invitation" 'this is no whole invitation' "${one%/*}"
what="expelled before"
"$dynacomm" expel --key server.key cam-2 > out
refused "a member that was expelled" "does not know this worker's key" "$two"
check "members lists who is left" test "$("$dynacomm" members --key server.key | awk '{print $1}' | xargs)" = "(the cam-1 cam-3 cam-4"

# ---- while it trains ----

what="expelled while it trains"
member 0 "$one" -rounds 100000
two=$(invite cam-2)
member 1 "$two" -rounds 100000
seen "$server_pid" server.out 'training c with 2 workers'
"$dynacomm" expel --key server.key cam-2 > out
ended "the member" "${worker_pid[1]}" 1
said worker-1.err darknet: "does not know this worker's key"
ended server "$server_pid" 1
check "$what: the server's line" grep -q 'cam-2) was expelled' server.err
wait "${worker_pid[0]}"
finish
