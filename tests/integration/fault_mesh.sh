#!/bin/bash
# A mesh, whose workers hold the model: what does not fit is refused with a line that says what to write instead; who is missing is waited
# for; with --on-loss end who is lost, worker or meeting server, ends the run everywhere, and what was saved is resumed; a cut is survived.
. "$(dirname "$0")/lib_fault.sh"
classifier_data
classifier_cfg max_batches=0
sed -i 's/^filters=6/filters=200/' c.cfg # enough blocks for each to hold some
meet=mesh${url#ipc}
plain=$url

# Meeting servers that do not start.
no_start()
{
    what=$1
    "$dynacomm" server --mesh --listen "$url" --workers 2 "${@:3}" > server.out 2> server.err
    check "$what: status" test $? -eq 1
    said server.err "dynacomm server:" "$2"
}
no_start "a shard of a mesh" "the workers of a mesh hold its shards|--shard" --shard 1/2
no_start "with --first" "the workers of a mesh hold its shards|--first" --first "$url-1"
no_start "with keys" "a mesh|keys" --key no-such-file
no_start "with --on-loss drop" "of a mesh|without lost workers" --on-loss drop
no_start "with --balance" "a mesh|balanced" --balance
no_start "with --clip-norm" "a mesh|norms" --clip-norm 3
no_start "with --min-workers" "of a mesh|fewer workers" --min-workers 1
no_start "too many workers" "40 workers|at most 32" --workers 40

# alone NAME WORDS OPTION... - a worker that is refused
alone()
{
    what=$1
    worker 9 "${@:3}"
    ended worker "${worker_pid[9]}" 1
    said worker-9.err darknet: "$2"
}

# Who takes one for the other.
server --workers 1 --timeout 3
url=$meet alone "mesh:// at a plain server" "no mesh meets here|write tcp://" -dynacomm-rank 0 -rounds 1
alone "-dynacomm-listen without a mesh" "only a worker of a mesh listens" -dynacomm-rank 0 -dynacomm-listen "$url-9" -rounds 1
url=mesh://nowhere alone "an address that is none" "mesh://nowhere|mesh://HOST:PORT" -rounds 1
url=mesh://a:1,b:1 alone "two addresses" "mesh://HOST:PORT" -rounds 1
url=mesh:///$work/nobody alone "nobody is there" "nobody" -rounds 1
kill "$server_pid"
wait "$server_pid"
server --workers 2 --shard 1/2 --timeout 3
url=$meet alone "mesh:// at the first of two shards" "the first of 2 shards|write tcp://" -dynacomm-rank 0 -rounds 1
kill "$server_pid"
wait "$server_pid"

# A model that is too small.
what="a model of two blocks"
sed 's/^filters=200/filters=6/' c.cfg > small.cfg
server --mesh --workers 2 --timeout 3
url=$meet cfg=small.cfg worker 0 -rounds 3
seen "$server_pid" server.out 'waiting for 1 more'
url=$meet cfg=small.cfg worker 1 -rounds 3
ended "worker 0" "${worker_pid[0]}" 1
said worker-0.err darknet: "small has only 2 blocks|use one server"
kill "$server_pid"
wait "$server_pid"
ended "worker 1" "${worker_pid[1]}" 1

# A run that waits for its last worker, and to which others come who do not fit.
what="a mesh of two"
server --mesh --workers 2 --backup store --timeout 3
url=$meet worker 0 -rounds 12
seen "$server_pid" server.out 'a worker is here, with shard 1 of 2.*waiting for 1 more'
seen "${worker_pid[0]}" worker-0.err 'waiting for 1 more worker' || seen "${worker_pid[0]}" worker-0.out 'waiting for 1 more worker'
alone "tcp:// where a mesh meets" "a mesh meets here|mesh://" -dynacomm-rank 1 -rounds 12
url=$meet alone "two that claim one number" "rank 0 is taken|whose shard is at|(-dynacomm-rank)" -dynacomm-rank 0 -rounds 12
url=$meet alone "a number that is too high" "rank 5 does not exist" -dynacomm-rank 5 -rounds 12
what="a shard where a mesh meets"
"$dynacomm" server --listen "$url-9" --shard 2/3 --first "$url" --workers 2 > shard.out 2> shard.err
check "$what: status" test $? -eq 1
said shard.err "dynacomm server:" "where a mesh meets|--shard 1/3"
what="a mesh of two"
url=$meet worker 1 -rounds 12
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
server --workers 2 --backup whole --timeout 3
worker 0 -rounds 12
worker 1 -rounds 12
ended "one server" "$server_pid" 0
check "$what: one server's weights" cmp store/c_final.weights whole/c_final.weights
check "$what: one server's state" cmp store/c.state whole/c.state

# With --on-loss end another model ends it for all before it begins; the meeting server waits for others.
what="another model"
sed 's/^filters=200/filters=100/' c.cfg > other.cfg
rm -rf store
server --mesh --workers 2 --backup store --on-loss end --timeout 3
url=$meet worker 0 -rounds 3
seen "$server_pid" server.out 'waiting for 1 more'
url=$meet cfg=other.cfg worker 1 -rounds 3
wait "${worker_pid[0]}"
check "$what: worker 0 ends with 1" test $? -eq 1
wait "${worker_pid[1]}"
check "$what: worker 1 ends with 1" test $? -eq 1
what="$what, then the same"
url=$meet worker 0 -rounds 3
url=$meet worker 1 -rounds 3
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0

# Over TCP each worker listens on the interface that leads to the meeting server, or where it is said.
what="over TCP"
a=$(free_port) b=$(free_port)
rm -rf store
url=tcp://127.0.0.1:$a server --mesh --workers 2 --timeout 3
url=mesh://127.0.0.1:$a worker 0 -rounds 3
url=mesh://127.0.0.1:$a worker 1 -rounds 3 -dynacomm-listen "tcp://0.0.0.0:$b" -dynacomm-announce "tcp://localhost:$b"
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: a port of its own" grep -q "shard 1 of 2, at tcp://127.0.0.1:[0-9]*[1-9]" server.out
check "$what: what it says" grep -q "shard 2 of 2, at tcp://localhost:$b" server.out
url=$plain

# What comes to worker 1's shard goes through a program that breaks the first five of its connections.
proxy()
{
    perl -MIO::Socket::INET -MIO::Select -e '
        my ($port, $to) = @ARGV;
        my $cuts = 5;
        my $listener = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 16, ReuseAddr => 1) or die;
        my $all = IO::Select->new($listener);
        my (%peer, %bytes);
        $| = 1;
        while (my @ready = $all->can_read) {
            for my $h (@ready) {
                if ($h == $listener) {
                    my $a = $listener->accept or next;
                    my $b = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $to) or next;
                    ($peer{$a}, $peer{$b}, $bytes{$a}, $bytes{$b}) = ($b, $a, 0, 0);
                    $all->add($a, $b);
                    next;
                }
                my $other = $peer{$h} or next;
                my $n = sysread $h, my $data, 16384;
                my $cut = $n && $cuts > 0 && ($bytes{$h} += $n) > 20000;
                if (!$n || $cut) {
                    if ($cut) { $cuts--; print "cut\n" }
                    $all->remove($h, $other);
                    delete @peer{$h, $other};
                    close $h;
                    close $other;
                } else {
                    syswrite $other, $data;
                }
            }
        }' "$@" > cuts 2> proxy.err &
    worker_pid[proxy]=$!
}
what="connections that break"
a=$(free_port) b=$(free_port) c=$(free_port)
rm -rf store
proxy "$c" "$b"
url=tcp://127.0.0.1:$a server --mesh --workers 2 --backup store --on-loss end --timeout 20
url=mesh://127.0.0.1:$a worker 0 -rounds 200 -dynacomm-timeout 20
url=mesh://127.0.0.1:$a worker 1 -rounds 200 -dynacomm-timeout 20 -dynacomm-listen "tcp://127.0.0.1:$b" -dynacomm-announce "tcp://127.0.0.1:$c"
seen "$server_pid" server.out 'training c with'
url=mesh://127.0.0.1:$a alone "one too many" "the mesh trains already" -dynacomm-rank 1 -rounds 200
what="connections that break"
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
kill "${worker_pid[proxy]}"
wait "${worker_pid[proxy]}"
check "$what: five were broken" test "$(grep -c cut cuts)" -eq 5
rm -rf whole
url=$plain
server --workers 2 --backup whole --timeout 20
worker 0 -rounds 200
worker 1 -rounds 200
ended "one server" "$server_pid" 0
check "$what: one server's weights" cmp store/c_final.weights whole/c_final.weights

# With --on-loss end who is lost ends the run everywhere; all that was saved is gone on with.
lost()
{
    what="$1, $2"
    local pid last rank
    rm -rf store
    server --mesh --workers 3 --backup store --backup-every 3 --on-loss end --timeout 3
    for rank in 0 1 2; do url=$meet worker $rank; done
    seen "$server_pid" server.out 'saved round [1-9]' || not_ok "$what: runs" "$(cat server.err worker-*.err)"
    pid=${worker_pid[1]}
    [ "$1" = "worker 1" ] || pid=$server_pid
    kill "-$2" "$pid"
    for rank in 0 1 2; do
        wait "${worker_pid[$rank]}"
        check "$what: worker $rank ends" test $? -ne 0
    done
    [ "$1" = "worker 1" ] && said worker-0.err darknet: ""
    wait "$server_pid"
    check "$what: the meeting server ends" test $? -ne 0
    [ "$1" != "worker 1" ] || said server.err "dynacomm server:" ""
    last=$(last_saved)
    what="$what, then again"
    server --mesh --workers 3 --backup store --timeout 3
    for rank in 0 1 2; do url=$meet worker $rank -rounds $((last + 5)); done
    for rank in 0 1 2; do ended "worker $rank" "${worker_pid[$rank]}" 0; done
    ended server "$server_pid" 0
    check "$what: goes on from round $last" grep -q "resuming c at round $last " server.out
    check "$what: the end is saved" grep -q "saved round $((last + 5)) to store/c_final.weights" server.out
}
lost "worker 1" KILL
lost "the meeting server" KILL
lost "worker 1" INT
finish
