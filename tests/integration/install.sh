#!/bin/sh
# install.sh - what `make install` puts there is enough to write a program: each public header alone, in C and in C++,
# found by pkg-config, linked to the shared and to the static library; and nothing else is exported.
set -u
build=${BUILD:-build}
case $build in build-*) echo "skip install: a library with a sanitizer is not for installing"; exit 0 ;; esac
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

check() { # check NAME STATUS: status 0 = passed
    if [ "$2" -eq 0 ]; then echo "ok install: $1"; else echo "not ok install: $1: failed"; sed 's/^/    /' "$work/log"; failed=1; fi
}

make BUILD="$build" PREFIX="$work/usr" install >"$work/log" 2>&1
check "make install" $?
[ $failed -eq 0 ] || exit 1
export PKG_CONFIG_PATH="$work/usr/lib/pkgconfig"
cc=${CC:-cc} cxx=${CXX:-c++}
flags=$(pkg-config --cflags dynacomm)
[ "${flags% }" = "-I$work/usr/include" ]
check "pkg-config says where the headers are" $?

for header in "$work"/usr/include/*.h; do
    name=$(basename "$header")
    printf '#include <%s>\nint main(void) { return 0; }\n' "$name" >"$work/alone.c"
    # shellcheck disable=SC2086
    $cc -std=c11 -Wall -Wextra -Wpedantic -Werror $flags -fsyntax-only "$work/alone.c" >"$work/log" 2>&1 &&
        $cxx -x c++ -std=c++11 -Wall -Wextra -Werror $flags -fsyntax-only "$work/alone.c" >"$work/log" 2>&1
    check "$name stands alone, in C and C++" $?
done
[ -e "$work/usr/include/dynacomm.h" ] && [ -e "$work/usr/include/dynacomm_plan.h" ]
check "both headers are there" $?

cat >"$work/tool.c" <<'C'
#include <dynacomm_plan.h>

int main(void)
{
    const dc_layer_cost layers[] = {{0.1, 0.2, 1000000, 4000000}, {0.1, 0.2, 2000000, 8000000}};
    dc_profile profile = {0};
    profile.n_layers = 2;
    profile.layers = layers;
    profile.down_Bps = 12.5e6;
    profile.up_Bps = 2.5e6;
    profile.workers = 1;
    dc_plan plan;
    if (dc_plan_init(&plan, 2) || dc_plan_make(&plan, &profile, DC_AUTO)) return 1;
    const dc_sim_worker worker = {&profile, &plan, 1};
    dc_forecast forecast;
    if (dc_simulate(&worker, 1, NULL, NULL, &forecast)) return 1;
    printf("%s %s %.17g %.17g\n", dc_version(), dc_strategy_name(plan.strategy), plan.round_s, forecast.round_s);
    const bool right = forecast.round_s == plan.round_s && forecast.round_s > 0.999 * forecast.floor_s;
    dc_plan_free(&plan);
    return right ? 0 : 1;
}
C
# shellcheck disable=SC2086,SC2046
$cc -std=c11 -Wall -Wextra -Werror $flags "$work/tool.c" -o "$work/shared" $(pkg-config --libs dynacomm) >"$work/log" 2>&1 &&
    LD_LIBRARY_PATH="$work/usr/lib" "$work/shared" >"$work/shared.txt"
check "a tool with the shared library" $?
# shellcheck disable=SC2086,SC2046
$cc -std=c11 $flags "$work/tool.c" -o "$work/static" "$work/usr/lib/libdynacomm.a" \
    $(pkg-config --static --libs dynacomm | sed 's/-ldynacomm//') >"$work/log" 2>&1 && "$work/static" >"$work/static.txt"
check "a tool with the static library" $?
cmp -s "$work/shared.txt" "$work/static.txt" && grep -q '^[0-9.]* [a-z]* [0-9]' "$work/static.txt"
check "both say the same" $?

nm -D --defined-only "$work/usr/lib/libdynacomm.so" | awk '{print $3}' | grep -vE '^(dc_[a-z]|LIBDYNACOMM)' >"$work/log"
[ ! -s "$work/log" ]
check "the shared library exports dc_* only" $?
# What the headers declare is there, and what is there is declared.
nm -D --defined-only "$work/usr/lib/libdynacomm.so" | awk '$3 ~ /^dc_/ {print $3}' | sort >"$work/there"
cat "$work"/usr/include/dynacomm*.h | tr '\n' ' ' | grep -oE 'DC_API [^;]*;' | grep -oE '\bdc_[a-z0-9_]+\(' | tr -d '(' | sort -u >"$work/declared"
diff "$work/declared" "$work/there" >"$work/log"
check "the headers declare what the library exports" $?

exit $failed
