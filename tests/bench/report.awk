# report.awk - results.csv as Markdown: what it shows, then every cell. With wide=1: a line per cell for the plot, under a line of names.

function cell_of() { return $1 "," $2 "," $3 "," $4 "," $5 "," $6 "," $7 }

function mbit(rate) { sub(/mbit$/, "", rate); return rate }

function link_text() { return $2 == $3 ? mbit($2) : mbit($2) " / " mbit($3) }

# One line of the verdict.
function verdict(what, good, all, bar) {
    if (all) printf "| %s | %s | %d of %d (%.0f %%) |\n", what, bar, good, all, 100 * good / all
}

BEGIN {
    FS = ","
    n_strategies = split("sequential layerwise ibatch dynacomm duplex", strategies, " ")
}
NR == 1 { next }
{
    cell = cell_of()
    if (!(cell in seen)) {
        seen[cell] = 1
        order[++cells] = cell
        scale_text = $8 > 1 ? " | 1/" $8 : " | 1"
        label[cell] = $1 " | " link_text() " | " $4 " | " $5 ($6 == "yes" ? ", one on half" : "") scale_text " | " $10
        short[cell] = $1 " " ($2 == $3 ? mbit($2) : mbit($2) "/" mbit($3)) "M" ($4 > 0 ? " " $4 "ms" : "") " x" $5 \
            ($6 == "yes" ? " half" : "")
        regimes[$10]++
        transfer[cell] = $14
    }
    has[cell, $9] = any[$9] = 1
    s[cell, $9] = $11; predicted[cell, $9] = $12; floor_s[cell] = $13; bound[cell] = $14; efficiency[cell, $9] = $15
    of_bound[cell, $9] = $16; waiting[cell, $9] = $17; moved[cell, $9] = $18 " / " $19
    goodput[cell] = $20 " / " $21; worker_cpu[cell, $9] = $22; server_cpu[cell, $9] = $23; server_MB[cell, $9] = $24; busy[cell, $9] = $31
    compute[cell] = $26; up_MB[cell] = $18; down_mbit[cell] = $20; up_mbit[cell] = $21
    symmetric[cell] = $2 == $3
}
END {
    if (wide) {
        printf "cell bound"
        for (k = 1; k <= n_strategies; k++)
            if (strategies[k] in any) printf " %s", strategies[k]
        print ""
        for (i = 1; i <= cells; i++) {
            c = order[i]
            printf "\"%s\"", short[c]
            printf " %s", bound[c] / floor_s[c]
            for (k = 1; k <= n_strategies; k++)
                if (strategies[k] in any) printf " %s", has[c, strategies[k]] ? s[c, strategies[k]] / floor_s[c] : "nan"
            print ""
        }
        exit
    }
    for (i = 1; i <= cells; i++) {
        c = order[i]
        for (k = 1; k <= n_strategies; k++) {
            t = strategies[k]
            if (!has[c, t]) continue
            runs++
            error = predicted[c, t] / s[c, t] - 1
            if (error < 0) error = -error
            near += error <= .1
        }
        if (has[c, "dynacomm"]) {
            for (k = 1; k <= 3; k++) {
                t = strategies[k]
                if (!has[c, t]) continue
                compared++
                not_slower += s[c, "dynacomm"] <= 1.02 * s[c, t]
            }
        }
        if (!has[c, "duplex"]) continue
        duplex++
        at90 += efficiency[c, "duplex"] >= .9
        at75 += efficiency[c, "duplex"] >= .75
        bound90 += of_bound[c, "duplex"] >= .9
        if (!has[c, "dynacomm"]) continue
        both++
        never += s[c, "duplex"] <= 1.02 * s[c, "dynacomm"]
        slower_mbit = down_mbit[c] < up_mbit[c] ? down_mbit[c] : up_mbit[c]
        if (symmetric[c] && 8 * up_MB[c] / slower_mbit >= 1.5 * compute[c]) {
            dominated++
            fast += s[c, "dynacomm"] >= 1.7 * s[c, "duplex"]
        }
    }
    printf "%d cell%s: %d where communication takes at least 1.5 times as long as computation, %d the other way round, %d between.\n",
        cells, cells == 1 ? "" : "s", regimes["communication"], regimes["computation"], regimes["balanced"]
    print "Times are medians of rounds, in seconds."
    print ""
    print "| what | bar | holds in |"
    print "|---|---|---|"
    verdict("dynacomm against each of sequential, layerwise, ibatch", not_slower, compared, "at most 2 % slower")
    verdict("predicted round against measured", near, runs, "within 10 %")
    verdict("duplex: floor / measured", at90, duplex, "at least 0.90")
    verdict("duplex: floor / measured", at75, duplex, "at least 0.75")
    verdict("duplex: provable bound / measured", bound90, duplex, "at least 0.90")
    verdict("duplex against dynacomm", never, both, "at most 2 % slower")
    verdict("duplex against dynacomm, communication at least 1.5 x computation, symmetric link", fast, dominated, "at least 1.7 times as fast")
    print ""
    print "floor = max(computation, bytes / goodput up, bytes / goodput down), with the goodput of TCP in the same lab on the same" \
        "\nlink. bound = the same, tightened by what must follow what (plugin/schedule/rates.c): gradients of the first layers exist only" \
        "\nafter the whole backward pass, and their new parameters are needed before the next forward pass. scale 1/k: bytes and" \
        "\ncomputation divided by k."
    print ""
    print "| model | Mbit/s down / up | RTT ms | workers | scale | regime | floor | bound | sequential | layerwise | ibatch | dynacomm | duplex | floor / duplex | bound / duplex | dynacomm / duplex |"
    print "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= cells; i++) {
        c = order[i]
        printf "| %s | %.3f | %.3f", label[c], floor_s[c], bound[c]
        for (k = 1; k <= n_strategies; k++) printf has[c, strategies[k]] ? " | %.3f" : " | -", s[c, strategies[k]]
        if (has[c, "duplex"]) printf " | %.3f | %.3f", efficiency[c, "duplex"], of_bound[c, "duplex"]
        else printf " | - | -"
        if (has[c, "duplex"] && has[c, "dynacomm"]) printf " | %.2f |\n", s[c, "dynacomm"] / s[c, "duplex"]
        else print " | - |"
    }
    print ""
    print "Predictions, waiting, bytes and what it costs (processor time of the worker and of the server per MB that they moved, both" \
        "\ndirections together; the server's peak memory divided by its workers; how busy that kept this machine, emulation included):"
    print ""
    print "| model | Mbit/s down / up | RTT ms | workers | scale | regime | strategy | measured | predicted | waiting | MB up / down | goodput Mbit/s | worker ms/MB | server ms/MB | server MB/worker | machine |"
    print "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= cells; i++)
        for (k = 1; k <= n_strategies; k++) {
            c = order[i]; t = strategies[k]
            if (!has[c, t]) continue
            printf "| %s | %s | %.3f | %.3f (%+.1f %%) | %.1f %% | %s | %s | %.2f | %.2f | %.0f | %.0f %% |\n", label[c], t, s[c, t], predicted[c, t],
                100 * (predicted[c, t] / s[c, t] - 1), 100 * waiting[c, t], moved[c, t], goodput[c], worker_cpu[c, t], server_cpu[c, t],
                server_MB[c, t], 100 * busy[c, t]
        }
}
