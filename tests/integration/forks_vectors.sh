#!/usr/bin/env bash
# forks_vectors.sh - networks of today's cfgs compute what they compute in AlexeyAB's Darknet: outputs, boxes, losses of
# three rounds, changed weights. Numbers and method: tests/data/forks. The cfgs of the forks stay where they are: FORKS_CFG
# names their directory (`cfg/` of a checkout); without it ../shared/forks/cfg beside the project is taken if it is there,
# else only those of tests/forks/cfg run. The small networks run; with FORKS_ALL=1 (`make forks-vectors`, minutes) all do.
# shellcheck source=tests/integration/lib_front.sh
. "$(dirname "$0")/lib_front.sh"
data=$root/tests/data/forks vectors=$build/tests/fork_vectors
[ -x "$vectors" ] || { not_ok "fork_vectors is built" "run make tests"; finish; }
export OMP_WAIT_POLICY=passive
cfgs=${FORKS_CFG:-$root/../shared/forks/cfg}
if [ ! -d "$cfgs" ]; then
    [ -z "${FORKS_CFG:-}" ] || { not_ok "FORKS_CFG=$FORKS_CFG is a directory"; finish; }
    echo "skipped: the forks' own cfgs: FORKS_CFG= names no directory of them, and $cfgs is not there"
fi

# same NAME CFG SIZE BATCH SUBDIVISIONS RATE
same()
{
    awk -v size="$3" -v batch="$4" -v subdivisions="$5" -v rate="$6" -f "$root/tests/forks/small.awk" "$2" > small.cfg
    if ! "$vectors" small.cfg small.weights ours.tsv > log 2>&1; then
        not_ok "$1" "status $?: $(tail -1 log)"
    elif awk -v PIXELS="${3%x*}" -f "$root/tests/forks/compare.awk" ours.tsv "$data/$1.tsv" > said; then
        ok "$1: $(tail -1 said)"
    else
        not_ok "$1" "$(tail -1 said)"
        sed '$d' said | head -20
    fi
}

while IFS=$'\t' read -r name size batch subdivisions rate sum when; do
    case $name in '#'*) continue ;; esac
    cfg=$cfgs/$name.cfg
    if [ "$when" != ci ] && [ -z "${FORKS_ALL:-}" ]; then
        long="${long:-} $name"
        continue
    elif [ "$sum" = own ]; then
        cfg=$root/tests/forks/cfg/$name.cfg
    elif [ ! -d "$cfgs" ]; then
        continue
    elif [ ! -r "$cfg" ]; then
        echo "skipped: $name: $cfg is not there"
        continue
    elif [ "$(sha256sum < "$cfg" | cut -c1-16)" != "$sum" ]; then
        echo "skipped: $name: $cfg is another text than the one that was measured"
        continue
    fi
    same "$name" "$cfg" "$size" "$batch" "$subdivisions" "$rate"
done < "$data/cases.tsv"
[ -z "${long:-}" ] || echo "skipped: without FORKS_ALL=1 the large networks:$long"

# The comparison notices: other numbers must not pass.
for what in 's/^loss\t0\t/loss\t0\t9/' 's/^\(change\t[0-9]*\tw\t[^\t]*\t\)\(.*\)/\1-9e9\t9e9/' '/^box\t/d; s/^boxes\t/boxes\t9/' 's/^file\t/file\t9/' '/^loss/d'; do
    sed "$what" "$data/losses.tsv" > other.tsv
    awk -f "$root/tests/forks/compare.awk" "$data/losses.tsv" other.tsv > said
    check "a difference is noticed: $what" [ $? = 1 ]
done
finish
