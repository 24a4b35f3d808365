#!/bin/bash
# The end of a run, when a link breaks or machines die just then: the last rounds are saved, and a worker has not heard of it. When it can
# reach the server again, it ends well, and nobody else is started by hand.
. "$(dirname "$0")/lib_fault.sh"
classifier_data 60
classifier_cfg max_batches=0
rounds=2
port=$(free_port)
url=tcp://127.0.0.1:$port

far=$(free_port) # its user connects there: what is under way is lost when the link is killed

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
    link "$far" "$port" .3
    server --workers 2 --backup store "$@"
    worker 0 -rounds $rounds
    url=tcp://127.0.0.1:$far worker 1 -rounds $rounds -dynacomm-patience "${patience:-60s}"
    seen "$server_pid" server.out 'c_final.weights' || not_ok "$what: the end is saved" "$(cat server.out worker-*.err)"
}

has_the_end() { check "$what: it has the last weights" cmp store/c_final.weights "backup/c.weights"; }

what="a link that breaks as the run ends, and is back"
near_end
unlink_it
link "$far" "$port" .3
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
link "$far" "$port" .3
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
