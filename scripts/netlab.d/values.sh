# values.sh - rates, times and counts as people write them. Sourced by netlab. Every function prints, or
# dies naming what is wrong. $1 is the option's name, $2 its value.
# shellcheck shell=bash

# A rate as bits per second, or none.
rate_bits() {
    [[ $2 == none ]] && { echo none; return; }
    [[ $2 =~ ^([0-9]+(\.[0-9]+)?)([kmg]?)bit$ ]] || die "$1 '$2' is not a rate: write it like 20mbit, 1gbit or none"
    local bits
    bits=$(awk -v v="${BASH_REMATCH[1]}" -v u="${BASH_REMATCH[3]}" \
        'BEGIN { printf "%.0f", v * (u == "g" ? 1e9 : u == "m" ? 1e6 : u == "k" ? 1e3 : 1) }')
    ((bits >= 8000 && bits <= 40000000000)) || die "$1 '$2' is out of range: 8kbit to 40gbit, or none"
    echo "$bits"
}

# A time as microseconds.
time_us() {
    [[ $2 == 0 ]] && { echo 0; return; }
    [[ $2 =~ ^([0-9]+(\.[0-9]+)?)(us|ms|s)$ ]] || die "$1 '$2' is not a time: write it like 10ms, 500us, 1s or 0"
    local us
    us=$(awk -v v="${BASH_REMATCH[1]}" -v u="${BASH_REMATCH[3]}" \
        'BEGIN { printf "%.0f", v * (u == "s" ? 1e6 : u == "ms" ? 1e3 : 1) }')
    ((us <= 10000000)) || die "$1 '$2' is out of range: at most 10s"
    echo "$us"
}

# "10ms" or "30ms/10ms" as "DOWN_US UP_US".
delay_us() {
    local down up
    down=$(time_us "$1" "${2%%/*}")
    up=$(time_us "$1" "${2#*/}")
    echo "$down $up"
}

count() {
    if ! [[ $2 =~ ^[0-9]{1,3}$ ]] || ((10#$2 < $3 || 10#$2 > MAX_HOSTS)); then
        die "$1 '$2' is not a number from $3 to $MAX_HOSTS"
    fi
    echo $((10#$2))
}

show_rate() {
    [[ $1 == none ]] && { echo none; return; }
    awk -v b="$1" 'BEGIN { if (b >= 1e9) printf "%.4ggbit", b / 1e9; else if (b >= 1e6) printf "%.4gmbit", b / 1e6
                           else printf "%.4gkbit", b / 1e3 }'
}
