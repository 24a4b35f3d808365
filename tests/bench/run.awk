# run.awk - the rows of one cell's runs of one strategy (dynacomm bench's output, each after a "server CPU_S MB BUSY" line) as one
# line of results.csv: medians over the measured rounds. Variables: cell, workers, took (seconds), goodput ("DOWN UP" in bit/s), or header.

function median(values, n,    i, j, v) {
    for (i = 2; i <= n; i++) {
        v = values[i]
        for (j = i - 1; j > 0 && values[j] > v; j--) values[j + 1] = values[j]
        values[j + 1] = v
    }
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}

BEGIN {
    FS = "\t"
    if (header) {
        print "model,down,up,rtt_ms,workers,slow,speed,scale,strategy,regime,measured_s,predicted_s,floor_s,bound_s," \
              "efficiency,of_bound,waiting,sent_MB,received_MB,goodput_down_mbit,goodput_up_mbit,worker_cpu_ms_per_MB," \
              "server_cpu_ms_per_MB,server_MB_per_worker,rounds,compute_s,best_s,worst_s,pulls,pushes,machine_busy,took_s"
        exit
    }
}
$1 == "server" { server_cpu += $2; if ($3 > server_mb) server_mb = $3; busy += $4; runs++; next }
$1 ~ /^[0-9]+$/ {
    moved_all += $9 + $10 # of this worker, warm-up included, as the server's processor time
    if (!$2) next
    n++
    seconds[n] = $3; predicted[n] = $4; floor_s[n] = $5; bound[n] = $6; waiting[n] = $8
    sent[n] = $9; received[n] = $10; pulls = $15; pushes = $16
}
$1 == "summary" {
    for (i = 2; i <= NF; i++) { split($i, word, "="); value[word[1]] = word[2] }
    cpu += value["cpu_s_per_MB"] * value["moved_MB"]
    cpu_MB += value["moved_MB"]
    compute = value["compute"]
}
END {
    if (header) exit
    split(goodput, g, " ")
    s = median(seconds, n)
    f = median(floor_s, n)
    b = median(bound, n)
    transfer = 8e6 * (median(sent, n) / 1e6) / (g[1] < g[2] ? g[1] : g[2])
    regime = transfer >= 1.5 * compute ? "communication" : compute >= 1.5 * transfer ? "computation" : "balanced"
    printf "%s,%s,%.6f,%.6f,%.6f,%.6f,%.4f,%.4f,%.4f,%.3f,%.3f,%.2f,%.2f,%.4f,%.4f,%.1f,%d,%.6f,%.6f,%.6f,%d,%d,%.3f,%s\n", cell, regime, s,
        median(predicted, n), f, b, f / s, b / s, median(waiting, n) / s, median(sent, n) / 1e6, median(received, n) / 1e6,
        g[1] / 1e6, g[2] / 1e6, 1e3 * cpu / cpu_MB, 1e3 * server_cpu / (workers * moved_all / 1e6), server_mb / workers, n,
        compute, seconds[1], seconds[n], pulls, pushes, busy / runs, took
}
