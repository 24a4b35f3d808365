# lib_mesh.sh - a mesh of workers that somebody disturbs; sourced, after lib_fault.sh. Runs have $rounds rounds, and workers the options
# "${train[@]}".
. "$root/tests/integration/lib_shards.sh"
meet=mesh${url#ipc}

# joins RANK OPTION... - a worker of the mesh
joins()
{
    url=$meet worker "$1" -rounds $rounds "${train[@]}" "${@:2}"
}

# meets OPTION... - the meeting server, with the options that it had before
meets()
{
    server --mesh --backup store --backup-every 10 "$@"
}

# mesh N OPTION... - a meeting server for N workers, and those
mesh()
{
    local rank
    options=(--workers "$1" "${@:2}")
    rm -rf store backup
    meets "${options[@]}"
    for ((rank = 0; rank < $1; rank++)); do
        joins "$rank"
    done
}

# again RANK - it is killed, and started again at once
again()
{
    killed "$1"
    joins "$1"
}

# meets_again - the meeting server is killed, and started again
meets_again()
{
    kill -KILL "$server_pid"
    wait "$server_pid" 2> /dev/null
    meets "${options[@]}"
}

# mesh_ended STATUS RANK... - the meeting server and these workers have ended with it
mesh_ended()
{
    local rank
    for rank in "${@:2}"; do
        ended "worker $rank" "${worker_pid[$rank]}" "$1"
    done
    ended "the meeting server" "$server_pid" "$1"
}
