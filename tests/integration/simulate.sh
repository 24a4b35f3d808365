#!/bin/bash
# Schedules of a whole run without processes, drawn from seeds (tests/sim): server and workers as they are, with deaths, restarts,
# pauses, cut links, slow and full disks, each checked against the replay of its log. SIM_SEEDS=FIRST-LAST: others than the first 10,000.
# Only computes: minutes of both processors, on a clock of its own.
build=${BUILD:-build}
case $build in *address* | *thread*)
    echo "skip simulate_seeds: sanitizers do not know its coroutines"
    exit 0
    ;;
esac
"$build/tests/simulate" --jobs "$(nproc)" "${SIM_SEEDS:-1-10000}" && echo "ok simulate_seeds"
"$build/tests/simulate" --twice 1-50 > /dev/null && echo "ok simulate_repeats" ||
    echo "not ok simulate_repeats: a seed takes another course the second time: $build/tests/simulate --twice 1-50"
