#!/bin/sh
# rooms.sh - scripts/check-rooms finds each kind of violation in a small house where it was planted, says nothing of a
# clean one, and this tree is clean.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

check() { # check NAME STATUS: status 0 = passed
    if [ "$2" -eq 0 ]; then echo "ok rooms: $1"; else echo "not ok rooms: $1: failed"; sed 's/^/    /' "$work/out"; failed=1; fi
}

file() { # file PATH LINE ...: with those lines, in the house
    mkdir -p "$work/house/$(dirname "$1")"
    path=$work/house/$1
    shift
    printf '%s\n' "$@" >"$path"
}

house() { # a clean one
    rm -rf "$work/house"
    file plugin/include/dynacomm.h 'int dc_sum(int a);'
    file plugin/base/error.h '#include "dynacomm.h"' 'int dc__fail(int a);'
    file plugin/net/link.h '#include "base/error.h"' 'int dc__link(int a);'
    file plugin/net/link.c '#include "net/link.h"' '' 'int dc__link(int a)' '{' '    return dc__fail(a);' '}'
    file plugin/schedule/plan.c '#include "base/error.h"'
    file plugin/worker/worker.h '#include "net/link.h"'
    file darknet/engine/session.c '#include "dynacomm.h"'
    file darknet/kernels/gemm.h 'int dk_gemm(int a);'
}

# finds NAME 'line': after something was planted, exactly one violation, and that is it
finds() {
    "$root/scripts/check-rooms" "$work/house" >"$work/out" 2>&1
    [ $? -eq 1 ] && [ "$(wc -l <"$work/out")" -eq 1 ] && grep -qxF -- "$2" "$work/out"
    check "finds $1" $?
    house
}

house
"$root/scripts/check-rooms" "$work/house" >"$work/out" 2>&1
check "a clean house is clean" $?

file plugin/schedule/plan.c '#include "net/link.h"'
finds "the planner on the network" \
    "rooms: plugin/schedule/plan.c includes plugin/net/link.h: plugin/schedule may include include base model"
file plugin/base/other.c '#  include "worker/worker.h"'
finds "the base on the worker" "rooms: plugin/base/other.c includes plugin/worker/worker.h: plugin/base may include include"
file plugin/server/server.c '#include "worker/worker.h"'
finds "the server on the worker" "rooms: plugin/server/server.c includes plugin/worker/worker.h: plugin/server may include \
include base secure model schedule codec net endpoint"
file plugin/include/dynacomm.h '#include "base/error.h"' 'int dc_sum(int a);'
file plugin/base/error.h 'int dc__fail(int a);'
finds "a public header on an internal one" \
    "rooms: plugin/include/dynacomm.h includes plugin/base/error.h: plugin/include may include nothing"
file plugin/attic/old.c '#include "base/error.h"'
finds "a room that nobody planned" "rooms: plugin/attic/old.c: plugin/attic is no room of scripts/check-rooms"
file darknet/engine/session.c '#include "base/error.h"'
finds "darknet on an internal header" \
    "rooms: darknet/engine/session.c includes plugin/base/error.h: darknet may include plugin/include only"
file darknet/kernels/gemm.c '#include "engine/session.h"'
file darknet/engine/session.h '#include "dynacomm.h"'
finds "a kernel that reaches the plugin over another file" \
    "rooms: darknet/kernels/gemm.c includes plugin/include/dynacomm.h: darknet/kernels knows no plugin"

file plugin/net/wire.h 'int dc__wire(int a);'
file plugin/net/wire.c '#include "net/wire.h"' '#include "net/link.h"'
file plugin/net/link.c '#include "net/link.h"' '#include "net/wire.h"'
finds "a circle of files" "circles: these files include each other: plugin/net/link, plugin/net/wire"
file plugin/net/wire.c 'static int longer(int a);' 'int dc__wire(int a)' '{' '    return dc__link(a);' '}'
file plugin/net/link.c '#include "net/link.h"' '' 'int dc__link(int a)' '{' '    return dc__wire(a);' '}'
finds "a circle of calls" "circles: these files call each other: plugin/net/link.c, plugin/net/wire.c"
file darknet/kernels/gemm.c '#include "layers/layers.h"'
file darknet/layers/layers.h 'int dk_layers(int a);'
file darknet/layers/other.c '#include "kernels/gemm.h"'
finds "a circle of rooms" "circles: these rooms include each other: darknet/kernels, darknet/layers"

{ for i in $(seq 398); do echo "// $i"; done; printf 'a\nb\n'; } >"$work/house/plugin/net/long.c"
"$root/scripts/check-rooms" "$work/house" >"$work/out" 2>&1
check "takes a file of 400 lines" $?
echo c >>"$work/house/plugin/net/long.c"
finds "a file of 401 lines" "sizes: plugin/net/long.c: 401 lines; a file has at most 400"
longer() { # longer LINES: of a function
    { echo '/* why */'; echo 'static int'; echo 'longer(int a)'; echo '{'; seq $(($1 - 4)) | sed 's/.*/    a++;/'; echo '}'; } \
        >"$work/house/plugin/net/long.c"
}
longer 60
"$root/scripts/check-rooms" "$work/house" >"$work/out" 2>&1
check "takes a function of 60 lines" $?
longer 61
finds "a function of 61 lines" "sizes: plugin/net/long.c: longer (line 2) has 61 lines; a function has at most 60"
file plugin/net/link.c 'int dc__sum(int a);'
finds "a name that parts by an underscore" "names: plugin/net/link.c: dc__sum parts from dc_sum by an underscore only"

file plugin/net/link.c '/* Workers are told. */'
finds "a word of our own" "words: plugin/net/link.c says 'told': the field says reported, announced or asked"

mkdir "$work/empty"
"$root/scripts/check-rooms" "$work/empty" >"$work/out" 2>&1
[ $? -eq 1 ] && grep -q 'no sources in' "$work/out"
check "refuses a directory without sources" $?
"$root/scripts/check-rooms" >"$work/out" 2>&1
check "this tree is clean" $?

exit $failed
