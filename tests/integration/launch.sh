#!/bin/bash
# dynacomm launch over a stand-in for ssh and over a real sshd; rank and server from mpirun and srun.
. "$(dirname "$0")/lib_front.sh"
export TMPDIR=$work/tmp
mkdir tmp
port=$((20000 + RANDOM % 20000))
pids=()
trap 'for pid in "${pids[@]}"; do kill -KILL "$pid" 2> /dev/null; done; rm -rf "$work"' EXIT

same()
{
    cmp -s "$1" "$2"
}

# seen PID FILE PATTERN - waits until the process has written a line; false if it ends without
seen()
{
    grep -q -m1 -- "$3" < <(exec tail -q -n +1 -s .05 --pid="$1" -f "$2")
}

# none_left - waits until nothing runs that has this test's directory on its command line
none_left()
{
    local pid
    for pid in $(pgrep -f "(classifier train|sleep-in|server --listen .*) ?.*$work"); do
        tail --pid="$pid" -s .05 -f /dev/null
    done
}

classifier_data 60
classifier_cfg
train=("$darknet" classifier train "$work/c.data" "$work/c.cfg" -seed 3 -rounds 12 -threads 1)
"${train[@]}" -dynacomm local:2 > out 2> err || cat err
cp backup/c_final.weights two.weights 2> /dev/null || cp backup/c.weights two.weights
ls backup > files
final=backup/$(grep weights files | head -n 1)
rm -rf backup

# ---- mpirun and srun

# like_srun N COMMAND... - N processes with the environment that srun gives to a step on one host
like_srun()
{
    local n=$1 rank status=0 started=()
    shift
    for ((rank = 0; rank < n; rank++)); do
        SLURM_STEP_ID=0 SLURM_PROCID=$rank SLURM_STEP_NUM_TASKS=$n SLURM_STEP_NUM_NODES=1 \
            SLURM_STEP_NODELIST=$(hostname) DYNACOMM_SERVER=:$port "$@" > "out.$rank" 2> "err.$rank" &
        started+=($!)
    done
    for rank in "${started[@]}"; do
        wait "$rank" || status=$?
    done
    return $status
}

like_srun 2 "${train[@]}" -dynacomm auto
check "srun's environment, -dynacomm auto" test $? -eq 0
check "srun's environment: as local:2, to the bit" same two.weights "$final"
check "srun's environment: rank 0 shows the rounds" sh -c 'grep -q "^12, " out.0 && ! grep -q "^12, " out.1'
rm -rf backup
mpi=(mpirun --mca plm isolated --allow-run-as-root --oversubscribe) # isolated: this host only, which needs no ssh
if command -v mpirun > /dev/null; then
    "${mpi[@]}" -x DYNACOMM_SERVER=:$port -x DYNACOMM=auto -n 2 "${train[@]}" \
        > out 2> err < /dev/null
    check "mpirun, DYNACOMM=auto" test $? -eq 0
    check "mpirun: as local:2, to the bit" same two.weights "$final"
    rm -rf backup
    "$dynacomm" server --listen "tcp://127.0.0.1:$port" --workers 2 > server.log 2>&1 &
    pids+=($!)
    "${mpi[@]}" -n 2 "${train[@]}" -dynacomm "tcp://127.0.0.1:$port" > out 2> err \
        < /dev/null || kill ${pids[-1]}
    wait ${pids[-1]}
    check "mpirun, an address: as local:2, to the bit" same two.weights "$final"
    rm -rf backup
else
    echo "skip mpirun: openmpi-bin is not installed"
fi
"${train[@]}" -dynacomm auto > out 2> err
check "auto without a launcher: one line" sh -c 'test $1 -eq 1 && test "$(wc -l < err)" -eq 1 &&
    grep -q "^darknet: -dynacomm auto: neither mpirun nor srun" err' - $?
OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2 OMPI_COMM_WORLD_LOCAL_SIZE=1 "${train[@]}" -dynacomm auto > out 2> err
check "auto over several hosts without an address: one line" sh -c 'test $1 -eq 1 && test "$(wc -l < err)" -eq 1 &&
    grep -q "^darknet: .*DYNACOMM_SERVER=HOST" err' - $?

# ---- launch, over a program that runs the command here as sshd would: by the user's shell

cat > ssh <<'SCRIPT'
#!/bin/sh
host=$1
shift
case $host in
gone*) echo "ssh: connect to host $host port 22: No route to host" >&2; exit 255 ;;
esac
exec sh -c "$*"
SCRIPT
chmod +x ssh
printf '# edges\nedge1\nuser@edge2 slots=1 # the slow one\n' > hosts
launch=("$dynacomm" launch --hosts hosts --ssh ./ssh --address 127.0.0.1 --port "$port")
"${launch[@]}" --backup backup -- "${train[@]}" -dynacomm-shared-backup > out 2> err
check "launch: status" test $? -eq 0
check "launch: as local:2, to the bit" same two.weights "$final"
check "launch: lines behind their hosts" sh -c 'grep -q "^edge1\[0\]: 12, " out && grep -q "^user@edge2\[1\]: 12, " out &&
    grep -q "^server: .* worker 1 is done after round 12" out'
rm -rf backup
"$dynacomm" server --listen "tcp://127.0.0.1:$port" --workers 2 > server.log 2>&1 &
pids+=($!)
"${launch[@]}" --server "tcp://127.0.0.1:$port" -- "${train[@]}" > out 2> err || kill ${pids[-1]}
wait ${pids[-1]}
check "launch: a server that is there" sh -c 'test $1 -eq 0 && ! grep -q "^server" out' - $?
PATH=$build:$PATH "${launch[@]}" --server cloud -- "${train[@]}" -clear > out 2> err
check "launch: the server on a host" sh -c 'test $1 -eq 0 && grep -q "^server: .*is done after round 12" out' - $?

# Words, variables, directory.
mkdir 'a dir'
A_VAR="one' \$two" "${launch[@]}" --server "tcp://127.0.0.1:$port" --cd "$work/a dir" --env A_VAR --env 'B=1 2' -- \
    sh -c 'echo "$0|$1|$A_VAR|$B|$DYNACOMM_RANK/$DYNACOMM_SIZE|$DYNACOMM|${PWD##*/}"' "it's" '$HOME "*"' > out 2> err
check "launch: words, variables and directory arrive as they are" \
    grep -qxF "edge1[0]: it's|\$HOME \"*\"|one' \$two|1 2|0/2|tcp://127.0.0.1:$port|a dir" out
"${launch[@]}" --server "tcp://127.0.0.1:$port" --workers-per-host 3 -- sh -c 'printf "%s" "$DYNACOMM_RANK"' > out 2> err
check "launch: --workers-per-host; a last line without an end" test "$(sort out | tr '\n' ' ')" = \
    "edge1[0]: 0 edge1[1]: 1 edge1[2]: 2 user@edge2[3]: 3 user@edge2[4]: 4 user@edge2[5]: 5 "

# Ends: the worst status, one that fails, Ctrl-C, a kill.
"${launch[@]}" --server "tcp://127.0.0.1:$port" -- sh -c 'exit $((DYNACOMM_RANK * 5))' > out 2> err
check "launch: the worst status" sh -c 'test $1 -eq 5 && grep -q "launch: user@edge2\[1\]: ended with status 5" err' - $?
cp /bin/sleep sleep-in
printf 'edge1\ngone1\n' > some.hosts
"${launch[@]}" --hosts some.hosts -- "$work/sleep-in" 1000 > out 2> err
check "launch: a host that is not reached ends all" sh -c 'test $1 -eq 255 && grep -q "^gone1\[1\]: ssh: .*No route" err &&
    grep -q "gone1\[1\]: ended with status 255" err' - $?
none_left
ok "launch: nothing runs on"
: > rounds # whoever waits for a line may look before the shell makes it
env --default-signal=INT "${launch[@]}" -- "${train[@]}" -rounds 1000000 -clear > rounds 2> err &
pids+=($!)
seen $! rounds '^edge1\[0\]: 3, ' || cat err
kill -INT ${pids[-1]}
wait ${pids[-1]}
check "launch: Ctrl-C" sh -c 'test $1 -eq 130 && grep -q "^edge1\[0\]: darknet: stopped by Ctrl-C" err' - $?
none_left
ok "launch: Ctrl-C: nothing runs on"
: > rounds
"${launch[@]}" -- "${train[@]}" -rounds 1000000 -clear > rounds 2> err &
pids+=($!)
seen $! rounds '^edge1\[0\]: 3, ' || cat err
kill -KILL ${pids[-1]}
wait ${pids[-1]} 2> /dev/null
none_left
ok "launch: killed: nothing runs on"

# refused NAME WORD ARGS... - one line that names WORD, and nothing started
refused()
{
    local name=$1 word=$2 status
    shift 2
    "$dynacomm" launch "$@" > out 2> err
    status=$?
    check "$name" test $status -eq 1 -a "$(wc -l < err)" -eq 1 -a ! -s out -a "$(grep -cF -- "$word" err)" -eq 1
}
printf 'edge1\nedge2 cores=4\n' > bad.hosts
printf 'edge1 slots=x\n' > slots.hosts
printf '# none\n' > no.hosts
refused "launch: host file missing" nowhere --hosts nowhere -- true
refused "launch: host file with another word" "bad.hosts line 2: 'cores=4'" --hosts bad.hosts -- true
refused "launch: slots not a number" "slots.hosts line 1" --hosts slots.hosts -- true
refused "launch: host file without hosts" no.hosts --hosts no.hosts -- true
refused "launch: ssh missing" "cannot find the program nossh" --hosts hosts --ssh nossh -- true
refused "launch: no command" "after --" --hosts hosts
refused "launch: unknown option" "--host-file" --host-file hosts -- true
refused "launch: server's address" "tcp://cloud" --hosts hosts --ssh ./ssh --server tcp://cloud -- true
refused "launch: variable not set" "NOT_SET_HERE" --hosts hosts --env NOT_SET_HERE -- true

# ---- a real sshd on the loopback address, with keys of its own

rm -rf backup
if [ -x /usr/sbin/sshd ] && command -v ssh ssh-keygen > /dev/null; then
    ssh_port=$((port + 10000))
    for key in host user; do ssh-keygen -q -t ed25519 -N '' -f $key.key; done
    cp user.key.pub keys
    [ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
    printf '%s\n' "Port $ssh_port" 'ListenAddress 127.0.0.1' "HostKey $work/host.key" "AuthorizedKeysFile $work/keys" \
        'StrictModes no' 'UsePAM no' 'PidFile none' 'PasswordAuthentication no' > sshd_config
    /usr/sbin/sshd -D -e -f "$work/sshd_config" 2> sshd.log &
    pids+=($!)
    seen $! sshd.log 'Server listening' || cat sshd.log
    printf 'localhost slots=2\n' > loopback.hosts
    "$dynacomm" launch --hosts loopback.hosts --port "$port" --backup backup --fresh --ssh "ssh -o BatchMode=yes -p $ssh_port
        -i $work/user.key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR" -- \
        "${train[@]}" -dynacomm-shared-backup > out 2> err
    check "sshd: status" test $? -eq 0
    check "sshd: as local:2, to the bit" same two.weights "$final"
    [ "$failures" -eq 0 ] || cat err sshd.log
    kill ${pids[-1]}
    wait ${pids[-1]} 2> /dev/null
else
    echo "skip launch over sshd: openssh-server and openssh-client are not installed"
fi
rmdir tmp
finish
