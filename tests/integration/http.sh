#!/bin/bash
# http.sh - a real run of two workers on Fashion-MNIST, watched: JSON, metrics, the terminal's table, the page in a
# browser; bad requests; the end, good and bad, as those who watch see it.
#
# KEEP=DIR keeps the screenshots there.
. "$(dirname "$0")/lib_fault.sh"

"$root/scripts/fashion-data" "$root/data/fashion" > /dev/null || { not_ok "data" "scripts/fashion-data failed"; finish; }
data=edge.data
sed "s|^backup.*|backup = $work/backup|" "$root/data/fashion/edge-1.data" > edge.data
cfg=long.cfg
sed 's/^max_batches.*/max_batches=1000000/' "$root/cfg/fashion.cfg" > long.cfg

# watched OPTION... - a server with a page, $page, and two workers
watched()
{
    server --workers 2 --timeout 5 --on-loss end --http 127.0.0.1:0
    seen "$server_pid" server.out 'watch this run at' || not_ok "page" "$(cat server.err)"
    page=$(sed -n 's/.*watch this run at //p' server.out)
    page=${page%/}
    worker 0 "$@"
    worker 1 "$@"
}

rounds()
{
    curl -s -m 10 "$page/status" | jq .round
}

# code EXPECTED CURL-ARGUMENT... - the answer's status is one of EXPECTED (a pattern)
code()
{
    local expected=$1 got
    shift
    got=$(curl -s -m 10 -o /dev/null -w '%{http_code}' "$@")
    [[ $got =~ ^($expected)$ ]] || { echo "# $got for ${*: -1}"; return 1; }
}

type_of()
{
    curl -s -m 10 -o /dev/null -w '%{content_type}' "$1"
}

# browse OPTION... - loads the page in a browser, which lets it poll for a few seconds of its own time
browse()
{
    timeout -k 5 90 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
        --user-data-dir="$work/browser" --window-size=1280,1360 --virtual-time-budget=5000 "$@" "$page/" 2> browser.err
}

# attribute FILE NAME - the value of the first such attribute in a dumped page
attribute()
{
    grep -o "$2=\"[^\"]*\"" "$1" | head -n 1 | cut -d '"' -f 2
}

round_in()
{
    grep -o 'id="round">[0-9,]*' "$1" | head -n 1 | tr -cd 0-9
}

# valid_metrics FILE - every line is a comment of a family that has not been seen, or a sample of the one announced
valid_metrics()
{
    awk '
        function bad(why) { print "# line " NR ": " why ": " $0; failed = 1 }
        /^# HELP / { if ($3 in help) bad("twice"); help[$3] = 1; if (NF < 4) bad("no words"); next }
        /^# TYPE / { if (!($3 in help) || ($3 in type)) bad("order"); type[$3] = $4; family = $3
                     if ($4 != "gauge" && $4 != "counter") bad("type")
                     if (($4 == "counter") != ($3 ~ /_total$/)) bad("name"); next }
        { if (!match($0, /^[a-z_]+/)) bad("name")
          name = substr($0, 1, RLENGTH); rest = substr($0, RLENGTH + 1)
          if (name != family || name !~ /^dynacomm_/) bad("family")
          if (rest !~ /^(\{[a-z]+="[^"\\]*"(,[a-z]+="[^"\\]*")*\})? -?[0-9]+(\.[0-9]+)?(e[-+][0-9]+)?$/) bad("sample")
          if ($1 in seen) bad("twice"); seen[$1] = 1; n++ }
        END { if (n < 40) { print "# only " n " samples"; failed = 1 }; exit failed }' "$1"
}

# ---- while it runs ----

watched
check "a status shows two workers in training" until_status \
    '.state == "training" and .round > 20 and ([.workers[] | select(.state == "training" and .plans > 0)] | length) == 2'
curl -s -m 10 "$page/status" > status.json
curl -s -m 10 "$page/" > page.html
check "what it reports adds up" jq -e '.model == "long" and .loss > 0 and (.loss_curve.points | length) > 1 and
    .trained_bytes > 100000 and .last_round == 1000000 and .eta_s > 0 and .map_curve.points == [] and
    (.workers | all(.images_per_s > 0 and .wait_share >= 0 and .wait_share < 1 and .compute_s > 0 and .up_Bps > 0 and
                    .rtt_s > 0 and .predicted_s > 0 and .up_bytes > 1000000)) and
    (.events | map(select(contains("joined"))) | length) == 2' status.json
before=$(rounds)
check "rounds grow" until_status ".round > $before"
curl -s -m 10 "$page/metrics" > metrics
check "metrics are in Prometheus' format" valid_metrics metrics
check "metrics name what they count" grep -q '^dynacomm_worker_wait_ratio{worker="1"} ' metrics
"$dynacomm" status "$page" > table || not_ok "table" "exit status"
check "the table has a line per worker" test "$(grep -cE '^ +[01]  training +[0-9]+ +[0-9.]+ +[0-9.]+' table)" -eq 2
check "the table shows the run's state" grep -qE '^long: training, round [0-9]+ of 1000000' table
check "types are declared" test "$(type_of "$page/") $(type_of "$page/status") $(type_of "$page/plan.svg?worker=0")" = \
    'text/html; charset=utf-8 application/json; charset=utf-8 image/svg+xml; charset=utf-8'
curl -s -m 10 "$page/plan.svg?worker=1" > plan.svg
check "the plan is a chart" grep -q 'class="k5".*<title>pull (down), layer' plan.svg

# ---- in a browser ----

if command -v chromium > /dev/null; then
    browse --dump-dom > first.html
    browse --dump-dom --screenshot="$work/page.png" > second.html
    [ -s first.html ] || tail -n 5 browser.err
    check "page: two workers in training" test "$(grep -o 'class="light training"' first.html | wc -l)" -eq 2
    check "page: it polls" test "$(attribute first.html data-answers)" -ge 2
    check "page: rounds grow" test "$(round_in second.html)" -gt "$(round_in first.html)"
    check "page: the curve has points" test "$(attribute first.html data-points)" -gt 2
    check "page: the curve grows" test "$(attribute second.html data-points)" -gt "$(attribute first.html data-points)"
    check "page: the plan's bars are drawn" test "$(attribute first.html data-bars)" -ge 5
    check "page: the model is named" grep -q 'id="model">long<' first.html
    check "page: nothing from elsewhere" test "$(grep -cE '(src|href)="https?:' first.html)" -eq 0
    check "page: a screenshot" test "$(head -c 4 page.png | tail -c 3)" = PNG
    [ -z "${KEEP:-}" ] || { mkdir -p "$KEEP" && cp page.png "$KEEP/"; }
else
    echo "skip page in a browser: chromium is missing: scripts/deps test"
fi

# ---- who asks badly ----

check "no such page" code 404 "$page/nothing"
check "no way out" code 404 --path-as-is "$page/../../../etc/passwd"
check "a plan of nobody" code 404 "$page/plan.svg?worker=2"
check "a plan of what?" code 400 "$page/plan.svg?worker=-1"
check "POST is refused" code 405 -X POST --data-binary @metrics "$page/status"
check "DELETE is refused" code 405 -X DELETE "$page/"
check "HEAD is answered" code 200 -I "$page/status"
check "a URL of 10,000 bytes" code '404|414' "$page/$(printf 'a%.0s' {1..10000})"
check "a header of 100,000 bytes" code '400|413|431' -H "X-Long: $(printf 'a%.0s' {1..100000})" "$page/"
host=${page#http://}
half=()
for k in {1..20}; do
    exec {fd}<> "/dev/tcp/${host%:*}/${host##*:}" || break
    half+=("$fd")
    printf 'GET /status HT' >&"$fd"
done
printf '\000\377\n' >&"${half[0]}" # not HTTP: the server closes it
check "twenty halves of a request" test "${#half[@]}" -eq 20
before=$(rounds)
check "the run goes on beside all that" until_status ".round > $before and .state == \"training\""
for fd in "${half[@]}"; do exec {fd}>&-; done

# ---- a bad end, a good one, none ----

: > last.json # whoever waits for a line may look before the command does
"$dynacomm" status "$page" --watch --json > last.json 2> watch.err &
watch_pid=$!
seen "$watch_pid" last.json '"state":"training"' || not_ok "watching" "$(cat watch.err)"
kill -KILL "${worker_pid[1]}"
what="a worker killed"
ended "who watches" "$watch_pid" 1
check "$what: the last status says so" test "$(tail -n 1 last.json | jq -r '.state, .workers[1].state, (.line | test("worker 1"))' | xargs)" = \
    "failed lost true"
ended "server" "$server_pid" 1
wait "${worker_pid[0]}" "${worker_pid[1]}" 2> /dev/null

watched -rounds 20
"$dynacomm" status "$page" --watch > last.txt 2> watch.err
check "a good end: status --watch shows it" grep -q '^long: finished, round 20 of 20' last.txt
what="a good end"
ended "server" "$server_pid" 0
wait "${worker_pid[0]}" "${worker_pid[1]}" 2> /dev/null

# ---- what a page says of a server that does not come back ----

# played FILE... - the real page from a server that answers /status with each file in turn and then is gone; the page as
# it is after that goes to played.html
played()
{
    local port
    coproc player { exec perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:0", Listen => 9) or die;
        $| = 1; print $s->sockport, "\n";
        sub content { open my $f, "<", $_[0] or die; local $/; <$f> }
        while (@ARGV and my $c = $s->accept) {
            my $request = <$c> // next;
            while (my $line = <$c>) { last if $line =~ /^\r?$/ }
            my $text = $request =~ m{ /status } ? content(shift @ARGV) : $request =~ m{ / } ? content("page.html") : "";
            print $c "HTTP/1.0 200 OK\r\nContent-Length: ", length $text, "\r\n\r\n", $text; close $c }' "$@"; }
    local pid=$player_PID
    read -r port <&"${player[0]}"
    page=http://127.0.0.1:$port browse --dump-dom > played.html
    wait "$pid" 2> /dev/null
}

if command -v chromium > /dev/null; then
    jq '.map_curve.points = [[10,1,0.25,0.2,0.3],[20,2,0.5,0.4,0.6]] | .workers[1] += {silent_s: 9} |
        .model = "<img src=x>"' status.json > odd.json
    played odd.json odd.json
    check "page: a server that is gone is said to be" grep -q 'class="notice bad">The server has not answered for' played.html
    check "page: the mAP curve is drawn" grep -q 'class="curve" data-points="2"' played.html
    check "page: a silent worker is named" grep -q '1 · silent for 9 s' played.html
    check "page: names are text" grep -q 'id="model">&lt;img src=x&gt;<' played.html
    jq '.insecure = true' status.json > insecure.json
    played status.json insecure.json
    check "page: an open server is said to be" grep -q 'class="notice bad">[^<]*Insecure: whoever reaches the server can take part' played.html
    jq '.state = "finished" | .workers[].state = "done"' status.json > finished.json
    played status.json finished.json
    check "page: the end of a run is no accident" grep -q 'class="notice good">The run is finished: .* The server has ended' played.html
fi

# ---- words to who asks for what cannot be ----

what="bad requests"
refused "no server" "no page at" "$dynacomm" status "$page"
refused "no page's address" "no page's address" "$dynacomm" status ftp://there
refused "no address" "is not an address" "$dynacomm" server --listen "$url" --workers 1 --http 7780
refused "no port" "is not an address" "$dynacomm" server --listen "$url" --workers 1 --http 127.0.0.1:70000
coproc listener { exec perl -MIO::Socket::INET -e '
    my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:0", Listen => 5) or die;
    $| = 1; print $s->sockport, "\n";
    while (my $c = $s->accept) { sysread $c, my $request, 4096; print $c "HTTP/1.0 200 OK\r\n\r\nhello\n"; close $c }'; }
read -r port <&"${listener[0]}"
refused "a port that is taken" "is taken" "$dynacomm" server --listen "$url" --workers 1 --http "127.0.0.1:$port"
refused "another server's page" "something else than JSON" "$dynacomm" status "127.0.0.1:$port"
kill "$listener_PID"
finish
