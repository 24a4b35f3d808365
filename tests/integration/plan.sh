#!/bin/sh
# plan.sh BUILD - dynacomm plan as a user runs it: what it prints, what it writes, how it refuses.
# Prints one line per check; ends with status 1 if any failed.
set -u
build=${1:-build}
here=$(cd "$(dirname "$0")" && pwd)
tool=$build/dynacomm
profile=$here/../data/profile-resnet50.tsv
tiny=$here/../data/profile-yolov3-tiny.tsv
[ -x "$tool" ] || { echo "FAILED: $tool is missing; run make"; exit 1; }
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

check() { # check NAME STATUS: status 0 = passed
    if [ "$2" -eq 0 ]; then echo "ok plan: $1"; else echo "not ok plan: $1: failed"; failed=1; fi
}

# refuses NAME 'part of the line' ARGUMENT ...: status 1, nothing on stdout, one line on stderr that says it.
refuses() {
    name=$1 says=$2
    shift 2
    "$tool" plan "$@" >"$work/out" 2>"$work/err"
    status=$?
    [ $status -eq 1 ] && [ ! -s "$work/out" ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -qF -- "$says" "$work/err"
    check "refuses $name" $?
}

# number FILE STRATEGY KEY: from the JSON
number() {
    python3 -c 'import json, sys
plans = json.load(open(sys.argv[1]))["plans"]
print(next(p for p in plans if p["asked"] == sys.argv[2])[sys.argv[3]])' "$@"
}

# holds 'EXPRESSION': arithmetic of numbers
holds() { python3 -c 'import sys; sys.exit(not eval(sys.argv[1]))' "$1"; }

"$tool" plan "$profile" --down 100mbit --up 100mbit --rtt 10ms >"$work/table" 2>"$work/err"
check "prints a table" $?
[ ! -s "$work/err" ] && [ "$(grep -cE '^[* ] (sequential|layerwise|ibatch|dynacomm|duplex) ' "$work/table")" -eq 5 ]
check "the table has every strategy" $?
grep -q '^\* duplex' "$work/table"
check "duplex is marked as the fastest where communication dominates" $?

"$tool" plan "$profile" --down 100mbit --up 100mbit --rtt 10ms --json >"$work/all.json"
check "prints JSON" $?
holds "$(number "$work/all.json" dynacomm round_s) >= 1.7 * $(number "$work/all.json" duplex round_s)"
check "duplex is 1.7 times as fast as the two-phase optimum there" $?
for s in sequential layerwise ibatch; do
    holds "$(number "$work/all.json" dynacomm round_s) <= $(number "$work/all.json" $s round_s) * 1.000001"
    check "dynacomm is not slower than $s" $?
done
holds "$(number "$work/all.json" duplex efficiency) >= 0.95"
check "duplex is within 5 % of the floor" $?
"$tool" plan "$profile" --down 100mbit --up 100mbit --rtt 10ms --json >"$work/again.json" &&
    cmp -s "$work/all.json" "$work/again.json"
check "the same question has the same answer" $?

"$tool" plan "$profile" --down 100mbit --up 100mbit --workers 4 --server-rate 100mbit --json >"$work/four.json"
holds "$(number "$work/four.json" duplex floor_s) > 3.99 * $(number "$work/all.json" duplex floor_s)"
check "four workers behind the same rate take four times as long" $?

# Alone, each of the 50 layers with bytes may overtake the others; several workers agree on eight groups of them.
holds "[first == last for first, last in $(number "$work/all.json" duplex push_groups)] == [True] * 50"
check "a worker alone pushes layer by layer" $?
holds "(lambda g: len(g) == 8 and g[0][1] == 68 and g[7][0] == 0 and all(a[0] == b[1] + 1 for a, b in zip(g, g[1:])))(
    $(number "$work/four.json" duplex push_groups))"
check "four workers push in eight groups, which cover all layers from the last to the first" $?

"$tool" plan "$tiny" --down 1gbit --up 1gbit --strategy auto --json >"$work/auto.json"
[ "$(number "$work/auto.json" auto strategy)" != auto ]
check "auto says what it became" $?

"$tool" plan "$tiny" --down 100mbit --up 20mbit --rtt 10ms --svg "$work/round.svg" >/dev/null
check "draws a chart" $?
python3 -c 'import sys, xml.etree.ElementTree as x
svg = x.parse(sys.argv[1]).getroot()
bars = [r for r in svg.iter("{http://www.w3.org/2000/svg}rect") if r.get("class", "").startswith("k")]
width = float(svg.get("width"))
assert len(bars) > 50, len(bars)
assert all(0 <= float(b.get("x")) and float(b.get("x")) + float(b.get("width")) <= width for b in bars)
text = [t.text for t in svg.iter("{http://www.w3.org/2000/svg}text")]
for name in ("sequential", "layerwise", "ibatch", "dynacomm", "duplex"):
    assert any(t and t.startswith(name + ":") for t in text), name
assert text.count("compute") == text.count("up") == text.count("down") == 5' "$work/round.svg"
check "the chart is well-formed XML with every strategy's lanes inside the page" $?
[ "$(ls "$work" | grep -c '\.tmp$')" -eq 0 ]
check "no temporary file is left" $?

# A quarter of the bytes up, as a codec would make it.
awk -F '\t' -v OFS='\t' '/^#/ {print; next} /^layer/ {$3 = "up_bytes\tdown_bytes"; print; next} {$3 = $3 / 4 "\t" $3; print}' \
    "$profile" >"$work/quarter.tsv"
"$tool" plan "$work/quarter.tsv" --down 100mbit --up 25mbit --json >"$work/quarter.json" &&
    "$tool" plan "$work/quarter.tsv" --down 100mbit --up 25mbit >"$work/quarter.txt"
check "takes bytes up and down" $?
grep -qE 'MB down and [0-9.]+ MB up, ' "$work/quarter.txt"
check "says bytes up and down" $?
"$tool" plan "$profile" --down 100mbit --up 100mbit --json >"$work/whole.json"
holds "abs($(number "$work/quarter.json" duplex floor_s) - $(number "$work/whole.json" duplex floor_s)) < 1e-6"
check "a quarter of the bytes over a quarter of the rate has the same floor" $?
holds "abs($(number "$work/quarter.json" sequential round_s) / $(number "$work/whole.json" sequential round_s) - 1) < 0.01"
check "... and all but the same round" $?

refuses "no profile" "give one profile" --down 1mbit --up 1mbit
refuses "two profiles" "give one profile" a b --down 1mbit --up 1mbit
refuses "no rates" "--down and --up" "$profile"
refuses "a rate without a unit" "--down: '100' is not a rate" "$profile" --down 100 --up 1mbit
refuses "a rate of nothing" "more than 0" "$profile" --down 0mbit --up 1mbit
refuses "a time without a unit" "--rtt: '10' is not a time" "$profile" --down 1mbit --up 1mbit --rtt 10
refuses "no workers" "--workers: '0'" "$profile" --down 1mbit --up 1mbit --workers 0
refuses "an unknown strategy" "no strategy is named 'best'" "$profile" --down 1mbit --up 1mbit --strategy best
refuses "an unknown option" "unknown option --speed" "$profile" --speed 1
refuses "an option without its value" "--up needs a value" "$profile" --down 1mbit --up
refuses "a missing file" "$work/none.tsv: No such file" "$work/none.tsv" --down 1mbit --up 1mbit
printf 'layer\ttype\tbytes\tfc_ms\tbc_ms\n0\tconv\tmany\t1\t1\n' >"$work/bad.tsv"
printf 'layer\ttype\tup_bytes\tdown_bytes\tfc_ms\tbc_ms\n0\tconv\t8\t0\t1\t1\n' >"$work/one.tsv"
refuses "bytes in one direction only" "one.tsv:2: bytes in one direction" "$work/one.tsv" --down 1mbit --up 1mbit
refuses "a bad line, by its number" "bad.tsv:2: bytes 'many'" "$work/bad.tsv" --down 1mbit --up 1mbit
head -c 4096 "$tool" >"$work/noise.tsv"
refuses "noise" "noise.tsv:" "$work/noise.tsv" --down 1mbit --up 1mbit

"$tool" plan "$tiny" --down 1mbit --up 1mbit --svg "$work/none/x.svg" >/dev/null 2>"$work/err"
[ $? -eq 1 ] && grep -qF "$work/none/x.svg" "$work/err"
check "names a chart that it cannot write" $?
"$tool" plan "$tiny" --down 1mbit --up 1mbit >/dev/full 2>"$work/err"
[ $? -eq 1 ] && grep -q 'standard output' "$work/err"
check "fails when its output cannot be written" $?
"$tool" plan --help | grep -q -- '--server-rate'
check "explains itself" $?

"$tool" plan "$tiny" --down 100mbit --up 20mbit --workers 2 --codec all --images 8 >"$work/table" 2>"$work/err"
check "prints a row for each codec" $?
for codec in exact bf16 int8 int3 topk:0.1 topk5:0.1 topk:0.01 topk5:0.01 topk:0.01/int8 exact+local:8; do
    grep -q "^  $codec " "$work/table"
    check "which is $codec" $?
done
"$tool" plan "$tiny" --down 100mbit --up 20mbit --codec exact,int8,int3,topk:0.01,topk5:0.01,int8+local:4 --json >"$work/codecs"
codec() { python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))
print(next(r for r in rows if r["codec"] == sys.argv[2])[sys.argv[3]])' "$work/codecs" "$@"; }
holds "3.96 < $(codec exact up_bytes) / $(codec int8 up_bytes) < 3.98"
check "int8 takes a fourth of the bytes, and scales" $?
holds "10.3 < $(codec exact up_bytes) / $(codec int3 up_bytes) < 10.5"
check "int3 takes less than a tenth" $?
holds "95 < $(codec exact up_bytes) / $(codec topk:0.01 up_bytes) < 105"
check "topk:0.01 takes a hundredth" $?
holds "2.25 < $(codec topk:0.01 up_bytes) / $(codec topk5:0.01 up_bytes) < 2.4"
check "topk5:0.01 takes less than half of that" $?
holds "$(codec topk:0.01 round_s) < $(codec int8 round_s) < $(codec exact round_s)"
check "rounds are shorter with fewer bytes" $?
holds "$(codec int8+local:4 batches_per_s) > $(codec int8 batches_per_s)"
check "and local steps make more of them" $?
# Alone, exact is what the strategies' table says of its best.
"$tool" plan "$tiny" --down 100mbit --up 20mbit --strategy duplex --json >"$work/json"
holds "abs($(number "$work/json" duplex round_s) / $(codec exact round_s) - 1) < 1e-9"
check "exact is predicted as without codecs" $?
refuses "a codec that is none" "'zip' is no codec" "$tiny" --down 1mbit --up 1mbit --codec exact,zip
refuses "a chart of codecs" "--svg" "$tiny" --down 1mbit --up 1mbit --codec all --svg "$work/x.svg"
refuses "images without codecs" "--images" "$tiny" --down 1mbit --up 1mbit --images 3

"$tool" plan "$tiny" --down 100mbit --up 100mbit --workers 4 --server-rate 100mbit --topology all >"$work/table" 2>"$work/err"
check "prints a row for each topology" $?
for topology in server shards:2 shards:4 shards:8 mesh; do
    grep -q "^  $topology " "$work/table"
    check "which is $topology" $?
done
"$tool" plan "$tiny" --down 100mbit --up 100mbit --workers 4 --server-rate 100mbit --topology server,shards:2,shards:4,shards:8,mesh --json \
    >"$work/topologies"
topology() { python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))
print(next(r for r in rows if r["topology"] == sys.argv[2])[sys.argv[3]])' "$work/topologies" "$@"; }
holds "abs($(topology server floor_s) / (2 * $(topology shards:2 floor_s)) - 1) < 1e-9"
check "two shards halve what one server's link takes" $?
holds "$(topology shards:4 round_s) < $(topology shards:2 round_s) < $(topology server round_s)"
check "and the round is shorter" $?
holds "$(topology shards:8 round_s) == $(topology shards:4 round_s)"
check "until the workers' own links are what it waits for" $?
holds "abs($(topology mesh floor_s) / (1.5 * $(topology shards:4 floor_s)) - 1) < 1e-9"
check "a mesh of four workers moves one and a half times the parameters each way" $?
holds "$(topology mesh floor_s) <= $(topology mesh round_s) < $(topology server round_s)"
check "which is less than one server's link" $?
"$tool" plan "$tiny" --down 100mbit --up 100mbit --workers 4 --server-rate 100mbit --strategy duplex --json >"$work/json"
holds "abs($(number "$work/json" duplex round_s) / $(topology server round_s) - 1) < 1e-9"
check "one server is predicted as without topologies" $?
# Each with codecs.
"$tool" plan "$tiny" --down 100mbit --up 20mbit --workers 4 --server-rate 100mbit --topology server,shards:2,mesh,relay:2 --codec exact,int8,exact/int8 \
    --json >"$work/topologies"
coded() { python3 -c 'import json, sys
rows = json.load(open(sys.argv[1]))
print(next(r for r in rows if (r["topology"], r["codec"]) == tuple(sys.argv[2:4]))[sys.argv[4]])' "$work/topologies" "$@"; }
for topology in server shards:2 mesh; do
    holds "3.9 < $(coded $topology exact floor_s) / $(coded $topology int8 floor_s) < 4"
    check "$topology: int8 takes a fourth of the bytes" $?
done
holds "abs($(coded mesh exact/int8 floor_s) / $(coded mesh exact floor_s) - 5 / 8) < 0.01"
check "a mesh's link carries both ways: with int8 for one of them five eighths" $?
holds "$(coded relay:2 exact/int8 round_s) <= $(coded relay:2 exact round_s)"
check "over a relay there are codecs down" $?
check "and none up" "$(grep -c '"relay:2"' "$work/topologies" | awk '{ print $1 != 2 }')"
holds "$("$tool" plan "$tiny" --down 100mbit --up 20mbit --workers 4 --topology mesh --json | jq '.[0].round_s') == $(coded mesh exact round_s)"
check "exact is as without codecs" $?
# A site behind one thin link: with a relay it is as fast as one worker on that link.
uplink="--down 100mbit --up 20mbit --rtt 10ms"
for site in 4 8; do
    "$tool" plan "$tiny" $uplink --workers $site --topology "server,site:$site,relay:$site" --json > "$work/topologies"
    "$tool" plan "$tiny" $uplink --workers 1 --topology server --json > "$work/alone"
    alone=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[0]["round_s"])' "$work/alone")
    holds "$alone <= $(topology relay:$site round_s) < 1.1 * $alone"
    check "$site workers behind a relay take little longer than one" $?
    holds "$(topology site:$site round_s) > 2 * $(topology relay:$site round_s)"
    check "$site workers on one link without a relay take much longer" $?
done
"$tool" plan "$tiny" $uplink --workers 10000 --server-rate 10gbit --topology all --site 100 --json > "$work/topologies"
check "10,000 workers behind 100 relays are planned" $?
holds "$(topology relay:100 round_s) < $(topology server round_s) < $(topology site:100 round_s)"
check "they are faster over relays" $?
refuses "a site of nobody" "'relay:0' is not server" "$tiny" --down 1mbit --up 1mbit --topology relay:0
refuses "a site without a number" "'site' is not server" "$tiny" --down 1mbit --up 1mbit --topology site
refuses "sites without topologies" "--site is for --topology" "$tiny" --down 1mbit --up 1mbit --site 4

refuses "a topology that is none" "'star' is not server, shards:N" "$tiny" --down 1mbit --up 1mbit --server-rate 1mbit --topology star
refuses "a single shard" "'shards:1' is not" "$tiny" --down 1mbit --up 1mbit --server-rate 1mbit --topology shards:1
refuses "topologies without a server's link" "give --server-rate" "$tiny" --down 1mbit --up 1mbit --topology all
refuses "images of topologies" "leave out --svg and --images" "$tiny" --down 1mbit --up 1mbit --server-rate 1mbit --topology all --codec all --images 3
refuses "a codec that is none, of topologies" "'zip' is no codec" "$tiny" --down 1mbit --up 1mbit --topology server --codec zip
refuses "a chart of topologies" "leave out --svg" "$tiny" --down 1mbit --up 1mbit --server-rate 1mbit --topology all --svg "$work/x.svg"

exit $failed
