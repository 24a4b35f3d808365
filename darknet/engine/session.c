/* session.c - see session.h. */
#include "engine/session.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dynacomm_average.h"
#include "replace/fatal.h"
#include "engine/hooks.h"
#include "engine/rate.h"
#include "kernels/kernels.h"
#include "replace/random.h"
#include "layers/memory.h"
#include "layers/tensors.h"

struct dk_session {
    network *net;
    dc_model *model;
    dc_worker *worker; /* NULL: alone */
    dk_hooks hooks;
    uint64_t seed, round;
    uint64_t steps; /* alone: updates since the start, for Adam */
    volatile int *stop;
    char reason[256]; /* of a failure, for the server */
};

/* Lines of the plugin; Darknet's own go to both streams, ours to the one that is not parsed. */
static void print_line(void *context, const char *line)
{
    (void)context;
    dk_log("dynacomm", line);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t images_per_round(const network *net)
{
    return (uint64_t)net->batch * (uint64_t)net->subdivisions;
}

/* Where the run is, as the server says. */
static void take_place(dk_session *s)
{
    const dc_worker_info info = dc_worker_info_get(s->worker);
    s->seed = info.seed;
    s->round = info.round;
    *s->net->seen = info.round * images_per_round(s->net);
}

static void save_memory(void *net, float *to)
{
    dk_memory_save(net, to);
}

static void load_memory(void *net, const float *from)
{
    dk_memory_load(net, from);
}

static int join(dk_session *s, const dk_session_options *options)
{
    const dc_worker_options wo = {
        .url = options->url,
        .key_path = options->key_path,
        .rank = options->rank,
        .id = options->id,
        .strategy = options->strategy,
        .fingerprint = options->fingerprint,
        .seed = options->seed,
        .round = get_current_batch(s->net),
        .last_round = options->last_round,
        .part = (uint32_t)s->net->batch,
        .clear = options->clear,
        .memory = {.floats = dk_memory_floats(s->net),
                   .save = save_memory,
                   .load = load_memory,
                   .context = s->net},
        .link_Bps = options->link_Bps,
        .listen_url = options->listen,
        .announce_url = options->announce,
        .timeout_s = options->timeout_s,
        .trace_path = options->trace_path,
        .codec = options->codec,
        .local_steps = options->local_steps,
        .keep_dir = options->keep_dir,
        .log = print_line,
        .stop = options->stop,
        .leave = options->leave,
    };
    int err = dk_refuse_untrainable(s->net);
    if (!err) err = dc_worker_join(&s->worker, s->model, &wo);
    if (err) return err;
    take_place(s);
    return dk_hooks_attach(&s->hooks, s->net, s->worker);
}

int dk_session_open(network *net, const dk_session_options *options, dk_session **out)
{
    *out = NULL;
    dk_session *s = calloc(1, sizeof *s);
    if (!s) return dc_error_set(DC_ENOMEM, "out of memory for a session");
    s->net = net;
    s->seed = options->seed;
    s->round = get_current_batch(net);
    s->stop = options->stop;
    int err = dk_model_of(net, options->name, dk_kernels_fast(), &s->model);
    if (!err && options->url) err = join(s, options);
    if (err) {
        if (s->worker) (void)dc_worker_leave(s->worker, false, dc_last_error());
        dc_model_free(s->model);
        free(s);
        return err;
    }
    *out = s;
    return DC_OK;
}

int dk_session_rank(const dk_session *s)
{
    return s->worker ? dc_worker_info_get(s->worker).rank : 0;
}

int dk_session_workers(const dk_session *s)
{
    return s->worker ? dc_worker_info_get(s->worker).workers : 1;
}

uint64_t dk_session_multiple(const dk_session *s)
{
    const dc_worker_info info =
        s->worker ? dc_worker_info_get(s->worker) : (dc_worker_info){.local_steps = 1};
    return info.local_varies ? 1 : (uint64_t)info.local_steps;
}

uint64_t dk_session_end(const dk_session *s, uint64_t last)
{
    if (!s->worker || !last) return last;
    const dc_worker_info info = dc_worker_info_get(s->worker);
    const uint64_t begun = info.round - (uint64_t)info.alone,
                   push = begun + (info.alone ? (uint64_t)info.local_steps : 0);
    return push > last ? push : last;
}

uint64_t dk_session_seed(const dk_session *s)
{
    return s->seed;
}

uint64_t dk_session_round(const dk_session *s)
{
    return s->round;
}

uint64_t dk_session_images(const dk_session *s, uint64_t round)
{
    return s->worker ? dc_worker_images(s->worker, round) : images_per_round(s->net);
}

/* One of n subdivisions: the library's forward and backward, our hooks inside them. The rate is asked for where the
 * library would, after all of a round's other random numbers are drawn. */
static int subdivision(dk_session *s, const data *d, int index, int n, size_t seen, float *rate)
{
    network *net = s->net;
    const bool last = index == n - 1;
    get_next_batch(*d, net->batch, index * net->batch, net->input, net->truth);
    *net->seen = dk_seen_in_round(net, seen, index, n);
    net->train = 1;
    if (s->worker && !s->hooks.err) s->hooks.err = dc_worker_subdivision(s->worker, last);
    forward_network(net);
    if (last) *rate = dk_round_rate(net, s->seed, s->round, dk_session_workers(s));
    if (last && s->worker && !s->hooks.err) s->hooks.err = dc_worker_rate(s->worker, *rate);
    if (s->hooks.err) return s->hooks.err;
    backward_network(net);
    return s->hooks.err;
}

typedef struct update_work {
    dk_session *session;
    float rate;
} update_work;

static void update_part(void *context, size_t lo, size_t hi)
{
    const update_work *work = context;
    dc_model_update_part(work->session->model, lo, hi - lo, work->rate, work->session->steps);
}

static void average_part(void *context, size_t lo, size_t hi)
{
    dc_model_average_part(context, lo, hi - lo);
}

/* The update of a run alone: dc_model_update on all threads. Each element is stepped on its own, so the
 * ranges do not show in the result. */
static int update(dk_session *s, float rate)
{
    uint64_t floats;
    int err = dc_model_update_begin(s->model, &floats);
    if (err) return err;
    s->steps++;
    dk_parallel(floats, update_part, &(update_work){s, rate});
    err = dc_model_average_begin(s->model, s->round + 1, &floats);
    if (!err && floats) dk_parallel(floats, average_part, s->model);
    return err;
}

int dk_session_train(dk_session *s, const data *d, dk_round *round)
{
    network *net = s->net;
    const size_t seen_before = *net->seen;
    const double begin_s = now_s();
    dc_round_report report = {0};
    float rate = 0, sum = 0;
    const int n = d->X.rows / net->batch;
    dk_assert(n > 0 && d->X.rows == n * net->batch);
    if (s->stop && *s->stop) return dc_error_set(DC_ESTOPPED, "stopped on request");
    int err = s->worker ? (int)dc_worker_round_begin(s->worker) : DC_OK;
    for (int i = 0; !err && i < n; i++) {
        err = subdivision(s, d, i, n, seen_before, &rate);
        sum += *net->cost;
    }
    if (!err) ++*net->t;
    if (!err && !s->worker) {
        err = update(s, rate);
        report.round_s = report.compute_s = now_s() - begin_s;
    } else if (!err) {
        err = dc_worker_round_end(s->worker, &report);
    }
    if (err) {
        *net->seen = seen_before; /* the round did not happen */
        snprintf(s->reason, sizeof s->reason, "%s", dc_last_error());
        return err;
    }
    s->round++;
    *round = (dk_round){
        .round = s->round,
        .loss = sum / (float)(n * net->batch),
        .rate = rate,
        .seconds = report.round_s,
        .wait_s = report.wait_s,
        .compute_s = report.compute_s,
        .sent_bytes = report.sent_bytes,
        .received_bytes = report.received_bytes,
    };
    return DC_OK;
}

bool dk_session_lost_server(const dk_session *s)
{
    return s->worker && dc_worker_lost_server(s->worker);
}

int dk_session_rejoin(dk_session *s)
{
    const int err = dc_worker_rejoin(s->worker);
    s->hooks.err = err;
    s->reason[0] = '\0';
    if (!err)
        take_place(s);
    else
        snprintf(s->reason, sizeof s->reason, "%s", dc_last_error());
    return err;
}

bool dk_session_ended(const dk_session *s)
{
    return s->worker && dc_worker_ended(s->worker);
}

int dk_session_finish(dk_session *s)
{
    const int err = s->worker ? (int)dc_worker_finish(s->worker) : DC_OK;
    if (err) snprintf(s->reason, sizeof s->reason, "%s", dc_last_error());
    return err;
}

void dk_session_report(dk_session *s, double loss, double map, uint64_t last_round)
{
    if (!s->worker) return;
    const dc_report report = {.loss = loss, .map = map, .last_round = last_round};
    dc_worker_report(s->worker, &report);
}

int dk_session_sync(dk_session *s)
{
    return s->worker ? (int)dc_worker_sync(s->worker) : DC_OK;
}

int dk_session_save(dk_session *s, const char *path)
{
    const int err = s->worker ? (int)dc_worker_save(s->worker, path, *s->net->seen)
                              : (int)dc_model_save(s->model, path, *s->net->seen);
    if (err) snprintf(s->reason, sizeof s->reason, "%s", dc_last_error());
    return err;
}

bool dk_session_averaged(const dk_session *s)
{
    return !s->worker && dc_model_averaged(s->model);
}

int dk_session_save_average(dk_session *s, const char *path)
{
    return dc_model_save_average(s->model, path, *s->net->seen);
}

void dk_session_reason(dk_session *s, const char *why)
{
    snprintf(s->reason, sizeof s->reason, "%s", why);
}

int dk_session_close(dk_session *s, bool ok)
{
    int err = DC_OK;
    if (s->worker) {
        dk_hooks_detach(&s->hooks);
        err = dc_worker_leave(s->worker, ok, s->reason[0] ? s->reason : "the command failed");
    }
    dc_model_free(s->model);
    free(s);
    return err;
}
