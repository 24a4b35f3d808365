/* train_run.c - the loop of every training command; see train.h. */
#include "train/train.h"

#include "replace/fatal.h"
#include "kernels/kernels.h"
#include "layers/extra.h"
#include "train/fingerprint.h"
#include "train/identity.h"
#include "train/loader.h"
#include "check/preflight.h"
#include "train/progress.h"
#include "layers/yolo_options.h"
#include "network/dialect.h"
#include "replace/random.h"
#include "replace/repair.h"
#include "train/stop.h"
#include "train/train_map.h"
#include "train/train_save.h"

#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bounds the memory of decoders at work; reading is seldom the bottleneck beyond it. */
#define MAX_LOADERS 16

/* Rounds, and seconds, until chart.png is new. */
#define CHART_ROUNDS 100
#define CHART_S 60.

network *dk_train_parse(const char *cfg, const char *weights, const dk_cli *cli)
{
    gpu_index = -1;
    dk_random_begin(DK_STREAM_INIT, cli->seed, 0, 0, 0);
    dk_chatter_hold(cfg);
    network *net = parse_network_cfg((char *)cfg);
    dk_yolo_lines(!cli->quiet);
    dk_dialect_tell(net, cfg);
    dk_repair_network(net);
    if (weights) {
        dk_check_weights(weights, net, cli->force);
        load_weights(net, (char *)weights);
    }
    if (cli->clear) *net->seen = 0;
    return net;
}

uint64_t dk_train_seen(const dk_train *train, uint64_t round)
{
    return train->cli->dynacomm ? round * (uint64_t)train->images : *train->net->seen;
}

static void shape(void *context, uint64_t round, load_args *args)
{
    const dk_train *train = context;
    const dk_size size = train->kind->size(train, round);
    if (size.w) train->kind->resize(train, size, args);
}

static uint64_t images_of(void *context, uint64_t round)
{
    const dk_train *train = context;
    return dk_session_images(train->session, round);
}

dk_loader *dk_train_loader(dk_train *train, const load_args *args, const char *list, uint64_t number,
                           uint64_t first_round)
{
    int threads = train->cli->loaders ? train->cli->loaders : dk_threads();
    if (threads > MAX_LOADERS) threads = MAX_LOADERS;
    const dk_loader_options options = {.args = *args,
                                       .augmentation = train->augmentation,
                                       .mixing = train->mixing,
                                       .list = list,
                                       .seed = train->seed,
                                       .rank = number,
                                       .first_round = first_round,
                                       .threads = threads,
                                       .shape = shape,
                                       .images = train->session ? images_of : NULL,
                                       .context = train};
    return dk_loader_open(&options);
}

/* A row that is longer or shorter than the network's would be read across its neighbours. */
static void check_rows(const dk_train *train, const data *d)
{
    const network *net = train->net;
    if (d->X.cols != net->inputs)
        dk_die(
            "the cfg takes %d inputs (%dx%dx%d), an image gives %d: it needs channels=3, width= and height=",
            net->inputs, net->w, net->h, net->c, d->X.cols);
    if (d->y.cols != net->truths)
        dk_die("the cfg's last layer takes %d values of truth per image, the data gives %d: make classes and "
               "the "
               "last layer's outputs agree",
               net->truths, d->y.cols);
}

void dk_train_ready(dk_train *train)
{
    data d;
    char text[6144];
    if (dk_loader_probe(&train->args, train->list, &d, text, sizeof text) != 0) dk_die("%s", text);
    check_rows(train, &d);
    free_data(d);
    dk_check_backup(train->backup);
    dk_chatter_release();
}

void dk_train_change_size(dk_train *train, uint64_t round, dk_progress *progress, dk_size *size)
{
    const dk_size wanted = train->kind->size(train, round);
    if (wanted.w == size->w && wanted.h == size->h) return;
    *size = wanted;
    dk_progress_break(progress);
    if (!progress->quiet && !progress->terminal && train->augmentation)
        printf("Resizing\n %d x %d \n", wanted.w, wanted.h);
    else if (!progress->quiet && !progress->terminal)
        printf("Resizing\n%d\n", wanted.w);
    resize_network(train->net, wanted.w, wanted.h);
}

static uint64_t last_round(const dk_train *train)
{
    const uint64_t most = train->net->max_batches > 0 ? (uint64_t)train->net->max_batches : 0;
    const uint64_t rounds = train->cli->rounds;
    return rounds && (!most || rounds < most) ? rounds : most;
}

static void open_chart(dk_train *train, const dk_session *session)
{
    const int worker = dk_session_rank(session);
    if (!train->kind->chart || (train->cli->shared_backup && worker > 0)) return;
    const uint64_t most = train->net->max_batches > 0 ? (uint64_t)train->net->max_batches : last_round(train);
    const dk_chart_options options = {.name = train->base,
                                      .path = train->cli->chart,
                                      .worker = worker,
                                      .last = (long long)most,
                                      .resumed = dk_session_round(session) > 0,
                                      .highest_loss = dk_network_extra_of(train->net)->max_chart_loss};
    train->chart = dk_chart_open(&options);
    train->charted_s = what_time_is_it_now();
}

/* The file is seldom new, as the forks' is; where rounds are long it is new every minute. */
static void draw_round(dk_train *train, const dk_round *round, const dk_progress *progress, uint64_t last)
{
    if (!train->chart) return;
    dk_chart_loss(train->chart, (long long)round->round, progress->average, progress->hours);
    const double now = what_time_is_it_now();
    if (round->round % CHART_ROUNDS != 0 && round->round != last && now < train->charted_s + CHART_S) return;
    train->charted_s = now;
    dk_chart_save(train->chart);
}

/* What follows would be trained on parameters that are no numbers, and saved over those that are. */
static int end_at_loss(const dk_train *train, dk_session *session, const dk_round *done,
                       dk_progress *progress)
{
    char line[512], from[PATH_MAX + 32] = "nothing is saved yet";
    if (train->saved)
        snprintf(from, sizeof from, "%.380s/%.60s.backup has round %llu", train->backup, train->base,
                 (unsigned long long)train->saved);
    else if (train->cli->dynacomm)
        snprintf(from, sizeof from, "the server has its last checkpoint");
    dk_progress_break(progress);
    snprintf(line, sizeof line,
             "round %llu: the loss is %s; a smaller learning_rate, or burn_in, may keep it finite (%s)",
             (unsigned long long)done->round,
             isnan(done->loss) ? "nan"
             : done->loss > 0  ? "inf"
                               : "-inf",
             from);
    dk_note("%s", line);
    dk_session_reason(session, line);
    return DC_EVALUE;
}

/* One round. Returns DC_OK, DC_ESTOPPED, or another value after it has printed why. */
static int train_round(dk_train *train, dk_session *session, dk_loader *loader, dk_progress *progress,
                       uint64_t last, dk_size *size)
{
    const uint64_t round = dk_session_round(session);
    dk_train_change_size(train, round, progress, size);
    const double began = what_time_is_it_now();
    data d;
    if (dk_loader_next(loader, &d) != 0) {
        dk_progress_break(progress);
        dk_note("%s", dk_loader_error(loader));
        dk_session_reason(session, dk_loader_error(loader));
        return DC_EFILE;
    }
    const double load_s = what_time_is_it_now() - began;
    dk_random_begin(DK_STREAM_TRAIN, train->seed, (uint64_t)dk_session_rank(session), round, 0);
    dk_round done = {0};
    const int err = dk_session_train(session, &d, &done);
    free_data(d);
    if (err != DC_OK) {
        dk_progress_break(progress);
        if (!dk_stop_signal() && !dk_session_lost_server(session))
            dk_note("round %llu: %s", (unsigned long long)round + 1, dc_last_error());
        return err;
    }
    dk_session_report(session, (double)done.loss, NAN, last_round(train));
    dk_progress_take(progress, &done, load_s);
    last = dk_session_end(session, last);
    draw_round(train, &done, progress, last);
    if (!isfinite(done.loss)) return end_at_loss(train, session, &done, progress);
    char line[512];
    train->kind->line(train, &done, progress, line, sizeof line);
    dk_progress_round(progress, &done, load_s, line);
    const int saved = dk_train_save_due(train, session, progress);
    return saved != DC_OK ? saved : dk_train_map_round(train, session, done.loss, progress, last);
}

/* After a signal: alone, the last whole round is kept; a worker's rounds are in the server's hands. */
static void say_stopped(dk_train *train, dk_session *session, int signal_number)
{
    const unsigned long long round = dk_session_round(session);
    if (!train->cli->dynacomm && round > 0) dk_train_save_backup(train, session);
    if (train->saved)
        dk_note("stopped by %s after round %llu; go on with %s/%s.backup (round %llu)",
                dk_stop_name(signal_number), round, train->backup, train->base,
                (unsigned long long)train->saved);
    else
        dk_note("stopped by %s after round %llu; %s", dk_stop_name(signal_number), round,
                !train->cli->dynacomm      ? "nothing was trained yet"
                : signal_number == SIGTERM ? "start this worker again to take part again"
                                           : "the server has saved the run: start it again to go on");
}

static int rounds(dk_train *train, dk_session *session, dk_progress *progress, uint64_t last)
{
    dk_loader *loader = dk_train_loader(train, &train->args, train->list, (uint64_t)dk_session_rank(session),
                                        dk_session_round(session));
    if (!loader) {
        dk_note("cannot start a thread that reads images, or memory for a round is missing");
        return DC_ENOMEM;
    }
    dk_size size = {0};
    int err = DC_OK;
    if (train->saved_s <= 0) train->saved_s = dk_steady_s();
    while (err == DC_OK && (!last || dk_session_round(session) < dk_session_end(session, last)))
        err = dk_stop_signal() ? DC_ESTOPPED : train_round(train, session, loader, progress, last, &size);
    if (err == DC_OK && dk_session_round(session) > last)
        dk_note("the run ends with a push, after round %llu", (unsigned long long)dk_session_round(session));
    dk_loader_close(loader);
    return err;
}

/* Workers that step alone push after every so many rounds: the run ends with a push. */
static uint64_t end_round(const dk_train *train, const dk_session *session)
{
    const uint64_t last = last_round(train), multiple = dk_session_multiple(session);
    const uint64_t end = (last + multiple - 1) / multiple * multiple;
    if (end != last)
        dk_note(
            "the run ends after round %llu instead of %llu, with a push: workers step alone %llu rounds at a time",
            (unsigned long long)end, (unsigned long long)last, (unsigned long long)multiple);
    return end;
}

/* fingerprint is the caller's. */
static dk_session_options session_options(const dk_train *train, const char *fingerprint)
{
    const dk_cli *cli = train->cli;
    return (dk_session_options){
        .name = train->base,
        .url = cli->dynacomm,
        .strategy = cli->strategy,
        .trace_path = cli->trace,
        .codec = cli->codec,
        .local_steps = cli->local_steps,
        .keep_dir = train->backup,
        .fingerprint = fingerprint,
        .last_round = last_round(train),
        .seed = cli->seed,
        .rank = cli->rank,
        .key_path = cli->key,
        .id = cli->dynacomm ? dk_identity(cli->id, train->backup, train->base, cli->rank) : 0,
        .link_Bps = cli->link_Bps,
        .listen = cli->shard_listen,
        .announce = cli->shard_announce,
        .timeout_s = cli->patience_s > 0 ? cli->patience_s : cli->timeout_s,
        .clear = cli->clear,
        .stop = cli->dynacomm ? dk_stop_now_flag() : dk_stop_flag(),
        .leave = dk_stop_flag(),
    };
}

static int save_final(dk_train *train, dk_session *session, dk_progress *progress)
{
    char name[PATH_MAX];
    dk_progress_break(progress);
    snprintf(name, sizeof name, train->kind->final, train->base);
    return dk_train_save(train, session, name);
}

/* The server is gone, or was started again: goes on where it says, with the images and random numbers of that
 * round, as all of them are drawn from its number. */
static int rejoin(dk_train *train, dk_session *session)
{
    const int err = dk_session_rejoin(session);
    if (err == DC_OK)
        train->epoch = dk_train_seen(train, dk_session_round(session)) / (uint64_t)train->args.m;
    else if (!dk_stop_signal())
        dk_note("%s", dc_last_error());
    return err;
}

/* The others may have rounds left, and the server is to save the end. */
static int finish(dk_session *session)
{
    const int err = dk_session_finish(session);
    if (err != DC_OK && !dk_stop_signal() && !dk_session_lost_server(session)) dk_note("%s", dc_last_error());
    return err;
}

/* To the last round, and its weights. */
static int train_on(dk_train *train, dk_session *session, dk_progress *progress, uint64_t last)
{
    int err;
    do {
        err = rounds(train, session, progress, last);
        if (err == DC_OK) err = save_final(train, session, progress);
        if (err == DC_OK) err = finish(session);
    } while (err != DC_OK && !dk_stop_signal() && dk_session_lost_server(session) &&
             (err = rejoin(train, session)) == DC_OK && !dk_session_ended(session));
    return err;
}

/* Returns 0, or the exit status after it has printed why. */
static int open_session(dk_train *train, dk_session **session)
{
    const dk_cli *cli = train->cli;
    char fingerprint[DC_FINGERPRINT_BYTES] = "";
    if (cli->dynacomm) dk_fingerprint(train, fingerprint, sizeof fingerprint);
    const dk_session_options options = session_options(train, fingerprint);
    dk_stop_catch();
    const int err = dk_session_open(train->net, &options, session);
    if (err == DC_OK) return 0;
    if (dk_stop_signal()) {
        dk_note("stopped by %s before the first round", dk_stop_name(dk_stop_signal()));
        return 128 + dk_stop_signal();
    }
    const char *line = dc_last_error();
    const bool refused = err == DC_EINVAL && cli->dynacomm;
    dk_note("%s%s%s%s", line, refused && cli->rank >= 0 && strstr(line, "rank ") ? " (-dynacomm-rank)" : "",
            refused && cli->clear && strstr(line, "new run") ? " (-clear)" : "",
            err == DC_EFILE && cli->dynacomm ? " (-dynacomm-key)" : "");
    return 1;
}

/* A Ctrl-C may reach the server first: its end is then not what went wrong here. Returns the signal. */
static int stopped_by(dk_train *train, dk_session *session)
{
    const int stopped = dk_stop_signal();
    if (!stopped) return 0;
    char why[32];
    snprintf(why, sizeof why, "stopped by %s", dk_stop_name(stopped));
    dk_session_reason(session, why);
    say_stopped(train, session, stopped);
    return stopped;
}

int dk_train_run(dk_train *train)
{
    dk_session *session;
    const int status = open_session(train, &session);
    if (status != 0) return status;
    train->session = session;
    train->seed = dk_session_seed(session);
    printf("Seed: %llu\n", (unsigned long long)train->seed);
    const uint64_t first = dk_session_round(session), last = end_round(train, session);
    if (last && first >= last)
        dk_note(
            "the run has %llu rounds already and is to stop at %llu: nothing to train (-clear counts from 0)",
            (unsigned long long)first, (unsigned long long)last);
    if (train->map && dk_session_rank(session) != 0) dk_note("-map: worker 0 measures");
    train->epoch = dk_train_seen(train, first) / (uint64_t)train->args.m;
    dk_progress progress;
    dk_progress_start(&progress, first, last, train->images, train->cli->quiet);
    open_chart(train, session);
    int err = train_on(train, session, &progress, last);
    if (train->chart) dk_chart_save(train->chart);
    dk_chart_close(train->chart);
    dk_progress_finish(&progress);
    const int stopped = err != DC_OK ? stopped_by(train, session) : 0;
    const int close_err = dk_session_close(session, err == DC_OK);
    if (err == DC_OK && close_err != DC_OK) {
        dk_note("%s", dc_last_error());
        err = close_err;
    }
    return stopped ? 128 + stopped : err != DC_OK;
}
