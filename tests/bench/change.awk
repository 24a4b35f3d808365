# change.awk - change.csv as Markdown; exits 1 if the plan came late or the end is not as good as from the start.

function median3(a, b, c) { return a < b ? (b < c ? b : (a < c ? c : a)) : (a < c ? a : (b < c ? c : b)) }

function at_end(run,    n) {
    n = before + after
    return median3(seconds[run, n - 1], seconds[run, n - 2], seconds[run, n - 3])
}

# Rounds from the change to the first whose plan was made for other costs: a prediction that moved by a tenth towards the truth.
function followed(run,    r, old, moved) {
    old = predicted[run, before - 1]
    for (r = before; r < before + after; r++) {
        moved = predicted[run, r] / old
        if (moved > 1.1 || moved < 0.9) return r - before
    }
    return -1
}

function line(run, like, text,    f, ratio) {
    f = followed(run)
    ratio = at_end(run) / at_end(like)
    printf "| %s | %s | %.3f | %.3f | %+.1f %% |\n", text, f < 0 ? "never" : "round " f, at_end(run), at_end(like), 100 * (ratio - 1)
    if (f < 0 || f > 3 || ratio > 1.05) bad = 1
}

NR > 1 { seconds[$1, $2] = $3; predicted[$1, $2] = $4 }
END {
    printf "# A link that changes in mid-run\n\nMade by `scripts/bench-change` on %s with %s processors: %s, one worker, `%s`.\n", date, processors, \
        model, strategy
    printf "The link changes after %d rounds; %d follow. Seconds per round, median of the last three.\n\n", before, after
    print "| link | new plan after the change in | at the end | with the new link from the start | difference |"
    print "|---|---|---|---|---|"
    line("fall", "low", "500 to 100 Mbit/s")
    line("rise", "high", "100 to 500 Mbit/s")
    exit bad
}
