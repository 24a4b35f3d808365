#!/bin/bash
# Relays between a server and its workers: with one worker behind each relay the weights and the state are the plain server's, bit
# for bit; with several they are the same with every strategy, the replay's of the log, and the plain server's to float
# rounding; relays stand behind relays; a run is resumed with the same relays, with others, and without.
. "$(dirname "$0")/lib_fault.sh"
. "$root/tests/integration/lib_relay.sh"
classifier_data 60
for k in 0 1 2 3; do
    awk "NR % 4 == $k" train.list > "c$k.list"
    sed "s#^train.*#train = $PWD/c$k.list#" c.data > "c$k.data"
done

# at NAME RANK OPTION... - a worker with data of its own, behind a relay, or with '' at the server
at()
{
    data=c$2.data
    if [ -n "$1" ]; then behind "$@"; else worker "${@:2}"; fi
    data=
}

# Topologies: start their relays and workers, in no order that could matter.
pairs() # two relays with two workers each
{
    relay a "$url" 2
    relay b "$url" 2
    at b 3 "$@"
    at a 2 "$@"
    at b 1 "$@"
    at a 0 "$@"
}
singles() # a relay for each
{
    relay a "$url" 1
    relay b "$url" 1
    at a 1 "$@"
    at b 0 "$@"
}
nested() # worker 2 at the server; behind relay a worker 3, and relay b with workers 0 and 1
{
    relay a "$url" 3
    relay b "$url-a" 2
    at a 3 "$@"
    at b 1 "$@"
    at '' 2 "$@"
    at b 0 "$@"
}
plain()
{
    local k
    for ((k = 0; k < workers; k++)); do at '' "$k" "$@"; done
}

# train DIR TOPOLOGY ROUNDS STRATEGY - a run of $workers with its checkpoints in DIR
workers=4
serves=() # the server's further options
train()
{
    local relays=
    case $2 in pairs | singles | nested) relays='a b' ;; esac
    server --workers "$workers" --backup "$1" --backup-every 4 --timeout 20 "${serves[@]}"
    "$2" -rounds "$3" -dynacomm-strategy "$4"
    all_end 0 "$workers" $relays
}

# replayed DIR - the log, made again on one machine, has the run's weights
replayed()
{
    local of='' k
    for ((k = 0; k < workers; k++)); do of=$of${of:+,}$k=c$k.data; done
    rm -f backup/c_replayed.weights
    "$darknet" classifier train c0.data c.cfg -kernels stock -dynacomm-replay "$1/c.log" -data-of "$of" -quiet > replay.log 2>&1 ||
        cat replay.log
    check "$what: replayed, the same weights, bit for bit" cmp "$1/c_final.weights" backup/c_replayed.weights
}

# near A B - two files of weights agree to float rounding
near()
{
    perl -e 'local $/; my @w = map { open my $f, "<:raw", $_ or die; my $b = <$f>; [unpack("f<*", substr($b, 20))] } @ARGV;
        my ($most, $size) = (0, 0);
        for my $i (0 .. $#{$w[0]}) {
            my $d = abs($w[0][$i] - $w[1][$i]);
            $most = $d if $d > $most;
            $size = abs($w[0][$i]) if abs($w[0][$i]) > $size;
        }
        exit !(@{$w[0]} == @{$w[1]} && $size > 0 && $most < 1e-4 * $size)' "$1" "$2"
}

classifier_cfg
workers=2
for strategy in sequential duplex; do
    what="one worker behind each relay, $strategy"
    train one-$strategy singles 9 "$strategy"
done
what="plain"
train one plain 9 duplex
for strategy in sequential duplex; do
    what="one worker behind each relay, $strategy"
    check "$what: the plain server's weights" cmp one/c_final.weights "one-$strategy/c_final.weights"
    check "$what: the plain server's state" cmp one/c.state "one-$strategy/c.state"
done
what="one worker behind each relay, duplex"
replayed one-duplex

workers=4
for strategy in sequential layerwise ibatch dynacomm duplex; do
    what="two relays, two workers each, $strategy"
    train pairs-$strategy pairs 9 "$strategy"
    check "$what: as with sequential" cmp pairs-sequential/c_final.weights "pairs-$strategy/c_final.weights"
done
replayed pairs-duplex
check "$what: the log says who stands behind which relay" test "$("$dynacomm" log pairs-duplex/c.log | grep -c 'stands behind relay')" -eq 4
what="plain"
train four plain 9 duplex
check "two relays: the plain server's weights to float rounding" near four/c_final.weights pairs-duplex/c_final.weights
check "near is not equal to anything" eval '! near four/c_final.weights one/c_final.weights 2> /dev/null'

for strategy in dynacomm duplex; do
    what="a relay behind a relay, $strategy"
    train nested-$strategy nested 9 "$strategy"
    check "$what: as with dynacomm" cmp nested-dynacomm/c_final.weights "nested-$strategy/c_final.weights"
done
replayed nested-duplex
check "$what: the plain server's weights to float rounding" near four/c_final.weights nested-duplex/c_final.weights

# In two parts: the second with the same relays, and with others.
what="in two parts"
train parts pairs 5 duplex
cp -r parts others
train parts pairs 9 sequential
check "$what: the weights of one run" cmp parts/c_final.weights pairs-duplex/c_final.weights
replayed parts
what="other relays go on"
train others nested 9 duplex
train others plain 12 duplex
replayed others

# What a codec loses on the way down.
serves=(--codec exact/int8)
what="a codec down"
train coded nested 9 duplex
replayed coded
check "$what: other weights than without" eval '! cmp -s coded/c_final.weights nested-duplex/c_final.weights'
serves=()

classifier_cfg adam=1 learning_rate=0.001
what="Adam"
train adam pairs 7 duplex
train adam-nested nested 7 sequential
replayed adam
what="Adam, a relay behind a relay"
replayed adam-nested
what="one worker behind a relay, alone"
workers=1
classifier_cfg
train alone plain 7 duplex
server --workers 1 --backup alone-relay --backup-every 4 --timeout 20
relay a "$url" 1
at a 0 -rounds 7
all_end 0 1 a
check "$what: the plain server's weights" cmp alone/c_final.weights alone-relay/c_final.weights
replayed alone-relay
finish
