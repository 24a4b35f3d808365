#!/bin/bash
# demo.sh - the README's first command does the main job on real input: two edges, a server, 10,000 test pictures.
# Runs alone: it uses the lab, and both cores.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$root/build}
case $build in /*) ;; *) build=$root/$build ;; esac
log=$build/test-logs/demo-output
mkdir -p "$build/test-logs"
failures=0

check()
{
    local name=$1
    shift
    if "$@"; then echo "ok demo: $name"; else echo "not ok demo: $name: failed: $*"; failures=1; fi
}

refused()
{
    ! "$root/scripts/demo" "$@" > "$log.bad" 2>&1 && [ "$(wc -l < "$log.bad")" -eq 1 ] && grep -q '^demo: ' "$log.bad"
}

run_demo()
{
    "$root/scripts/demo" --strategy-rounds 12 > "$log" 2>&1
}

check "an unknown option: one line" refused --fast
check "a number that is none: one line" refused --rounds many
check "a number left out: one line" refused --rounds
check "ends well" run_demo
accuracy=$(sed -n 's/.*top 1: \([0-9.]*\), top.*/\1/p' "$log" | tail -n 1)
check "test accuracy ${accuracy:-none} is at least 0.88" awk -v a="${accuracy:-0}" 'BEGIN { exit !(a >= 0.88) }'
check "five strategies in the table" test "$(grep -cE '^ +(sequential|layerwise|ibatch|dynacomm|duplex) +[0-9.]+ +[0-9]+%$' "$log")" -eq 5
check "the same weights" grep -q 'all five made the same weights, bit for bit' "$log"
[ "$failures" -eq 0 ] || sed 's/^/# /' "$log"
exit "$failures"
