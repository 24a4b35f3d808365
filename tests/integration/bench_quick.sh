#!/usr/bin/env bash
# bench_quick.sh - the benchmark's tools as a user runs them: dynacomm bench against a real server, dynacomm trace on what it
# traced, and scripts/bench on one small cell in the network lab.
# shellcheck disable=SC2016 # awk expands its own
# Runs alone: it measures rounds.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$root/build}
case $build in /*) ;; *) build=$root/$build ;; esac
dynacomm=$build/dynacomm
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

ok() { echo "ok $1"; }
not_ok() {
    echo "not ok $1: $2"
    failures=$((failures + 1))
}
check() { if "${@:2}"; then ok "$1"; else not_ok "$1" "failed: ${*:2}"; fi; }

# refuses NAME TEXT ARGUMENTS...: status 1, nothing on stdout, one line on stderr that contains TEXT
refuses() {
    local name=$1 text=$2 status
    shift 2
    "$dynacomm" "$@" >out 2>err </dev/null
    status=$?
    if [ $status = 1 ] && [ ! -s out ] && [ "$(wc -l <err)" = 1 ] && grep -qF -- "$text" err; then
        ok "refuses $name"
    else
        not_ok "refuses $name" "status $status, said: $(cat err)"
    fi
}

# ---- dynacomm bench: two workers, one server, ipc --------------------------------------------------------------------

printf 'layer\ttype\tbytes\tfc_ms\tbc_ms\n0\tconvolutional\t400000\t4\t8\n1\tmaxpool\t0\t1\t1\n2\tconvolutional\t2000000\t5\t11\n' >small.tsv
url=ipc://$work/server
"$dynacomm" server --listen "$url" --workers 2 >server.log 2>&1 &
server=$!
for i in 0 1; do
    "$dynacomm" bench small.tsv --connect "$url" --rounds 20 --rank $i --strategy duplex --trace "trace.$i.json" --scale 2 \
        >"rows.$i" 2>"log.$i" </dev/null &
    workers[i]=$!
done
check "worker 0 ends well" wait "${workers[0]}"
check "worker 1 ends well" wait "${workers[1]}"
check "the server ends well" wait $server
check "a row per round, warm-up included, in order" awk -F'\t' '
    NR == 1 { if ($1 != "round" || NF != 17) exit 1; next }
    $1 == "summary" { summaries++; next }
    { if ($1 != NR - 2 || NF != 17 || $2 != ($1 >= 3)) exit 1; rows++ }
    END { exit !(rows == 23 && summaries == 1) }' rows.0
# 30 ms of computation, half of it with --scale 2: no round can be shorter, and its emulation is not much longer.
check "computation takes its profiled time" awk -F'\t' '
    $2 == 1 && $1 ~ /^[0-9]+$/ { n++; sum += $7; if ($3 < 0.0149) short++ } END { exit !(short == 0 && n == 20 && sum / n >= 0.0149 && sum / n < 0.030) }' rows.0
check "the scaled model's bytes went up and came down" awk -F'\t' '
    $2 == 1 && $1 ~ /^[0-9]+$/ { up += $9; down += $10; n++ } END { exit !(up / n > 1.1e6 && up / n < 1.3e6 && down / n > 1.1e6 && down / n < 1.3e6) }' rows.0
check "the floor is the computation on a fast link" awk -F'\t' '$1 == "summary" { for (i = 2; i <= NF; i++) { split($i, w, "="); v[w[1]] = w[2] } }
    END { exit !(v["floor"] >= 0.01499 && v["bound"] >= v["floor"] && v["efficiency"] > 0 && v["efficiency"] < 1.001 && v["model_MB"] == 1.2) }' rows.0

# ---- dynacomm trace ---------------------------------------------------------------------------------------------------

check "draws the traces of both workers" "$dynacomm" trace trace.0.json trace.1.json --svg round.svg --round 10
# chart FILE GROUPS: well-formed, every kind of bar, as many groups
chart() {
    python3 -c 'import sys, xml.etree.ElementTree as x
svg = x.parse(sys.argv[1]).getroot()
ns = "{http://www.w3.org/2000/svg}"
bars = [r for r in svg.iter(ns + "rect") if r.get("class", "").startswith("k") and r.find(ns + "title") is not None]
said = " ".join(b.find(ns + "title").text for b in bars)
assert all(kind in said for kind in ("forward", "backward", "push", "pull")), said
assert sum(t.get("class") == "group" for t in svg.iter(ns + "text")) == int(sys.argv[2])' "$@"
}
check "the chart has both, with computation, pushes and pulls" chart round.svg 2
head -c $(($(wc -c <trace.0.json) / 2)) trace.0.json >cut.json
check "a trace whose run was killed is drawn too" "$dynacomm" trace cut.json --svg cut.svg
check "and is a whole chart" chart cut.svg 1
refuses "a file that is no trace" "not a trace" trace small.tsv --svg no.svg
refuses "a trace that is not there" "cannot open the trace none.json" trace none.json --svg no.svg
refuses "a round that the trace does not hold" "has no round 99" trace trace.0.json --svg no.svg --round 99
refuses "a chart without a file" "--svg" trace trace.0.json
refuses "a directory that is not there" "cannot write" trace trace.0.json --svg none/no.svg
check "nothing half-written is left" [ ! -e no.svg ]

refuses "no profile" "give one profile" bench --connect "$url" --rounds 1
refuses "no server named" "--connect" bench small.tsv --rounds 1
refuses "no rounds" "--rounds" bench small.tsv --connect "$url"
refuses "a scale of nothing" "--scale: '0'" bench small.tsv --connect "$url" --rounds 1 --scale 0
refuses "a profile that is not there" "none.tsv" bench none.tsv --connect "$url" --rounds 1
printf 'layer\ttype\tbytes\tfc_ms\tbc_ms\n0\tmaxpool\t0\t4\t8\n' >empty.tsv
refuses "a profile without bytes" "nothing to send" bench empty.tsv --connect "$url" --rounds 1
refuses "an unknown strategy" "no strategy is named" bench small.tsv --connect "$url" --rounds 1 --strategy best

# ---- scripts/bench-server: no lab, no root ----------------------------------------------------------------------------

check "scripts/bench-server runs" env "BUILD=$build" "$root/scripts/bench-server" --model googlenet --rounds 1 --gate 50 --out server >server-bench.log 2>&1
check "server.csv has one server and shards, one, two and four workers, both transports, their rates and what servers worked" awk -F, '
    NR == 1 { columns = NF; next }
    { rows[$1 " " $2 "/" $3]++ }
    NF != columns || $4 <= 0 || $5 <= 0 || $6 <= 0 || $7 <= 0 { bad++ }
    END { n = split("1/1 1/2 1/4 2/4 4/4", runs, " ")
          for (k = 1; k <= n; k++) if (rows["ipc " runs[k]] != 1 || rows["tcp " runs[k]] != 1) bad++
          exit !(NR == 1 + 2 * n && !bad) }' server/server.csv
check "server.md has them too" [ "$(grep -cE '^\| (ipc|tcp) \| [124] \| [124] \|' server/server.md)" = 10 ]
check "server.md says what the gate costs over each transport" [ "$(grep -cE '^\| (gate tcp|gate ipc|inproc) .*\| [-+][0-9.]+ \|$' server/server.md)" = 3 ]
env "BUILD=$build" "$root/scripts/bench-server" --model lenet --out none >out 2>err
check "scripts/bench-server names the models it has" awk -v status=$? '
    /lenet/ && /googlenet/ { said = 1 } END { exit !(status != 0 && NR == 1 && said) }' err
[ "$failures" = 0 ] || cat server-bench.log

# ---- scripts/bench in the lab -----------------------------------------------------------------------------------------

lab=yes
for tool in iperf3 jq tc ip; do command -v $tool >/dev/null || lab="'$tool' is missing: apt-get install iperf3 jq iproute2"; done
unshare --net true 2>/dev/null || unshare --user --map-root-user --net true 2>/dev/null || lab="no network namespaces here"
if [ "$lab" != yes ]; then
    echo "skip scripts/bench: $lab"
else
    printf 'model\tdown\tup\trtt_ms\tworkers\tslow\tspeed\nyolov3-tiny\t500mbit\t250mbit\t4\t2\tyes\t8\n' >cells.tsv
    check "scripts/bench runs a cell" env "BUILD=$build" "$root/scripts/bench" --quick --cells cells.tsv --strategies 'sequential duplex' \
        --out results >bench.log 2>&1
    # Goodput is measured beside the rounds, not in them; the frames on their way at the end of a round count in the next.
    check "results.csv has the cell's strategies, rounds no shorter than the bound" awk -F, '
        NR == 1 { columns = NF; next }
        NF != columns || $11 < 0.85 * $14 || $13 <= 0 || $18 < 30 || $19 < 30 { bad++ }
        $9 == "sequential" { s = $11 }
        $9 == "duplex" { d = $11 }
        END { exit !(NR == 3 && !bad && s > 0 && d > 0) }' results/results.csv
    check "goodput is that of half the link, for the slow edge" awk -F, '
        NR > 1 && ($20 < 0.8 * 250 || $20 > 250 || $21 < 0.8 * 125 || $21 > 125) { bad++ } END { exit bad || NR < 2 }' results/results.csv
    check "results.md names its command" grep -q 'scripts/bench --quick' results/results.md
    [ "$failures" = 0 ] || cat bench.log
fi
[ "$failures" = 0 ]
