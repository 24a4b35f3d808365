/* worker.c - joining and leaving. See worker.h. */
#include "worker/worker.h"

#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>
#include <sys/random.h>

#include "base/clock.h"
#include "endpoint/join.h"

void dc__worker_log(dc_worker *w, const char *fmt, ...)
{
    if (!w->options.log) return;
    char line[DC__LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    pthread_mutex_lock(&w->log_lock);
    w->options.log(w->options.log_context, line);
    pthread_mutex_unlock(&w->log_lock);
}

void dc__worker_trace_slice(dc_worker *w, dc__lane lane, const char *name, int64_t begin_ns,
                            const dc__header *header)
{
    uint32_t first, end;
    if (!w->trace || !dc__model_blocks(w->model, header->offset, header->count, &first, &end)) return;
    dc__trace_span(w->trace, lane, name, begin_ns, dc__now_ns(), header->round, w->model->block_layer[first],
                   w->model->block_layer[end - 1], header->payload_bytes);
}

void dc__worker_fail(dc_worker *w, dc_error err)
{
    pthread_mutex_lock(&w->lock);
    if (!w->failed) {
        w->error = err;
        (void)snprintf(w->error_line, sizeof w->error_line, "%s", dc_last_error());
        w->failed = true;
    }
    pthread_cond_broadcast(&w->arrived);
    pthread_cond_broadcast(&w->work);
    pthread_mutex_unlock(&w->lock);
}

dc_error dc__worker_check(dc_worker *w)
{
    if (w->options.stop && *w->options.stop) return dc__fail(DC_ESTOPPED, "stopped on request");
    if (!w->failed) return DC_OK;
    pthread_mutex_lock(&w->lock);
    dc_error err = dc__fail(w->error, "%s", w->error_line);
    pthread_mutex_unlock(&w->lock);
    return err;
}

void dc__worker_wait(dc_worker *w, pthread_cond_t *condition)
{
    dc__wait_until(condition, &w->lock, dc__now_ns() + DC__POLL_NS);
}

/* ---- joining ---- */

static double timeout_s(const dc_worker *w)
{
    return w->options.timeout_s > 0 ? w->options.timeout_s : DC_DEFAULT_TIMEOUT_S;
}

/* One request, one reply, within the time-out. *reply is a nanomsg message. */
static dc_error ask(dc_worker *w, int socket, void *request, void **reply, int *reply_bytes)
{
    const int64_t until = dc__now_ns() + (int64_t)(timeout_s(w) * 1e9);
    bool sent = false;
    for (;;) {
        const int rc = sent ? nn_recv(socket, reply, NN_MSG, 0) : nn_send(socket, &request, NN_MSG, 0);
        if (rc >= 0 && sent) {
            *reply_bytes = rc;
            return DC_OK;
        }
        sent |= rc >= 0;
        dc_error err = DC_OK;
        if (rc < 0 && nn_errno() != ETIMEDOUT && nn_errno() != EAGAIN && nn_errno() != EINTR)
            err = dc__fail(DC_ENET, "cannot ask %s: %s", w->url, nn_strerror(nn_errno()));
        if (!err) err = dc__worker_check(w);
        if (!err && dc__now_ns() > until)
            err = dc__fail(DC_ETIMEOUT,
                           "no server answers at %s (waited %.0f s): start one with 'dynacomm server', or "
                           "check the address",
                           w->url, timeout_s(w));
        if (err) {
            if (!sent) (void)nn_freemsg(request);
            return err;
        }
    }
}

static dc_error request_welcome(dc_worker *w, dc__welcome *welcome)
{
    dc__join join = {.rank = w->options.rank,
                     .seed = w->options.seed,
                     .round = w->options.round,
                     .clear = w->options.clear};
    (void)snprintf(join.version, sizeof join.version, "%s", dc_version());
    (void)snprintf(join.fingerprint, sizeof join.fingerprint, "%s",
                   w->options.fingerprint ? w->options.fingerprint : "");
    if (getrandom(&join.nonce, sizeof join.nonce, 0) != (ssize_t)sizeof join.nonce)
        return dc__fail(DC_ENET, "no random numbers from the kernel");
    void *request = dc__join_write(&join, w->model);
    const int socket = nn_socket(AF_SP, NN_REQ);
    if (!request || socket < 0) {
        dc__link_discard(request);
        return dc__fail(DC_ENOMEM, "cannot make a request to %s", w->url);
    }
    const int poll = DC__POLL_MS, never = 1 << 30;
    (void)nn_setsockopt(socket, NN_SOL_SOCKET, NN_SNDTIMEO, &poll, sizeof poll);
    (void)nn_setsockopt(socket, NN_SOL_SOCKET, NN_RCVTIMEO, &poll, sizeof poll);
    (void)nn_setsockopt(socket, NN_REQ, NN_REQ_RESEND_IVL, &never, sizeof never);
    void *reply = NULL;
    int n = 0;
    dc_error err;
    if (nn_connect(socket, w->url) < 0) {
        err = dc__fail(DC_EURL, "cannot connect to %s: %s", w->url, nn_strerror(nn_errno()));
        dc__link_discard(request);
    } else {
        err = ask(w, socket, request, &reply, &n);
    }
    if (!err) err = dc__welcome_read(welcome, reply, (size_t)n);
    dc__link_discard(reply);
    (void)nn_close(socket);
    return err;
}

static dc_error allocate(dc_worker *w)
{
    const dc_model *m = w->model;
    const size_t layers = (size_t)m->n_layers, blocks = m->n_blocks;
    const size_t stats = (size_t)(m->start[DC_ROLE_COUNT] - m->start[DC_STATISTIC]) + 1;
    bool ok = true;
    ok &= (w->missing = calloc(layers, sizeof *w->missing)) != NULL;
    ok &= (w->gate = calloc(layers, sizeof *w->gate)) != NULL;
    ok &= (w->gate_left = calloc(layers, sizeof *w->gate_left)) != NULL;
    ok &= (w->got = calloc(blocks / 64 + 1, sizeof *w->got)) != NULL;
    ok &= (w->ready = calloc(layers, sizeof *w->ready)) != NULL;
    ok &= (w->pushed = calloc(layers, sizeof *w->pushed)) != NULL;
    ok &= (w->pull_payload = calloc(blocks + 1, 8)) != NULL;
    ok &= (w->stat_mean = calloc(stats, sizeof(float))) != NULL;
    ok &= (w->stat_out = calloc(stats, sizeof(float))) != NULL;
    ok &= (w->stat_own = calloc(stats, sizeof(float))) != NULL;
    if (!ok) return dc__fail(DC_ENOMEM, "out of memory for a worker");
    dc_error err = dc__queue_init(&w->push, m);
    if (!err) err = dc__profiler_init(&w->profiler, m);
    if (!err) err = dc__plan_allocate(w);
    if (!err) err = dc__report_init(w);
    if (!err && m->start[DC_FROZEN] < m->start[DC_FIXED]) err = dc__model_adam_allocate(w->model);
    return err;
}

static dc_error start_threads(dc_worker *w)
{
    if (pthread_create(&w->receiver, NULL, dc__worker_receive, w) != 0)
        return dc__fail(DC_ENOMEM, "cannot start a thread");
    if (pthread_create(&w->sender, NULL, dc__worker_send, w) != 0) {
        w->stop = true;
        pthread_join(w->receiver, NULL);
        return dc__fail(DC_ENOMEM, "cannot start a thread");
    }
    w->threads = true;
    if (pthread_create(&w->planner, NULL, dc__worker_plan, w) != 0)
        return dc__fail(DC_ENOMEM, "cannot start a thread");
    w->planner_runs = true;
    return DC_OK;
}

static dc_error attach(dc_worker *w, const dc__welcome *welcome)
{
    char url[DC__URL_BYTES], name[64];
    dc__address_of_link(url, w->url, welcome->rank);
    (void)snprintf(name, sizeof name, "the server at %.40s", w->url);
    dc_error err = dc__link_dial(&w->link, url, name, timeout_s(w), &w->stop);
    if (err) return err;
    w->link.meter.memory_bytes = (double)dc_model_trained_bytes(w->model, -1);
    dc__header header = {.type = DC__ATTACH, .offset = welcome->token};
    return dc__link_send_small(&w->link, &header, NULL, 0);
}

/* READY, then START from the server once all workers are there. */
static dc_error wait_for_start(dc_worker *w)
{
    dc_error err = DC_OK;
    pthread_mutex_lock(&w->lock);
    w->ready_due = true;
    pthread_cond_signal(&w->work);
    while (!err && !w->started) {
        pthread_mutex_unlock(&w->lock);
        err = dc__worker_check(w);
        pthread_mutex_lock(&w->lock);
        if (!err && !w->started) dc__worker_wait(w, &w->arrived);
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

static void stop_threads(dc_worker *w)
{
    w->stop = true;
    pthread_mutex_lock(&w->lock);
    w->quit_planner = true;
    pthread_cond_broadcast(&w->work);
    pthread_cond_broadcast(&w->plan_wanted);
    pthread_mutex_unlock(&w->lock);
    if (w->threads) {
        pthread_join(w->sender, NULL);
        pthread_join(w->receiver, NULL);
    }
    if (w->planner_runs) pthread_join(w->planner, NULL);
}

static void destroy(dc_worker *w)
{
    stop_threads(w);
    dc__link_close(&w->link);
    if (dc__trace_close(w->trace)) dc__worker_log(w, "%s", dc_last_error());
    dc__queue_free(&w->push);
    dc__profiler_free(&w->profiler);
    dc__plan_free_all(w);
    dc__report_free(w);
    free(w->missing);
    free(w->gate);
    free(w->gate_left);
    free(w->got);
    free(w->ready);
    free(w->pushed);
    free(w->pull_payload);
    free(w->stat_mean);
    free(w->stat_out);
    free(w->stat_own);
    pthread_mutex_destroy(&w->lock);
    pthread_mutex_destroy(&w->log_lock);
    pthread_cond_destroy(&w->arrived);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->plan_wanted);
    free(w);
}

static dc_error join_server(dc_worker *w)
{
    dc__welcome welcome;
    dc_error err = request_welcome(w, &welcome);
    if (err) return err;
    w->info = (dc_worker_info){.rank = welcome.rank, .workers = welcome.workers, .resumed = welcome.resumed};
    w->carry = welcome.carry;
    w->upload_at = welcome.upload ? 0 : UINT64_MAX;
    err = allocate(w);
    if (!err && w->options.trace_path)
        err = dc__trace_open(&w->trace, w->options.trace_path, w->info.rank, w->model);
    if (!err) err = attach(w, &welcome);
    if (!err) err = start_threads(w);
    if (!err) dc__worker_log(w, "joined %s as worker %d of %d", w->url, w->info.rank, w->info.workers);
    if (!err) err = wait_for_start(w);
    return err;
}

dc_error dc_worker_join(dc_worker **out, dc_model *model, const dc_worker_options *options)
{
    *out = NULL;
    dc_error err = dc__address_check(options->url, 0);
    if (!err) err = dc__model_seal(model);
    if (err) return err;
    if (model->n_blocks == 0)
        return dc__fail(DC_EMODEL, "%s has nothing to train: every layer is frozen or has no weights",
                        model->name);
    dc_worker *w = calloc(1, sizeof *w);
    if (!w) return dc__fail(DC_ENOMEM, "out of memory for a worker");
    w->model = model;
    w->options = *options;
    (void)snprintf(w->url, sizeof w->url, "%s", options->url);
    w->link.socket = -1;
    w->incoming = UINT64_MAX;
    pthread_mutex_init(&w->lock, NULL);
    pthread_mutex_init(&w->log_lock, NULL);
    dc__condition_init(&w->arrived);
    dc__condition_init(&w->work);
    dc__condition_init(&w->plan_wanted);
    err = join_server(w);
    if (err) {
        char line[DC__LINE_BYTES];
        (void)snprintf(line, sizeof line, "%s", dc_last_error());
        (void)dc_worker_leave(w, false, line);
        return dc__fail(err, "%s", line);
    }
    w->period_ns = dc__now_ns();
    w->sent_before = w->link.sent_bytes;
    w->received_before = w->link.received_bytes;
    *out = w;
    return DC_OK;
}

dc_error dc_worker_leave(dc_worker *w, bool ok, const char *reason)
{
    dc_error err = DC_OK;
    if (w->threads && !w->failed) {
        /* The user's stop ends computation; the goodbye still gets its time, but not a long one. */
        w->options.stop = NULL;
        const int64_t until = dc__now_ns() + (int64_t)((ok ? timeout_s(w) : 2.0) * 1e9);
        pthread_mutex_lock(&w->lock);
        if (ok) dc__report_flush(w);
        w->bye_due = true;
        w->bye_ok = ok;
        w->bye_reason = reason;
        pthread_cond_signal(&w->work);
        while (!w->bye_acked && !w->failed && dc__now_ns() < until)
            dc__worker_wait(w, &w->arrived);
        const bool acked = w->bye_acked;
        pthread_mutex_unlock(&w->lock);
        if (ok && !acked)
            err = w->failed
                      ? dc__worker_check(w)
                      : dc__fail(DC_ETIMEOUT, "the server at %s did not confirm the end of the run", w->url);
    }
    destroy(w);
    return err;
}
