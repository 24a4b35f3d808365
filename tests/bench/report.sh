#!/usr/bin/env bash
# report.sh DIR COMMAND - results.md and the plots from DIR/results.csv (and what else of the benchmark lies in DIR:
# change.csv, ddp.csv). COMMAND is what made them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
out=$1
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
memory=$(awk '/^MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' /proc/meminfo)
{
    echo "# Benchmark: strategies on emulated edge networks"
    echo
    took=$(awk -F, 'NR > 1 { s += $32 } END { printf "%.0f", s / 60 }' "$out/results.csv")
    echo "Made by \`$2\` in $took minutes, on $(date -u +%Y-%m-%d), with $(nproc) processors" \
        "(${cpu:-$(uname -m)}), $memory, Linux $(uname -r | cut -d. -f1,2)."
    echo
    awk -f "$here/report.awk" "$out/results.csv"
} >"$out/results.md.tmp"
mv "$out/results.md.tmp" "$out/results.md"
if command -v gnuplot >/dev/null; then
    awk -v wide=1 -f "$here/report.awk" "$out/results.csv" >"$out/plot.tmp"
    gnuplot -e "data='$out/plot.tmp'; results='$out/results.csv'; out='$out'" "$here/results.gp"
    rm "$out/plot.tmp"
else
    echo "report.sh: no plots: 'gnuplot' is missing: apt-get install gnuplot-nox" >&2
fi
echo "report: $out/results.md"
