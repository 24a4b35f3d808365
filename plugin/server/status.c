/* status.c - a server's state as a copy for observers. Holds each lock only for as long as copying takes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

/* Where a worker of the status is: its slot, -1 = nobody yet. */
typedef struct place {
    int slot, number;
} place;

static void insert(place *places, int *n, int slot, int number)
{
    int at = (*n)++;
    for (; at > 0 && places[at - 1].number > number; at--)
        places[at] = places[at - 1];
    places[at] = (place){slot, number};
}

static bool is_shown(const place *places, int n, int number)
{
    for (int k = 0; k < n; k++)
        if (places[k].number == number) return true;
    return false;
}

/* Everybody by number, and those who are awaited: as many as the run wants. places: [slots + wanted]. With the
 * roster's lock held. */
static int find_places(const dc__roster *r, place *places)
{
    int n = 0, here = 0;
    for (int i = 0; i < r->n; i++) {
        const dc__member_state state = r->member[i].state;
        if (state == DC__MEMBER_FREE || (state >= DC__MEMBER_LOST && !r->training)) continue;
        insert(places, &n, i, r->member[i].number);
        here += state != DC__MEMBER_LEFT;
    }
    for (int number = 0; here < r->wanted && !r->ending; number++)
        if (!is_shown(places, n, number)) {
            insert(places, &n, -1, number);
            here++;
        }
    return n;
}

static dc_worker_state state_of(dc__training *t, int slot)
{
    const dc__roster *r = &t->roster;
    switch (slot < 0 ? DC__MEMBER_FREE : r->member[slot].state) {
    case DC__MEMBER_FREE:
        return DC_WORKER_AWAITED;
    case DC__MEMBER_JOINED:
    case DC__MEMBER_READY:
        return DC_WORKER_JOINING;
    case DC__MEMBER_ENTERING:
        return DC_WORKER_ENTERING;
    case DC__MEMBER_RUNNING:
        return DC_WORKER_TRAINING;
    case DC__MEMBER_FINISHED:
        return DC_WORKER_DONE;
    case DC__MEMBER_LOST:
        return DC_WORKER_LOST;
    case DC__MEMBER_LEFT:
        break;
    }
    return dc__barred_has(&t->barred, r->member[slot].id, NULL) ? DC_WORKER_DROPPED : DC_WORKER_LEFT;
}

/* Before the start a link may be closed and opened anew. */
static void copy_member(dc_server *s, place at, int64_t now, dc_status_worker *to)
{
    const dc__training *t = &s->training;
    to->state = state_of(&s->training, at.slot);
    to->rank = at.number;
    if (at.slot < 0) return;
    const dc__member *m = &t->roster.member[at.slot];
    const dc__session *session = &s->sessions[at.slot];
    const dc__link *link = &session->endpoint.link;
    to->id = m->id;
    (void)snprintf(to->name, sizeof to->name, "%s", m->name);
    to->images = m->images;
    to->losses = m->losses;
    to->since_s = dc__seconds(now - m->state_ns);
    if (!t->roster.training || m->state == DC__MEMBER_JOINED) return;
    to->round = m->reached > t->versions.first_round ? m->reached : t->versions.first_round;
    to->age = dc__bases_age(&t->bases, at.slot);
    to->silent_s = dc__seconds(now - link->heard_ns);
    if (to->silent_s < 0) to->silent_s = 0; /* heard since */
    to->up_bytes = link->received_bytes;
    to->down_bytes = link->sent_bytes;
    const int64_t broke_ns = session->broke_ns;
    const int64_t since_ns = m->state == DC__MEMBER_LOST      ? m->since_ns
                             : m->state <= DC__MEMBER_RUNNING ? broke_ns
                                                              : 0;
    if (!since_ns) return;
    to->state = DC_WORKER_LOST;
    to->lost_s = to->since_s = dc__seconds(now - since_ns);
    to->wait_left_s = t->on_loss == DC_ON_LOSS_WAIT ? fmax(0, t->loss_wait_s - to->lost_s) : 0;
}

/* With the roster's lock held. */
static void copy_roster(dc_server *s, const place *places, int64_t now, dc_status *to)
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
        to->trained_bytes = dc_model_trained_bytes(t->whole, -1);
        to->images_per_round = t->model->images_per_round;
    }
    for (int i = 0; i < to->n_workers; i++) {
        copy_member(s, places[i], now, &to->workers[i]);
        const dc_worker_state state = to->workers[i].state;
        to->here += state >= DC_WORKER_JOINING && state <= DC_WORKER_DONE;
    }
    to->joins = s->tally.joins;
    to->losses = s->tally.losses;
    to->rejoins = s->tally.rejoins;
    to->drops = s->tally.drops;
    to->rounds_held = s->tally.rounds_held;
    to->wanted = r->wanted;
    to->least = r->least;
    if (!r->training) return; /* until then others write what follows */
    if (r->ending) now = r->ended_ns;
    to->resumed = t->resumed;
    to->restarts = t->run_log.servers;
    to->first_round = t->versions.first_round;
    to->elapsed_s = dc__seconds(now - r->began_ns);
    to->stalled_s = fmax(0, dc__seconds(now - t->versions.whole_ns));
}

static void copy_straggler(dc__pace *pace, const place *places, dc_status *to)
{
    const dc__straggler s = dc__pace_shown(pace);
    to->straggler = -1;
    for (int i = 0; s.slot >= 0 && i < to->n_workers; i++)
        if (places[i].slot == s.slot && to->workers[i].state == DC_WORKER_TRAINING) to->straggler = i;
    if (to->straggler < 0 || to->state != DC_RUN_TRAINING) {
        to->straggler = -1;
        return;
    }
    to->straggler_s = s.held_s;
    to->cause = s.cause;
    to->own_s = s.own_s;
    to->usual_s = s.others_s;
}

static void copy_run(dc_server *s, place *places, dc_status *to)
{
    dc__training *t = &s->training;
    pthread_mutex_lock(&t->roster.lock);
    to->n_workers = find_places(&t->roster, places);
    copy_roster(s, places, dc__now_ns(), to);
    const bool training = t->roster.training;
    pthread_mutex_unlock(&t->roster.lock);
    if (!training) return;
    pthread_mutex_lock(&t->versions.lock);
    to->round = t->versions.round;
    to->rate = (double)dc__versions_rate(&t->versions, to->round);
    const dc__steps steps = dc__batches_of(&t->versions.batches, to->round);
    to->batches = steps.batch;
    to->local_steps = steps.n;
    to->local_auto = t->codes.coding.local_auto;
    pthread_mutex_unlock(&t->versions.lock);
    const uint64_t saved = dc__checkpoint_saved(&t->checkpoint);
    to->saved_round = saved == DC__NO_ROUND ? 0 : saved;
}

/* Reports are of batches, of which a round has so many. */
static void copy_report(const dc__watched *w, uint32_t images, uint32_t batches, int64_t now,
                        dc_status_worker *to)
{
    const dc__telemetry *r = &w->report;
    to->loss = r->loss;
    to->map = w->map;
    to->reported_s = w->reported_ns ? fmax(0, dc__seconds(now - w->reported_ns)) : -1;
    to->round_s = batches * r->round_s;
    to->compute_s = batches * r->compute_s;
    to->wait_s = batches * r->wait_s;
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
static void copy_watch(const dc__watch *watch, const place *places, dc_status *to)
{
    double losses = 0, times = 0;
    int n_loss = 0, n_time = 0;
    const uint32_t batches = to->local_steps ? to->local_steps : 1;
    for (int i = 0; i < to->n_workers; i++) {
        static const dc__watched nobody = {.report.loss = NAN, .map = NAN};
        dc_status_worker *w = &to->workers[i];
        const dc__watched *watched = places[i].slot < 0 ? &nobody : &watch->workers[places[i].slot];
        copy_report(watched, w->images, batches, dc__now_ns(), w);
        if (w->state >= DC_WORKER_LEFT) continue;
        if (isfinite(w->loss) && w->reported_s >= 0) losses += w->loss, n_loss++;
        if (watched->pace_s > 0) times += watched->pace_s, n_time++;
        if (watched->report.last_round > to->last_round) to->last_round = watched->report.last_round;
    }
    to->loss = n_loss ? losses / n_loss : NAN;
    to->round_s = n_time ? batches * times / n_time : 0;
    to->n_loss = watch->loss->n;
    to->n_map = watch->map->n;
    memcpy(to->loss_curve, watch->loss->points, (size_t)to->n_loss * sizeof *to->loss_curve);
    memcpy(to->map_curve, watch->map->points, (size_t)to->n_map * sizeof *to->map_curve);
}

dc_error dc_server_status(dc_server *s, dc_status **out)
{
    *out = NULL;
    const size_t most = (size_t)(s->training.roster.n + s->training.roster.wanted);
    place *places = calloc(most, sizeof *places);
    dc_status *to = calloc(1, sizeof *to);
    if (to) {
        to->workers = calloc(most, sizeof *to->workers);
        to->loss_curve = calloc(DC_CURVE_POINTS, sizeof *to->loss_curve);
        to->map_curve = calloc(DC_CURVE_POINTS, sizeof *to->map_curve);
    }
    if (!places || !to || !to->workers || !to->loss_curve || !to->map_curve) {
        free(places);
        dc_status_free(to);
        return dc__fail(DC_ENOMEM, "out of memory for a status of %d workers", s->training.roster.wanted);
    }
    copy_run(s, places, to);
    dc__watch *watch = &s->training.watch;
    pthread_mutex_lock(&watch->lock);
    copy_watch(watch, places, to);
    pthread_mutex_unlock(&watch->lock);
    copy_straggler(&s->training.pace, places, to);
    free(places);
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
    dc__roster *r = &s->training.roster;
    pthread_mutex_lock(&r->lock);
    const int slot = dc__roster_numbered(r, rank);
    pthread_mutex_unlock(&r->lock);
    if (slot < 0 && rank >= 0 && rank < r->wanted) return no_plan(rank);
    if (slot < 0) return dc__fail(DC_EINVAL, "there is no worker %d", rank);
    dc__watched *w = &s->training.watch.workers[slot];
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
