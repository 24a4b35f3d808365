#!/bin/bash
# What keeps a run from starting: one line that names it, a non-zero exit, nothing written.
. "$(dirname "$0")/lib_fault.sh"
classifier_data
classifier_cfg max_batches=0

# alone NAME WORDS - a worker that must fail without a run
alone()
{
    what=$1
    worker 0 "${@:3}"
    ended worker "${worker_pid[0]}" 1
    said worker-0.err darknet: "$2"
}

url=http://127.0.0.1:17760 alone "wrong URL" "http://127.0.0.1:17760|tcp://HOST:PORT"
url=tcp://127.0.0.1 alone "URL without a port" "no host or no port"
url=tcp://127.0.0.1:99999 alone "URL with an absurd port" "a port from 1 to"
url=tcp://127.0.0.1:17760 alone "no server" "no server answers at tcp://127.0.0.1:17760|waited 3 s|dynacomm server"
url=tcp://no-such-host.invalid:17760 alone "host unknown" "tcp://no-such-host.invalid:17760"

# A port that speaks something else.
what="another program's port"
: > other.out
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:17761", Listen => 9, ReuseAddr => 1) or die;
    $| = 1; print "ready\n"; while ($c = $s->accept) { print $c "220 mail\r\n"; push @all, $c }' > other.out &
other=$!
seen $other other.out ready
url=tcp://127.0.0.1:17761 alone "another program's port" "no server answers"
kill $other
wait $other 2> /dev/null

# Servers that cannot start.
refused_server()
{
    what=$1
    "$dynacomm" server "${@:3}" > server.out 2> server.err
    check "$what: status" test $? -eq 1
    said server.err "dynacomm server:" "$2"
}
: > other.out
perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:17763", Listen => 9, ReuseAddr => 1) or die;
    $| = 1; print "ready\n"; 1 while $s->accept' > other.out &
other=$!
seen $other other.out ready
refused_server "port taken" "tcp://127.0.0.1:17763 is taken" --listen tcp://127.0.0.1:17763 --workers 1
kill $other
wait $other 2> /dev/null
refused_server "address not ours" "cannot listen on" --insecure --listen tcp://192.0.2.1:17763 --workers 1
echo file > occupied
refused_server "backup is a file" "occupied|--backup" --listen "$url" --workers 1 --backup occupied
refused_server "backup cannot be made" "/proc/nowhere" --listen "$url" --workers 1 --backup /proc/nowhere
refused_server "no workers" "--workers" --listen "$url"
refused_server "too many workers" "256" --listen "$url" --workers 257

# Workers that do not fit the run; it goes on without noticing.
what="the run"
server --workers 2 --backup store --timeout 3
worker 0 -rounds 12
seen "$server_pid" server.out 'waiting for 1 more'
misfit()
{
    what=$1
    cp -r store before 2> /dev/null
    worker "${rank:-1}" "${@:3}"
    ended worker "${worker_pid[${rank:-1}]}" 1
    said "worker-${rank:-1}.err" darknet: "$2"
}
cp c.cfg good.cfg
sed 's/^filters=6/filters=7/' good.cfg > c.cfg
misfit "another cfg" "layer 0 (convolutional)|use the same cfg"
sed 's/^batch=8/batch=4/' good.cfg > c.cfg
misfit "another batch" "batch=4|batch=8"
sed 's/^momentum=.*/momentum=.5/' good.cfg > c.cfg
misfit "another momentum" "momentum"
sed 's/^learning_rate=.*/learning_rate=.5/' good.cfg > c.cfg
misfit "another learning rate" "learning_rate=0.5|start all workers alike"
sed 's/^policy=.*/policy=steps\nsteps=5\nscales=.1/' good.cfg > c.cfg
misfit "another policy" "start all workers alike"
cp good.cfg other.cfg
cfg=other.cfg misfit "another cfg's name" "'c' and this worker 'other'"
printf '[net]\nbatch=banana\n' > c.cfg
misfit "cfg that does not parse" "c.cfg|no layers"
cp good.cfg c.cfg
: > empty.list
sed 's/^train.*/train = empty.list/' c.data > empty.data
data=empty.data misfit "empty list" "empty.list|empty"
rank=7 misfit "rank that does not exist" "rank 7 does not exist"
cp worker-0.err worker-0.copy
rank=0
what="rank taken"
"$darknet" classifier train c.data c.cfg -dynacomm "$url" -dynacomm-rank 0 -dynacomm-timeout 3 > taken.out 2> taken.err
check "$what: status" test $? -eq 1
said taken.err darknet: "rank 0 is taken"
worker 1 -rounds 12
seen "$server_pid" server.out 'training c with 2 workers'
what="a worker too many"
"$darknet" classifier train c.data c.cfg -dynacomm "$url" -dynacomm-timeout 3 > taken.out 2> taken.err
check "$what: status" test $? -eq 1
check "$what: its line" grep -q '^darknet: .*\(--workers 3\|no server answers\)' taken.err
what="the run that all this happened to"
ended "worker 0" "${worker_pid[0]}" 0
ended "worker 1" "${worker_pid[1]}" 0
ended server "$server_pid" 0
check "$what: its end is saved" grep -q 'saved round 12 to store/c_final.weights' server.out
finish
