/* flags.c - see flags.h. A new training flag is a line of a table and a member of dk_cli. */
#include "cli/flags.h"

#include "kernels/conv_plan.h"
#include "kernels/kernels.h"
#include "network/boxes.h"
#include "network/dialect.h"
#include "network/check_keys.h"

#include <limits.h>

enum { MOST_THREADS = 1024 };

static const dc_option compute_table[] = {
    {"threads", DC_OPTION_WHOLE, DC_INTO(dk_compute, threads), .value = "N", .least = 1, .most = MOST_THREADS,
     .help = "threads that compute (default: all cores)"},
    {"kernels", DC_OPTION_CHOICE, DC_INTO(dk_compute, stock), .choices = "fast|stock",
     .help = "our arithmetic (default) or the packaged library's own"},
    {"memory", DC_OPTION_CHOICE, DC_INTO(dk_compute, memory_low), .choices = "high|low",
     .help = "low: less memory for a slower convolution (no Winograd)"},
    {"allow-unused", DC_OPTION_SWITCH, DC_INTO(dk_compute, allow_unused),
     .help = "go on although the cfg has keys that no Darknet reads"},
    {"dialect", DC_OPTION_CHOICE, DC_INTO(dk_compute, dialect), .choices = "auto|pjreddie|forks",
     .help =
         "whose meaning a cfg has, the packaged Darknet's or its forks' (default: what it can only be, else pjreddie)"},
    {"letter_box", DC_OPTION_SWITCH, DC_INTO(dk_compute, letter_box),
     .help = "images keep their proportions, where forks stretch them"},
    {"gpus", DC_OPTION_TEXT, DC_INTO(dk_compute, gpus), .value = "LIST",
     .help = "accepted, without effect: this program computes on the processor"},
};

#define DC_X(name, text) "|" text
static const char strategies[] = DC_STRATEGIES(DC_X);
#undef DC_X

static const dc_option training_table[] = {
    {"seed", DC_OPTION_WHOLE, DC_INTO(dk_cli, seed), .value = "N", .most = INT64_MAX,
     .help = "repeat a run: same data order, augmentation and initial weights"},
    {"rounds", DC_OPTION_WHOLE, DC_INTO(dk_cli, rounds), .value = "N", .least = 1, .most = INT64_MAX,
     .help = "stop when the run has done N rounds (default: the cfg's max_batches)"},
    {"clear", DC_OPTION_SWITCH, DC_INTO(dk_cli, clear),
     .help = "start counting rounds from 0 (training on someone else's weights)"},
    {"backup-every", DC_OPTION_EVERY, DC_INTO(dk_cli, backup_every), .value = "N|TIME", .least = 1,
     .help =
         "rounds (100) or time (30s) between .backup files, or both, whichever is first (default: classifier 1000, "
         "detector 100)"},
    {"saveweights", DC_OPTION_WHOLE, DC_INTO(dk_cli, save_every), .value = "N", .least = 1, .most = INT_MAX,
     .help =
         "rounds between NAME_N.weights files (detector train; default: the data file's saveweights=, or 1000)"},
    {"loaders", DC_OPTION_WHOLE, DC_INTO(dk_cli, loaders), .value = "N", .least = 1, .most = MOST_THREADS,
     .help = "threads that read images (default: as many as compute)"},
    {"force", DC_OPTION_SWITCH, DC_INTO(dk_cli, force),
     .help = "go on where a check of labels or weights would stop"},
    {"quiet", DC_OPTION_SWITCH, DC_INTO(dk_cli, quiet), .help = "no line per round"},
    {"log", DC_OPTION_TEXT, DC_INTO(dk_cli, log), .value = "FILE",
     .help = "what is printed goes into the file too"}, /* spelling.c takes it, for every command */
    {"map", DC_OPTION_SWITCH, DC_INTO(dk_cli, map),
     .help = "measure mAP on the data file's valid list while training (detector train), keep the best as "
             "NAME_best.weights"},
    {"mAP_epochs", DC_OPTION_WHOLE, DC_INTO(dk_cli, map_epochs), .value = "N", .least = 1, .most = INT_MAX,
     .help = "passes over the list between these measurements (default 4)"},
    {"thresh", DC_OPTION_NUMBER, DC_INTO(dk_cli, thresh), .value = "T", .high = 1,
     .help = "least score of a detection that counts for precision and recall (default 0.25)"},
    {"iou_thresh", DC_OPTION_NUMBER, DC_INTO(dk_cli, iou), .value = "T", .high = 1,
     .help = "least overlap of a detection with its object (default 0.5)"},
    {"points", DC_OPTION_WHOLE, DC_INTO(dk_cli, points), .value = "N", .most = 1001,
     .help = "recalls at which mAP takes the precision: 11 (VOC 2007), 101 (COCO); 0 (default): all"},
    {"chart", DC_OPTION_TEXT, DC_INTO(dk_cli, chart), .value = "FILE",
     .help = "an earlier chart.png to draw on"},
    {"dynacomm", DC_OPTION_TEXT, DC_INTO(dk_cli, dynacomm), .value = "URL",
     .help = "train together with the other workers of the server at URL, or of the one that an invitation "
             "(dynacomm:...) names; mesh://HOST:PORT: every worker also holds a part of the "
             "model, and that server (--mesh) is only where they meet; local:N: a server and N workers on "
             "this machine; auto: under mpirun or srun rank 0 starts the server and all join it"},
    {"dynacomm-strategy", DC_OPTION_CHOICE, DC_INTO(dk_cli, strategy), .value = "S",
     .choices = strategies + 1, .help = "sequential, layerwise, ibatch, dynacomm, duplex or auto (default)"},
    {"dynacomm-codec", DC_OPTION_TEXT, DC_INTO(dk_cli, codec), .value = "CODEC",
     .help =
         "what gradients and changes travel as: exact (default), bf16, int8, int4, int3, topk:SHARE (topk:0.01), "
         "topk5:SHARE, either with :ROUNDS of warm-up; or UP/DOWN. All workers give the same, or only the server does"},
    {"dynacomm-local-steps", DC_OPTION_TEXT, DC_INTO(dk_cli, local_steps), .value = "N[:BATCHES]|auto",
     .help =
         "batches that a worker steps alone before it pushes how its parameters changed (default 1), growing from one to N "
         "within BATCHES; auto: the fewest with which communication hides behind computation"},
    {"dynacomm-trace", DC_OPTION_TEXT, DC_INTO(dk_cli, trace), .value = "FILE",
     .help = "a timeline of the communication"},
    {"dynacomm-rank", DC_OPTION_WHOLE, DC_INTO(dk_cli, rank), .value = "N", .most = DC_MAX_WORKERS - 1,
     .help = "this worker's number, from 0: fixed, so that a run can be repeated"},
    {"dynacomm-key", DC_OPTION_TEXT, DC_INTO(dk_cli, key), .value = "FILE",
     .help = "with an invitation: this worker's key, made at first use (default: under ~/.config/dynacomm)"},
    {"dynacomm-id", DC_OPTION_TEXT, DC_INTO(dk_cli, id), .value = "NAME",
     .help =
         "who this worker is, the same whenever it comes back (default: an id in a file beside its backups)"},
    {"dynacomm-listen", DC_OPTION_TEXT, DC_INTO(dk_cli, shard_listen), .value = "URL",
     .help =
         "with mesh://: where this worker's shard listens, such as tcp://0.0.0.0:7800 (default: any free port of the "
         "interface that leads to the meeting server)"},
    {"dynacomm-announce", DC_OPTION_TEXT, DC_INTO(dk_cli, shard_announce), .value = "URL",
     .help = "likewise: where the other workers reach it, if that is not what it listens on"},
    {"dynacomm-link", DC_OPTION_RATE, DC_INTO(dk_cli, link_Bps), .value = "RATE",
     .help =
         "likewise: what this worker's link carries, its slower direction, such as 20mbit: a worker with a better link holds more (all "
         "workers say it, or all hold as much)"},
    {"dynacomm-patience", DC_OPTION_TIME, DC_INTO(dk_cli, patience_s), .value = "TIME",
     .help = "how long a server that is gone is tried again, such as 30m (default 10m; at the start 15s)"},
    {"dynacomm-timeout", DC_OPTION_WHOLE, DC_INTO(dk_cli, timeout_s), .value = "N", .least = 1, .most = 86400,
     .help = "the same in seconds"},
    {"dynacomm-shared-backup", DC_OPTION_SWITCH, DC_INTO(dk_cli, shared_backup),
     .help = "the server and all workers have one backup directory"},
};

static const dc_option replay_table[] = {
    {"dynacomm-replay", DC_OPTION_TEXT, DC_INTO(dk_cli, replay), .value = "FILE",
     .help = "make a run again, alone, from its NAME.log: the same weights, as NAME_replayed.weights"},
    {"data-of", DC_OPTION_TEXT, DC_INTO(dk_cli, data_of), .value = "LIST",
     .help = "the data file of each of its workers: 0=a.data,1=b.data (`dynacomm log FILE` lists them)"},
};

dc_option_group dk_compute_flags(dk_compute *compute, const dk_compute *start)
{
    return (dc_option_group)DC_GROUP(compute_table, compute, start);
}

dc_option_group dk_training_flags(dk_cli *cli, const dk_cli *start)
{
    return (dc_option_group)DC_GROUP(training_table, cli, start);
}

dc_option_group dk_replay_flags(dk_cli *cli, const dk_cli *start)
{
    return (dc_option_group)DC_GROUP(replay_table, cli, start);
}

void dk_compute_apply(const dk_compute *compute)
{
    if (compute->stock) (void)dk_kernels_select("stock");
    dk_threads_set(compute->threads);
    dk_conv_memory_low(compute->memory_low);
    dk_dialect_select((dk_dialect)compute->dialect);
    if (compute->letter_box) dk_letterbox_set(true);
    dk_keys_allow_unused(compute->allow_unused);
}

const dc_option *dk_flags_find(const char *arg)
{
    const dc_option_group groups[] = {dk_compute_flags(NULL, NULL), dk_training_flags(NULL, NULL),
                                      dk_replay_flags(NULL, NULL), dk_fork_flags()};
    const dc_options all = {.groups = groups, .n_groups = sizeof groups / sizeof *groups};
    return dc_options_find(&all, arg, NULL);
}

const dc_option *dk_flags_at(size_t k)
{
    const dc_option_group groups[] = {dk_compute_flags(NULL, NULL), dk_training_flags(NULL, NULL),
                                      dk_replay_flags(NULL, NULL), dk_fork_flags()};
    for (size_t g = 0; g < sizeof groups / sizeof *groups; g++) {
        if (k < groups[g].n) return &groups[g].list[k];
        k -= groups[g].n;
    }
    return NULL;
}
