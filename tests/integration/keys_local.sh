#!/bin/bash
# -dynacomm local:N: the run makes keys by itself, hands them to its processes where nobody reads them, and leaves none behind.
. "$(dirname "$0")/lib_fault.sh"

export TMPDIR=$work/tmp XDG_CONFIG_HOME=$work/config
mkdir tmp config
classifier_data
classifier_cfg max_batches=0
pid=
trap '[ -z "$pid" ] || kill -KILL "$pid" 2> /dev/null; rm -rf "$work"' EXIT

# start - a run without end, from its third round on; $pid, $local_dir, $local_server, $local_workers
start()
{
    : > rounds
    "$darknet" classifier train c.data c.cfg -dynacomm local:2 -seed 3 -rounds 1000000 -threads 2 "$@" > rounds 2> err &
    pid=$!
    seen "$pid" rounds '^3, ' || not_ok "the run begins" "$(cat err)"
    local_dir=$(echo tmp/darknet-local-*)
    local_server=$(pgrep -P "$pid" -f -- '--key -')
    mapfile -t local_workers < <(pgrep -P "$pid" -f 'classifier train')
}

# invitation PID - what that worker was given
invitation()
{
    tr '\0' '\n' < "/proc/$1/environ" | sed -n 's/^DYNACOMM=//p'
}

# secrets - of the invitations, one a line
secrets()
{
    local line
    for line in "${lines[@]}"; do line=${line%/*}; echo "${line##*/}"; done
}

# left - processes that have this test's directory on their command line
left()
{
    pgrep -f "(classifier train|server --listen .*) ?.*(c.data|$work)" | while read -r one; do
        [ "$(readlink "/proc/$one/cwd")" != "$work" ] || [ "$one" -eq $$ ] || echo "$one"
    done
}

none_left()
{
    local one
    for one in $(left); do tail --pid="$one" -s .05 -f /dev/null; done
    [ -z "$(left)" ]
}

start
lines=("$(invitation "${local_workers[0]}")" "$(invitation "${local_workers[1]}")")
socket=$local_dir/server
check "each worker has an invitation of its own" test "$(printf '%s\n' "${lines[@]}" |
    grep -cE "^dynacomm:worker-[01]@ipc://$work/$socket/[A-Za-z0-9_-]{43}/[A-Za-z0-9_-]{22}/[0-9]+\$")" -eq 2 -a "$(secrets | sort -u | wc -l)" -eq 2
check "others cannot read it there" test "$(stat -c %a "/proc/${local_workers[0]}/environ")" = 400
secrets > .secrets
check "no secret is on a command line" bash -c '! cat /proc/[0-9]*/cmdline 2> /dev/null | tr "\0" "\n" | grep -F -f .secrets' _
check "no secret is in any file" bash -c '! grep -rsqF -f .secrets tmp config backup rounds err' _
check "the run's directory is its user's alone" test "$(stat -c %a "$local_dir")" = 700
check "so is all in it" test -z "$(find "$local_dir" -type f ! -perm 600)"
check "the processes make no key's file" test -z "$(find tmp config -name '*.key*')"
check "the server holds its key in locked memory" grep -q '^VmLck:[[:space:]]*[1-9]' "/proc/$local_server/status"
check "the server knows its members" test "$(grep -cE 'worker [01] \(worker-[01]\) joined' "$local_dir/server.log")" -eq 2

# intruder WHO WORDS - another worker at the run's socket, with DYNACOMM from the environment, has status 1 and a line
intruder()
{
    local status
    "$darknet" classifier train c.data c.cfg -seed 3 -rounds 5 -threads 1 -dynacomm-timeout 3 -dynacomm-key none > out 2> intruder.err
    status=$?
    what=$1
    check "$what is refused" test $status -eq 1
    said intruder.err darknet: "$2"
}

DYNACOMM=ipc://$work/$socket intruder "a process without a key" 'takes only workers with a key'
DYNACOMM=${lines[0]%/*/*} intruder "a key that nobody invited" "does not know this worker's key"
DYNACOMM=${lines[0]} intruder "who shows an invitation again" 'this invitation was used before'
round=$(grep -cE '^[0-9]+, ' rounds)
check "the run goes on meanwhile" seen "$pid" rounds "^$((round + 2)), "
kill -KILL "$pid"
wait "$pid" 2> /dev/null
check "killed: nothing runs on" none_left
check "killed: no key is left" bash -c '! grep -rsqF -f .secrets tmp config backup && [ -z "$(find tmp config -name "*.key*")" ]' _
rm -rf tmp backup && mkdir tmp
start
kill -TERM "$pid"
wait "$pid"
pid=
none_left
check "stopped: its directory is gone" rmdir tmp
mkdir tmp

# ---- a run goes on, whoever its workers were before

# both OPTION... - a server without keys and two workers, to the end
both()
{
    server --workers 2 --backup backup --on-loss end
    worker 0 -kernels fast "$@"
    worker 1 -kernels fast "$@"
    for one in "${worker_pid[@]}" "$server_pid"; do wait "$one" || not_ok "without keys" "$(cat server.err worker-?.err)"; done
    server_pid=
}

run=("$darknet" classifier train c.data c.cfg -seed 3 -threads 2 -dynacomm local:2)
rm -rf backup
"${run[@]}" -rounds 12 > out 2> err
mv backup once
both -rounds 5 -dynacomm-shared-backup
"${run[@]}" -rounds 12 > out 2> err
check "a run without keys goes on as local:2, to the same bits" cmp once/c.weights backup/c.weights
check "it went on" bash -c 'grep -q "^6, " out && ! grep -q "^5, " out'
rmdir tmp
finish
