#!/bin/bash
# http_guard.sh - who may read the page: requests that name this machine, with the token if there is one.
. "$(dirname "$0")/lib_fault.sh"
what="the page"

# page_of - $page, once the server says where it is
page_of()
{
    seen "$server_pid" server.out 'watch this run at' || not_ok "page" "$(cat server.err)"
    page=$(sed -n 's/.*watch this run at //p' server.out)
    page=${page%/}
}

# code EXPECTED CURL-ARGUMENT...
code()
{
    local expected=$1 got
    shift
    got=$(curl -s -m 10 -o answer -w '%{http_code}' "$@")
    [ "$got" = "$expected" ] || { echo "# $got for $*"; return 1; }
}

stop()
{
    kill -TERM "$server_pid"
    wait "$server_pid"
}

server --workers 1 --http 127.0.0.1:0
page_of
for host in "127.0.0.1" "localhost:99" "[::1]:7780" "$(hostname)"; do
    check "Host: $host" code 200 -H "Host: $host" "$page/status"
done
for path in / /status /metrics '/plan.svg?worker=0' /nothing; do
    check "Host: evil.example, $path" code 403 -H 'Host: evil.example' "$page$path"
    check "and says nothing of the run" test "$(wc -c < answer)" -lt 100
done
check "Host: localhost.evil.example" code 403 -H 'Host: localhost.evil.example' "$page/status"
check "no Host" code 403 --http1.0 -H 'Host:' "$page/status"
check "status without keys: not sealed, and not open to others" test \
    "$(curl -s "$page/status" | jq -r '"\(.sealed) \(.insecure)"')" = "false false"
stop

local_url=$url
url=tcp://0.0.0.0:$(free_port)
server --workers 1 --insecure --http 127.0.0.1:0
page_of
check "status of an open server" test "$(curl -s "$page/status" | jq -r '"\(.sealed) \(.insecure)"')" = "false true"
"$dynacomm" status "$page" > table
check "dynacomm status of an open server" grep -q '^insecure: whoever reaches the server can take part; nothing is encrypted$' table
url=$local_url
stop

(umask 077 && echo 'a token of blanks' > blanks && echo short > short && head -c 24 /dev/urandom | base64 > token)
cp token open
chmod 644 open
here=$(hostname -I 2> /dev/null | awk '{print $1}')
refused "off this machine without a token" "--http-token-file FILE" "$dynacomm" server --listen "$url" --workers 1 --http 0.0.0.0:0
refused "a token that others can read" "chmod 600 open" "$dynacomm" server --listen "$url" --workers 1 --http 127.0.0.1:0 --http-token-file open
refused "a token that is short" "16 to 128" "$dynacomm" server --listen "$url" --workers 1 --http 127.0.0.1:0 --http-token-file short
refused "a token with blanks" "16 to 128" "$dynacomm" server --listen "$url" --workers 1 --http 127.0.0.1:0 --http-token-file blanks
refused "no token there" "cannot read the token none" "$dynacomm" server --listen "$url" --workers 1 --http 127.0.0.1:0 --http-token-file none

server --workers 1 --http 0.0.0.0:0 --http-token-file token
page_of
page=${page/0.0.0.0/${here:-127.0.0.1}}
for path in / /status /metrics '/plan.svg?worker=0' /nothing; do
    check "no token: $path" code 401 "$page$path"
    check "another token: $path" code 401 -H "Authorization: Bearer $(tr a-y b-z < token)" "$page$path"
done
check "the token, as bearer" code 200 -H "Authorization: Bearer $(cat token)" "$page/status"
check "the token, as password" code 200 -u "anybody:$(cat token)" "$page/metrics"
check "part of the token" code 401 -u "anybody:$(head -c 16 token)" "$page/metrics"
check "the token and another's name" code 403 -H 'Host: evil.example' -u "anybody:$(cat token)" "$page/status"
check "dynacomm status with the token" "$dynacomm" status "$page" --token-file token
refused "dynacomm status without" "needs the server's token: give --token-file FILE" "$dynacomm" status "$page"
stop
finish
