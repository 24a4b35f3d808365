#!/bin/bash
# Relays that are started wrongly, find no parent, or make a loop; runs that relays do not go together with: one line each. With --on-loss end who
# is lost, worker, relay or server, ends the run everywhere, and what was saved is resumed; connections that break are made
# again, to the same weights.
# Mostly waits: for workers that try again to reach a relay that is gone.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_relay.sh"
classifier_data
classifier_cfg max_batches=0

# no_start NAME WORDS OPTION... - a relay that ends with one line
no_start()
{
    what=$1
    "$dynacomm" relay "${@:3}" > relay.out 2> relay.err
    check "$what: status" test $? -eq 1
    said relay.err "dynacomm relay:" "$2"
}
no_start "no parent" "--parent" --listen "$url-a" --workers 2
no_start "no address" "--listen" --parent "$url" --workers 2
no_start "no number" "--workers" --parent "$url" --listen "$url-a"
no_start "no workers" "--workers|1 to" --parent "$url" --listen "$url-a" --workers 0
no_start "a wrong parent" "nowhere|--parent" --parent nowhere --listen "$url-a" --workers 2
no_start "a wrong address" "nowhere|--listen" --parent "$url" --listen nowhere --workers 2
no_start "a wrong time" "--patience" --patience soon --parent "$url" --listen "$url-a" --workers 2
no_start "an unknown option" "--codec" --codec int8 --parent "$url" --listen "$url-a" --workers 2
no_start "other machines reach it" "tcp://0.0.0.0:1|--insecure" --parent "$url" --listen tcp://0.0.0.0:1 --workers 2
no_start "nobody listens, unix" "$url" --parent "$url" --listen "$url-a" --workers 2
port=$(free_port)
no_start "nobody listens, TCP" "tcp://127.0.0.1:$port" --parent "tcp://127.0.0.1:$port" --listen "$url-a" --workers 2
no_start "its own parent" "a loop of relays|$url-a" --parent "$url-a" --listen "$url-a" --workers 2

what="two relays, each the other's parent"
relay a "$url-b" 2 --patience 60s
relay b "$url-a" 2 --patience 60s
ended "relay a" "${relay_pid[a]}" 1
ended "relay b" "${relay_pid[b]}" 1
said relay-a.err "dynacomm relay:" "a loop of relays|--parent"
said relay-b.err "dynacomm relay:" "a loop of relays|--parent"

# Servers that take no relays.
no_relay()
{
    server --workers 3 "${@:3}"
    no_start "$1" "$2|relays do not go together" --parent "$url" --listen "$url-a" --workers 2
    kill "$server_pid"
    wait "$server_pid"
}
no_relay "--balance" "--balance" --balance
no_relay "--aggregate" "--aggregate" --aggregate median
no_relay "--clip-norm" "--clip-norm" --clip-norm 3
no_relay "--min-workers" "--min-workers" --min-workers 1
no_relay "--on-loss drop" "--on-loss" --on-loss drop
no_relay "shards" "shards" --shard 1/2

# refused_behind NAME WORDS OPTION... - worker 0 behind relay a is refused with a line
refused_behind()
{
    what=$1
    behind "${on:-a}" 0 "${@:3}"
    ended "the worker" "${worker_pid[0]}" 1
    said worker-0.err darknet: "$2"
}
what="a run that takes relays"
server --workers 2 --timeout 3
no_start "too many workers for the run" "for 3 workers|the run for 2" --parent "$url" --listen "$url-a" --workers 3
relay a "$url" 2
no_start "a relay for more than its parent" "for 2 workers|--workers" --parent "$url-a" --listen "$url-b" --workers 3
refused_behind "a codec" "relays|a codec that loses something on the way up|exact/int8" -dynacomm-codec int8
refused_behind "local steps" "relays|local steps" -dynacomm-local-steps 2
refused_behind "several addresses" "name that address alone" -dynacomm "$url-a,$url-b"
what="a relay that is stopped before the run"
kill -TERM "${relay_pid[a]}"
ended "the relay" "${relay_pid[a]}" 143
kill "$server_pid"
wait "$server_pid"
what="a run that takes relays"
server --workers 2 --timeout 3
relay a "$url" 2
behind a 0 -rounds 3
seen "${relay_pid[a]}" relay-a.out 'worker 0 joined; waiting for 1 more' || not_ok "$what" "$(cat relay-a.*)"
refused_worker()
{
    what=$1
    worker 1 -rounds 3
    ended "the worker" "${worker_pid[1]}" 1
    said worker-1.err darknet: "$2"
}
refused_worker "a worker in the place of one behind the relay" "with those that relays were started for, 3 workers"
what="a run that takes relays"
behind a 1 -rounds 3
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended "relay a" "${relay_pid[a]}" 0
ended server "$server_pid" 0
server --workers 3 --timeout 3
relay a "$url" 2
behind a 0
behind a 1
seen "${relay_pid[a]}" relay-a.out 'all 2 are here'
what="one worker too many"
behind a 2
ended "the worker" "${worker_pid[2]}" 1
said worker-2.err darknet: "the relay is for 2 workers"
what="a worker leaves before the start, and another takes its place"
kill -KILL "${worker_pid[1]}"
wait "${worker_pid[1]}"
seen "${relay_pid[a]}" relay-a.out 'worker 1 left before the start'
kill -INT "${worker_pid[0]}"
wait "${worker_pid[0]}"
seen "${relay_pid[a]}" relay-a.out 'worker 0 left before the start'
for k in 0 1 2; do
    name=a
    [ "$k" -ne 2 ] || { worker 2 -rounds 3; continue; }
    behind a "$k" -rounds 3
done
for k in 0 1 2; do ended "worker $k" "${worker_pid[$k]}" 0; done
ended "relay a" "${relay_pid[a]}" 0
ended server "$server_pid" 0

# Who is lost ends the run everywhere.
site() # a server for 3: worker 0 comes by itself, 1 and 2 behind a relay
{
    server --workers 3 --backup parts --backup-every 3 --timeout 3 --on-loss end
    relay a "$url" 2 --timeout 3
    worker 0 "$@"
    behind a 1 "$@"
    behind a 2 "$@"
}
lost()
{
    what="$1 is lost"
    local pid=$2 last k who
    rm -rf parts
    site
    case $1 in
    worker*) pid=${worker_pid[${1#worker }]} ;;
    relay*) pid=${relay_pid[a]} ;;
    server) pid=$server_pid ;;
    esac
    seen "$server_pid" server.out 'saved round [1-9]' || not_ok "$what: runs" "$(cat server.err relay-a.err worker-*.err)"
    kill -KILL "$pid"
    wait "$pid"
    for who in 0 1 2 relay server; do
        k=${worker_pid[$who]:-$server_pid}
        [ "$who" != relay ] || k=${relay_pid[a]}
        [ "$k" -ne "$pid" ] || continue
        wait "$k"
        check "$what: $who ends with 1" test $? -eq 1
    done
    [ "$1" = server ] || said server.err "dynacomm server:" "$2"
    [ "$1" = relay ] || said relay-a.err "dynacomm relay:" "$3"
    last=$(last_saved)
    what="$what, then again"
    site -rounds $((last + 5))
    for k in 0 1 2; do ended "worker $k" "${worker_pid[$k]}" 0; done
    ended "relay a" "${relay_pid[a]}" 0
    ended server "$server_pid" 0
    check "$what: goes on from round $last" grep -q "resuming c at round $last " server.out
    check "$what: the end is saved" grep -q "saved round $((last + 5)) to parts/c_final.weights" server.out
}
lost "worker 1" "worker 1|lost" "worker 1|lost"
lost "worker 2" "worker 2|lost" "worker 2|lost"
lost "worker 0" "worker 0" "worker 0"
lost relay "lost worker"
lost server "" "the parent at"
what="the relay is stopped"
rm -rf parts
site
seen "$server_pid" server.out 'saved round [1-9]'
kill -TERM "${relay_pid[a]}"
ended "the relay" "${relay_pid[a]}" 143
for k in 0 1 2; do ended "worker $k" "${worker_pid[$k]}" 1; done
ended server "$server_pid" 1
said server.err "dynacomm server:" "the relay was stopped"
rm -rf parts

# A worker that lies to the relay, which names it, and ends the run.
for lie in "nan 4" "frame round" "frame twice" "frame beyond" "frame between" "frame many"; do
    what="behind a relay, $lie"
    words="GRAD frame"
    [ "$lie" != "nan 4" ] || words="gradient of layer"
    server --workers 3 --timeout 3
    relay a "$url" 2 --timeout 3
    worker 0
    behind a 1
    url=$url-a lying 2 "$lie"
    for k in 0 1 2; do ended "worker $k" "${worker_pid[$k]}" 1; done
    ended "relay a" "${relay_pid[a]}" 1
    ended server "$server_pid" 1
    said server.err "dynacomm server:" "worker 2|$words"
    said relay-a.err "dynacomm relay:" "worker 2|$words"
    said worker-0.err darknet: "worker 2|$words"
done
what="a JOIN that lies, behind a relay"
server --workers 3 --timeout 3
relay a "$url" 2 --timeout 3
worker 0 -rounds 3
behind a 1 -rounds 3
seen "${relay_pid[a]}" relay-a.out 'worker 1 joined'
seen "$server_pid" server.out 'worker 0 joined'
for lie in "join model" "join cut" "join long"; do
    url=$url-a lying 2 "$lie"
    ended "who sends it ($lie)" "${worker_pid[2]}" 1
    said worker-2.err darknet: refused
done
behind a 2 -rounds 3
for k in 0 1 2; do ended "worker $k" "${worker_pid[$k]}" 0; done
ended "relay a" "${relay_pid[a]}" 0
ended server "$server_pid" 0

# Connections that break between relay and server, and between workers and relay.
cat > cutter.pl << 'E2'
# cutter.pl FROM TO - carries TCP connections, and closes all of them at each SIGUSR1
use strict; use warnings; use IO::Select; use IO::Socket::INET;
my ($from, $to) = @ARGV;
my $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $from, Listen => 64, ReuseAddr => 1) or die "$!";
my ($cut, %peer) = (0);
$SIG{USR1} = sub { $cut = 1 };
$SIG{PIPE} = "IGNORE";
my $select = IO::Select->new($listen);
$| = 1;
print "carries\n";
sub drop { for my $s ($_[0], delete $peer{$_[0]} // ()) { $select->remove($s); delete $peer{$s}; close $s } }
while (1) {
    my @ready = $select->can_read;
    if ($cut) {
        my @all = grep { $_ != $listen } $select->handles;
        for (@all) { $select->remove($_); close $_ }
        %peer = ();
        printf "closed %d\n", scalar @all;
        $cut = 0;
        next;
    }
    for my $s (@ready) {
        next unless $select->exists($s);
        if ($s == $listen) {
            my $c = $listen->accept or next;
            my $p = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $to) or do { close $c; next };
            ($peer{$c}, $peer{$p}) = ($p, $c);
            $select->add($c, $p);
        } else {
            my $n = sysread $s, my $bytes, 65536;
            if (!$n) { drop($s); next }
            my $at = 0;
            while ($at < $n) {
                my $put = syswrite $peer{$s}, $bytes, $n - $at, $at;
                if (!$put) { drop($s); last }
                $at += $put;
            }
        }
    }
}
E2
carry() # NAME FROM TO
{
    : > "cutter-$1.out"
    perl cutter.pl "$2" "$3" > "cutter-$1.out" 2> "cutter-$1.err" &
    worker_pid["cutter $1"]=$!
    seen "$!" "cutter-$1.out" carries
}
what="undisturbed"
server --workers 2 --backup whole --timeout 20
relay a "$url" 2
behind a 0 -rounds 60
behind a 1 -rounds 60
ended server "$server_pid" 0
for k in 0 1; do ended "worker $k" "${worker_pid[$k]}" 0; done
ended "relay a" "${relay_pid[a]}" 0
what="connections that break"
old=$url
cloud=$(free_port) above=$(free_port) site=$(free_port) below=$(free_port)
url=tcp://127.0.0.1:$cloud server --workers 2 --backup cut --timeout 20
carry above "$above" "$cloud"
env --default-signal=INT "$dynacomm" relay --parent "tcp://127.0.0.1:$above" --listen "tcp://127.0.0.1:$site" --workers 2 > relay-a.out 2> relay-a.err &
relay_pid[a]=$!
worker_pid["relay a"]=$!
seen "$!" relay-a.out 'a place for them'
carry below "$below" "$site"
url=tcp://127.0.0.1:$below
worker 0 -rounds 60 -dynacomm-timeout 20
worker 1 -rounds 60 -dynacomm-timeout 20
for round in 5 15 25 35 45; do
    seen "${worker_pid[0]}" worker-0.out "^$round, " || not_ok "$what: round $round" "$(cat worker-0.err relay-a.err server.err)"
    kill -USR1 "${worker_pid[cutter above]}" "${worker_pid[cutter below]}"
done
url=$old
for k in 0 1; do ended "worker $k" "${worker_pid[$k]}" 0; done
ended "relay a" "${relay_pid[a]}" 0
ended server "$server_pid" 0
check "$what: they did, above" test "$(grep -c '^closed [1-9]' cutter-above.out)" -ge 3
check "$what: they did, below" test "$(grep -c '^closed [1-9]' cutter-below.out)" -ge 3
check "$what: the same weights, bit for bit" cmp whole/c_final.weights cut/c_final.weights
for k in above below; do
    kill "${worker_pid[cutter $k]}"
    wait "${worker_pid[cutter $k]}"
done
finish
