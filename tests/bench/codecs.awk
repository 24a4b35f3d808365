# codecs.awk - seconds.csv and runs.csv as a table for each task: means over the seeds, and what a codec differs from exact by, with the standard
# error of that difference where both have two seeds or more.
function variance(k) { return n[k] > 1 ? (squares[k] - a[k] * a[k] / n[k]) / (n[k] - 1) : 0 }
function difference(k, e,    text)
{
    if (!n[e] || k == e) return ""
    text = sprintf("%+.2f", 100 * (a[k] / n[k] - a[e] / n[e]))
    if (n[k] > 1 && n[e] > 1) text = text sprintf(" (%.2f)", 100 * sqrt(variance(k) / n[k] + variance(e) / n[e]))
    return text
}
FNR == 1 { next }
NR == FNR { s[$1, $2, $3] = $4; next }
{
    k = $1 SUBSEP $2
    if (!($1 in tasks)) { tasks[$1] = ++n_tasks; task[n_tasks] = $1 }
    if (!(k in n)) codec[$1, ++kinds[$1]] = $2
    n[k]++; a[k] += $5; squares[k] += $5 * $5; up[k] += $6; down[k] += $7; rounds[$1] = $3
    if (!(k in low) || $5 < low[k]) low[k] = $5
    if (!(k in high) || $5 > high[k]) high[k] = $5
}
END {
    for (t = 1; t <= n_tasks; t++) {
        e = task[t] SUBSEP "exact"
        printf "\n## %s, %d batches of each worker\n\n", task[t], rounds[task[t]]
        print "| codec | seeds | accuracy | least - most | to exact (error) | MB up | MB down | fewer up | fewer both | s, 20 | s, 100 |"
        print "|---|---|---|---|---|---|---|---|---|---|---|"
        for (j = 1; j <= kinds[task[t]]; j++) {
            c = codec[task[t], j]; k = task[t] SUBSEP c
            printf "| %s | %d | %.2f %% | %.2f - %.2f | %s | %.2f | %.2f | %.1fx | %.1fx | %.3f | %.3f |\n", c, n[k], 100 * a[k] / n[k],
                100 * low[k], 100 * high[k], difference(k, e), up[k] / n[k], down[k] / n[k],
                n[e] ? up[e] / n[e] / (up[k] / n[k]) : 0, n[e] ? (up[e] + down[e]) / n[e] / ((up[k] + down[k]) / n[k]) : 0,
                s[task[t], c, 20], s[task[t], c, 100]
        }
    }
}
