#!/usr/bin/env bash
# netlab.sh - the network lab does what it was asked: rates, delays, changes in mid-run, cuts, cleaning up.
#
# Needs the right to make network namespaces (root, or user namespaces), iperf3, ping and jq; without them it says SKIP and
# why (exit 77). As root it runs a second time as an ordinary user, beside what measures no rates here. Rates are goodput of 2 s of TCP; one that is not
# within 10 % is measured three more times and their median judged, for a busy machine can spoil a single run.
# shellcheck disable=SC2016 # Perl expands its own variables
# Runs alone: it measures the lab.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$root/build}
case $build in /*) ;; *) build=$root/$build ;; esac
export NETLAB_DELAYBOX=$build/delaybox
who=$(id -un)
lab=test-$$
failures=0
work=$(mktemp -d)
ordinary=''
trap '[ -z "$ordinary" ] || kill "$ordinary" 2>/dev/null; netlab down 2>/dev/null; rm -rf "$work"' EXIT

netlab() { "$root/scripts/netlab" --name "$lab" "$@"; }
on() { netlab exec "$1" -- "${@:2}"; }
ok() { echo "ok netlab ($who): $1"; }
not_ok() {
    echo "not ok netlab ($who): $1: $2"
    failures=$((failures + 1))
}
check() { if "${@:2}"; then ok "$1"; else not_ok "$1" "failed: ${*:2}"; fi; }
skip() {
    echo "SKIP netlab ($who): $1"
    exit 77
}

for tool in iperf3 ping jq tc ip bridge; do
    command -v "$tool" >/dev/null || skip "'$tool' is missing: apt-get install iperf3 iputils-ping jq iproute2"
done
[ -x "$NETLAB_DELAYBOX" ] || skip "$NETLAB_DELAYBOX is not built: make $NETLAB_DELAYBOX"
unshare --net true 2>/dev/null || unshare --user --map-root-user --net true 2>/dev/null ||
    skip "this machine lets $who make no network namespaces"

# ---- measuring ----------------------------------------------------------------------------------------------------

# goodput HOST [iperf3 options]: what the receiver got from (with -R: sent by) server0, in kbit/s
goodput() { on "$1" iperf3 -c server0 -t 2 -O 1 -J "${@:2}" | jq '.end.sum_received.bits_per_second / 1000 | floor'; }

within_tenth() { [ "$1" -ge $(($2 * 9 / 10)) ] && [ "$1" -le $(($2 * 11 / 10)) ]; }

# judge NAME KBIT COMMAND...: COMMAND prints a rate; if it is far off, the median of three more counts
judge() {
    local name=$1 asked=$2 got
    shift 2
    got=$("$@")
    if ! within_tenth "${got:-0}" "$asked"; then got=$(for _ in 1 2 3; do "$@"; done | sort -n | sed -n 2p); fi
    if within_tenth "${got:-0}" "$asked"; then
        ok "$name: asked $asked kbit/s, measured ${got}"
    else
        not_ok "$name" "asked $asked kbit/s, measured ${got:-nothing}"
    fi
}

# check_rate NAME KBIT HOST [iperf3 options]
check_rate() { judge "$1" "$2" goodput "${@:3}"; }

# check_rtt NAME MS FROM TO: the shortest of several; a busy machine can only lengthen it
check_rtt() {
    local got
    got=$(on "$3" ping -q -c 10 -i 0.05 "$4" | sed -n 's|.* = \([0-9.]*\)/.*|\1|p')
    if awk -v g="${got:-0}" -v a="$2" 'BEGIN { exit !(g >= a && g <= a * 1.1 + 0.5) }'; then
        ok "$1: asked $2 ms, measured $got"
    else
        not_ok "$1" "asked $2 ms, measured ${got:-nothing}"
    fi
}

answers() { on "$1" ping -q -c 1 -W 2 "$2" >/dev/null; }
silent() { ! answers "$@"; }
gone() { ! grep -q '^State:[^ZX]*$' "/proc/$1/status" 2>/dev/null; }

# Waits for a condition that another process brings about; fails after a generous number of looks.
eventually() {
    local looks
    for ((looks = 0; looks < 600; looks++)); do
        if "$@"; then return 0; fi
        sleep 0.05
    done
    return 1
}

refused() { # refused TEXT ARGUMENTS...: one line that contains TEXT, non-zero exit
    local output
    if output=$(netlab "${@:2}" 2>&1); then return 1; fi
    [ "$(wc -l <<<"$output")" = 1 ] && grep -qF -- "$1" <<<"$output"
}

# ---- the machine's own network, before ---------------------------------------------------------------------------

machine() {
    ip -br link
    ip route
    ip netns list
    grep -c netlab /proc/self/mountinfo
}
machine >"$work/before"

# ---- links --------------------------------------------------------------------------------------------------------

netlab up --edges 3 --down 100mbit --up 20mbit || exit 1
on server0 iperf3 -s >/dev/null 2>&1 &
server=$!
eventually answers edge0 server0
check "edges reach each other by name" answers edge0 edge2
check "/sys shows the host's interfaces" [ "$(on edge0 ls /sys/class/net | tr '\n' ' ')" = "eth0 lo " ]
check "exec keeps the directory" [ "$(cd "$work" && on edge0 pwd)" = "$work" ]
check "exec returns the command's status" [ "$(on edge0 sh -c 'exit 7' || echo $?)" = 7 ]
check_rate "down" 100000 edge0 -R
check_rate "up" 20000 edge0
netlab set edge1 --down 300mbit --up 300mbit --delay 10ms
check_rate "down behind a delay" 300000 edge1 -R
check_rate "up behind a delay" 300000 edge1
check_rtt "round trip of 10 ms one way" 20 edge1 server0
netlab set edge1 --delay 30ms/5ms
check_rtt "round trip of 30 ms down, 5 ms up" 35 edge1 server0
netlab set edge1 --delay 0
check_rtt "round trip of no delay" 0 edge1 server0
check_rate "a link left alone" 20000 edge2
netlab set edge2 --down none --up none
check "no limit is faster than any asked so far" [ "$(goodput edge2)" -gt 350000 ]

# A rate that changes while bytes flow: iperf3's own lines show when.
# From a fast link, whose queue holds packets larger than the slow one's burst.
# change_in_flight: kbit/s of the last second, --up set to 10mbit after the second line
change_in_flight() {
    local line count=0 last=0
    netlab set edge0 --up 300mbit
    while read -r line; do
        case $line in *' sec '*bits/sec*) ;; *) continue ;; esac
        case $line in *sender* | *receiver*) continue ;; esac
        count=$((count + 1))
        [ "$count" = 2 ] && netlab set edge0 --up 10mbit
        line=${line%% Kbits/sec*}
        last=${line##* }
    done < <(on edge0 iperf3 -c server0 -t 6 -f k --forceflush)
    echo "${last%.*}"
}
judge "a rate changes in mid-run" 10000 change_in_flight

# ---- the same without root: begins here, is looked at in the end ----------------------------------------------------

if [ "$(id -u)" = 0 ]; then
    as_ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups env -u XDG_RUNTIME_DIR HOME=/ "BUILD=$build")
    if ! "${as_ordinary[@]}" test -x "$NETLAB_DELAYBOX" || ! "${as_ordinary[@]}" test -r "${BASH_SOURCE[0]}"; then
        echo "SKIP netlab (without root): an ordinary user can't read this directory"
    elif ! "${as_ordinary[@]}" unshare --user --map-root-user --net true 2>/dev/null; then
        echo "SKIP netlab (without root): this kernel allows no user namespaces"
    else
        "${as_ordinary[@]}" bash "$root/tests/integration/netlab.sh" >"$work/ordinary" 2>&1 &
        ordinary=$!
    fi
fi

# ---- cuts ---------------------------------------------------------------------------------------------------------

netlab cut edge0
check "a cut link is silent" silent edge0 server0
check "a cut link leaves the others alone" answers edge1 server0
netlab set edge0 --delay 2ms
check "a delay set while cut does not join" silent edge0 server0
netlab join edge0
check "a joined link answers" answers edge0 server0
check_rtt "and has its delay" 4 edge0 server0

# A connection outlives a cut: the sender waits, and goes on after the join.
listen='$s = IO::Socket::INET->new(LocalPort => 5300, Listen => 1) or die; open(F, ">", $ARGV[0]); close(F);
    $c = $s->accept; open(F, ">>", $ARGV[0]); F->autoflush; while (<$c>) { print F $_ }'
on server0 perl -MIO::Socket::INET -e "$listen" "$work/received" &
eventually [ -e "$work/received" ]
mkfifo "$work/pipe"
send='$s = IO::Socket::INET->new("server0:5300") or die; $s->autoflush; print $s $_ while <STDIN>'
on edge0 perl -MIO::Socket::INET -e "$send" <"$work/pipe" &
exec {out}>"$work/pipe"
echo before >&"$out"
check "a connection passes bytes" eventually grep -q before "$work/received"
netlab cut edge0
echo during >&"$out"
check "nothing passes a cut" silent edge0 server0
netlab join edge0
check "a connection outlives a cut" eventually grep -q during "$work/received"
exec {out}>&-

# ---- several labs, and what goes wrong ------------------------------------------------------------------------------

check "a second lab of the same name is refused" refused "is up already" up --edges 1
beside() {
    local lab=$lab-2 status
    netlab up --edges 1 && answers edge0 server0
    status=$?
    netlab down
    return $status
}
check "another lab beside it" beside
check "it left this one alone" answers edge0 server0
check "an unknown host is named" refused "no host 'edge9'" cut edge9
check "a wrong rate is named" refused "'10 monkeys'" set edge0 --up '10 monkeys'
check "a wrong delay is named" refused "'11s'" set edge0 --delay 11s
check "a missing command is named" refused "no command 'frob'" frob
lab=none-$$ check "a missing lab is named" refused "no lab 'none-$$'" show

# ---- cleaning up ----------------------------------------------------------------------------------------------------

state=${XDG_RUNTIME_DIR:-/tmp}/netlab-$(id -u)
boxes=$(cat "$state/$lab"/box/*.pid)
keeper=$(cut -d' ' -f1 "$state/$lab/keeper")
on edge0 sh -c 'trap "" TERM; while :; do sleep 1; done' &
stubborn=$!
netlab down
for pid in $server $stubborn $keeper $boxes; do
    check "down ended process $pid" gone "$pid"
done
check "down twice is no error" netlab down 2>/dev/null
no_lab() { [ ! -e "$state/$lab" ]; }
check "down removed the state" no_lab

# interrupt_up HOSTS: after so many hosts are made; 0: right after the list of them appears
interrupt_up() {
    env --default-signal=INT setsid "$root/scripts/netlab" --name "$lab" up --edges 200 --delay 1ms &
    local pid=$!
    eventually made "$1"
    keeper=$(cut -d' ' -f1 "$state/$lab/keeper")
    kill -INT -- "-$pid" 2>/dev/null || kill -INT "$pid"
    wait "$pid"
    [ $? = 130 ] && no_lab && gone "$keeper"
}
made() { [ -e "$state/$lab/order" ] && [ "$(wc -l <"$state/$lab/order")" -ge "$1" ]; }
interrupt_up_often() {
    local turn
    for ((turn = 0; turn < 20; turn++)); do
        interrupt_up $((turn / 4)) || { echo "# turn $turn"; return 1; }
    done
}
check "Ctrl-C during up leaves nothing, 20 times" interrupt_up_often
interrupt_run() {
    env --default-signal=INT setsid "$root/scripts/netlab" --name "$lab" run --edges 1 --delay 1ms -- sh -c \
        "cp '$state/$lab/keeper' '$work/keeper'; cp '$state/$lab/box/edge0.pid' '$work/box'; kill -INT 0; sleep 100" &
    wait $!
    [ $? = 130 ] && no_lab && gone "$(cut -d' ' -f1 "$work/keeper")" && gone "$(cat "$work/box")"
}
check "Ctrl-C during run leaves nothing" interrupt_run
check "run returns the command's status" [ "$(netlab run --edges 1 -- sh -c 'exit 9' || echo $?)" = 9 ]
half_way() {
    ! NETLAB_DELAYBOX=/nonexistent netlab up --edges 2 --delay 1ms 2>"$work/error" &&
        grep -q /nonexistent "$work/error" && no_lab
}
check "a failure half way leaves nothing" half_way
owner_dies() {
    sleep 1000 &
    local owner=$!
    netlab up --edges 1 --delay 1ms --while "$owner" || return 1
    keeper=$(cut -d' ' -f1 "$state/$lab/keeper")
    kill -KILL "$owner"
    eventually no_lab && eventually gone "$keeper"
}
check "the lab goes with its owner, however that ends" owner_dies 2>/dev/null
machine >"$work/after"
check "the machine's own network is as before" cmp "$work/before" "$work/after"

# ---- and without root ----------------------------------------------------------------------------------------------

if [ -n "$ordinary" ]; then
    wait "$ordinary" || failures=$((failures + 1))
    cat "$work/ordinary"
fi
[ "$failures" = 0 ]
