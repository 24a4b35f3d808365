#!/bin/bash
# Workers that are killed, stopped or cut off in a run over shards, and come back: the round is held for them at all shards, nobody
# else is started by hand, and the weights are those of one server that nobody disturbed, to the last bit.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_shards.sh"
classifier_data 60
classifier_cfg max_batches=0
more='[convolutional]\nfilters=6\nsize=3\nstride=1\npad=1\nactivation=leaky\n\n'
sed -i "s/^\[maxpool\]/$more$more&/" c.cfg # four layers: as many shards can have one each
rounds=60
train=(-dynacomm-timeout 60)

# over N OPTION... - N shards for two workers, and both
over()
{
    local n=$1
    shift
    rm -rf store backup
    shards "$n" --workers 2 --backup store --backup-every 10 "$@"
    seen "${shard_pid[1]}" shard-1.out 'listening on'
    worker 0 -rounds $rounds "${train[@]}"
    worker 1 -rounds $rounds "${train[@]}"
}

# round RANK R - the worker has ended its round R
round() { seen "${worker_pid[$1]}" "worker-$1.out" "^$2, "; }

# killed RANK
killed()
{
    kill -KILL "${worker_pid[$1]}"
    wait "${worker_pid[$1]}" 2> /dev/null
}

# back RANK - it is killed, and started again when that was noticed at the first shard
back()
{
    killed "$1"
    seen "${shard_pid[1]}" shard-1.out "waiting for worker $1, lost\|the connection to worker $1 was closed; waiting for it"
    worker "$1" -rounds $rounds "${train[@]}"
}

same_weights() { check "$what: the same weights to the last bit" cmp store/c_final.weights undisturbed.weights; }

# replayed - the run made again from its log, on one machine, has its weights
replayed()
{
    rm -f backup/c_replayed.weights
    "$darknet" classifier train c.data c.cfg -dynacomm-replay store/c.log -data-of 0=c.data,1=c.data -kernels stock -threads 1 \
        -quiet > replay.log 2>&1 || not_ok "$what: replayed" "$(tail -n 3 replay.log; "$dynacomm" log store/c.log | tail -n 20)"
    check "$what: its replay has the same weights to the last bit" cmp store/c_final.weights backup/c_replayed.weights
}

what="one server, undisturbed"
rm -rf store backup
server --workers 2 --backup store --backup-every 10
worker 0 -rounds $rounds "${train[@]}"
worker 1 -rounds $rounds "${train[@]}"
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
cp store/c_final.weights undisturbed.weights

n=2
for strategy in sequential layerwise ibatch dynacomm duplex auto; do
    what="$strategy, $n shards: a worker killed, and back"
    train=(-dynacomm-timeout 60 -dynacomm-strategy $strategy)
    over "$n"
    round 0 8
    back 1
    all_ended "$n" 0
    check "$what: it was back" grep -q 'worker 1 is back, and goes on from round' shard-1.out
    check "$what: at the last shard, too" grep -q 'worker 1 is back, and goes on from round' "shard-$n.out"
    same_weights
    replayed
    n=$((n % 3 + 2))
done
train=(-dynacomm-timeout 60)

what="both workers killed, and back"
over 2
round 0 8
back 1
back 0
all_ended 2 0
same_weights
replayed

# As it comes: in the middle of a round, with some shards a round ahead of others.
what="a worker killed at many moments"
over 3
for ((at = 5; at <= 45; at += 8)); do
    round $((at % 2)) $at
    back $(((at / 8) % 2))
done
all_ended 3 0
same_weights
replayed

what="a worker stopped until nobody hears it"
over 2 --timeout 2
round 0 8
kill -STOP "${worker_pid[1]}"
seen "${shard_pid[1]}" shard-1.out 'lost worker 1 .*waiting for worker 1'
kill -CONT "${worker_pid[1]}"
all_ended 2 0
check "$what: it joined again" grep -q 'joining it again' worker-1.out worker-1.err
same_weights
replayed

# cut K - worker 1 cannot reach shard K of 2 any more, and the other one it can; then it can again
cut()
{
    what="a worker cut off from shard $1"
    local a b
    a=$(free_port) b=$(free_port)
    rm -rf store backup
    url=tcp://127.0.0.1:$a shard 1 2 --workers 2 --insecure --timeout 2 --backup store --backup-every 10
    url=tcp://127.0.0.1:$a
    "$dynacomm" server --listen "tcp://127.0.0.1:$b" --workers 2 --insecure --timeout 2 --shard 2/2 --first "$url" > shard-2.out 2> shard-2.err &
    shard_pid[2]=$!
    worker_pid["shard 2"]=$!
    near=$a far=$(free_port)
    [ "$1" -eq 1 ] || near=$b
    link "$far" "$near"
    worker 0 -rounds $rounds "${train[@]}"
    if [ "$1" -eq 1 ]; then a=$far; else b=$far; fi
    url=tcp://127.0.0.1:$a,tcp://127.0.0.1:$b worker 1 -rounds $rounds "${train[@]}"
    round 0 8
    kill -KILL "$link_pid"
    wait "$link_pid" 2> /dev/null
    seen "${shard_pid[1]}" shard-1.out 'lost worker 1 .*waiting for worker 1'
    link "$far" "$near"
    all_ended 2 0
    check "$what: it joined both again" grep -q 'joining it again' worker-1.out worker-1.err
    same_weights
    replayed
}

# link FAR NEAR - what connects to the port FAR goes to the port NEAR, until $link_pid is killed
link_pid=
link()
{
    : > link.out
    perl -MIO::Socket::INET -MIO::Select -e '
        my ($far, $near) = @ARGV;
        my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$far", Listen => 9, ReuseAddr => 1) or die;
        $| = 1; print "ready\n";
        my $s = IO::Select->new($l); my %other;
        for (;;) {
            for my $c ($s->can_read) {
                if ($c == $l) {
                    my $in = $l->accept;
                    my $out = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$near") or do { close $in; next };
                    $s->add($in, $out); @other{$in, $out} = ($out, $in);
                } elsif (sysread $c, my $bytes, 65536) {
                    my $to = $other{$c}; print $to $bytes; $to->flush
                } else {
                    shutdown $other{$c}, 1; $s->remove($c)
                }
            }
        }' "$1" "$2" > link.out &
    link_pid=$!
    worker_pid[link]=$link_pid # who is killed if the test gives up
    seen $link_pid link.out ready
}
ipc=$url
cut 1
cut 2
url=$ipc
kill -KILL "$link_pid"
wait "$link_pid" 2> /dev/null

what="a worker that is not back in time"
over 2 --on-loss wait:1
round 0 8
killed 1
ended "shard 1" "${shard_pid[1]}" 1
ended "shard 2" "${shard_pid[2]}" 1
ended "worker 0" "${worker_pid[0]}" 1
said shard-1.err "dynacomm server:" "worker 1 did not come back in time"
last=$(sed -n 's/.*saved round \([0-9]*\) to .*/\1/p' shard-1.out | tail -n 1)
what="$what, then again"
shards 2 --workers 2 --backup store
worker 0 -rounds $rounds "${train[@]}"
worker 1 -rounds $rounds "${train[@]}"
all_ended 2 0
check "$what: goes on from round $last" grep -q "resuming c at round $last " shard-1.out
same_weights
replayed
finish
