/* join.c - joining a server, and joining it anew after it was lost. See worker.h.
 *
 * DESIGN
 *   A worker that has lost its server (the connection ended, or it was started again) throws away the round that
 * it was in and joins anew under its id, in this process. The server tells it the round to go on with: the one
 * that is on, or the one that its checkpoint is of. Nothing of the time before counts: values, statistics and
 * moments are fetched, gradients are zero; what a codec had not sent, and what layers remember, is set back to
 * that round. Compute thread. */
#include <math.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "model/hash.h"
#include "worker/worker.h"

#define AGAIN_NS 200000000 /* between two attempts to join */

/* A server that is not there yet is waited for shortly; one that was there, long. */
double dc__worker_join_s(const dc_worker *w)
{
    return w->options.timeout_s > 0 ? w->options.timeout_s : DC_DEFAULT_JOIN_S;
}

double dc__worker_patience_s(const dc_worker *w)
{
    return w->options.timeout_s > 0 ? w->options.timeout_s : DC_DEFAULT_PATIENCE_S;
}

static dc_error dial(dc_worker *w, dc__part *p, double connect_s)
{
    char name[64];
    dc__channel *channel;
    const dc__dial_options options = {.connect_s = connect_s,
                                      .patience_s = dc__worker_patience_s(w),
                                      .most_bytes = DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES,
                                      .keys = w->keys};
    const dc_error err = dc__channel_dial(&channel, p->url, &options);
    if (err) return err;
    (void)snprintf(name, sizeof name, "%s at %.40s",
                   !w->host        ? "the server"
                   : p == w->parts ? "the meeting server"
                                   : "a worker's shard",
                   p->url);
    dc__link *link = &p->endpoint.link;
    dc__link_open(link, channel, name, dc__worker_patience_s(w), &p->endpoint.stop);
    link->meter.memory_bytes = (double)dc_model_trained_bytes(p->model, -1);
    link->log = &w->log;
    return DC_OK;
}

/* As one text; "" for whatever the run has. One that is too long is no codec. */
void dc__worker_coding_asked(const dc_worker_options *o, char text[DC__CODING_BYTES])
{
    if (o->local_steps)
        (void)snprintf(text, DC__CODING_BYTES, "%s+local:%s", o->codec ? o->codec : "exact", o->local_steps);
    else
        (void)snprintf(text, DC__CODING_BYTES, "%s", o->codec ? o->codec : "");
}

/* As whom, and to which shard, is `as`. */
static dc_error request(dc_worker *w, dc__part *p, const dc__join *as)
{
    dc__join join = {.rank = as->rank,
                     .worker_id = w->id,
                     .seed = w->done ? dc__hash_of_model(w->model) : w->options.seed,
                     .round = w->done ? w->progress.at.batch : w->options.round,
                     .part = w->options.part,
                     .shard = as->shard,
                     .shards = as->shards,
                     .run = as->run,
                     .entry = as->entry,
                     .mesh = w->host != NULL,
                     .clear = as->clear,
                     .remembers = w->options.memory.floats > 0,
                     .done = w->done};
    if (w->joined_once)
        dc__coding_text(&w->coding,
                        join.coding); /* the run's, which a server may not know that was started again */
    else
        dc__worker_coding_asked(&w->options, join.coding);
    (void)snprintf(join.version, sizeof join.version, "%s", dc_version());
    (void)snprintf(join.fingerprint, sizeof join.fingerprint, "%s", w->fingerprint);
    return dc__join_send(&p->endpoint.link, &join, w->model);
}

/* Another shard waits for a worker that the first one knows: without that one it would wait in vain. A mesh that ends with whoever is
 * lost says itself why. */
static dc_error check_first(const dc_worker *w, const dc__part *p)
{
    const dc__part *first = w->parts;
    if (p == first || (w->host && !w->waits) || !dc__link_ended(&first->endpoint.link)) return DC_OK;
    return dc__fail(DC_EPEER, "the server at %s has ended its session", first->url);
}

/* The answer to JOIN. The channel gives up where nobody answers at all. */
static dc_error await_welcome(dc_worker *w, dc__part *p, double answer_s, dc__welcome *welcome)
{
    /* Where a mesh meets, an answer comes when all are there. */
    const int64_t until = w->host ? INT64_MAX : dc__now_ns() + (int64_t)(answer_s * 1e9);
    dc__frame frame = {0};
    dc_error err = DC_OK;
    while (!err && !frame.message) {
        err = dc__worker_check(w);
        if (!err) err = check_first(w, p);
        if (!err) err = dc__link_receive(&p->endpoint.link, &frame, DC__POLL_MS);
        if (!err && frame.message && frame.header.type == DC__PING) dc__frame_free(&frame);
        if (!err && !frame.message && dc__now_ns() > until)
            err = dc__fail(DC_ETIMEOUT, "the server at %s did not answer JOIN for %.0f s", p->url, answer_s);
    }
    if (!err) err = dc__welcome_read(welcome, &frame);
    dc__frame_free(&frame);
    return err;
}

/* A server that was about to end when it was asked: another may come in its place. False: the worker need not ask it, as *err says. */
static bool pause_between(dc_worker *w, dc__part *p, dc_error *err)
{
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%s", dc_last_error());
    dc__link_close(&p->endpoint.link, 0);
    const struct timespec pause = {.tv_nsec = AGAIN_NS};
    nanosleep(&pause, NULL);
    const dc_error own = dc__worker_check(w);
    *err = own ? own : dc__fail(*err, "%s", line);
    return !own;
}

dc_error dc__worker_ask(dc_worker *w, dc__part *p, double connect_s, const dc__join *as, dc__welcome *welcome)
{
    const int64_t until_ns = dc__now_ns() + (int64_t)(connect_s * 1e9);
    dc_error err;
    for (double left_s = connect_s;; left_s = dc__seconds(until_ns - dc__now_ns())) {
        err = dial(w, p, left_s);
        if (!err) err = request(w, p, as);
        if (!err) err = await_welcome(w, p, 2 * connect_s, welcome);
        if (err != DC_EPEER || dc__now_ns() + AGAIN_NS >= until_ns || check_first(w, p)) break;
        if (!pause_between(w, p, &err)) break;
    }
    return err;
}

static bool is_new(const dc_worker *w)
{
    return w->n_parts == 1 && !w->progress.pushed;
}

/* A worker that joins anew has its parts. */
static dc_error same_shares(const dc_worker *w, const dc__welcome *first)
{
    if (first->shares.n == w->n_parts) return DC_OK;
    return dc__fail(
        DC_EINVAL,
        "the server at %s was started again as one of %d, and was one of %d: start this worker again, too",
        w->parts[0].url, first->shares.n, w->n_parts);
}

/* The shards after the first one, which has given this worker its number, and says where they are. */
static dc_error ask_others(dc_worker *w, double connect_s, const dc__welcome *first)
{
    const char *urls = strchr(w->urls, ',');
    const int n = first->shares.n;
    dc_error err = is_new(w) ? dc__parts_spread(w, &first->shares) : same_shares(w, first);
    for (int k = 1; !err && k < n; k++) {
        dc__part *p = &w->parts[k];
        const dc__join as = {
            .rank = first->rank, .shard = k + 1, .shards = n, .run = first->run, .entry = first->entry};
        dc__welcome welcome;
        (void)dc__url_of(urls ? urls + 1 : first->urls, k - 1, p->url);
        if (p->inside) (void)snprintf(p->url, sizeof p->url, "%s", w->host->url);
        err = dc__worker_ask(w, p, connect_s, &as, &welcome);
        p->upload.values_at = !err && welcome.upload ? 0 : UINT64_MAX;
    }
    return err;
}

dc_error dc__worker_dial(dc_worker *w, double connect_s, dc__welcome *welcome)
{
    const dc__join as = {.rank = w->options.rank, .clear = w->options.clear && !w->joined_once};
    dc_error err = dc__worker_ask(w, &w->parts[0], connect_s, &as, welcome);
    if (!err) err = dc__urls_agree(w, welcome);
    if (!err && w->host)
        w->waits = welcome->waits; /* while it asks the others it can hear that the run goes back */
    if (!err && (welcome->shares.n > 1 || w->n_parts > 1) && !welcome->ended)
        err = ask_others(w, connect_s, welcome);
    if (err) return err;
    w->parts[0].upload.values_at = welcome->upload ? 0 : UINT64_MAX;
    pthread_mutex_lock(&w->lock); /* the planner may look */
    w->info.rank = welcome->rank;
    w->info.workers = welcome->workers;
    w->info.resumed = welcome->resumed;
    w->carry = welcome->carry;
    w->waits = welcome->waits;
    w->coding = welcome->coding;
    w->announced.batches = dc__coding_batches(&w->coding);
    pthread_mutex_unlock(&w->lock);
    if (w->staged.floats > 0 && welcome->staleness != w->staged.most)
        return dc__fail(
            DC_EINVAL,
            "the server at %s was started again with --staleness %u, and had %u: start this worker again, too",
            w->parts[0].url, welcome->staleness, w->staged.most);
    w->staged.most = welcome->staleness;
    return DC_OK;
}

static bool has_begun(const dc_worker *w, int unused)
{
    (void)unused;
    bool begun = true;
    for (int k = 0; k < w->n_parts; k++)
        begun = begun && w->parts[k].download.begun;
    return begun;
}

dc_error dc__worker_enter(dc_worker *w)
{
    dc__upload *first = &w->parts[0].upload;
    w->residues.rank = w->info.rank; /* another, if it has to join twice */
    first->n_kept = dc__residues_versions(&w->residues, first->kept);
    dc_error err = DC_OK;
    for (int k = 0; !err && k < w->n_parts; k++)
        err = dc__endpoint_start(&w->parts[k].endpoint);
    if (err) return err;
    char shards[48] = "";
    if (w->n_parts > 1 && !w->host)
        (void)snprintf(shards, sizeof shards, ", the first of %d shards,", w->n_parts);
    dc__log_line(&w->log, "joined %s%s as worker %d of %d", w->parts[0].url, shards, w->info.rank,
                 w->info.workers);
    pthread_mutex_lock(&w->lock);
    for (int k = 0; k < w->n_parts; k++)
        w->parts[k].upload.ready_due = true;
    dc__worker_wake(w);
    pthread_mutex_unlock(&w->lock);
    err = dc__worker_wait_until(w, has_begun, 0);
    w->progress.at = dc__batches_of(&w->announced.batches, w->info.round);
    if (!err) {
        w->joined_once = true;
        w->done = false;
    }
    pthread_mutex_unlock(&w->lock);
    if (err) return err;
    const uint64_t start = w->model->start[DC_STATISTIC];
    dc__model_gather(w->model, false, start, w->model->start[DC_ROLE_COUNT] - start, w->progress.stat_last);
    w->pushes = false;
    const uint64_t last = w->options.last_round;
    const bool afresh =
        w->announced.fresh || (last > 0 && last <= w->progress.at.batch); /* no round is left */
    w->forgot = !dc__residues_begin(&w->residues, w->start_round, w->info.resumed, afresh);
    return DC_OK;
}

/* ---- anew ---- */

bool dc_worker_lost_server(const dc_worker *w)
{
    if (w->n_parts > 1 && !w->waits) return false; /* the run ends with who is lost */
    return w->failed && w->error == DC_EPEER && !w->stopped;
}

bool dc_worker_ended(const dc_worker *w)
{
    return w->ended;
}

static void reset_part(dc__part *p)
{
    p->bye_acked = false;
    dc__queue_clear(&p->endpoint.queue);
    p->endpoint.pong_due = false;
    dc__download *d = &p->download;
    d->incoming = UINT64_MAX;
    d->started = d->begun = false;
    for (int i = 0; i < p->model->n_layers; i++)
        d->ready[i] = 0;
    dc__upload *u = &p->upload;
    u->pull_due = u->base_due = u->stat_due = u->ready_due = u->want_stat_due = u->bye_sent = false;
    u->values_at = UINT64_MAX;
}

/* The run has ended while its server was away: all that was to be said is said. */
static dc_error end_here(dc_worker *w)
{
    if (!w->done)
        return dc__fail(DC_EPROTO, "the server at %s says that the run has ended, which it has not here",
                        w->parts[0].url);
    for (int k = 0; k < w->n_parts; k++) {
        dc__link_close(&w->parts[k].endpoint.link, 0);
        w->parts[k].bye_acked = true;
    }
    w->ended = true;
    return DC_OK;
}

/* As before the first round; what was measured and planned stays. Without threads. */
static void reset(dc_worker *w)
{
    const dc_model *m = w->model;
    pthread_mutex_lock(&w->lock);
    w->failed = false;
    w->error = DC_OK;
    for (int k = 0; k < w->n_parts; k++)
        reset_part(&w->parts[k]);
    w->announced.stat_here = false;
    dc__joint_restart(w);
    dc__reporter_restart(&w->reporter, w->planner.plan.round_s > 0);
    w->push.grows = false;
    w->push.unsent = 0;
    dc__staged_reset(&w->staged);
    w->goodbye = (dc__goodbye){0};
    memset(w->progress.pushed, 0, (size_t)m->n_layers * sizeof *w->progress.pushed);
    w->progress.in_round = w->progress.first_pass = w->progress.last_pass = w->progress.pushing = false;
    w->progress.passes = 0;
    w->progress.local = 0;
    pthread_mutex_unlock(&w->lock);
    dc__model_zero_gradients(w->model, 0, m->start[DC_FIXED]);
}

void dc__worker_pause(dc_worker *w)
{
    bool whole = true;
    if (!w->residues.begun) return;
    for (int k = 0; k < w->n_parts; k++)
        whole = whole && w->parts[k].endpoint.queue.left == 0;
    if (w->pushes)
        dc__residues_pause(&w->residues, w->push.round, whole);
    else if (w->residues.held[0] == UINT64_MAX && w->residues.held[1] == UINT64_MAX) /* not yet */
        dc__residues_pause(&w->residues, w->start_round, false);
    w->pushes = false;
}

static dc_error join_anew(dc_worker *w, double left_s)
{
    dc__welcome welcome;
    for (int k = 0; k < w->n_parts; k++) {
        dc__endpoint *e = &w->parts[k].endpoint;
        dc__endpoint_stop(e);
        dc__link_close(&e->link, 0);
        e->stop = false; /* of the threads that were; calls on the new link look at it */
    }
    reset(w);
    dc_error err = dc__worker_dial(w, left_s, &welcome);
    if (!err && welcome.ended) return end_here(w);
    if (!err && !welcome.resumed && w->joined_once)
        err = dc__fail(
            DC_EMODEL,
            "the server at %s was started again without the run (has it a directory for backups?): start this "
            "worker again, too",
            w->parts[0].url);
    return err ? err : dc__worker_enter(w);
}

/* Without its shard it has no place in the mesh. */
static dc_error check_host(const dc_worker *w)
{
    return w->host ? w->host->check(w->host->context) : DC_OK;
}

dc_error dc_worker_rejoin(dc_worker *w)
{
    if (!dc_worker_lost_server(w)) return dc__worker_check(w);
    const int64_t until_ns = dc__now_ns() + (int64_t)(dc__worker_patience_s(w) * 1e9);
    dc_error err = DC_OK;
    dc__log_line(&w->log, "%s; joining it again", w->error_line);
    for (int k = 0; k < w->n_parts; k++)
        dc__endpoint_stop(&w->parts[k].endpoint);
    dc__worker_pause(w);
    do {
        const double left_s = dc__seconds(until_ns - dc__now_ns());
        err = join_anew(w, fmax(left_s, 1));
        if (err && !w->failed) dc__worker_fail(w, err);
    } while (err && dc_worker_lost_server(w) && !check_host(w) && dc__now_ns() < until_ns);
    if (err && check_host(w)) return check_host(w);
    if (err == DC_ETIMEOUT) {
        (void)dc__fail(err,
                       "the connection to the server at %s was lost, and could not be made again for %.0f s",
                       w->parts[0].url, dc__worker_patience_s(w));
        return dc__worker_cut_off(w);
    }
    if (err) return err;
    if (w->ended) {
        dc__log_line(&w->log, "the run ended meanwhile, and its end is saved");
        return DC_OK;
    }
    w->progress.period_ns = dc__now_ns();
    w->progress.sent_before = dc__worker_moved(w, true);
    w->progress.received_before = dc__worker_moved(w, false);
    dc__log_line(&w->log, "goes on from round %llu", (unsigned long long)w->info.round + 1);
    return DC_OK;
}
