/* train_replay.c - see train_replay.h.
 *
 * DESIGN
 *   One network computes for all workers, one after the other: dc_replay puts each one's values, statistics and momentum
 * into its arrays. Everything else that a worker's gradients depend on, images and random numbers, follows from the run's
 * seed, its number and the round. Each worker has a loader of its own, which reads one round ahead. */
#include "train/train_replay.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "check/preflight.h"
#include "engine/pass.h"
#include "kernels/kernels.h"
#include "layers/tensors.h"
#include "replace/fatal.h"
#include "replace/random.h"
#include "train/loader.h"
#include "train/replay_data.h"
#include "train/same_files.h"
#include "train/stop.h"

/* Together, of all workers' loaders: each reads its round while the others' are computed. */
#define MAX_LOADERS 16

/* Somebody's data. */
typedef struct source {
    dk_train_input input; /* of -data-of */
    dk_lines labels;
    load_args args;
    dk_loader *loader; /* NULL = not now */
    uint64_t next;     /* round that it gives next */
} source;

struct dk_replay {
    dc_replay *replay;
    dc_replay_info info;
    char **data;     /* [info.n_members], or NULL */
    source *sources; /* likewise */
    dc_model *model;
};

dk_replay *dk_replay_open(const dk_cli *cli)
{
    if (!cli->replay && cli->data_of) dk_die("-data-of is for -dynacomm-replay");
    if (!cli->replay) return NULL;
    if (cli->dynacomm)
        dk_die("-dynacomm-replay needs no server: leave out -dynacomm (and DYNACOMM in the environment)");
    dk_replay *r = calloc(1, sizeof *r);
    if (!r) dk_die("out of memory for a replay");
    if (dc_replay_open(&r->replay, cli->replay) != DC_OK) dk_die("%s", dc_last_error());
    r->info = dc_replay_info_get(r->replay);
    r->data = dk_replay_data(cli->data_of, cli->replay, &r->info);
    r->sources = calloc((size_t)r->info.n_members, sizeof *r->sources);
    if (!r->sources) dk_die("out of memory for a replay");
    return r;
}

uint64_t dk_replay_seed(const dk_replay *r)
{
    return r->info.seed;
}

void dk_replay_free(dk_replay *r)
{
    if (!r) return;
    for (int k = 0; k < r->info.n_members; k++) {
        dk_loader_close(r->sources[k].loader);
        dk_lines_free(&r->sources[k].input.images);
        dk_lines_free(&r->sources[k].labels);
    }
    dk_replay_data_free(r->data, &r->info);
    dc_replay_free(r->replay);
    dc_model_free(r->model);
    free(r->sources);
    free(r);
}

/* ---- data ---- */

static void read_sources(const dk_train *train)
{
    const dk_replay *r = train->replay;
    for (int k = 0; k < r->info.n_members; k++) {
        source *s = &r->sources[k];
        s->args = train->args;
        if (!r->data) continue;
        s->input = (dk_train_input){.cfg = train->input->cfg};
        train->kind->read_other(train, r->data[k], &s->input, &s->labels, &s->args);
    }
}

static void shape(void *context, uint64_t round, load_args *args)
{
    const dk_train *train = context;
    const dk_size size = train->kind->size(train, round);
    if (size.w) train->kind->resize(train, size, args);
}

static dk_loader *open_loader(dk_train *train, const source *s, int number, uint64_t round)
{
    const int threads = train->cli->loaders ? train->cli->loaders : dk_threads();
    const dk_loader_options options = {.args = s->args,
                                       .augmentation = train->augmentation,
                                       .mixing = train->mixing,
                                       .list = train->replay->data ? s->input.file.train : train->list,
                                       .seed = train->seed,
                                       .rank = (uint64_t)number,
                                       .first_round = round,
                                       .threads = threads > MAX_LOADERS ? MAX_LOADERS : threads,
                                       .shape = shape,
                                       .context = train};
    return dk_loader_open(&options);
}

/* A member's images of a round. */
static int load(dk_train *train, const dc_replay_member *who, uint64_t round, data *d)
{
    const dk_replay *r = train->replay;
    source *s = NULL;
    for (int k = 0; k < r->info.n_members && !s; k++)
        if (r->info.members[k].number == who->number) s = &r->sources[k];
    if (s->loader && s->next != round) { /* it was away */
        dk_loader_close(s->loader);
        s->loader = NULL;
    }
    if (!s->loader) s->loader = open_loader(train, s, who->number, round);
    if (!s->loader)
        return dc_error_set(DC_ENOMEM,
                            "cannot start a thread that reads images, or memory for a round is missing");
    s->next = round + 1;
    if (dk_loader_next(s->loader, d) != 0) return dc_error_set(DC_EFILE, "%s", dk_loader_error(s->loader));
    return DC_OK;
}

/* ---- rounds ---- */

static int compute(dk_train *train, uint64_t round, dk_round *done)
{
    network *net = train->net;
    dc_replay_member who;
    data d;
    float sum = 0;
    dc_replay_next_member(train->replay->replay, &who);
    if (who.images != (uint32_t)train->images)
        return dc_error_set(DC_EINVAL, "round %llu: worker %d fed %u images, this cfg feeds %d",
                            (unsigned long long)round + 1, who.number, who.images, train->images);
    const int err = load(train, &who, round, &d);
    if (err) return err;
    dk_random_begin(DK_STREAM_TRAIN, train->seed, (uint64_t)who.number, round, 0);
    *net->seen = round * (uint64_t)train->images;
    for (int i = 0; i < net->subdivisions; i++) {
        dk_pass_input(net, &d, i);
        forward_network(net);
        backward_network(net);
        sum += *net->cost;
    }
    free_data(d);
    dc_replay_take(train->replay->replay);
    done->loss += sum / (float)train->images;
    return DC_OK;
}

static void change_size(dk_train *train, uint64_t round, dk_size *size)
{
    const dk_size wanted = train->kind->size(train, round);
    if (wanted.w == size->w && wanted.h == size->h) return;
    *size = wanted;
    resize_network(train->net, wanted.w, wanted.h);
}

static int replay_round(dk_train *train, dk_size *size, dk_progress *progress)
{
    dc_replay *replay = train->replay->replay;
    const double began = what_time_is_it_now();
    dc_replay_round round;
    int err = dc_replay_next_round(replay, &round);
    dk_round done = {.round = round.round + 1, .rate = round.rate};
    if (!err) change_size(train, round.round, size);
    for (int k = 0; !err && k < round.members; k++)
        err = dk_stop_signal() ? DC_ESTOPPED : compute(train, round.round, &done);
    if (!err) err = dc_replay_step(replay);
    if (err) return err;
    char line[512];
    done.loss /= (float)round.members;
    done.seconds = done.compute_s = what_time_is_it_now() - began;
    dk_progress_take(progress, &done, 0);
    train->kind->line(train, &done, progress, line, sizeof line);
    dk_progress_round(progress, &done, 0, line);
    return DC_OK;
}

static int rounds(dk_train *train, uint64_t first, uint64_t last)
{
    dk_progress progress;
    dk_size size = {0};
    int err = DC_OK;
    dk_progress_start(&progress, first, last, train->images, train->cli->quiet);
    for (uint64_t round = first; !err && round < last; round++)
        err = replay_round(train, &size, &progress);
    dk_progress_finish(&progress);
    return err;
}

/* ---- the end ---- */

/* The run's own weights of the same round, if they are beside the log. */
static int compare(const dk_train *train, const char *path)
{
    static const char *const endings[] = {"_final.weights", ".weights", ".backup"};
    const char *log = train->cli->replay, *slash = strrchr(log, '/');
    for (size_t k = 0; k < sizeof endings / sizeof *endings; k++) {
        char other[PATH_MAX];
        const int n = snprintf(other, sizeof other, "%.*s%s%s", slash ? (int)(slash + 1 - log) : 0, log,
                               train->replay->info.model, endings[k]);
        if (n >= (int)sizeof other) continue;
        const dk_likeness like = dk_weights_compare(path, other);
        if (like == DK_SAME) printf("the same, bit for bit, as %s\n", other);
        if (like == DK_DIFFERENT)
            dk_note("%s is not %s, which the run saved after the same round", path, other);
        if (like != DK_NOT_COMPARED) return like == DK_SAME ? 0 : 1;
    }
    return 0;
}

static int finish(const dk_train *train, uint64_t first, uint64_t last)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s_replay.weights", train->backup, train->base) >= (int)sizeof path)
        return dc_error_set(DC_EFILE, "%s: the path is too long", train->backup);
    const int err = dc_replay_save(train->replay->replay, path);
    if (err) return err;
    printf("replayed rounds %llu to %llu of %s into %s\n", (unsigned long long)first + 1,
           (unsigned long long)last, train->cli->replay, path);
    return compare(train, path) ? -1 : 0;
}

int dk_replay_run(dk_train *train)
{
    dk_replay *r = train->replay;
    const uint64_t first = r->info.first_round, asked = train->cli->rounds;
    const uint64_t last = asked && asked < r->info.last_round ? asked : r->info.last_round;
    train->seed = r->info.seed;
    if (strcmp(train->base, r->info.model) != 0)
        dk_note("%s is the log of %s, not of %s", train->cli->replay, r->info.model, train->base);
    if (r->info.torn_bytes)
        dk_note("%s: passing over %llu bytes at its end that are no whole record", train->cli->replay,
                (unsigned long long)r->info.torn_bytes);
    read_sources(train);
    dk_stop_catch();
    int err = dk_model_of(train->net, r->info.model, dk_kernels_fast(), &r->model);
    if (!err) err = dc_replay_begin(r->replay, r->model);
    if (!err) err = rounds(train, first, last);
    if (!err) err = finish(train, first, last);
    if (dk_stop_signal()) {
        dk_note("stopped by %s: nothing was written", dk_stop_name(dk_stop_signal()));
        return 128 + dk_stop_signal();
    }
    if (err > 0) dk_note("%s", dc_last_error());
    return err != 0;
}
