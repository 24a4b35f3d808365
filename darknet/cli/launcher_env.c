/* launcher_env.c - see launcher_env.h.
 *
 * DESIGN
 *   Launchers tell a process its number in the environment. Open MPI and MPICH come before Slurm: what they
 * start inside a Slurm job inherits its variables. Slurm's count only inside a step (srun): a batch script
 * has SLURM_PROCID=0 too. A launcher of a single process says nothing about workers: somebody runs one mpirun
 * per edge. auto: the process with rank 0 starts the server, so its host must be known to all. On one host
 * that is the loopback address; srun names the step's hosts in order; mpirun does not, so
 * DYNACOMM_SERVER=HOST[:PORT] must. */
#include "cli/launcher_env.h"

#include "replace/fatal.h"
#include "kernels/kernels.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PORT "7700"

static const struct launcher {
    const char *rank, *size, *here, *within; /* variables; within: must be set too, or NULL */
} launchers[] = {
    {"DYNACOMM_RANK", "DYNACOMM_SIZE", NULL, NULL}, /* dynacomm launch */
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE", NULL},
    {"PMI_RANK", "PMI_SIZE", "MPI_LOCALNRANKS", NULL}, /* MPICH, Intel MPI */
    {"SLURM_PROCID", "SLURM_STEP_NUM_TASKS", NULL, "SLURM_STEP_ID"},
    {"PMIX_RANK", "PMIX_SIZE", NULL, NULL},
};

typedef struct place {
    const struct launcher *by; /* NULL: no launcher */
    int rank, size, here;      /* size: processes in all; here: on this host; 0 = not known */
} place;

/* A variable's number, or otherwise if it is not set or holds none. */
static int number(const char *name, int otherwise)
{
    const char *text = name ? getenv(name) : NULL;
    if (!text || !*text) return otherwise;
    char *end;
    const long n = strtol(text, &end, 10);
    return *end == '\0' && n >= 0 && n <= DC_MAX_WORKERS ? (int)n : otherwise;
}

static place find_place(void)
{
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++) {
        const struct launcher *l = &launchers[i];
        const int rank = number(l->rank, -1);
        if (rank < 0 || (l->within && !getenv(l->within))) continue;
        place p = {.by = l, .rank = rank, .size = number(l->size, 0), .here = number(l->here, 0)};
        if (l->within && number("SLURM_STEP_NUM_NODES", 0) == 1) p.here = p.size;
        return p;
    }
    return (place){.rank = -1};
}

bool dk_launcher_first_host(const char *list, char *host, size_t size)
{
    const size_t before = strcspn(list, "[,");
    const char *open = list + before;
    size_t digits = 0, after = 0;
    const char *tail = "";
    if (*open == '[') {
        digits = strcspn(open + 1, "-,]");
        tail = strchr(open, ']');
        if (!tail) return false;
        after = strcspn(++tail, ",");
    }
    const int n = snprintf(host, size, "%.*s%.*s%.*s", (int)before, list, (int)digits, digits ? open + 1 : "",
                           (int)after, tail);
    return n > 0 && (size_t)n < size;
}

/* The host of rank 0, as all can reach it. */
static void server_host(const place *p, const char *wanted, char *host, size_t size)
{
    const char *list = getenv("SLURM_STEP_NODELIST");
    if (*wanted)
        snprintf(host, size, "%s", wanted);
    else if (p->here > 0 && p->here == p->size)
        snprintf(host, size, "127.0.0.1");
    else if (!p->by->within || !list || !dk_launcher_first_host(list, host, size))
        dk_die(
            "-dynacomm auto: on which host does rank 0 run? Set DYNACOMM_SERVER=HOST[:PORT] for all processes "
            "(mpirun -x DYNACOMM_SERVER=HOST ...)");
}

static void find_server(dk_cli *cli, const place *p)
{
    static char url[512], listen[64];
    char text[256], host[256];
    const char *given = getenv("DYNACOMM_SERVER");
    if (given && strncmp(given, "tcp://", 6) == 0) given += 6;
    snprintf(text, sizeof text, "%s", given ? given : "");
    char *colon = strrchr(text, ':'), *end = NULL;
    const char *port = colon && colon[1] ? colon + 1 : DEFAULT_PORT;
    const long n = strtol(port, &end, 10);
    if (*end != '\0' || n < 1 || n > 65535 - DC_MAX_WORKERS)
        dk_die("DYNACOMM_SERVER=%s: after the colon comes a port from 1 to %d", given,
               65535 - DC_MAX_WORKERS);
    if (colon) *colon = '\0';
    server_host(p, text, host, sizeof host);
    snprintf(url, sizeof url, "tcp://%s:%ld", host, n);
    snprintf(listen, sizeof listen, "tcp://%s:%ld", strcmp(host, "127.0.0.1") == 0 ? host : "0.0.0.0", n);
    cli->dynacomm = url;
    if (p->rank == 0) {
        cli->serve = p->size;
        cli->listen = listen;
    }
}

/* True if the launcher has given this process cores of its own. */
static bool bound(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) < sysconf(_SC_NPROCESSORS_ONLN);
}

static void join_launched(dk_cli *cli, const place *p)
{
    if (!p->by)
        dk_die(
            "-dynacomm %s: neither mpirun nor srun started this process; give the server's address instead",
            cli->dynacomm);
    if (p->size < 1 || p->rank >= p->size)
        dk_die(
            "-dynacomm %s: %s says rank %d, but not of how many processes; give the server's address instead",
            cli->dynacomm, p->by->rank, p->rank);
    find_server(cli, p);
    cli->rank = p->rank;
    cli->shared_backup = true;
    if (p->rank > 0) cli->quiet = true;
    if (!cli->compute.threads && p->here > 1 && !bound()) {
        const int share = dk_threads() / p->here;
        cli->compute.threads = share > 0 ? share : 1;
    }
}

void dk_launcher_env(dk_cli *cli)
{
    if (!cli->dynacomm || strncmp(cli->dynacomm, "local:", 6) == 0) return;
    const place p = find_place();
    if (strcmp(cli->dynacomm, "auto") == 0 || strcmp(cli->dynacomm, "mpi") == 0)
        join_launched(cli, &p);
    else if (cli->rank < 0 && p.by && (p.by == &launchers[0] || p.size != 1))
        cli->rank = p.rank;
}
