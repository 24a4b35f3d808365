#!/bin/bash
# A run on Fashion-MNIST that is stopped, all of it, and started again ends in the bits of one that was not: values,
# momentum, statistics and data order, for one and two workers; ended by -rounds, by Ctrl-C of the server, of a worker.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_exact.sh"
rounds=24
endless=1000000

"$root/scripts/fashion-data" data --edges 2 > /dev/null || { not_ok "Fashion-MNIST" "scripts/fashion-data failed"; finish; }
sed "s/^batch=.*/batch=16/;s/^max_batches=.*/max_batches=$endless/" "$root/cfg/fashion.cfg" > fashion.cfg

# start BACKUP WORKERS ROUNDS - a server and its workers as processes; worker 0's lines go to the pipe `lines`
start()
{
    local rank
    "$dynacomm" server --listen "ipc://$PWD/socket" --workers "$2" --backup "$1" --backup-every 10 --quiet > server.log 2>&1 &
    server=$!
    workers=()
    rm -f lines
    mkfifo lines
    for ((rank = 0; rank < $2; rank++)); do
        sed "s#^backup.*#backup = $PWD/worker-$rank#" "data/edge-$((rank + 1)).data" > "worker-$rank.data"
        env --default-signal=INT "$darknet" classifier train "worker-$rank.data" fashion.cfg -dynacomm "ipc://$PWD/socket" \
            -dynacomm-rank $rank -seed 11 -rounds "$3" > "$([ $rank -eq 0 ] && echo lines || echo worker-$rank.log)" 2> worker-$rank.err &
        workers+=($!)
    done
}

# ended - waits for all of them; the sum of their statuses
ended()
{
    local pid sum=0
    for pid in $server "${workers[@]}"; do
        wait "$pid"
        sum=$((sum + $?))
    done
    return $((sum > 0))
}

# whole BACKUP WORKERS ROUNDS - a run that nobody disturbs
whole()
{
    start "$@"
    cat lines > worker-0.log
    ended || { cat server.log worker-*.err; return 1; }
}

# cut BACKUP WORKERS WHO - an endless run; Ctrl-C for WHO (server or worker) once worker 0 has shown its ninth round
cut()
{
    start "$1" "$2" $endless
    { awk '/^9, /{exit}' && kill -INT "$([ "$3" = server ] && echo $server || echo "${workers[0]}")" && cat > /dev/null; } < lines
    ! ended
}

# round_of BACKUP - of its checkpoint: Darknet's header has the images seen behind three numbers
round_of()
{
    echo $(($(od -An -tu8 -j12 -N8 "$1/fashion.backup") / 16))
}

same_end()
{
    cmp "$1/fashion_final.weights" "$2/fashion_final.weights" && cmp "$1/fashion.state" "$2/fashion.state"
}

for n in 1 2; do
    check "$n: an undisturbed run" whole whole-$n $n $rounds
    check "$n: ended by -rounds 11" whole parts-$n $n 11
    check "$n: the end of a part is not the end of the whole" test -n "$(cmp whole-$n/fashion_final.weights parts-$n/fashion_final.weights)"
    check "$n: goes on to the end" whole parts-$n $n $rounds
    check "$n: after -rounds, the same bits" same_end whole-$n parts-$n
    for who in server worker; do
        at="Ctrl-C of the $who"
        check "$n: $at" cut cut-$who-$n $n $who
        check "$n: $at left a checkpoint, and no end" \
            test -s cut-$who-$n/fashion.state -a ! -e cut-$who-$n/fashion_final.weights
        stopped=$(round_of cut-$who-$n)
        check "$n: $at came after round 9: $stopped" test "$stopped" -ge 9
        check "$n: goes on from there" whole cut-$who-$n $n $((stopped + 7))
        check "$n: and first with round $((stopped + 1))" test "$(sed -n 's/^\([0-9]*\), .*/\1/p' worker-0.log | head -1)" = $((stopped + 1))
        check "$n: an undisturbed run as long" whole as-long-$who-$n $n $((stopped + 7))
        check "$n: after $at, the same bits" same_end as-long-$who-$n cut-$who-$n
    done
done
finish
