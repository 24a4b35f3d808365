# namespaces.sh - the keeper process, the namespaces it holds, and their end. Sourced by netlab.
# shellcheck shell=bash
# shellcheck disable=SC2016 # what other shells run is quoted for them

# "PID START": the start time distinguishes a process from a later one with the same number.
identity() {
    local -a stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    read -r -a stat <<<"${stat##*) }" # from the third field on: the second may contain anything
    [[ ${stat[0]} != Z ]] && echo "$1 ${stat[19]}"
}

same_process() { [[ -s $1 && $(identity "$(cut -d' ' -f1 "$1")") == "$(cat "$1")" ]]; }

# The lock is the directory itself. Its last lab takes it away: look whether the one that we got is still there.
lock_state() {
    while :; do
        [[ -d $ROOT ]] || mkdir -m 700 "$ROOT" 2>/dev/null || die "can't make the directory $ROOT"
        exec {LOCK}<"$ROOT" || continue
        flock "$LOCK" & # so that a signal ends the wait
        wait "$!"
        if [[ /proc/self/fd/$LOCK -ef $ROOT ]]; then break; fi
        exec {LOCK}<&-
    done
    [[ -O $ROOT ]] || die "$ROOT belongs to someone else"
}

require_lab() {
    STATE=$ROOT/$NAME
    [[ ! -e $ROOT || -O $ROOT ]] || die "$ROOT belongs to someone else" # what is in it will be run
    [[ -d $STATE ]] || die "no lab '$NAME' is up: make one with 'netlab up --edges 2'"
    same_process "$STATE/keeper" || die "lab '$NAME' has lost its keeper process: run 'netlab --name $NAME down'"
    KEEPER=$(cut -d' ' -f1 "$STATE/keeper")
    ENTER=(nsenter)
    if [[ -e $STATE/unprivileged ]]; then
        ENTER+=(--user="/proc/$KEEPER/ns/user" --preserve-credentials)
    fi
    ENTER+=(--mount="/proc/$KEEPER/ns/mnt")
}

in_mounts() { "${ENTER[@]}" -- "$@"; }
in_hub() { "${ENTER[@]}" --net="/proc/$KEEPER/ns/net" -- "$@"; }
in_host() { "${ENTER[@]}" --net="/proc/$KEEPER/root$STATE/ns/$1" -- "${@:2}"; }

start_keeper() {
    local user=() error
    # Ask the kernel, not the user id: root in a container may lack the right, a user may have it.
    if ! error=$(unshare --mount --net true 2>&1); then
        error=$(unshare --user --map-root-user --mount --net true 2>&1) ||
            die "cannot make network namespaces (${error#unshare: }): run as root, or allow user namespaces"
        user=(--user --map-root-user)
        touch "$STATE/unprivileged"
    fi
    local pipe pid=''
    exec {pipe}< <(exec setsid unshare "${user[@]}" --mount --net --propagation slave -- sh -c \
        'trap "" HUP INT TERM; echo $$; exec sleep infinity >/dev/null 2>&1' {LOCK}>&- </dev/null)
    read -r -u "$pipe" pid || die "the keeper process did not start"
    exec {pipe}<&-
    identity "$pid" >"$STATE/keeper"
}

# Ends what runs in the lab and removes its state; also of a lab that is half made. The lock is held.
tear_down() {
    trap '' INT TERM HUP
    local watcher=''
    if same_process "$STATE/watcher"; then watcher=$(cut -d' ' -f1 "$STATE/watcher"); fi
    if [[ $watcher && $watcher != "$$" ]]; then kill -- "-$watcher" 2>/dev/null || true; fi # unless it is us
    if same_process "$STATE/keeper"; then
        require_lab
        local signal pids
        for signal in TERM KILL KILL; do # twice: what was being forked
            pids=$(pids_inside)
            [[ $pids ]] || break
            # shellcheck disable=SC2086 # several numbers
            in_mounts kill -s "$signal" $pids 2>/dev/null || true
            # shellcheck disable=SC2086
            await_end $pids
        done
        kill -KILL "$KEEPER" 2>/dev/null || true
        await_end "$KEEPER"
    fi
    rm -rf "$STATE"
    rmdir --ignore-fail-on-non-empty "$ROOT"
}

# Processes in the lab's network namespaces, but for the keeper. The search itself stands outside of them.
pids_inside() {
    in_mounts sh -c '
        cd "$1/ns" || exit 0
        wanted=" $(stat -Lc %i "/proc/$2/ns/net" ./* 2>/dev/null | tr "\n" " ")"
        stat -Lc "%i %n" /proc/[0-9]*/ns/net 2>/dev/null | while read -r inode path; do
            pid=${path#/proc/}
            pid=${pid%%/*}
            case $wanted in *" $inode "*) [ "$pid" = "$2" ] || echo "$pid" ;; esac
        done' sh "$STATE" "$KEEPER"
}

# Waits until these processes are gone, or two seconds.
await_end() {
    local pid turns=0
    for pid; do
        while identity "$pid" >/dev/null && ((turns++ < 100)); do
            sleep 0.02
        done
    done
}
