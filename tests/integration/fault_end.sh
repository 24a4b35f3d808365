#!/bin/bash
# The end of a run, when a link breaks or machines die just then: the last rounds are saved, and a worker has not heard of it. When it can
# reach the server again, it ends well, and nobody else is started by hand.
. "$(dirname "$0")/lib_fault.sh"
classifier_data 60
classifier_cfg max_batches=0
rounds=2
port=$(free_port)
url=tcp://127.0.0.1:$port

# A link with a delay, to which its user connects at $far: what is under way is lost when it is killed.
far=$(free_port)
link_pid=
link()
{
    : > link.out
    perl -MIO::Socket::INET -MIO::Select -MTime::HiRes=time -e '
        my ($near, $far, $delay_s) = @ARGV;
        my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$near", Listen => 9, ReuseAddr => 1) or die;
        $| = 1; print "ready\n";
        my $s = IO::Select->new($l); my (%other, @queue);
        for (;;) {
            for my $c ($s->can_read(.005)) {
                if ($c == $l) {
                    my $in = $l->accept;
                    my $out = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$far") or do { close $in; next };
                    $s->add($in, $out); @other{$in, $out} = ($out, $in);
                } elsif (sysread $c, my $bytes, 65536) {
                    push @queue, [time + $delay_s, $other{$c}, $bytes];
                } else {
                    push @queue, [time + $delay_s, $other{$c}]; $s->remove($c);
                }
            }
            while (@queue && $queue[0][0] <= time) {
                my ($at, $to, $bytes) = @{shift @queue};
                if (defined $bytes) { print $to $bytes; $to->flush } else { shutdown $to, 1 }
            }
        }' "$far" "$port" .3 > link.out &
    link_pid=$!
    seen $link_pid link.out ready
}

unlink_it()
{
    kill -KILL "$link_pid"
    wait "$link_pid" 2> /dev/null
}
trap 'for pid in $link_pid $server_pid "${worker_pid[@]}"; do kill -KILL "$pid" 2> /dev/null; done; rm -rf "$work"' EXIT

# near_end SERVER-OPTION... - a run whose end is saved; worker 0 has heard of it, and what worker 1 is told is on its way
near_end()
{
    rm -rf store backup
    link
    server --workers 2 --backup store "$@"
    worker 0 -rounds $rounds
    url=tcp://127.0.0.1:$far worker 1 -rounds $rounds -dynacomm-patience "${patience:-60s}"
    seen "$server_pid" server.out 'c_final.weights' || not_ok "$what: the end is saved" "$(cat server.out worker-*.err)"
}

has_the_end() { check "$what: it has the last weights" cmp store/c_final.weights "backup/c.weights"; }

what="a link that breaks as the run ends, and is back"
near_end
unlink_it
link
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
has_the_end
unlink_it

what="a link that breaks as the run ends, and stays so"
patience=2s near_end
unlink_it
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 1
said worker-1.err 'darknet: the connection' 'could not be made again for 2 s|all rounds are done and their last values are here|start this worker again, and it ends well'
has_the_end
seen "$server_pid" server.out 'worker 1 has not heard that the run has ended, and is saved: waiting for it, [0-9]* s'
kill -INT "$server_pid"
ended server "$server_pid" 0

what="a link that breaks before the end, and is back when the server has gone"
rm -rf store backup
link
server --workers 2 --min-workers 1 --backup store --on-loss wait:1
worker 0 -rounds 30
url=tcp://127.0.0.1:$far worker 1 -rounds 30 -dynacomm-patience 3s
seen "${worker_pid[1]}" worker-1.out '^1, '
unlink_it
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
ended "worker 1" "${worker_pid[1]}" 1
said worker-1.err 'darknet: round' 'could not be made again for 3 s|ended, without this worker|start this worker again, and it goes on, or gets the last weights'
rm -f backup/c.weights
server --workers 2 --min-workers 1 --backup store --on-loss wait:1
worker 1 -rounds 30
ended "worker 1, again" "${worker_pid[1]}" 0
has_the_end
kill -INT "$server_pid"
ended server "$server_pid" 0

what="a worker killed as the run ends, and started again"
near_end
unlink_it
kill -KILL "${worker_pid[1]}"
wait "${worker_pid[1]}" 2> /dev/null
rm backup/c.weights
worker 1 -rounds $rounds
ended "worker 1" "${worker_pid[1]}" 0
ended "worker 0" "${worker_pid[0]}" 0
ended server "$server_pid" 0
has_the_end

what="a worker and the server killed as the run ends, and started again"
near_end
ended "worker 0" "${worker_pid[0]}" 0
kill -KILL "$server_pid" "${worker_pid[1]}"
wait "$server_pid" "${worker_pid[1]}" 2> /dev/null
unlink_it
rm backup/c.weights
server --workers 2 --backup store --start-after 10
worker 1 -rounds $rounds
ended "worker 1" "${worker_pid[1]}" 0
check "$what: nobody else is waited for" grep -q "c has ended, with round $rounds: 1 worker has no rounds to do, and fetches its end" server.out
has_the_end
kill -INT "$server_pid"
ended server "$server_pid" 0
finish
