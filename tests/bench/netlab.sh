#!/usr/bin/env bash
# netlab.sh - what emulated links carry: goodput of one TCP connection both ways, and how late the delay box is.
#
# One line per rate and one-way delay: seconds of measurement each way from $SECONDS_EACH (4). Needs iperf3 and jq.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
netlab() { "$root/scripts/netlab" --name "bench-$$" "$@"; }
mbit() {
    netlab exec edge0 -- iperf3 -c server0 -t "${SECONDS_EACH:-4}" -O 1 -J "$@" |
        jq -r '.end.sum_received.bits_per_second / 1e6 * 10 | floor / 10'
}

printf '%-9s %7s %14s %14s %14s %14s\n' rate delay 'down Mbit/s' 'up Mbit/s' 'late mean ms' 'late max ms'
for rate in 20mbit 100mbit 500mbit 1gbit none; do
    for delay in 0 10ms; do
        netlab up --edges 1 --down $rate --up $rate --delay $delay --while $$
        trap 'netlab down' EXIT
        netlab exec server0 -- iperf3 -s -D
        down=$(mbit -R)
        up=$(mbit)
        late=$(netlab show | awk '/late_ms/ { if ($(NF-2) > mean) mean = $(NF-2); if ($NF > max) max = $NF }
            END { print mean == "" ? "- -" : mean " " max }')
        printf '%-9s %7s %14s %14s %14s %14s\n' $rate $delay "$down" "$up" "${late% *}" "${late#* }"
        netlab down
        trap - EXIT
    done
done
