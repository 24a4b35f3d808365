/* leaves.c - the workers behind a relay: from the parent's welcome to their end. See relay.h. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "relay/relay.h"
#include "schedule/units.h"

#define SLICES 64 /* of a round in one direction, as far as blocks and frames allow */
#define SLICE_LEAST_BYTES 16384u
#define SILENCE_S 3.0 /* a worker that was not heard for so long may be another process by now */

static bool is_here(const dc__leaf *l)
{
    return l->state == DC__LEAF_HERE;
}

static int count_here(const dc_relay *r)
{
    int n = 0;
    for (int k = 0; k < r->options.workers; k++)
        n += is_here(&r->leaf[k]);
    return n;
}

dc_error dc__relay_places(const dc_relay *r, const dc__path *path)
{
    const dc__path *paths[DC_MAX_WORKERS + DC__RELAY_ASKING_MOST + 1];
    int n = 0;
    for (int k = 0; k < r->options.workers; k++)
        if (is_here(&r->leaf[k])) paths[n++] = &r->leaf[k].path;
    for (int k = 0; k < r->n_asking; k++)
        if (r->asking[k].join.model && !r->asking[k].answered) paths[n++] = &r->asking[k].join.path;
    paths[n++] = path;
    const int promised = dc__path_promised(paths, n), most = r->options.workers;
    if (promised <= most && n <= most) return DC_OK;
    return dc__fail(DC_EFULL,
                    "the relay is for %d worker%s, and with this one there would be %d behind it: give it "
                    "other --workers",
                    most, most > 1 ? "s" : "", promised > n ? promised : n);
}

/* ---- who sums what ---- */

/* With the lock held, when all are here: those whose sessions bring gradients, by number. */
static void find_members(dc_relay *r, dc__crew *crew)
{
    crew->n = 0;
    for (int k = 0; k < r->options.workers; k++) {
        dc__leaf *l = &r->leaf[k];
        l->brings = true;
        for (int j = 0; l->path.n > 0 && j < r->options.workers; j++)
            if (r->leaf[j].number < l->number && dc__path_same(&r->leaf[j].path, &l->path, 1))
                l->brings = false;
        if (!l->brings) continue;
        int at = crew->n++;
        for (; at > 0 && crew->member[at - 1].number > l->number; at--)
            crew->member[at] = crew->member[at - 1];
        crew->member[at] = (dc__crew_member){.number = l->number, .images = 1, .slot = k};
    }
}

static dc_error set_lead(dc_relay *r)
{
    pthread_mutex_lock(&r->lock);
    find_members(r, &r->sums.crew);
    dc_error err = dc__summing_allocate(&r->sums, r->model, r->options.workers);
    if (!err) err = dc__fan_allocate(&r->fan, r->model, r->sums.crew.n);
    if (!err) r->lead = &r->leaf[r->sums.crew.member[0].slot];
    pthread_mutex_unlock(&r->lock);
    return err;
}

/* Somebody is missing again. */
static void forget_lead(dc_relay *r)
{
    pthread_mutex_lock(&r->lock);
    r->lead = NULL;
    for (int k = 0; k < r->options.workers; k++)
        r->leaf[k].brings = false;
    dc__summing_free(&r->sums);
    dc__fan_free(&r->fan);
    pthread_mutex_unlock(&r->lock);
}

/* ---- who comes ---- */

static dc_error take_model(dc_relay *r, dc_model *m)
{
    dc_layer_cost *layers = calloc((size_t)m->n_layers, sizeof *layers);
    if (!layers) return dc__fail(DC_ENOMEM, "out of memory for a relay");
    for (int i = 0; i < m->n_layers; i++)
        layers[i].up_bytes = layers[i].down_bytes = m->layers[i].count * sizeof(float);
    const uint32_t most = dc__frame_bytes(layers, m->n_layers);
    const uint64_t fair = dc_model_trained_bytes(m, -1) / SLICES;
    free(layers);
    r->slice_bytes = fair < SLICE_LEAST_BYTES ? SLICE_LEAST_BYTES : fair > most ? most : (uint32_t)fair;
    r->model = m;
    return DC_OK;
}

static void forget_model(dc_relay *r)
{
    if (count_here(r) > 0) return;
    dc_model_free(r->model);
    r->model = NULL;
}

static void reset(dc__leaf *l, const dc__asking *a, const dc__welcome *welcome)
{
    l->number = welcome->rank;
    l->path = a->join.path;
    l->of = -1;
    l->want = DC__NO_VERSION;
    l->brings = l->said_bye = l->ended_well = l->leaves = l->answered = l->down_sent = l->down_over =
        l->up_over = false;
    l->why[0][0] = l->why[1][0] = '\0';
    l->lost[0] = l->lost[1] = DC_OK;
    l->left_ns = 0;
    l->down.pong_due = l->up.pong_due = false;
    dc__given_reset(&l->given);
}

static dc_error allocate(dc__leaf *l, const dc_model *m)
{
    dc_error err = dc__given_allocate(&l->given, m->n_blocks);
    if (!err) err = dc__queue_init(&l->down.queue, dc__pieces_of_model(m));
    if (!err) err = dc__queue_init(&l->up.queue, dc__pieces_of_model(m));
    return err;
}

/* Everything that belongs to a worker; without threads. */
static void clear(dc__leaf *l)
{
    dc__link_close(&l->down.link, DC__LINGER_MS);
    dc__link_close(&l->up.link, DC__LINGER_MS);
    dc__passing_clear(&l->to_worker);
    dc__passing_clear(&l->to_parent);
    dc__passing_clear(&l->statistics);
    dc__queue_free(&l->down.queue);
    dc__queue_free(&l->up.queue);
    memset(&l->down.queue, 0, sizeof l->down.queue);
    memset(&l->up.queue, 0, sizeof l->up.queue);
    dc__given_free(&l->given);
}

static dc_error open_links(dc__leaf *l, dc__asking *a, dc__frame *frame)
{
    dc_relay *r = l->relay;
    char name[64];
    const double timeout_s = r->options.timeout_s;
    /* Before it knows that it is welcome: its next message may be as large as any. */
    dc__channel_admit(a->from.channel, DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES);
    void *message = frame->message;
    frame->message = NULL;
    const dc_error err = dc__link_send(&a->from, &frame->header, message);
    if (err) return err;
    (void)snprintf(name, sizeof name, "worker %d", l->number);
    dc__link_move(&l->down.link, &a->from, name, timeout_s > 0 ? timeout_s : DC_DEFAULT_TIMEOUT_S,
                  &l->down.stop);
    (void)snprintf(name, sizeof name, "the parent at %.40s", r->parent);
    dc__link_move(&l->up.link, &a->to, name, timeout_s > 0 ? timeout_s : DC_DEFAULT_PATIENCE_S, &l->up.stop);
    l->down.link.log = l->up.link.log = &r->log;
    l->down.link.meter.memory_bytes = l->up.link.meter.memory_bytes =
        (double)dc_model_trained_bytes(r->model, -1);
    return DC_OK;
}

static void say_here(dc_relay *r, int number)
{
    const int missing = r->options.workers - count_here(r);
    if (missing > 0)
        dc__log_line(&r->log, "worker %d joined; waiting for %d more", number, missing);
    else
        dc__log_line(&r->log, "worker %d joined; all %d are here", number, r->options.workers);
}

dc_error dc__relay_welcome(dc_relay *r, dc__asking *a, dc__frame *frame, const dc__welcome *welcome)
{
    dc__leaf *l = r->leaf;
    dc_error err = DC_OK;
    while (l->state != DC__LEAF_FREE)
        l++;
    if (!r->model) {
        err = take_model(r, a->join.model);
        if (!err) a->join.model = NULL;
    }
    if (!err) err = allocate(l, r->model);
    if (!err) {
        pthread_mutex_lock(&r->lock);
        reset(l, a, welcome);
        pthread_mutex_unlock(&r->lock);
        err = open_links(l, a, frame);
    }
    if (err) {
        clear(l);
        forget_model(r);
        return err;
    }
    l->state = DC__LEAF_HERE;
    if (count_here(r) == r->options.workers) err = set_lead(r);
    if (!err) err = dc__endpoint_start(&l->down);
    if (!err) err = dc__endpoint_start(&l->up);
    if (err) dc__relay_fail(r, err);
    if (!err) say_here(r, l->number);
    return DC_OK;
}

/* ---- who goes ---- */

static void stop(dc__leaf *l)
{
    dc__endpoint_stop(&l->down);
    dc__endpoint_stop(&l->up);
    clear(l);
}

/* Whoever sent what it should not would do so again: the run ends. */
static bool may_come_back(const dc_relay *r, dc_error err)
{
    return r->waits && err != DC_EPROTO && err != DC_EVALUE && err != DC_EKEY;
}

/* With the lock held. The run goes back: a worker of one that has begun is lost, or the parent. */
static bool goes_back(dc_relay *r, const dc__leaf *l)
{
    if (r->begun && l->down_over && !l->said_bye && !l->answered && may_come_back(r, l->lost[0]))
        (void)snprintf(r->back, sizeof r->back, "worker %d is lost: %.380s", l->number, l->why[0]);
    else if (l->up_over && !l->answered && may_come_back(r, l->lost[1]))
        (void)snprintf(r->back, sizeof r->back, "%.400s", l->why[1][0] ? l->why[1] : "the parent has left");
    else if (r->begun && l->leaves && l->answered && r->waits)
        (void)snprintf(r->back, sizeof r->back, "worker %d has left", l->number);
    return r->back[0];
}

/* A worker that has gone without a goodbye: the relay says it. A parent that has gone: all is over. */
static void look(dc_relay *r, dc__leaf *l, bool *over)
{
    char line[DC__LINE_BYTES] = "";
    dc_error err = DC_OK;
    pthread_mutex_lock(&r->lock);
    if (goes_back(r, l)) {
        pthread_mutex_unlock(&r->lock);
        return;
    }
    if (l->down_over && !l->said_bye && !l->answered) {
        (void)snprintf(line, sizeof line, "lost: %.380s", l->why[0]);
        dc__relay_says(l, true, line);
        l->left_ns = dc__now_ns();
    } else if (l->up_over && !l->answered) {
        err = dc__fail(DC_EPEER, "%.400s", l->why[1][0] ? l->why[1] : "the parent has left");
    }
    const bool late = l->left_ns && dc__now_ns() - l->left_ns > (int64_t)(DC__RELAY_GOODBYE_S * 1e9);
    *over = (l->answered && (l->down_sent || l->down_over)) || (l->said_bye && l->up_over && !l->answered) ||
            late;
    pthread_mutex_unlock(&r->lock);
    if (line[0]) dc__log_line(&r->log, "worker %d is %s", l->number, line);
    if (err && !*over) dc__relay_fail(r, err);
}

/* Its place is free. */
static void let_go(dc_relay *r, dc__leaf *l)
{
    stop(l);
    l->state = DC__LEAF_FREE;
    dc__log_line(&r->log, "worker %d left before the start; its place is free", l->number);
    if (r->lead) forget_lead(r);
    forget_model(r);
}

/* Of a run that has begun. Others may still use what it has. */
static void end_leaf(dc_relay *r, dc__leaf *l)
{
    l->state = DC__LEAF_DONE;
    if (l->ended_well) return;
    (void)dc__fail(DC_EPEER, "worker %d left before the end%s%s", l->number, l->why[0][0] ? ": " : "",
                   l->why[0]);
    dc__relay_fail(r, DC_EPEER);
}

void dc__relay_reap(dc_relay *r)
{
    for (int k = 0; k < r->options.workers && !r->back[0]; k++) {
        dc__leaf *l = &r->leaf[k];
        bool over = false;
        if (is_here(l)) look(r, l, &over);
        if (!over) continue;
        pthread_mutex_lock(&r->lock);
        const bool begun = r->begun;
        pthread_mutex_unlock(&r->lock);
        (begun ? end_leaf : let_go)(r, l);
    }
}

bool dc__relay_is_used(const dc_relay *r)
{
    for (int k = 0; k < r->options.workers; k++)
        if (r->leaf[k].state != DC__LEAF_FREE) return true;
    return false;
}

bool dc__relay_is_done(const dc_relay *r)
{
    for (int k = 0; k < r->options.workers; k++)
        if (r->leaf[k].state != DC__LEAF_DONE) return false;
    return true;
}

static bool has_gone(const dc__leaf *l)
{
    dc_relay *r = l->relay;
    pthread_mutex_lock(&r->lock);
    const bool down = l->down_sent || l->down_over, up = l->answered || l->up_over;
    pthread_mutex_unlock(&r->lock);
    return down && up;
}

void dc__relay_close(dc_relay *r, bool says)
{
    const int64_t until_ns = dc__now_ns() + (int64_t)(DC__RELAY_GOODBYE_S * 1e9);
    for (int k = 0; k < r->options.workers; k++) {
        dc__leaf *l = &r->leaf[k];
        if (!is_here(l)) continue;
        pthread_mutex_lock(&r->lock);
        if (says && !l->said_bye && !l->answered) dc__relay_says(l, true, r->error_line);
        if (says && !l->answered) dc__relay_says(l, false, r->error_line);
        pthread_mutex_unlock(&r->lock);
    }
    for (int k = 0; k < r->options.workers; k++) {
        dc__leaf *l = &r->leaf[k];
        while (says && is_here(l) && !has_gone(l) && dc__now_ns() < until_ns) {
            pthread_mutex_lock(&r->lock);
            dc__wait_until(&r->room, &r->lock, dc__now_ns() + 5000000);
            pthread_mutex_unlock(&r->lock);
        }
        l->down.stop = l->up.stop = true;
    }
    for (int k = 0; k < r->options.workers; k++) {
        if (r->leaf[k].state != DC__LEAF_FREE) stop(&r->leaf[k]);
        r->leaf[k].state = DC__LEAF_FREE;
    }
}

/* ---- anew ---- */

bool dc__relay_finds_silent(dc_relay *r)
{
    const int64_t now = dc__now_ns();
    for (int k = 0; r->waits && k < r->options.workers && !r->back[0]; k++) {
        dc__leaf *l = &r->leaf[k];
        const dc__link *link = &l->down.link;
        if (!is_here(l) || (dc__channel_state_of(link->channel) == DC__CHANNEL_UP &&
                            now - dc__link_sign_ns(link) < (int64_t)(SILENCE_S * 1e9)))
            continue;
        (void)snprintf(r->back, sizeof r->back, "worker %d is not heard any more, and another comes",
                       l->number);
    }
    return r->back[0];
}

void dc__relay_begins_again(dc_relay *r)
{
    if (!r->back[0]) return;
    dc__log_line(&r->log, "%s; all go back to the last checkpoint, and come to this relay again", r->back);
    dc__relay_close(r, false);
    forget_lead(r);
    forget_model(r);
    for (int k = 0; k < r->options.workers; k++) {
        dc__leaf *l = &r->leaf[k];
        l->number = -1;
        l->down.stop = l->up.stop = false;
    }
    r->begun = false;
    r->back[0] = '\0';
}
