#!/bin/bash
# demo.sh - the README's first command does the main job on real input: two edges, a server, 10,000 test pictures.
demo=demo
. "$(dirname "${BASH_SOURCE[0]}")/lib_demo.sh"

check "an unknown option: one line" refused --fast --fast
check "a number that is none: one line" refused "'many'" --rounds many
check "a number left out: one line" refused --rounds --rounds
check "ends well" run_demo --strategy-rounds 12
accuracy=$(sed -n 's/.*top 1: \([0-9.]*\), top.*/\1/p' "$log" | tail -n 1)
check "test accuracy ${accuracy:-none} is at least 0.88" awk -v a="${accuracy:-0}" 'BEGIN { exit !(a >= 0.88) }'
check "five strategies in the table" test "$(grep -cE '^ +(sequential|layerwise|ibatch|dynacomm|duplex) +[0-9.]+ +[0-9]+%$' "$log")" -eq 5
check "the same weights" grep -q 'all five made the same weights, bit for bit' "$log"
finish
