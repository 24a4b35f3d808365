# goal.awk - goal.csv as a table for each rate: seconds to the goal, and how many times as fast as exact. head: task,rounds,goal,every.
index($0, head ",") != 1 { next }
{
    if (!($5 in known)) { known[$5] = 1; up[++ups] = $5 }
    codecs[$5]++
    line[$5, codecs[$5]] = $0
    if ($6 == "exact" && $10 > 0) exact[$5] = $10
}
END {
    for (u = 1; u <= ups; u++) {
        printf "\n## %s Mbit/s up\n\n| codec | batches | accuracy | predicted s | seconds | times as fast as exact |\n|---|---|---|---|---|---|\n", up[u]
        for (k = 1; k <= codecs[up[u]]; k++) {
            split(line[up[u], k], f, ",")
            if (f[7] == "never") printf "| %s | not reached | | | | |\n", f[6]
            else printf "| %s | %d | %.2f %% | %.1f | %.1f | %s |\n", f[6], f[7], 100 * f[8], f[7] * f[9], f[10], exact[up[u]] ? sprintf("%.2f", exact[up[u]] / f[10]) : ""
        }
    }
}
