# lib_demo.sh - what the tests of the demos share; sourced with $demo set to the script's name.
set -u
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${BUILD:-$root/build}
case $build in /*) ;; *) build=$root/$build ;; esac
mkdir -p "$build/test-logs"
log=$build/test-logs/$demo-output
failures=0

# check NAME COMMAND...
check()
{
    local name=$1
    shift
    if "$@"; then echo "ok $demo: $name"; else echo "not ok $demo: $name: failed: $*"; failures=1; fi
}

# refused WORDS ARGUMENT... - the script ends with one line that holds the words
refused()
{
    local words=$1
    shift
    ! "$root/scripts/$demo" "$@" > "$log.bad" 2>&1 && [ "$(wc -l < "$log.bad")" -eq 1 ] &&
        grep -q "^$demo: " "$log.bad" && grep -qF -- "$words" "$log.bad"
}

# run_demo ARGUMENT... - the script's exit status; what it says goes to $log
run_demo()
{
    "$root/scripts/$demo" "$@" > "$log" 2>&1
}

# finish - shows the log if something failed, and ends
finish()
{
    [ "$failures" -eq 0 ] || sed 's/^/# /' "$log"
    exit "$failures"
}
