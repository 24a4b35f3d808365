/* cli.c - the table of flags and their values. */
#include "cli/cli.h"

#include "replace/fatal.h"
#include "cli/forks.h"
#include "kernels/conv_plan.h"
#include "kernels/kernels.h"
#include "launch/launcher_env.h"
#include "network/keys.h"
#include "replace/random.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IDLE 64

typedef enum flag_id {
    FLAG_SEED,
    FLAG_ROUNDS,
    FLAG_BACKUP_EVERY,
    FLAG_CLEAR,
    FLAG_FORCE,
    FLAG_KERNELS,
    FLAG_MEMORY,
    FLAG_THREADS,
    FLAG_LOADERS,
    FLAG_DYNACOMM,
    FLAG_STRATEGY,
    FLAG_TRACE,
    FLAG_RANK,
    FLAG_TIMEOUT,
    FLAG_SHARED_BACKUP,
    FLAG_QUIET,
    FLAG_GPUS,
    FLAG_MAP,
    FLAG_MAP_EPOCHS,
    FLAG_THRESH,
    FLAG_IOU,
    FLAG_POINTS,
    FLAG_ALLOW_UNUSED,
    FLAG_CHART,
} flag_id;

static const struct flag {
    const char *name;
    flag_id id;
    bool value;
} flags[] = {
    {"-seed", FLAG_SEED, true},
    {"-rounds", FLAG_ROUNDS, true},
    {"-backup-every", FLAG_BACKUP_EVERY, true},
    {"-clear", FLAG_CLEAR, false},
    {"-force", FLAG_FORCE, false},
    {"-kernels", FLAG_KERNELS, true},
    {"-memory", FLAG_MEMORY, true},
    {"-threads", FLAG_THREADS, true},
    {"-loaders", FLAG_LOADERS, true},
    {"-dynacomm", FLAG_DYNACOMM, true},
    {"-dynacomm-strategy", FLAG_STRATEGY, true},
    {"-dynacomm-trace", FLAG_TRACE, true},
    {"-dynacomm-rank", FLAG_RANK, true},
    {"-dynacomm-timeout", FLAG_TIMEOUT, true},
    {"-dynacomm-shared-backup", FLAG_SHARED_BACKUP, false},
    {"-quiet", FLAG_QUIET, false},
    {"-gpus", FLAG_GPUS, true},
    {"-map", FLAG_MAP, false},
    {"-mAP_epochs", FLAG_MAP_EPOCHS, true},
    {"-thresh", FLAG_THRESH, true},
    {"-iou_thresh", FLAG_IOU, true},
    {"-points", FLAG_POINTS, true},
    {"-allow-unused", FLAG_ALLOW_UNUSED, false},
    {"-chart", FLAG_CHART, true},
};

static const struct flag *find_flag(const char *arg)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(arg, flags[i].name) == 0) return &flags[i];
    return NULL;
}

static bool is_flag(const char *arg)
{
    return arg[0] == '-' && arg[1] != '\0';
}

const char *dk_cli_flag_at(size_t k)
{
    const size_t n = sizeof flags / sizeof *flags;
    return k < n ? flags[k].name : dk_fork_flag_at(k - n);
}

bool dk_cli_takes_value(const char *name)
{
    const struct flag *flag = find_flag(name);
    const dk_fork_flag *other = dk_fork_flag_find(name);
    return flag ? flag->value : other && other->value;
}

void dk_cli_words(int argc, char **argv, const char **command, const char **subcommand)
{
    const char *found[2] = {NULL, NULL};
    int n = 0;
    for (int i = 1; i < argc && n < 2; i++) {
        if (!is_flag(argv[i])) {
            found[n++] = argv[i];
            continue;
        }
        i += dk_cli_takes_value(argv[i]);
    }
    *command = found[0];
    *subcommand = found[1];
}

uint64_t dk_cli_whole(const char *flag, const char *text, uint64_t least, uint64_t most)
{
    char *end;
    errno = 0;
    const unsigned long long n = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno == ERANGE || n < least || n > most)
        dk_die("%s takes a whole number from %llu to %llu, not '%s'", flag, (unsigned long long)least,
               (unsigned long long)most, text);
    return n;
}

static float share(const char *flag, const char *text)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0 && value <= 1))
        dk_die("%s takes a number from 0 to 1, not '%s'", flag, text);
    return (float)value;
}

static void set_strategy(dk_cli *cli, const char *name)
{
    if (dc_strategy_parse(name, &cli->strategy) != DC_OK) dk_die("-dynacomm-strategy: %s", dc_last_error());
    cli->strategy_name = name;
}

static void set_kernels(dk_cli *cli, const char *name)
{
    if (dk_kernels_select(name) != 0) dk_die("-kernels takes fast or stock, not '%s'", name);
    cli->kernels = name;
}

static void take(dk_cli *cli, const struct flag *flag, const char *value)
{
    switch (flag->id) {
    case FLAG_SEED:
        cli->seed = dk_cli_whole(flag->name, value, 0, INT64_MAX);
        cli->seed_given = true;
        break;
    case FLAG_ROUNDS:
        cli->rounds = dk_cli_whole(flag->name, value, 1, INT64_MAX);
        break;
    case FLAG_BACKUP_EVERY:
        cli->backup_every = dk_cli_whole(flag->name, value, 1, INT64_MAX);
        break;
    case FLAG_CLEAR:
        cli->clear = true;
        break;
    case FLAG_FORCE:
        cli->force = true;
        break;
    case FLAG_MEMORY:
        if (strcmp(value, "low") != 0 && strcmp(value, "high") != 0)
            dk_die("-memory takes low or high, not '%s'", value);
        cli->memory_low = strcmp(value, "low") == 0;
        break;
    case FLAG_KERNELS:
        set_kernels(cli, value);
        break;
    case FLAG_THREADS:
        cli->threads = (int)dk_cli_whole(flag->name, value, 1, DK_CLI_MAX_THREADS);
        break;
    case FLAG_LOADERS:
        cli->loaders = (int)dk_cli_whole(flag->name, value, 1, DK_CLI_MAX_THREADS);
        break;
    case FLAG_DYNACOMM:
        cli->dynacomm = value;
        break;
    case FLAG_STRATEGY:
        set_strategy(cli, value);
        break;
    case FLAG_TRACE:
        cli->trace = value;
        break;
    case FLAG_RANK:
        cli->rank = (int)dk_cli_whole(flag->name, value, 0, DC_MAX_WORKERS - 1);
        break;
    case FLAG_TIMEOUT:
        cli->timeout_s = (int)dk_cli_whole(flag->name, value, 1, 86400);
        break;
    case FLAG_SHARED_BACKUP:
        cli->shared_backup = true;
        break;
    case FLAG_QUIET:
        cli->quiet = true;
        break;
    case FLAG_GPUS:
        cli->gpus = value;
        break;
    case FLAG_MAP:
        cli->map = true;
        break;
    case FLAG_MAP_EPOCHS:
        cli->map_epochs = (int)dk_cli_whole(flag->name, value, 1, INT_MAX);
        break;
    case FLAG_THRESH:
        cli->thresh = share(flag->name, value);
        break;
    case FLAG_IOU:
        cli->iou = share(flag->name, value);
        break;
    case FLAG_POINTS:
        cli->points = (int)dk_cli_whole(flag->name, value, 0, 1001);
        break;
    case FLAG_CHART:
        cli->chart = value;
        break;
    case FLAG_ALLOW_UNUSED:
        cli->allow_unused = true;
        break;
    }
}

const char *dk_cli_nearest(const char *arg, const char *const *others)
{
    const char *best = flags[0].name, *name;
    int least = INT_MAX;
    for (size_t k = 0; (name = dk_cli_flag_at(k)) != NULL; k++)
        if (dk_spelling(arg, name) < least) least = dk_spelling(arg, best = name);
    for (; others && *others; others++)
        if (dk_spelling(arg, *others) < least) least = dk_spelling(arg, best = *others);
    return best;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

void dk_cli_parse(int argc, char **argv, const char *const *others, dk_cli *cli)
{
    const dk_fork_flag *idle[MAX_IDLE]; /* flags without effect: told when all others have turned out good */
    int n_idle = 0;
    *cli = (dk_cli){.strategy = DC_AUTO, .kernels = "fast", .rank = -1, .thresh = .25f, .iou = .5f};
    for (int i = 1; i < argc; i++) {
        if (!is_flag(argv[i])) {
            if (cli->n_words == DK_CLI_MAX_WORDS) dk_die("too many arguments at '%s'", argv[i]);
            cli->words[cli->n_words++] = argv[i];
            continue;
        }
        const struct flag *flag = find_flag(argv[i]);
        const dk_fork_flag *other = flag ? NULL : dk_fork_flag_find(argv[i]);
        if (!flag && !other)
            dk_die("unknown flag %s; the nearest is %s (`darknet help` lists them)", argv[i],
                   dk_cli_nearest(argv[i], others));
        const char *value = NULL, *name = argv[i];
        const bool takes_value = flag ? flag->value : other->value;
        if (takes_value && i + 1 == argc) dk_die("%s needs a value", name);
        if (takes_value) value = argv[++i];
        if (flag)
            take(cli, flag, value);
        else if (n_idle < MAX_IDLE)
            idle[n_idle++] = other;
    }
    const char *value;
    if (!cli->dynacomm && (value = environment("DYNACOMM"))) cli->dynacomm = value;
    if (!cli->strategy_name && (value = environment("DYNACOMM_STRATEGY"))) set_strategy(cli, value);
    if (!cli->trace && (value = environment("DYNACOMM_TRACE"))) cli->trace = value;
    dk_launcher_env(cli);
    for (int i = 0; i < n_idle; i++)
        dk_fork_flag_note(idle[i]);
    if (cli->gpus)
        dk_note("-gpus %s: this program computes on the processor; -threads N sets how many threads",
                cli->gpus);
    if (!cli->seed_given) cli->seed = dk_random_seed();
    dk_threads_set(cli->threads);
    dk_conv_memory_low(cli->memory_low);
    dk_keys_allow_unused(cli->allow_unused);
}

const char *dk_cli_help(void)
{
    return "  -seed N                repeat a run: same data order, augmentation and initial weights\n"
           "  -rounds N              stop when the run has done N rounds (default: the cfg's max_batches)\n"
           "  -clear                 start counting rounds from 0 (training on someone else's weights)\n"
           "  -backup-every N        rounds between .backup files (classifier 1000, detector 100)\n"
           "  -threads N             threads that compute (default: all cores)\n"
           "  -loaders N             threads that read images (default: as many)\n"
           "  -kernels fast|stock    our arithmetic (default) or the packaged library's own\n"
           "  -memory low            less memory for a slower convolution (no Winograd)\n"
           "  -allow-unused          train although the cfg has keys that no Darknet reads\n"
           "  -force                 go on where a check of labels or weights would stop\n"
           "  -quiet                 no line per round\n"
           "  -map                   measure mAP on the data file's valid list while training (detector train),\n"
           "                         keep the best as NAME_best.weights; -mAP_epochs N: how often (4)\n"
           "  -dynacomm URL          train together with the other workers of the server at URL\n"
           "  -dynacomm local:N      a server and N workers on this machine\n"
           "  -dynacomm auto         under mpirun or srun: rank 0 starts the server, all join it\n"
           "  -dynacomm-strategy S   sequential, layerwise, ibatch, dynacomm, duplex or auto (default)\n"
           "  -dynacomm-trace FILE   a timeline of the communication\n"
           "  -dynacomm-rank N       this worker's number, 0 to N-1: fixed, so that a run can be repeated\n"
           "  -dynacomm-timeout S    seconds until a silent server is given up\n"
           "  -dynacomm-shared-backup  the server and all workers have one backup directory\n";
}
