#!/bin/bash
# Keys with relays: a relay is invited as a worker is, and has a key and members of its own for the workers behind it; they train to the bits of
# one server without keys. Who has no key or another one is refused at either with a line; who is expelled at either is out.
# Mostly waits: for handshakes that come to nothing.
. "$(dirname "$0")/lib_keys.sh"
classifier_data
classifier_cfg
site=127.0.0.1:$(free_port)
"$dynacomm" keygen server.key > /dev/null
mkdir site
site_public=$("$dynacomm" keygen site/site.key)

behind=1

# relay OPTION... - starts the site's relay for $behind workers
relay()
{
    : > relay.out
    env --default-signal=INT "$dynacomm" relay --listen "tcp://$site" --workers "$behind" --patience 2s "$@" > relay.out 2> relay.err &
    relay_pid=$!
    worker_pid[relay]=$relay_pid # who is killed if the test gives up
}

# keyed - the site's relay, with an invitation from the server and keys for its workers
keyed()
{
    relay --parent "$up" --key site/site.key
    seen "$relay_pid" relay.out 'the parent at .* has a place for them' || cat relay.err
}

# no_relay NAME WORDS OPTION... - a relay that ends with one line
no_relay()
{
    what=$1
    relay "${@:3}"
    ended "the relay" "$relay_pid" 1
    said relay.err "dynacomm relay:" "$2"
}

# alone NAME WORDS LINE OPTION... - a worker that is refused with one line
alone()
{
    what=$1
    member 1 "$3" -rounds 12 "${@:4}"
    ended "the worker" "${worker_pid[1]}" 1
    said worker-1.err darknet: "$2"
}

# behind NAME - an invitation to the relay
behind()
{
    "$dynacomm" invite --key site/site.key --address "$site" "$1"
}

what="one server without keys"
server --workers 2 --backup plain
for k in 0 1; do
    worker $k -rounds 12
done
ended server "$server_pid" 0

what="a relay with keys"
up=$(invite site-1)
one=$(behind cam-1)
two=$(behind cam-2)
three=$(invite cam-3)
server --workers 2 --backup sealed --key server.key
no_relay "a relay without an invitation" "takes only who has a key|--parent" --parent "$url" --insecure
no_relay "a relay with half an invitation" "no whole invitation|--parent" --parent "${up%/*}" --insecure
no_relay "a relay that nobody invited" "does not know this worker's key" --parent "${up%/*/*}" --parent-key a.key --key site/site.key
no_relay "a relay with members and no key" "needs the relay's key|--key" --parent "$up" --members members.txt
no_relay "a relay with a key and no invitation" "needs an invitation|--parent-key" --parent "$url" --parent-key a.key
keyed
alone "no key, behind the relay" "takes only workers with a key" "tcp://$site"
alone "a key that nobody knows, behind the relay" "does not know this worker's key" "dynacomm:cam-1@$site/$site_public" -dynacomm-key a.key
alone "an invitation of the server's, behind the relay" "does not have the key that the invitation names" "${three/${url#tcp://}/$site}" -dynacomm-key b.key
alone "an invitation of the relay's, at the server" "does not have the key that the invitation names" "${one/$site/${url#tcp://}}" -dynacomm-key c.key
what="a relay with keys"
member 0 "$one" -rounds 12
member 1 "$three" -rounds 12
for k in 0 1; do
    ended "worker $k" "${worker_pid[$k]}" 0
done
ended "the relay" "$relay_pid" 0
ended server "$server_pid" 0
check "$what: the plain server's weights" cmp plain/c_final.weights sealed/c_final.weights
check "$what: the server has its worker under its name" grep -q 'worker 0 (site-1) joined' server.out
check "$what: the relay is a member" grep -q '^site-1 ' members.txt
check "$what: its worker is its member" grep -q '^cam-1 ' site/members.txt
check "$what: no secret is in any line" bash -c '! grep -rF "$1" ./*.out ./*.err' _ "$(echo "$up" | cut -d/ -f3)"

what="one server without keys, longer"
server --workers 2 --backup longer
for k in 0 1; do
    worker $k -rounds 40
done
ended server "$server_pid" 0
what="a worker behind the relay is killed, then the relay, and both are back"
trained() { member "$1" "$2" -rounds 40 -dynacomm-timeout 60; }
server --workers 2 --backup kept --backup-every 5 --key server.key
keyed
trained 0 "$one"
trained 1 "$three"
seen "${worker_pid[0]}" worker-0.out '^13, '
kill -KILL "${worker_pid[0]}"
wait "${worker_pid[0]}" 2> /dev/null
seen "$server_pid" server.out 'the run goes back to round 1[05]'
trained 0 "$one"
seen "${worker_pid[0]}" worker-0.out '^23, '
kill -KILL "$relay_pid"
wait "$relay_pid" 2> /dev/null
keyed
for k in 0 1; do
    ended "worker $k" "${worker_pid[$k]}" 0
done
ended "the relay" "$relay_pid" 0
ended server "$server_pid" 0
check "$what: the plain server's weights" cmp longer/c_final.weights kept/c_final.weights

# trains - a run of three without an end
trains()
{
    server --workers 3 --key server.key
    keyed
    member 0 "$one" -rounds 100000 -dynacomm-timeout 30
    member 1 "$two" -rounds 100000 -dynacomm-timeout 30
    member 2 "$three" -rounds 100000 -dynacomm-timeout 30
    seen "$server_pid" server.out 'training c with 3 workers'
}

# all_out - everybody ends with status 1
all_out()
{
    local k
    for k in 0 1 2; do
        ended "worker $k" "${worker_pid[$k]}" 1
    done
    ended "the relay" "$relay_pid" 1
    ended server "$server_pid" 1
}

what="a worker is expelled at the relay"
behind=2
trains
check "$what: two workers have places under the relay's name" test "$(grep -c '(site-1) joined' server.out)" -eq 2
"$dynacomm" expel --key site/site.key cam-2 > out
all_out
said worker-1.err darknet: "does not know this worker's key"
check "$what: the relay's line" grep -q 'cam-2) was expelled' relay.err

what="the relay is expelled at the server"
two=$(behind cam-2)
trains
"$dynacomm" expel --key server.key site-1 > out
all_out
check "$what: the server's line" grep -q 'site-1) was expelled' server.err
said relay.err "dynacomm relay:" "does not know this worker's key"
finish
