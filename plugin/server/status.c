/* status.c - a server's state as a copy for observers. Holds each lock only for as long as copying takes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

static dc_worker_state state_of(const dc__roster *r, int rank)
{
    switch (r->member[rank].state) {
    case DC__MEMBER_FREE:
        return DC_WORKER_AWAITED;
    case DC__MEMBER_JOINED:
    case DC__MEMBER_READY:
        return DC_WORKER_JOINING;
    case DC__MEMBER_RUNNING:
        return DC_WORKER_TRAINING;
    case DC__MEMBER_FINISHED:
        return DC_WORKER_DONE;
    case DC__MEMBER_LEFT:
        break;
    }
    return r->training ? DC_WORKER_LOST : DC_WORKER_AWAITED;
}

/* Before the start a link may be closed and opened anew. */
static void copy_member(const dc_server *s, int rank, int64_t now, dc_status_worker *to)
{
    const dc__training *t = &s->training;
    const dc__link *link = &s->sessions[rank].endpoint.link;
    to->state = state_of(&t->roster, rank);
    (void)snprintf(to->name, sizeof to->name, "%s", t->roster.member[rank].name);
    if (!t->roster.training) return;
    const uint64_t reached = t->roster.member[rank].reached;
    to->round = reached > t->versions.first_round ? reached : t->versions.first_round;
    to->silent_s = dc__seconds(now - link->heard_ns);
    if (to->silent_s < 0) to->silent_s = 0; /* heard since */
    to->up_bytes = link->received_bytes;
    to->down_bytes = link->sent_bytes;
}

/* With the roster's lock held. */
static void copy_roster(const dc_server *s, int64_t now, dc_status *to)
{
    const dc__training *t = &s->training;
    const dc__roster *r = &t->roster;
    to->sealed = s->keeper.pair != NULL;
    to->insecure = s->open;
    to->state = r->ending ? (r->result ? DC_RUN_FAILED : DC_RUN_FINISHED)
                          : (r->training ? DC_RUN_TRAINING : DC_RUN_WAITING);
    if (r->ending && r->result) (void)snprintf(to->line, sizeof to->line, "%s", r->result_line);
    if (t->model) {
        (void)snprintf(to->model, sizeof to->model, "%s", t->model->name);
        to->layers = t->model->n_layers;
        to->trained_bytes = dc_model_trained_bytes(t->model, -1);
        to->images_per_round = t->model->images_per_round;
    }
    for (int i = 0; i < r->n; i++)
        copy_member(s, i, now, &to->workers[i]);
    if (!r->training) return; /* until then others write what follows */
    if (r->ending) now = r->ended_ns;
    to->resumed = t->resumed;
    to->first_round = t->versions.first_round;
    to->elapsed_s = dc__seconds(now - r->began_ns);
    to->stalled_s = fmax(0, dc__seconds(now - t->versions.whole_ns));
}

static void copy_run(dc_server *s, dc_status *to)
{
    dc__training *t = &s->training;
    pthread_mutex_lock(&t->roster.lock);
    copy_roster(s, dc__now_ns(), to);
    const bool training = t->roster.training;
    pthread_mutex_unlock(&t->roster.lock);
    if (!training) return;
    pthread_mutex_lock(&t->versions.lock);
    to->round = t->versions.round;
    to->rate = (double)dc__versions_rate(&t->versions, to->round);
    pthread_mutex_unlock(&t->versions.lock);
    const uint64_t saved = dc__checkpoint_saved(&t->checkpoint);
    to->saved_round = saved == DC__NO_ROUND ? 0 : saved;
}

static void copy_report(const dc__watched *w, uint32_t images, int64_t now, dc_status_worker *to)
{
    const dc__telemetry *r = &w->report;
    to->loss = r->loss;
    to->map = w->map;
    to->reported_s = w->reported_ns ? fmax(0, dc__seconds(now - w->reported_ns)) : -1;
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
        to->n_workers = s->training.roster.n;
        to->workers = calloc((size_t)s->training.roster.n, sizeof *to->workers);
        to->loss_curve = calloc(DC_CURVE_POINTS, sizeof *to->loss_curve);
        to->map_curve = calloc(DC_CURVE_POINTS, sizeof *to->map_curve);
    }
    if (!to || !to->workers || !to->loss_curve || !to->map_curve) {
        dc_status_free(to);
        return dc__fail(DC_ENOMEM, "out of memory for a status of %d workers", s->training.roster.n);
    }
    copy_run(s, to);
    dc__watch *watch = &s->training.watch;
    pthread_mutex_lock(&watch->lock);
    copy_watch(watch, to);
    pthread_mutex_unlock(&watch->lock);
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
    return dc__fail(DC_EINVAL, "worker %d has reported no plan yet", rank);
}

dc_error dc_server_plan(dc_server *s, int rank, dc_plan *plan, dc_profile *profile, dc_layer_cost **layers)
{
    *plan = (dc_plan){0};
    *layers = NULL;
    if (rank < 0 || rank >= s->training.roster.n) return dc__fail(DC_EINVAL, "there is no worker %d", rank);
    dc__watched *w = &s->training.watch.workers[rank];
    pthread_mutex_lock(&s->training.watch.lock);
    const int n = w->plans ? w->shown.plan.n_layers : 0;
    pthread_mutex_unlock(&s->training.watch.lock);
    if (n == 0) return no_plan(rank);
    dc_error err = dc_plan_init(plan, n); /* n is the model's and stays */
    if (err) return err;
    *layers = calloc((size_t)n, sizeof **layers);
    if (!*layers) {
        dc_plan_free(plan);
        return dc__fail(DC_ENOMEM, "out of memory for a plan of %d layers", n);
    }
    pthread_mutex_lock(&s->training.watch.lock);
    const dc__shown_plan *shown = &w->shown;
    int *const pull_end = plan->pull_end, *const push_end = plan->push_end;
    *plan = shown->plan;
    plan->pull_end = memcpy(pull_end, shown->plan.pull_end, (size_t)n * sizeof(int));
    plan->push_end = memcpy(push_end, shown->plan.push_end, (size_t)n * sizeof(int));
    *profile = shown->profile;
    profile->layers = memcpy(*layers, shown->costs, (size_t)n * sizeof **layers);
    pthread_mutex_unlock(&s->training.watch.lock);
    return DC_OK;
}
