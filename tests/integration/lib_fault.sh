# lib_fault.sh - a server and workers as separate processes, and ways to hurt them; sourced, not run.
#
# Every process is awaited by its pid and every state by a line it writes: nothing here sleeps.
. "$(dirname "${BASH_SOURCE[0]}")/lib_front.sh"

url=ipc://$work/socket
server_pid=
declare -A worker_pid=()

# A test that gives up leaves nobody behind.
trap 'for pid in $server_pid "${worker_pid[@]}"; do kill -KILL "$pid" 2> /dev/null; done; rm -rf "$work"' EXIT

# server OPTION... - starts a server in the background: server.out, server.err, $server_pid
server()
{
    : > server.out # whoever waits for a line may look before the server does
    env --default-signal=INT "$dynacomm" server --listen "$url" "$@" > server.out 2> server.err &
    server_pid=$!
    seen "$server_pid" server.out 'listening on' || cat server.err
}

# worker RANK OPTION... - starts a worker: worker-RANK.out, worker-RANK.err, ${worker_pid[RANK]}
worker()
{
    local rank=$1
    shift
    : > "worker-$rank.out" # an earlier one's lines are not this one's
    env --default-signal=INT "$darknet" "${kind:-classifier}" train "${data:-c.data}" "${cfg:-c.cfg}" -dynacomm "$url" \
        -dynacomm-rank "$rank" -dynacomm-timeout 3 -kernels stock -threads 1 -seed 3 "$@" \
        > "worker-$rank.out" 2> "worker-$rank.err" &
    worker_pid[$rank]=$!
}

# lies LIE COMMAND... - a command that starts a worker: it sends what LIE says (tests/process/liar.c)
liar=$build/tests/liar
lies()
{
    local darknet=$liar
    [ -x "$liar" ] || { not_ok "$what: a worker that lies" "$liar is not built: make tests" && exit 1; }
    export LIE=$1
    "${@:2}"
    unset LIE
}

# lying RANK LIE OPTION... - as worker, but it lies
lying() { lies "$2" worker "$1" "${@:3}"; }

# free_port - one that nobody listens on, below those that the kernel gives out by itself
free_port()
{
    perl -MIO::Socket::INET -e 'for (1 .. 1000) { my $p = 15000 + int rand 17000;
        my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $p, Listen => 1) or next;
        print $p; exit }'
}

# seen PID FILE PATTERN - waits until the process has written a line; false if it ends without
seen()
{
    grep -q -m1 -- "$3" < <(exec tail -q -n +1 -s .05 --pid="$1" -f "$2")
}

# until_status FILTER - reads the status at $page once a second until jq's filter holds; false if the server goes first
until_status()
{
    local line
    while read -r line; do
        jq -e "$1" <<< "$line" > /dev/null && return 0
    done < <("$dynacomm" status "$page" --json --watch 2> /dev/null)
    return 1
}

# ended WHO PID STATUS - waits for a process and checks its exit status
ended()
{
    local status
    wait "$2"
    status=$?
    check "$what: $1 exits with $3" test "$status" -eq "$3"
}

# said FILE PREFIX WORDS - exactly one line with the prefix, holding each of the words (separated by |)
said()
{
    local word lines
    lines=$(grep -c -- "^$2" "$1")
    [ "$lines" -eq 1 ] || { not_ok "$what: one line in $1" "$lines: $(tail -c 600 "$1")"; return; }
    local IFS='|'
    for word in $3; do
        grep -- "^$2" "$1" | grep -qF -- "$word" || { not_ok "$what: $1 names '$word'" "$(tail -c 600 "$1")"; return; }
    done
    ok "$what: one line in $1: $(grep -- "^$2" "$1" | cut -c 1-150)"
}

# refused NAME WORDS COMMAND... - one line with the words, status 1
refused()
{
    local name=$1 words=$2 out status
    shift 2
    out=$("$@" 2>&1 > /dev/null)
    status=$?
    check "$what: $name: ${out:0:120}" test "$status" -eq 1 -a "$(wc -l <<< "$out")" -eq 1 -a -z "${out##*"$words"*}"
}

# last_saved - the round of the server's last checkpoint
last_saved()
{
    sed -n 's/.*saved round \([0-9]*\) to .*/\1/p' server.out | tail -n 1
}

# resumes ROUND - a new server and two workers go on from that round for five more, to the end
resumes()
{
    local last=$(($1 + 5))
    server --workers 2 --backup store --timeout 3
    worker 0 -rounds "$last"
    worker 1 -rounds "$last"
    what="$what, then again"
    ended "worker 0" "${worker_pid[0]}" 0
    ended "worker 1" "${worker_pid[1]}" 0
    ended server "$server_pid" 0
    check "$what: goes on from round $1" grep -q "resuming c at round $1 " server.out
    check "$what: the end is saved" grep -q "saved round $last to store/c_final.weights" server.out
}

# running OPTION... - a server with these options and two endless workers, a checkpoint behind them; who is lost ends the run
running()
{
    rm -rf store backup
    server --workers 2 --backup store --backup-every 3 --timeout 3 --on-loss end "$@"
    worker 0
    worker 1
    seen "$server_pid" server.out 'saved round [1-9]' || not_ok "$what: runs" "$(cat server.err worker-0.err worker-1.err)"
}

# link FAR NEAR DELAY - what connects to the port FAR goes to the port NEAR, so many seconds later, until $link_pid is killed
link_pid=
link()
{
    : > link.out
    perl -MIO::Socket::INET -MIO::Select -MTime::HiRes=time -e '
        my ($far, $near, $delay_s) = @ARGV;
        my $l = IO::Socket::INET->new(LocalAddr => "127.0.0.1:$far", Listen => 9, ReuseAddr => 1) or die;
        $| = 1; print "ready\n";
        my $s = IO::Select->new($l); my (%other, @queue);
        for (;;) {
            for my $c ($s->can_read(.005)) {
                if ($c == $l) {
                    my $in = $l->accept;
                    my $out = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$near") or do { close $in; next };
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
        }' "$1" "$2" "$3" > link.out &
    link_pid=$!
    worker_pid[link]=$link_pid # who is killed if the test gives up
    seen $link_pid link.out ready
}

same_weights() { check "$what: the same weights to the last bit" cmp store/c_final.weights undisturbed.weights; }

# replayed - the run made again from its log, on one machine, has its weights
replayed()
{
    rm -f backup/c_replayed.weights
    "$darknet" classifier train c.data c.cfg -dynacomm-replay store/c.log -data-of "${data_of:-0=c.data,1=c.data}" -kernels stock -threads 1 \
        -quiet > replay.log 2>&1 || not_ok "$what: replayed" "$(tail -n 3 replay.log; "$dynacomm" log store/c.log | tail -n 20)"
    check "$what: its replay has the same weights to the last bit" cmp store/c_final.weights backup/c_replayed.weights
}
