# links.sh - hosts and their links: settings, shapers, delay boxes, the bridge. Sourced by netlab.
# shellcheck shell=bash
# shellcheck disable=SC2154 # load_host and the caller assign a host's settings

# A host's settings are the variables address mac down up delay_down delay_up queue_us box cut.
load_host() {
    host=$1
    # shellcheck disable=SC1090 # written by save_host
    source "$STATE/host/$1"
}

save_host() {
    local v
    for v in address mac down up delay_down delay_up queue_us box cut; do
        echo "$v=${!v}"
    done >"$STATE/host/$host.new"
    mv "$STATE/host/$host.new" "$STATE/host/$host"
}

# The hosts that a pattern names, in order.
match_hosts() {
    local h found=''
    for h in $(<"$STATE/order"); do
        # shellcheck disable=SC2053 # the right-hand side is a pattern
        [[ $h == $1 ]] && { echo "$h"; found=1; }
    done
    [[ $found ]] || die "lab '$NAME' has no host '$1': it has $(tr '\n' ' ' <"$STATE/order")"
}

# The tc words for a rate. A burst of 2 ms at the rate, or timers can't keep up (16 KB at 1 Gbit/s gives 645 Mbit/s);
# not more, or a slow link lets small messages through at once - except up to 6 ms for a whole offloaded packet, 64 KiB and
# 45 headers: a shaper that can't let one pass cuts it up, and each piece wakes its receiver (ten times the processor time
# per byte). The queue is what a router would hold before it drops.
tbf_words() {
    local bits=$1 burst limit
    burst=$((bits / 8 / 500))
    if ((burst < 72000 && bits >= 100000000)); then burst=72000; fi
    ((burst >= 16384)) || burst=16384
    limit=$((bits * queue_us / 8000000 + burst))
    ((limit >= 262144)) || limit=262144
    echo "tbf rate ${bits}bit burst $burst limit $limit"
}

# shape HUB|HOST DEVICE RATE
shape() {
    local enter=(in_host "$1")
    [[ $1 == hub ]] && enter=(in_hub)
    if [[ $3 != none ]]; then
        # Another handle makes another shaper, with an empty queue. Changed in place, one with a smaller burst would wait
        # for ever to send a packet that was queued before and is larger than the burst.
        local handle=1:
        if "${enter[@]}" tc qdisc show dev "$2" root | grep -q 'tbf 1:'; then handle=2:; fi
        # shellcheck disable=SC2046 # words on purpose
        "${enter[@]}" tc qdisc replace dev "$2" root handle $handle $(tbf_words "$3")
    elif "${enter[@]}" tc qdisc show dev "$2" root | grep -q tbf; then
        "${enter[@]}" tc qdisc del dev "$2" root
    fi
}

shape_host() {
    shape "$host" eth0 "$up"
    shape hub "$host" "$down"
}

port() { [[ $box == 1 ]] && echo "$host.b" || echo "$host"; }

# Makes the host's port part of the bridge, with its forwarding entry and its cut.
attach_port() {
    local p
    p=$(port)
    in_hub ip link set "$p" master br0
    in_hub bridge link set dev "$p" learning off flood off
    in_hub bridge fdb replace "$mac" dev "$p" master static
    if [[ $cut == 1 ]]; then in_hub bridge link set dev "$p" state 0; fi
}

# Puts a delay box into the host's link. It stays for the lab's life; its delay may be 0.
insert_box() {
    [[ -x $DELAYBOX ]] || die "a delay needs the program $DELAYBOX: run 'make build/delaybox'"
    in_hub ip -batch - <<EOF
link add $host.d type veth peer name $host.b
link set $host.d up addrgenmode none
link set $host.b up addrgenmode none
EOF
    # From the host's side (its hub end) up to the bridge, and back down.
    in_hub "$DELAYBOX" run "$host" "$host.d" --there "${delay_up}us" --back "${delay_down}us" --while "$KEEPER" \
        --control "$STATE/box/$host" {LOCK}>&- >"$STATE/box/$host.pid"
    in_hub ip link set "$host" nomaster
    box=1
    attach_port
}

delay_host() {
    if [[ $box == 1 ]]; then
        "$DELAYBOX" delay "$STATE/box/$host" "${delay_up}us" "${delay_down}us"
    elif [[ $delay_down != 0 || $delay_up != 0 ]]; then
        insert_box
    fi
}

make_host() {
    host=$1
    : >"$STATE/ns/$host"
    in_hub unshare --net="$STATE/ns/$host" true
    in_hub ip -batch - <<EOF
link add $host type veth peer name eth0 address $mac netns $STATE/ns/$host
link set $host up addrgenmode none
EOF
    in_host "$host" ip -batch - <<EOF
link set lo up
link set eth0 up addrgenmode none
addr add $address/16 dev eth0 noprefixroute
route add $NET.0.0/16 dev eth0 src $address congctl cubic
EOF
    attach_port
    if [[ $delay_down != 0 || $delay_up != 0 ]]; then insert_box; fi
    shape_host
    save_host
}

# Every host knows every other's hardware address for good, and all of them by name.
introduce_hosts() {
    local h
    for h in $(<"$STATE/order"); do
        load_host "$h"
        echo "$address $h" >>"$STATE/hosts"
        echo "neigh replace $address lladdr $mac dev eth0 nud permanent" >>"$STATE/neighbours"
    done
    for h in $(<"$STATE/order"); do
        in_host "$h" ip -batch - <"$STATE/neighbours"
    done
    if [[ -e /etc/hosts ]]; then in_mounts mount --bind "$STATE/hosts" /etc/hosts; fi
}
