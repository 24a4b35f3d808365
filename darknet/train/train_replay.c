/* train_replay.c - -dynacomm-replay: a run of several machines made again on one, from its log and everybody's data. */
#include "train/train.h"

#include "check/preflight.h"
#include "engine/replay.h"
#include "kernels/kernels.h"
#include "replace/fatal.h"
#include "replace/random.h"
#include "train/loader.h"
#include "train/stop.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* One of the run's workers. */
typedef struct player {
    dc_replay_member who;
    const char *data; /* its data file, NULL = not named yet */
    dk_datafile file;
    dk_lines images;
    dk_lines labels; /* a classifier's; else empty */
    dk_loader *loader;
    int threads;   /* that computed its gradients: sums over them have that many parts */
    int batch;     /* images that it computed at once; 0 = the log does not say */
    uint64_t next; /* round that its loader gives next, */
    int feeds;     /* so many of them */
} player;

/* There is one replay in a process: what dk_replay_prepare read, for dk_replay_run. */
static struct {
    dc_replay *log;
    player *players;
    int n;
    dk_size size; /* of the network's input now */
} run;

/* ---- the command line ---- */

static player *named(const char *key, size_t n)
{
    char text[32], *end;
    if (n == 0 || n >= sizeof text) return NULL;
    memcpy(text, key, n);
    text[n] = 0;
    const unsigned long long number = strtoull(text, &end, 10), id = strtoull(text, NULL, 16);
    for (int k = 0; k < run.n; k++) {
        const dc_replay_member *who = &run.players[k].who;
        if (!*end && n < 10 && number == (unsigned long long)who->number) return &run.players[k];
        if (n == 16 && id == who->id) return &run.players[k];
    }
    return NULL;
}

static void set_player(player *p, dc_replay_member who)
{
    p->who = who;
    p->threads = p->batch = 0;
    if (sscanf(who.note, "threads=%d, batch=%d", &p->threads, &p->batch) < 1 || p->threads < 1 ||
        p->threads > 1024)
        p->threads = dk_threads();
}

static void read_data_of(const char *list, const char *log)
{
    for (const char *at = list; *at;) {
        const size_t n = strcspn(at, ","), key = strcspn(at, "=");
        if (key == 0 || key + 1 >= n)
            dk_die("-data-of: '%.*s' is not NUMBER=FILE: write 0=a.data,1=b.data", (int)n, at);
        player *p = named(at, key);
        if (!p)
            dk_die("-data-of: worker %.*s took no part in %s: `dynacomm log %s` lists those who did",
                   (int)key, at, log, log);
        if (p->data) dk_die("-data-of: worker %d is named twice", p->who.number);
        p->data = strndup(at + key + 1, n - key - 1);
        dk_assert(p->data != NULL);
        at += n + (at[n] == ',');
    }
    for (int k = 0; k < run.n; k++)
        if (!run.players[k].data)
            dk_die("-data-of: the data of worker %d is missing: its images made the weights too",
                   run.players[k].who.number);
}

/* Everything that its data file names; classes as the others have them, each with its own names. */
static void read_player(const dk_cli *cli, player *p, dk_datafile_use use)
{
    dk_datafile_read(p->data, use, &p->file);
    dk_lines_read(p->file.train, "training list", &p->images);
    dk_check_images(&p->images);
    const dk_datafile *first = &run.players[0].file;
    if (p->file.classes != first->classes || p->file.tag != first->tag)
        dk_die("%s: classes or kind of labels are not those of %s", p->data, run.players[0].data);
    if (use != DK_FOR_CLASSIFIER || p->file.tag) return;
    dk_names_read(p->file.labels, "labels file", &p->labels);
    dk_check_classes(&p->images, &p->labels, p->file.classes, cli->force);
}

void dk_replay_prepare(dk_cli *cli, dk_datafile_use use)
{
    if (!cli->replay && cli->data_of) dk_die("-data-of belongs to -dynacomm-replay FILE: give both");
    if (!cli->replay) return;
    if (cli->dynacomm)
        dk_die("-dynacomm-replay makes a run again on this machine alone: leave -dynacomm away");
    if (!cli->data_of) dk_die("-dynacomm-replay needs the data of each worker: -data-of 0=a.data,1=b.data");
    if (dc_replay_open(&run.log, cli->replay) != DC_OK) dk_die("%s", dc_last_error());
    const dc_replay_info info = dc_replay_info_get(run.log);
    run.n = info.members;
    run.players = calloc((size_t)run.n, sizeof *run.players);
    dk_assert(run.players != NULL);
    for (int k = 0; k < run.n; k++)
        set_player(&run.players[k], dc_replay_member_get(run.log, k));
    read_data_of(cli->data_of, cli->replay);
    for (int k = 0; k < run.n; k++)
        read_player(cli, &run.players[k], use);
    cli->seed = info.seed;
}

/* ---- rounds ---- */

/* The images of a worker's round; it may have missed some rounds since its last, or have been given more images, or fewer. */
static int next_images(dk_train *train, player *p, uint64_t round, data *d)
{
    if (!p->loader || p->next != round || p->feeds != (int)p->who.images) {
        load_args args = train->args;
        args.n = p->feeds = (int)p->who.images;
        args.paths = p->images.line;
        args.m = p->images.n;
        if (p->labels.n > 0) args.labels = p->labels.line;
        dk_loader_close(p->loader);
        p->loader = dk_train_loader(train, &args, p->file.train, (uint64_t)p->who.number, round);
        if (!p->loader) {
            dk_note("cannot start a thread that reads images, or memory for a round is missing");
            return -1;
        }
    }
    p->next = round + 1;
    if (dk_loader_next(p->loader, d) == 0) return 0;
    dk_note("%s", dk_loader_error(p->loader));
    return -1;
}

static int check_images(const dk_train *train, const player *p, uint64_t round)
{
    if (p->batch > 0 && p->batch != train->net->batch) {
        dk_note(
            "round %llu: worker %d computed %d images at once, and this cfg's batch and subdivisions make it %d: a run "
            "whose workers have other subdivisions cannot be replayed bit for bit",
            (unsigned long long)round + 1, p->who.number, p->batch, train->net->batch);
        return -1;
    }
    if (p->who.images <= INT32_MAX && p->who.images % (uint32_t)train->net->batch == 0) return 0;
    dk_note("round %llu: worker %d fed %u images, which is no whole number of this cfg's batches of %d",
            (unsigned long long)round + 1, p->who.number, p->who.images, train->net->batch);
    return -1;
}

/* A batch of a pass. */
static int compute(dk_train *train, dk_replay *replay, player *p, const dc_replay_round_info *round, int i,
                   float *loss)
{
    const uint64_t batch = round->batch + (uint64_t)i;
    data d;
    if (next_images(train, p, batch, &d) != 0) return -1;
    dk_threads_set(p->threads);
    dk_random_begin(DK_STREAM_TRAIN, train->seed, (uint64_t)p->who.number, batch, 0);
    const int err = dk_replay_compute(replay, i, &d, loss);
    free_data(d);
    if (err) dk_note("round %llu: %s", (unsigned long long)round->round + 1, dc_last_error());
    return err ? -1 : 0;
}

static int pass(dk_train *train, dk_replay *replay, const dc_replay_round_info *round, int k,
                dk_progress *progress, float *loss)
{
    const int at = dk_replay_pass(replay, k);
    player *p = &run.players[at];
    set_player(p, dc_replay_member_get(run.log, at)); /* it may have come back with other threads */
    if (check_images(train, p, round->round) != 0) return -1;
    for (int i = 0; i < round->steps; i++) {
        float own;
        if (dk_stop_signal()) return -1;
        dk_train_change_size(train, round->batch + (uint64_t)i, progress, &run.size);
        if (compute(train, replay, p, round, i, &own) != 0) return -1;
        *loss += own / (float)round->steps;
    }
    return 0;
}

static int replay_round(dk_train *train, dk_replay *replay, const dc_replay_round_info *round,
                        dk_progress *progress, float *loss)
{
    *loss = 0;
    for (int k = 0; k < round->passes; k++)
        if (pass(train, replay, round, k, progress, loss) != 0) return -1;
    *loss /= (float)round->passes;
    if (dk_replay_step(replay) == DC_OK) return 0;
    dk_note("round %llu: %s", (unsigned long long)round->round + 1, dc_last_error());
    return -1;
}

static int rounds(dk_train *train, dk_replay *replay, dk_progress *progress)
{
    for (;;) {
        dc_replay_round_info round;
        float loss;
        if (dk_replay_round(replay, &round) != DC_OK) {
            dk_note("%s", dc_last_error());
            return 1;
        }
        if (round.passes == 0) return 0;
        if (replay_round(train, replay, &round, progress, &loss) != 0)
            return dk_stop_signal() ? 128 + dk_stop_signal() : 1;
        if (!train->cli->quiet)
            printf("%llu: %f, %f rate, %d worker%s\n", (unsigned long long)round.round + 1, (double)loss,
                   (double)round.rate, round.members, round.members > 1 ? "s" : "");
    }
}

/* The path of a file that the replay writes; false after a line if there is none. */
static bool path_of(const dk_train *train, const char *suffix, char path[PATH_MAX])
{
    if (snprintf(path, PATH_MAX, "%s/%s_replayed%s.weights", train->backup, train->base, suffix) < PATH_MAX)
        return true;
    dk_note("%s: the path is too long", train->backup);
    return false;
}

static int save(const dk_train *train, dk_replay *replay)
{
    char path[PATH_MAX], average[PATH_MAX];
    if (!path_of(train, "", path) || !path_of(train, "_ema", average)) return 1;
    if (dk_replay_save(replay, path) != DC_OK ||
        (dk_replay_averaged(replay) && dk_replay_save_average(replay, average) != DC_OK)) {
        dk_note("%s", dc_last_error());
        return 1;
    }
    printf("Saved the replayed run to %s\n", path);
    return 0;
}

int dk_replay_run(dk_train *train)
{
    const dc_replay_info info = dc_replay_info_get(run.log);
    dk_replay *replay;
    dk_progress progress;
    train->seed = info.seed;
    dk_stop_catch();
    if (dk_replay_open(train->net, train->base, run.log, &replay) != DC_OK) {
        dk_note("%s", dc_last_error());
        return 1;
    }
    printf("Replaying rounds %llu to %llu of %d worker%s, seed %llu\n",
           (unsigned long long)info.first_round + 1, (unsigned long long)info.last_round, info.members,
           info.members > 1 ? "s" : "", (unsigned long long)info.seed);
    dk_progress_start(&progress, info.first_round, info.last_round, train->images, train->cli->quiet);
    int status = rounds(train, replay, &progress);
    for (int k = 0; k < run.n; k++)
        dk_loader_close(run.players[k].loader);
    if (status == 0) status = save(train, replay);
    dk_progress_finish(&progress);
    dk_replay_close(replay);
    return status;
}
