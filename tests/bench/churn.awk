# churn.awk - how many rounds the machines that lived could have made: of a run's `pace` and `events` (tests/bench/churn.sh).
#
# -v least=--min-workers -v timeout=--timeout (seconds). Prints, on one line: the seconds that the run took, those in which enough machines
# lived and there was a server, those of them in which a machine had gone silent and nobody could know yet, rounds that could have been made in
# all of these, and without the last.
#
# pace:   a number of workers and the rounds a second that so many make when nobody is disturbed, descending; between them: a straight line.
# events: microseconds, what, who. A machine lives while its process runs, is not stopped, and its link is not cut.
# A machine that stops or whose link is cut in a round holds that round up for --timeout: rosters change between rounds, and before
# the time is over silence is slowness. One that is killed is heard to go.
NR == FNR { known[++n] = $1; pace[n] = $2; next }

function rate(k, i) {
    if (k >= known[1]) return pace[1]
    for (i = 2; i <= n && k < known[i]; i++) ;
    if (i > n) return pace[n]
    return pace[i] + (k - known[i]) * (pace[i - 1] - pace[i]) / (known[i - 1] - known[i])
}

function lives(k) { return up[k] && !cut[k] }

function count(k, sum) { for (k in up) sum += lives(k); return sum }

# From the event before until now.
function account(now, k, live, until, blind) {
    live = count()
    if (!began || !server || live < least) return
    for (k in silent) if (silent[k] > until) until = silent[k]
    if (until > now) until = now
    blind = until > last ? until - last : 0
    seconds += now - last
    unknown += blind
    possible += rate(live) * (now - last)
    fair += rate(live) * (now - last - blind)
}

{
    now = $1 / 1e6
    if (began) account(now)
    last = now
}
$2 == "begin" { began = now }
$2 == "end" { ended = now; exit }
$2 == "server-up" { server = 1 }
$2 == "server-kill" { server = 0; delete silent }
$2 == "start" || $2 == "go" { up[$3] = 1 }
$2 == "join" { cut[$3] = 0 }
$2 == "join" || $2 == "go" { if (lives($3)) delete silent[$3] }
$2 == "stop" || $2 == "cut" { if (lives($3)) silent[$3] = now + timeout }
$2 == "stop" || $2 == "kill" { up[$3] = 0 }
$2 == "cut" { cut[$3] = 1 }
$2 == "kill" { if (!cut[$3]) delete silent[$3] }
END { printf "%.1f %.1f %.1f %.1f %.1f\n", ended - began, seconds, unknown, possible, fair }
