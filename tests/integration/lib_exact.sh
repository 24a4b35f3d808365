# lib_exact.sh - what the tests of exactness share; sourced, after lib_front.sh.
exact_net=$build/tests/exact_net
packaged=${EXACT_CFGS:-/usr/share/darknet/cfg}
# One thread per process: several run side by side, and nothing may depend on the number.
export OMP_NUM_THREADS=1

# net_settings FROM TO KEY=VALUE... - copies a cfg with these settings in its [net], whatever it had
net_settings()
{
    local from=$1 to=$2
    shift 2
    awk -v all="$*" '
        BEGIN { n = split(all, set, " "); for (i = 1; i <= n; i++) { k = set[i]; sub(/=.*/, "", k); ours[k] = 1 } }
        /^\[/ { net = /^\[net/; print; for (i = 1; net && i <= n; i++) print set[i]; next }
        { k = $0; sub(/[ \t]*=.*/, "", k); if (!(net && k in ours)) print }' "$from" > "$to"
}

# tally FILE - counts the checks that failed among a driver's lines, and shows the lines
tally()
{
    cat "$1"
    failures=$((failures + $(grep -c '^not ok' "$1")))
}

# compare HOW NAME CFG ARGS... - with files, in the directory where the test works
compare()
{
    local how=$1 name=$2 cfg=$3
    shift 3
    "$exact_net" "$how" --files --name "$name, $*" "$@" "$cfg" > out 2> err || sed 's/^/# /' err >> out
    [ -s out ] || not_ok "$name" "the comparison did not run"
    tally out
}
