#!/bin/bash
# Workers, relays and servers that are killed in a run over relays, and started again: all go back to the last checkpoint, nobody else is
# started by hand, and the weights are those of the same run undisturbed, to the last bit.
# Mostly waits: for workers that come to their relay again.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_relay.sh"
classifier_data 60
classifier_cfg max_batches=0
rounds=40
train=(-dynacomm-timeout 60)
serve=()

served() { server --workers 3 --backup store --backup-every 10 "${serve[@]}"; }
relayed() { relay a "$url" 2 --patience 60s; }

# worker 0 comes by itself, 1 and 2 behind relay a
trainer()
{
    if [ "$1" -eq 0 ]; then worker 0 -rounds $rounds "${train[@]}"; else behind a "$1" -rounds $rounds "${train[@]}"; fi
}

site()
{
    local k
    rm -rf store backup
    served
    relayed
    for k in 0 1 2; do trainer $k; done
}

# killed PID
killed()
{
    kill -KILL "$1"
    wait "$1" 2> /dev/null
}

# round RANK R - the worker has ended its round R
round() { seen "${worker_pid[$1]}" "worker-$1.out" "^$2, "; }

# went_back - the server has said so
went_back() { seen "$server_pid" server.out 'the run goes back to round' || not_ok "$what: goes back" "$(tail -n 3 server.out server.err relay-a.out relay-a.err)"; }

same_weights() { check "$what: the weights are those of the run undisturbed" cmp -s store/c_final.weights undisturbed.weights; }


what="undisturbed"
site
all_end 0 3 a
cp store/c_final.weights undisturbed.weights
check "$what: the server says what happens with who is lost" grep -q 'when a worker or a relay is lost, all go back to the last checkpoint' server.out

for strategy in duplex dynacomm sequential; do
    train=(-dynacomm-timeout 60 -dynacomm-strategy $strategy)
    for k in 1 2 0; do
        what="$strategy: worker $k killed, and back"
        site
        round $k 13
        killed "${worker_pid[$k]}"
        went_back
        trainer $k
        all_end 0 3 a
        check "$what: from the last checkpoint on" grep -q 'the run goes back to round 10' server.out
        check "$what: the relay says so" grep -q 'all go back to the last checkpoint' relay-a.out
        same_weights
    done
done
train=(-dynacomm-timeout 60)

what="a worker killed before the first checkpoint"
site
round 1 3
killed "${worker_pid[1]}"
went_back
trainer 1
all_end 0 3 a
same_weights

what="the relay killed, and back"
site
round 2 23
killed "${relay_pid[a]}"
relayed
all_end 0 3 a
check "$what: the run went back" grep -q 'the run goes back to round [12]0' server.out
same_weights

what="the server killed, and back"
site
round 2 23
killed "$server_pid"
served
all_end 0 3 a
check "$what: the run went on from a checkpoint" grep -q 'resuming c at round [12]0' server.out
same_weights

what="all but a worker killed, one after the other, and back"
site
round 0 13
killed "${worker_pid[1]}"
went_back
killed "${relay_pid[a]}"
relayed
killed "$server_pid"
served
trainer 1
all_end 0 3 a
same_weights

what="killed again and again"
site
for at in 12 17 23 28 33; do
    round 2 $at
    killed "${worker_pid[$((at % 2 + 1))]}"
    went_back
    trainer $((at % 2 + 1))
done
all_end 0 3 a
same_weights

what="a relay behind a relay"
deep()
{
    relay b "$url-a" 2 --patience 60s
}
deeper()
{
    local k
    rm -rf store backup
    served
    relay a "$url" 3 --patience 60s
    deep
    behind a 0 -rounds $rounds "${train[@]}"
    for k in 1 2; do behind b $k -rounds $rounds "${train[@]}"; done
}
deeper
all_end 0 3 b a
cp store/c_final.weights deeper.weights
for lost in b a 2; do
    what="a relay behind a relay: $lost killed, and back"
    deeper
    round 0 13
    pid=${relay_pid[$lost]:-${worker_pid[2]}}
    killed "$pid"
    case $lost in
    a) relay a "$url" 3 --patience 60s ;;
    b) deep ;;
    2)
        went_back
        behind b 2 -rounds $rounds "${train[@]}"
        ;;
    esac
    all_end 0 3 b a
    check "$what: the run went back" grep -q 'the run goes back to round [123]*0' server.out
    check "$what: the weights are those of the run undisturbed" cmp -s store/c_final.weights deeper.weights
done

what="a worker stopped until nobody hears it"
serve=(--timeout 3)
rm -rf store backup
served
relay a "$url" 2 --patience 60s --timeout 3
for k in 0 1 2; do trainer $k; done
round 1 13
kill -STOP "${worker_pid[1]}"
went_back
kill -CONT "${worker_pid[1]}"
all_end 0 3 a
same_weights
serve=()

what="a codec down"
serve=(--codec exact/int8)
site
all_end 0 3 a
cp store/c_final.weights coded.weights
site
round 1 13
killed "${worker_pid[1]}"
went_back
trainer 1
all_end 0 3 a
check "$what: the weights are those of the run undisturbed" cmp -s store/c_final.weights coded.weights
serve=()

what="a worker that is interrupted ends the run"
site
round 1 13
kill -INT "${worker_pid[1]}"
ended "worker 1" "${worker_pid[1]}" 130
for k in 0 2; do ended "worker $k" "${worker_pid[$k]}" 1; done
ended "relay a" "${relay_pid[a]}" 1
ended server "$server_pid" 1
said server.err "dynacomm server:" "worker 1 left"

what="no backup"
rm -rf store backup
server --workers 3
relayed
for k in 0 1 2; do trainer $k; done
round 1 3
check "$what: the server says that the run ends" grep -q 'without --backup there is no checkpoint to go back to' server.out
killed "${worker_pid[2]}"
for k in 0 1; do ended "worker $k" "${worker_pid[$k]}" 1; done
ended "relay a" "${relay_pid[a]}" 1
ended server "$server_pid" 1
said server.err "dynacomm server:" "worker 2|lost"

what="the server is stopped"
site
round 1 13
kill -INT "$server_pid"
ended server "$server_pid" 130
for k in 0 1 2; do ended "worker $k" "${worker_pid[$k]}" 1; done
ended "relay a" "${relay_pid[a]}" 1
said relay-a.err "dynacomm relay:" "the server was stopped"

finish
