#!/bin/bash
# hardening.sh - the built programs and the library have what the Makefile's HARDEN promises.
. "$(dirname "$0")/lib_front.sh"
if nm "$dynacomm" 2> /dev/null | grep -qE ' (__asan|__tsan|__ubsan)_'; then
    echo "built with a sanitizer"
    exit 77
fi
case $(readelf -h "$dynacomm" | sed -n 's/ *Machine: *//p') in *X86-64*) x86=1 ;; *) x86= ;; esac

# has NAME PATTERN COMMAND... - the command's output has a line with the pattern
has()
{
    local name=$1 pattern=$2
    shift 2
    if "$@" 2> /dev/null | grep -qE -- "$pattern"; then ok "$name"; else not_ok "$name" "no '$pattern' in: $*"; fi
}

for file in "$dynacomm" "$darknet" "$build/libdynacomm.so" "$build/delaybox"; do
    name=$(basename "$file")
    has "$name: loaded anywhere" 'Type: *DYN' readelf -hW "$file"
    case $name in *.so) ;; *) has "$name: a position independent program" 'FLAGS_1.*PIE' readelf -dW "$file" ;; esac
    has "$name: its tables of addresses become read-only" GNU_RELRO readelf -lW "$file"
    has "$name: all of them, before main" '\(FLAGS(_1)?\).*NOW' readelf -dW "$file"
    has "$name: no code on the stack" 'GNU_STACK .* RW ' readelf -lW "$file"
    has "$name: stack protector" __stack_chk_fail nm -D "$file"
    has "$name: fortified calls" '__[a-z]+_chk(@|$)' nm -D "$file"
    # Whether the whole file is marked for it depends on the distribution's start files (Debian's crti.o is not).
    [ -z "$x86" ] || has "$name: jumps land where they may" endbr64 objdump -d --no-show-raw-insn -j .text "$file"
    check "$name: no segment is written and executed" test -z "$(readelf -lW "$file" | grep -E 'LOAD .* RWE ')"
done
has "libdynacomm.a: stack protector" __stack_chk_fail nm "$build/libdynacomm.a"
has "libdynacomm.a: fortified calls" '__[a-z]+_chk$' nm "$build/libdynacomm.a"
if [ -n "$x86" ]; then
    marked=$(readelf -nW "$build/libdynacomm.a" 2> /dev/null | grep -c 'x86 feature:.*IBT, SHSTK')
    check "libdynacomm.a: every object is marked" test "$marked" -eq "$(ar t "$build/libdynacomm.a" | wc -l)"
fi
finish
