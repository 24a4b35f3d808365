/* status.c - a server's state as a copy for whoever watches. Holds the server's lock only for what the
 * training itself keeps, the watch's for what is only shown. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "server/server.h"

static dc_worker_state state_of(const dc_server *s, const dc__peer *peer)
{
    switch (peer->state) {
    case DC__PEER_FREE:
        return DC_WORKER_AWAITED;
    case DC__PEER_WELCOMED:
    case DC__PEER_ATTACHED:
    case DC__PEER_READY:
        return DC_WORKER_JOINING;
    case DC__PEER_RUNNING:
        return DC_WORKER_TRAINING;
    case DC__PEER_FINISHED:
        return DC_WORKER_DONE;
    case DC__PEER_LEFT:
        break;
    }
    return s->running ? DC_WORKER_LOST : DC_WORKER_AWAITED;
}

/* With the server's lock held. Before the start a link may be closed and opened anew. */
static void copy_peer(const dc_server *s, const dc__peer *peer, int64_t now, dc_status_worker *to)
{
    to->state = state_of(s, peer);
    if (!s->running) return;
    const uint64_t reached = peer->reached;
    to->round = reached > s->state.first_round ? reached : s->state.first_round;
    to->silent_s = dc__seconds(now - peer->link.heard_ns);
    if (to->silent_s < 0) to->silent_s = 0; /* heard since */
    to->up_bytes = peer->link.received_bytes;
    to->down_bytes = peer->link.sent_bytes;
}

/* With the server's lock held. */
static void copy_run(const dc_server *s, int64_t now, dc_status *to)
{
    to->state = s->ending ? (s->result ? DC_RUN_FAILED : DC_RUN_FINISHED)
                          : (s->running ? DC_RUN_TRAINING : DC_RUN_WAITING);
    if (s->ending) now = s->ended_ns;
    if (s->ending && s->result) (void)snprintf(to->line, sizeof to->line, "%s", s->result_line);
    if (s->model) {
        (void)snprintf(to->model, sizeof to->model, "%s", s->model->name);
        to->layers = s->model->n_layers;
        to->trained_bytes = dc_model_trained_bytes(s->model, -1);
        to->images_per_round = s->model->images_per_round;
    }
    for (int i = 0; i < s->workers; i++)
        copy_peer(s, &s->peers[i], dc__now_ns(), &to->workers[i]);
    if (!s->running) return; /* until then others write what follows without the lock */
    to->resumed = s->resumed;
    to->first_round = s->state.first_round;
    to->round = s->state.round;
    to->saved_round = s->saved == DC__NO_ROUND ? 0 : s->saved;
    to->elapsed_s = dc__seconds(now - s->began_ns);
    to->stalled_s = fmax(0, dc__seconds(now - s->whole_ns));
    to->rate = (double)s->state.rate[s->state.round & 1];
}

static void copy_report(const dc__watched *w, uint32_t images, int64_t now, dc_status_worker *to)
{
    const dc__report *r = &w->report;
    to->loss = r->loss;
    to->map = w->map;
    to->reported_s = w->told_ns ? fmax(0, dc__seconds(now - w->told_ns)) : -1;
    to->round_s = r->round_s;
    to->compute_s = r->compute_s;
    to->wait_s = r->wait_s;
    to->images_per_s = r->round_s > 0 ? images / r->round_s : 0;
    to->up_Bps = r->up_Bps;
    to->down_Bps = r->down_Bps;
    to->overhead_s = r->overhead_s;
    to->rtt_s = r->rtt_s;
    to->predicted_s = r->predicted_s;
    to->floor_s = r->floor_s;
    to->asked = r->asked;
    to->strategy = r->strategy;
    to->plans = w->plans;
    to->n_pull = w->shown.plan.n_pull;
    to->n_push = w->shown.plan.n_push;
    to->slice_bytes = w->shown.plan.slice_bytes;
}

/* With the watch's lock held. */
static void copy_watch(const dc__watch *watch, dc_status *to)
{
    double losses = 0, times = 0;
    int n_loss = 0, n_time = 0;
    for (int i = 0; i < watch->n; i++) {
        dc_status_worker *w = &to->workers[i];
        copy_report(&watch->workers[i], to->images_per_round, dc__now_ns(), w);
        if (isfinite(w->loss) && w->reported_s >= 0) losses += w->loss, n_loss++;
        if (watch->workers[i].pace_s > 0) times += watch->workers[i].pace_s, n_time++;
        if (watch->workers[i].report.last_round > to->last_round)
            to->last_round = watch->workers[i].report.last_round;
    }
    to->loss = n_loss ? losses / n_loss : NAN;
    to->round_s = n_time ? times / n_time : 0;
    to->n_loss = watch->loss->n;
    to->n_map = watch->map->n;
    memcpy(to->loss_curve, watch->loss->points, (size_t)to->n_loss * sizeof *to->loss_curve);
    memcpy(to->map_curve, watch->map->points, (size_t)to->n_map * sizeof *to->map_curve);
}

dc_error dc_server_status(dc_server *s, dc_status **out)
{
    *out = NULL;
    dc_status *to = calloc(1, sizeof *to);
    if (to) {
        to->n_workers = s->workers;
        to->workers = calloc((size_t)s->workers, sizeof *to->workers);
        to->loss_curve = calloc(DC_CURVE_POINTS, sizeof *to->loss_curve);
        to->map_curve = calloc(DC_CURVE_POINTS, sizeof *to->map_curve);
    }
    if (!to || !to->workers || !to->loss_curve || !to->map_curve) {
        dc_status_free(to);
        return dc__fail(DC_ENOMEM, "out of memory for a status of %d workers", s->workers);
    }
    pthread_mutex_lock(&s->lock);
    copy_run(s, dc__now_ns(), to);
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&s->watch.lock);
    copy_watch(&s->watch, to);
    pthread_mutex_unlock(&s->watch.lock);
    *out = to;
    return DC_OK;
}

void dc_status_free(dc_status *status)
{
    if (!status) return;
    free(status->workers);
    free(status->loss_curve);
    free(status->map_curve);
    free(status);
}

static dc_error no_plan(int rank)
{
    return dc__fail(DC_EINVAL, "worker %d has told no plan yet", rank);
}

dc_error dc_server_plan(dc_server *s, int rank, dc_plan *plan, dc_profile *profile, dc_layer_cost **layers)
{
    *plan = (dc_plan){0};
    *layers = NULL;
    if (rank < 0 || rank >= s->workers) return dc__fail(DC_EINVAL, "there is no worker %d", rank);
    dc__watched *w = &s->watch.workers[rank];
    pthread_mutex_lock(&s->watch.lock);
    const int n = w->plans ? w->shown.plan.n_layers : 0;
    pthread_mutex_unlock(&s->watch.lock);
    if (n == 0) return no_plan(rank);
    dc_error err = dc_plan_init(plan, n); /* n is the model's and stays */
    if (err) return err;
    *layers = calloc((size_t)n, sizeof **layers);
    if (!*layers) {
        dc_plan_free(plan);
        return dc__fail(DC_ENOMEM, "out of memory for a plan of %d layers", n);
    }
    pthread_mutex_lock(&s->watch.lock);
    const dc__shown_plan *shown = &w->shown;
    int *const pull_end = plan->pull_end, *const push_end = plan->push_end;
    *plan = shown->plan;
    plan->pull_end = memcpy(pull_end, shown->plan.pull_end, (size_t)n * sizeof(int));
    plan->push_end = memcpy(push_end, shown->plan.push_end, (size_t)n * sizeof(int));
    *profile = shown->profile;
    profile->layers = memcpy(*layers, shown->costs, (size_t)n * sizeof **layers);
    pthread_mutex_unlock(&s->watch.lock);
    return DC_OK;
}
