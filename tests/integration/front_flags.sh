#!/bin/bash
# Flags: every one that `darknet help` lists for training reaches the workers of -dynacomm local:2, and a wrong value is
# refused the same way by every command.
# shellcheck disable=SC2086
. "$(dirname "$0")/lib_front.sh"
classifier_data
classifier_cfg

# ---- every training flag arrives. A stand-in for the server waits until both workers run, keeps their command lines,
# and fails, which ends the run.

mkdir bin
cp "$darknet" bin/
cat > bin/dynacomm <<'SCRIPT'
#!/bin/bash
exec 9<> <(:)
seen()
{
    local pid
    for pid in $(pgrep -P "$PPID"); do
        tr '\0' '\n' < "/proc/$pid/cmdline" > line
        rank=$(grep -x -A1 -e -dynacomm-rank line | tail -n 1)
        case $rank in 0 | 1) tr '\0' '\n' < "/proc/$pid/environ" > "environment.$rank" && mv line "worker.$rank" ;; esac
    done
    [ -s worker.0 ] && [ -s worker.1 ]
}
until seen; do read -r -t .05 -u 9; done
exit 3
SCRIPT
chmod +x bin/dynacomm

# run FLAG... - the workers' command lines of that run are in worker.0 and worker.1, what stands in their environment in environment.0 and .1
run()
{
    rm -f worker.0 worker.1
    timeout 60 bin/darknet classifier train c.data c.cfg -dynacomm local:2 "$@" > out 2> err
    [ -s worker.0 ] && [ -s worker.1 ]
}

# has WORKER FLAG [VALUE] - its command line holds them, one after the other
has()
{
    if [ $# -eq 2 ]; then
        grep -qx -e "$2" "worker.$1"
    else
        grep -x -A1 -e "$2" "worker.$1" | tail -n 1 | grep -qxF -e "$3"
    fi
}

# set_by_local FLAG VALUE WORKER - true for flags whose value the launcher decides; they have to be there all the same
set_by_local()
{
    case $1 in
    -dynacomm) ! has "$3" "$1" && grep -q "^DYNACOMM=dynacomm:worker-$3@ipc://.*/server/" "environment.$3" ;; # no secret on a command line
    -dynacomm-key) has "$3" "$1" none ;;
    -dynacomm-rank) has "$3" "$1" "$3" ;;
    -threads) has "$3" "$1" 3 ;; # of 7, shared by two
    -dynacomm-trace) [ "$3" -eq 0 ] && has 0 "$1" "$2" || has 1 "$1" "$2.1" ;;
    -log) [ "$3" -eq 0 ] && has 0 "$1" "$2" || ! has 1 "$1" ;; # the run's log is what the first worker prints
    -gpus) ! has "$3" "$1" ;;                                # noted once, by the command itself
    *) return 1 ;;
    esac
}

# value FLAG META - a value that is not the default
value()
{
    case $1 in
    -dynacomm) echo local:2 && return ;;
    -dynacomm-strategy) echo ibatch && return ;;
    -dynacomm-rank) echo 1 && return ;;
    -gpus) echo 0,1 && return ;;
    -backup-every) echo 7,30s && return ;;
    esac
    case $2 in
    N) echo 7 ;;
    NAME) echo cam-7 ;;
    RATE) echo 2500000.000b/s ;;
    URL) echo tcp://127.0.0.1:7801 ;;
    TIME) echo 420.000000000s ;;
    T) echo 0.125 ;;
    CODEC) echo int8 ;;
    FILE) echo "$work/some.file" ;;
    *'|'*) choices=${2#*|} && echo "${choices%%|*}" ;; # the second
    '') ;;
    *) return 1 ;;
    esac
}

"$darknet" help | sed -n '/^flags for training/,/^flags for detector retrain/{s/^  \(-[^ ]*\) \([^ ]*\).*/\1 \2/p}' > flags
check "help lists the training flags" test "$(wc -l < flags)" -ge 24 -a "$(grep -c '^-memory\|^-allow-unused' flags)" -eq 2
all=()
while read -r flag meta; do
    value=$(value "$flag" "$meta") || not_ok "$flag reaches the workers" "no value is known here for '$meta'"
    values[${#all[@]}]=$value
    all+=("$flag")
    [ "$flag" = -dynacomm ] || line+=("$flag" $value)
done < flags
run "${line[@]}" || not_ok "all flags at once" "no workers: $(cat err)"
for k in "${!all[@]}"; do
    flag=${all[$k]} value=${values[$k]} arrived=yes
    for worker in 0 1; do
        set_by_local "$flag" "$value" "$worker" || has "$worker" "$flag" $value || arrived="not at worker $worker"
    done
    check "$flag reaches the workers" test "$arrived" = yes
done
check "nothing else reaches them" test "$(grep -c '^-' worker.0)" -eq $((${#all[@]} - 2))
DYNACOMM_STRATEGY=duplex run -dynacomm-strategy auto
check "a flag wins over the environment, in the workers too" has 1 -dynacomm-strategy auto
run -seed 0
check "-seed 0 is a seed" has 1 -seed 0
run
has 0 -seed && seed=$(grep -x -A1 -e -seed worker.0 | tail -n 1)
check "a drawn seed is the same for all" has 1 -seed "${seed:-none}"

# ---- values: every command refuses them with the same line

refused()
{
    local line=$1
    shift
    "$darknet" "$@" > out 2> err
    [ $? -eq 1 ] && [ "$(cat err)" = "darknet: $line" ] && [ ! -s out ]
}
: > w.weights
for command in 'classifier train c.data c.cfg' 'detector test c.data c.cfg w.weights' 'profile c.cfg' \
    'classifier valid c.data c.cfg w.weights' 'detector retrain c.data c.cfg'; do
    for value in 4096 2.5; do
        check "$command -threads $value" refused "-threads: '$value' is not a whole number from 1 to 1024" $command \
            -threads $value
    done
done
check "-points 2.5" refused "-points: '2.5' is not a whole number from 0 to 1001" detector map c.data c.cfg w.weights -points 2.5
check "a flag where a value belongs" refused "-seed needs a value; after it comes -quiet, which is a flag itself" \
    classifier train c.data c.cfg -seed -quiet
check "two of one flag: the last counts" run -rounds 3 -rounds 5
check "two of one flag: the worker gets that" has 0 -rounds 5
finish
