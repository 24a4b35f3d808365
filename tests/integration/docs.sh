#!/bin/bash
# docs.sh - the documents name only files, commands, flags and make targets that exist; README.md has at most 150 lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

report() { # report NAME PROBLEMS
    if [ -z "$2" ]; then
        echo "ok $1"
    else
        echo "not ok $1: $2"
        failures=$((failures + 1))
    fi
}

for document in README.md CONTRIBUTING.md docs/*.md; do
    report "$document names what exists" "$(python3 tests/docs.py "$build" "$document" 2>&1)"
done

# The check itself: each wrong line is found, and nothing else.
wrong=$work/README.md
{
    echo 'The file `plugin/net/nothing.h` and [a link](docs/nothing.md), [an anchor](README.md#nothing).'
    echo '    dynacomm serve --workers 2'
    echo '    dynacomm server --workers 2 --nonsense'
    echo '    DYNACOMM=auto mpirun -n 2 darknet detector train a.data b.cfg -dynacom auto'
    echo '    darknet detector dream a.data'
    echo '    make nothing        # and more'
    echo '    scripts/demo --slow'
    echo '    scripts/netlab uncut edge0'
    echo 'The flag `--no-such-flag` and the variable DYNACOMM_NOTHING. Right: `--backup`, `-clear`, `make check`, cfg/fashion.cfg.'
    yes '' | head -150
} >"$wrong"
found=$(python3 tests/docs.py "$build" "$wrong" 2>&1)
for word in "has 159 lines" plugin/net/nothing.h docs/nothing.md 'README.md#nothing' "'dynacomm serve'" "'dynacomm server --nonsense'" \
    "'darknet -dynacom'" "'darknet detector dream'" "'make nothing'" "'scripts/demo --slow'" "'scripts/netlab uncut'" --no-such-flag \
    DYNACOMM_NOTHING; do
    report "a document with $word is refused" "$(grep -qF -- "$word" <<<"$found" || echo "not in: $found")"
done
report "nothing else is refused" "$(wc -l <<<"$found" | sed 's/^13$//')"
# The protocol's numbers.
wrong=$work/protocol.md
sed -e 's/| 8 | PARAM |/| 8 | PARAMS |/' -e "s/| frames | every frame's header | [0-9]*/&0/" docs/protocol.md >"$wrong"
found=$(python3 tests/docs.py "$build" "$wrong" 2>&1)
for word in "other types of frames" DC__PROTOCOL_VERSION; do
    report "a protocol with another number is refused: $word" "$(grep -qF -- "$word" <<<"$found" || echo "not in: $found")"
done
[ "$failures" -eq 0 ]
