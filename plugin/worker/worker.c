/* worker.c - making and freeing a worker, and what all its threads use. See worker.h. */
#include "worker/worker.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"
#include "model/finite.h"
#include "net/invited.h"

/* ---- what is known of link and computation ---- */

void dc_worker_profile(const dc_worker *w, dc_profile *profile)
{
    double overhead_s = 0, rtt_s = 0;
    for (int k = 0; k < w->n_parts; k++) {
        const dc__endpoint *e = &w->parts[k].endpoint;
        overhead_s = fmax(overhead_s, fmax(e->link.cost_s, e->link.peer_cost_s));
        rtt_s = fmax(rtt_s, e->rtt_s);
    }
    *profile = (dc_profile){
        .n_layers = w->model->n_layers,
        .layers = w->profiler.cost,
        .middle_s = w->profiler.middle_s,
        .down_Bps = dc__measured(dc__worker_Bps(w, false), DC__GUESS_BPS),
        .up_Bps = dc__measured(dc__worker_Bps(w, true), DC__GUESS_BPS),
        .overhead_s = dc__measured(overhead_s, DC__GUESS_OVERHEAD_S),
        .rtt_s = dc__measured(rtt_s, DC__GUESS_RTT_S),
        .workers = w->info.workers,
    };
}

const dc_plan *dc_worker_plan(const dc_worker *w)
{
    return &w->planner.plan;
}

/* ---- memory ---- */

/* The first plan, for layers that cost the same. */
static dc_error plan_first(dc_worker *w)
{
    dc_profile first;
    dc_worker_profile(w, &first);
    dc_layer_cost *guesses = calloc((size_t)first.n_layers, sizeof *guesses);
    if (!guesses) return dc__fail(DC_ENOMEM, "out of memory for a plan of %d layers", first.n_layers);
    for (int i = 0; i < first.n_layers; i++) {
        guesses[i] = first.layers[i];
        guesses[i].fc_s = guesses[i].bc_s = DC__GUESS_LAYER_S;
    }
    first.layers = guesses;
    const dc_error err = dc__planner_init(&w->planner, &first, w->options.strategy);
    w->planner.on_first = dc__worker_choices;
    w->planner.context = w;
    free(guesses);
    return err;
}

/* What travels of each layer, and of all. */
static void set_bytes(dc_worker *w)
{
    dc_layer_cost *cost = w->profiler.cost;
    double all[2] = {0, 0};
    dc__coding_costs(&w->coding, cost, w->model->n_layers, w->info.workers, cost);
    for (int i = 0; i < w->model->n_layers; i++) {
        all[0] += (double)cost[i].down_bytes;
        all[1] += (double)cost[i].up_bytes;
    }
    const double trained = (double)dc_model_trained_bytes(w->model, -1);
    for (int k = 0; k < w->n_parts; k++) {
        dc__part *p = &w->parts[k];
        const double share = (double)dc_model_trained_bytes(p->model, -1) / trained;
        p->way_bytes[0] = share * all[0];
        p->way_bytes[1] = share * all[1];
        p->endpoint.link.meter.memory_bytes = p->way_bytes[0];
    }
}

static dc_error allocate(dc_worker *w)
{
    const dc_model *m = w->model;
    const size_t stats = (size_t)(m->start[DC_ROLE_COUNT] - m->start[DC_STATISTIC]) + 1;
    bool ok = true;
    ok &= (w->announced.stat_mean = calloc(stats, sizeof(float))) != NULL;
    ok &= (w->progress.pushed = calloc((size_t)m->n_layers, sizeof *w->progress.pushed)) != NULL;
    ok &= (w->progress.stat_own = calloc(stats, sizeof(float))) != NULL;
    ok &= (w->progress.stat_last = calloc(stats, sizeof(float))) != NULL;
    if (!ok) return dc__fail(DC_ENOMEM, "out of memory for a worker");
    dc_error err = dc__profiler_init(&w->profiler, m);
    for (int k = 0; !err && k < w->n_parts; k++)
        err = dc__part_allocate(&w->parts[k]);
    if (!err) err = dc__recurrent_init(&w->memory, &w->options.memory);
    if (!err) err = dc__staged_allocate(&w->staged, m->start[DC_FROZEN]);
    if (!err) set_bytes(w);
    if (!err) err = plan_first(w);
    if (!err) err = dc__reporter_init(&w->reporter, m->n_layers);
    return err;
}

static void free_all(dc_worker *w)
{
    dc__profiler_free(&w->profiler);
    dc__recurrent_free(&w->memory);
    dc__staged_free(&w->staged);
    dc__planner_free(&w->planner);
    dc__reporter_free(&w->reporter);
    for (int k = 0; k < w->n_parts; k++)
        dc__part_free(&w->parts[k]);
    free(w->announced.stat_mean);
    free(w->progress.pushed);
    free(w->progress.stat_own);
    free(w->progress.stat_last);
}

static void destroy(dc_worker *w)
{
    for (int k = 0; k < w->n_parts; k++)
        dc__endpoint_stop(&w->parts[k].endpoint);
    dc__worker_pause(w);
    if (w->residues.begun) dc__residues_end(&w->residues);
    free_all(w);
    for (int k = 0; k < w->n_parts; k++)
        dc__endpoint_destroy(&w->parts[k].endpoint);
    dc__account_destroy(&w->account);
    free(w->parts);
    if (dc__trace_close(w->trace)) dc__log_line(&w->log, "%s", dc_last_error());
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->arrived);
    dc__log_destroy(&w->log);
    dc__secret_free(w->keys);
    free(w);
}

static dc_error choose_id(dc_worker *w)
{
    w->id = w->options.id;
    while (w->id == 0)
        if (getrandom(&w->id, sizeof w->id, 0) != (ssize_t)sizeof w->id)
            return dc__fail(DC_ENET, "no random numbers from the kernel");
    return DC_OK;
}

/* In a mesh that waits for those who are lost, somebody may be while this worker comes: it is asked to come again. */
static dc_error dial_first(dc_worker *w, dc__welcome *welcome)
{
    dc_error err = dc__worker_dial(w, dc__worker_join_s(w), welcome);
    while (err == DC_EPEER && w->host && w->waits && !dc__worker_check(w)) {
        dc__log_line(&w->log, "%s; joining it again", dc_last_error());
        for (int k = 0; k < w->n_parts; k++)
            dc__link_close(&w->parts[k].endpoint.link, 0);
        err = dc__worker_dial(w, dc__worker_join_s(w), welcome);
    }
    return err;
}

static dc_error join_server(dc_worker *w)
{
    dc__welcome welcome;
    dc_error err = choose_id(w);
    if (!err)
        err = dc__invited(w->options.url, w->options.key_path, "worker", &w->log, w->parts[0].url, &w->keys);
    if (!err) err = dial_first(w, &welcome);
    if (err) return err;
    dc__residues_init(&w->residues, w->options.keep_dir, welcome.rank, w->model, &w->memory, &w->lock,
                      &w->log);
    for (int k = 0; k < w->n_parts; k++)
        dc__residues_part(&w->residues, &w->parts[k].encoder, w->n_parts > 1 ? &w->parts[k].shard : NULL);
    if (welcome.upload) err = dc__finite_model(w->model, "an initial value");
    if (!err) err = allocate(w);
    if (!err && w->options.trace_path)
        err = dc__trace_open(&w->trace, w->options.trace_path, w->info.rank, w->model);
    if (!err) err = dc__planner_start(&w->planner);
    if (!err) err = dc__worker_enter(w);
    return err && dc_worker_lost_server(w) ? dc_worker_rejoin(w) : err;
}

dc_error dc__worker_open(dc_worker **out, dc_model *model, const dc_worker_options *options,
                         const dc__worker_host *host)
{
    *out = NULL;
    dc_error err = dc__invitation_is(options->url) ? DC_OK : dc__urls_check(options->url);
    if (!err) err = dc__model_seal(model);
    char asked[DC__CODING_BYTES];
    dc__worker_coding_asked(options, asked);
    if (!err && options->local_steps &&
        !dc__coding_steps(options->local_steps, &(uint32_t){0}, &(uint32_t){0}))
        err = dc__fail(DC_EINVAL,
                       "'%.60s' local steps: give a whole number from 1 to %u, N:BATCHES of warm-up, or auto",
                       options->local_steps, DC__STEPS_MOST);
    if (!err) err = dc__coding_parse(asked, &(dc__coding){0});
    if (err) return err;
    if (options->fingerprint && strlen(options->fingerprint) >= DC_FINGERPRINT_BYTES)
        return dc__fail(DC_EINVAL, "a worker's fingerprint has more than %d bytes", DC_FINGERPRINT_BYTES - 1);
    if (model->n_blocks == 0)
        return dc__fail(DC_EMODEL, "%s has nothing to train: every layer is frozen or has no weights",
                        model->name);
    dc_worker *w = calloc(1, sizeof *w);
    if (!w) return dc__fail(DC_ENOMEM, "out of memory for a worker");
    w->model = model;
    w->options = *options;
    w->host = host;
    if (!dc__invitation_is(options->url)) {
        (void)snprintf(w->urls, sizeof w->urls, "%s", options->url);
        w->options.url = w->urls;
    }
    (void)snprintf(w->fingerprint, sizeof w->fingerprint, "%s",
                   options->fingerprint ? options->fingerprint : "");
    w->announced.own_images[0] = w->announced.own_images[1] = model->images_per_round;
    pthread_mutex_init(&w->lock, NULL);
    dc__log_init(&w->log, options->log, options->log_context);
    dc__condition_init(&w->arrived);
    dc__account_init(&w->account);
    err = dc__parts_begin(w);
    if (!err) err = join_server(w);
    if (err) {
        char line[DC__LINE_BYTES];
        (void)snprintf(line, sizeof line, "%s", dc_last_error());
        (void)dc_worker_leave(w, false, line);
        return dc__fail(err, "%s", line);
    }
    w->progress.period_ns = dc__now_ns();
    w->progress.sent_before = dc__worker_moved(w, true);
    w->progress.received_before = dc__worker_moved(w, false);
    *out = w;
    return DC_OK;
}

/* What a user compares codecs by. */
static void log_moved(dc_worker *w)
{
    char coding[DC__CODING_BYTES];
    dc__coding_text(&w->coding, coding);
    dc__log_line(&w->log, "%llu rounds moved %.3f MB up and %.3f MB down (codec %s)",
                 (unsigned long long)(w->info.round - w->start_round),
                 (double)dc__worker_moved(w, true) * 1e-6, (double)dc__worker_moved(w, false) * 1e-6, coding);
}

static bool is_acked(const dc_worker *w)
{
    bool acked = true;
    for (int k = 0; k < w->n_parts; k++)
        acked = acked && w->parts[k].bye_acked;
    return acked;
}

/* Workers that step alone end with a push. */
static dc_error check_end(const dc_worker *w)
{
    if (!w->progress.local) return DC_OK;
    return dc__fail(DC_EINVAL,
                    "the run ends %u rounds after its last push: give a number of rounds that %u divides",
                    w->progress.local, w->progress.at.n);
}

static bool is_answered(const dc_worker *w, int unused)
{
    (void)unused;
    return is_acked(w);
}

dc_error dc_worker_finish(dc_worker *w)
{
    dc_error err = check_end(w);
    if (err) return err;
    pthread_mutex_lock(&w->lock);
    w->done = true;
    dc__reporter_flush(&w->reporter);
    w->goodbye = (dc__goodbye){.due = true, .ok = true, .waits = true};
    dc__worker_wake(w);
    pthread_mutex_unlock(&w->lock);
    err = dc__worker_wait_until(w, is_answered, 0);
    pthread_mutex_unlock(&w->lock);
    return err;
}

dc_error dc_worker_leave(dc_worker *w, bool ok, const char *reason)
{
    dc_error err = ok ? check_end(w) : DC_OK;
    if (err) {
        ok = false;
        reason = dc_last_error();
    }
    if (ok) log_moved(w);
    if (dc__worker_started(w) && !w->failed && !is_acked(w)) {
        /* The user's stop ends computation; the goodbye still gets its time, but not a long one. */
        const bool leaves = !ok && dc__worker_leaves(w) && w->joined_once;
        w->options.stop = w->options.leave = NULL;
        const int64_t until = dc__now_ns() + (int64_t)((ok || leaves ? dc__worker_patience_s(w) : 2.0) * 1e9);
        pthread_mutex_lock(&w->lock);
        if (ok) dc__reporter_flush(&w->reporter);
        w->goodbye = (dc__goodbye){.due = true, .ok = ok, .leave = leaves, .reason = reason};
        dc__worker_wake(w);
        while (!is_acked(w) && !w->failed && dc__now_ns() < until)
            dc__wait_until(&w->arrived, &w->lock, dc__now_ns() + DC__POLL_NS);
        const bool acked = is_acked(w);
        pthread_mutex_unlock(&w->lock);
        if (ok && !acked)
            err = w->failed ? dc__worker_check(w)
                            : dc__fail(DC_ETIMEOUT, "the server at %s did not confirm the end of the run",
                                       w->parts[0].url);
    }
    const dc__worker_host *host = w->host;
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%s", err ? dc_last_error() : reason ? reason : "");
    destroy(w);
    const dc_error ended = host ? host->end(host->context, ok && !err, line) : DC_OK;
    return err ? dc__fail(err, "%s", line) : ended;
}
