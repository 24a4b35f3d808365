# codecs-time.awk - curve.csv and a choices.csv as seconds to an accuracy: batches until the curve reaches `goal` percent (between two of its
# points as on a line), times the seconds of a batch that the lab measured, and that the plan predicted.
FNR == 1 { file++; next }
file == 1 {
    if ($1 != task) next
    if (!($2 in at) && 100 * $6 >= goal) {
        share = $2 in last ? (goal - last[$2]) / (100 * $6 - last[$2]) : 1
        at[$2] = before[$2] + share * ($5 - before[$2])
    }
    last[$2] = 100 * $6; before[$2] = $5
    next
}
{ if (!($3 in known)) { known[$3] = 1; up[++ups] = $3 }
  if (!($4 in row)) { row[$4] = 1; codec[++codecs] = $4 }
  predicted[$3, $4] = $8 / $7; measured[$3, $4] = $9 / $7 }
END {
    printf "\n## Seconds to %s %%, %s\n\nBatches to it (of the first seed) times the seconds of a batch in the lab, in brackets as predicted; \"to exact\": how many times as fast.\n\n", goal, task
    head = "| codec | batches |"; line = "|---|---|"
    for (u = 1; u <= ups; u++) { head = head " " up[u] " Mbit/s up | to exact |"; line = line "---|---|" }
    print head "\n" line
    for (c = 1; c <= codecs; c++) {
        k = codec[c]
        if (!(k in at)) { if (k in last) never = never " " k; continue }
        text = sprintf("| %s | %.0f |", k, at[k])
        for (u = 1; u <= ups; u++)
            text = text sprintf(" %.1f (%.1f) | %.1f |", at[k] * measured[up[u], k], at[k] * predicted[up[u], k],
                "exact" in at ? at["exact"] * measured[up[u], "exact"] / (at[k] * measured[up[u], k]) : 0)
        print text
    }
    if (never) print "\nNot reached in the run:" never "."
}
