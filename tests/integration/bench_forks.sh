#!/usr/bin/env bash
# bench_forks.sh - scripts/bench-forks with two programs that print what AlexeyAB's and hank-ai's print; what scripts/fork-map refuses.
# shellcheck disable=SC2016 # awk expands its own
# shellcheck source=tests/integration/lib_front.sh
source "$(dirname "$0")/lib_front.sh"

cat > fork-a <<'FORK'
#!/bin/bash
# Predicted in: the script looks for these words
case $2 in
train) for i in 1 2 3; do printf '\n %d: 9.5, 9.5 avg loss, 0.000000 rate, %s seconds, %d images, -1.0 hours left\n' $i "$((i * 1000)).000000" $i; done ;;
test) while read -r picture; do echo "Enter Image Path: $picture: Predicted in 2500.000000 milli-seconds."; done ;;
esac
FORK
cat > fork-b <<'FORK'
#!/bin/bash
case $2 in
train)
    read -r answer
    [ "$answer" = yes ] || { echo "training with a CPU was not wanted"; exit 1; }
    for t in '9 seconds' '1500 milliseconds' '1600 milliseconds'; do
        echo "1: loss=9.5, avg loss=9.5, last=unknown, rate=0.00000000, load 1=3 milliseconds, train=$t, 1 images, time remaining=9 seconds"
    done
    ;;
test) printf 'Enter Image Path: '; while read -r picture; do echo "$picture: dog"; printf 'Enter Image Path: '; done ;;
esac
FORK
chmod +x fork-a fork-b
script=bench-forks
bench() { BUILD=$build "$root/scripts/$script" "$@"; }

FORK_A=$work/fork-a FORK_B=$work/fork-b bench -n "yolov3-tiny nosuch" -b 1 -w 64 -s 3 -r 1 -o rows.tsv > table 2> said
check "measures ours and two forks" [ $? = 0 ]
check "a row for each side, training and inference" awk -F'\t' '
    NF != 5 || $1 != "yolov3-tiny" || $2 != 1 || $5 <= 0 { bad++ }
    { n[$3 " " $4]++ }
    END { for (m = 0; m < 2; m++) for (s = 1; s <= 3; s++) if (n[(m ? "train" : "infer") " " (s == 1 ? "ours" : s == 2 ? "A" : "B")] != 1) bad++; exit bad > 0 }' rows.tsv
check "the first step is not counted, and of two passes a half" grep -q $'train\tA\t1250' rows.tsv
check "hank-ai's milliseconds are seconds" grep -q $'train\tB\t0.775' rows.tsv
check "AlexeyAB's milli-seconds are seconds" grep -q $'infer\tA\t2.5' rows.tsv
check "the table has how many times as fast" awk -F' [|] ' '/train/ { found = 1; if ($6 < 100 || $5 != 1250) exit 1 } END { exit !found }' table
check "a cfg that is not there is named" grep -q 'skipped: nosuch: no nosuch.cfg; FORKS_CFG=' said
bench -T rows.tsv > again
check "-T prints the table again" diff <(grep '^|' table) again

bench -n yolov3-tiny -b 1 -w 64 -s 2 -r 1 -o alone.tsv > table 2> said
check "without forks it says so" grep -q 'skipped: fork A: FORK_A= names no program' said
check "and measures ours" [ "$(cut -f4 alone.tsv | sort -u)" = ours ]
printf '#!/bin/sh\necho "out of memory" >&2\nexit 1\n' > broken
chmod +x broken
FORK_A=$work/broken bench -n yolov3-tiny -b 1 -w 64 -s 2 -r 1 -o broken.tsv > table 2> said
check "a fork that fails is named with its last line" grep -q 'skipped: yolov3-tiny, batch 1, train, A: out of memory' said

# refuses NAME TEXT ARGUMENTS...
refuses()
{
    local name=$1 text=$2
    shift 2
    if bench "$@" > out 2> err; then not_ok "$name" "status 0"; elif grep -qF -- "$text" err; then ok "$name"; else not_ok "$name" "$(cat err)"; fi
}
export FORK_A=$work/none
refuses "a fork that is no program" "FORK_A=$work/none is no program"
unset FORK_A
refuses "a size no network takes" "multiples of 32" -w 65
refuses "one step" "must be two" -s 1
refuses "no number" "'x' is no number" -b x
: > empty
refuses "an empty file" "holds no measurement" -T empty

# scripts/fork-map takes hours where it takes anything: what it refuses it refuses before.
script=fork-map
refuses "fork-map: no tree" "name a tree of AlexeyAB's Darknet"
refuses "fork-map: a tree that is not built" "has no obj/gemm.o: build it with" "$work" "$work"
refuses "fork-map: no seed" "'x' is no number of threads and no seed" "$work" "$work" -s "1 x"
finish
