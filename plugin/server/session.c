#include "server/session.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

static dc__member_state state_of(const dc__session *s)
{
    return s->training->roster.member[s->slot].state;
}

/* Not during an upload: the many small frames against a full link of a start look to TCP like congestion. */
static int64_t ack_delay_ns(void *session)
{
    return state_of(session) == DC__MEMBER_JOINED ? -1 : 0;
}

/* On a link that a worker's gradients leave by, too, parameters go by so much of the model behind them: sums wait for the slowest
 * worker's gradients, and with some parameters left to send, the link is busy meanwhile. */
#define LAG 0.125

static double position(void *session, uint32_t block)
{
    const dc__session *s = session;
    const dc__training *t = s->training;
    const int workers = t->roster.n, after = s->number - (t->shard - 1);
    return dc__position(t->model, s->want, block, (after + workers) % workers) + LAG;
}

static const dc__endpoint_role session_role = {.next = dc__session_next,
                                               .slice = dc__session_slice,
                                               .position = position,
                                               .ack_delay_ns = ack_delay_ns,
                                               .on_frame = dc__session_on_frame,
                                               .on_receiver_end = dc__session_on_end};

void dc__session_init(dc__session *s, dc__training *training, int slot)
{
    s->training = training;
    s->slot = slot;
    s->has = s->enters = s->want = DC__NO_ROUND;
    pthread_mutex_init(&s->lock, NULL);
    dc__endpoint_init(&s->endpoint, &session_role, s, &s->lock);
}

void dc__session_destroy(dc__session *s)
{
    dc__endpoint_destroy(&s->endpoint);
    dc__given_free(&s->given);
    pthread_mutex_destroy(&s->lock);
}

static dc_error allocate(dc__session *s)
{
    const dc_model *m = s->training->model;
    const dc_error err = dc__given_allocate(&s->given, m->n_blocks);
    if (err) return err;
    if (s->endpoint.queue.ready) return DC_OK;
    return dc__queue_init(&s->endpoint.queue, dc__pieces_of_model(m));
}

static void reset(dc__session *s, bool anew)
{
    s->upload_at = 0;
    s->reported = DC__REPORTED_NOTHING;
    s->leaf = -1;
    s->n_kept = 0;
    s->last_round = 0;
    s->over = false;
    s->broke_ns = s->said_ns = 0;
    if (anew) dc__given_reset(&s->given);
    if (anew) dc__refusals_reset(&s->training->refusals, s->slot);
    dc__given_enter(&s->given, s->training->versions.first_round);
    pthread_mutex_lock(&s->lock);
    s->has = s->enters = s->want = DC__NO_ROUND;
    s->announced[0] = s->announced[1] = DC__NO_ROUND;
    dc__queue_clear(&s->endpoint.queue);
    s->endpoint.pong_due = false;
    s->soon_due = s->images_due = s->steps_due = s->crew_due = s->start_due = s->stat_due = s->ack_due =
        s->stop_due = s->acked = false;
    pthread_mutex_unlock(&s->lock);
}

dc_error dc__session_open(dc__session *s, dc__link *link, const dc__welcome *welcome, double silence_s,
                          bool anew)
{
    char name[32];
    dc_error err = allocate(s);
    /* Before it knows that it is welcome: its next message may be as large as any. */
    if (!err) dc__channel_admit(link->channel, DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES);
    if (!err) err = dc__welcome_send(link, welcome);
    if (err) return err;
    s->welcome = *welcome;
    s->number = welcome->rank;
    reset(s, anew);
    (void)snprintf(name, sizeof name, "worker %d", s->number);
    dc__link_move(&s->endpoint.link, link, name, silence_s, &s->endpoint.stop);
    s->endpoint.link.log = &s->training->log;
    s->endpoint.link.meter.memory_bytes = (double)dc_model_trained_bytes(s->training->model, -1);
    s->endpoint.account = dc__channel_is_inside(s->endpoint.link.channel) ? NULL : s->training->account;
    s->endpoint.acks_first = s->training->shares.n > 1;
    err = dc__endpoint_start(&s->endpoint);
    if (err) dc__link_close(&s->endpoint.link, 0);
    return err;
}

void dc__session_close(dc__session *s, int linger_ms)
{
    dc__endpoint_stop(&s->endpoint);
    dc__link_close(&s->endpoint.link, linger_ms);
    pthread_mutex_lock(&s->lock); /* nobody is offered anything any more */
    s->enters = s->want = DC__NO_ROUND;
    dc__queue_clear(&s->endpoint.queue);
    s->crew_due = s->stat_due = false;
    pthread_mutex_unlock(&s->lock);
}

bool dc__session_has_kept(const dc__session *s, uint64_t version)
{
    for (int k = 0; k < s->n_kept; k++)
        if (s->kept[k] == version) return true;
    return version == 0;
}

bool dc__session_came_after(const dc__session *s, uint64_t version)
{
    for (int k = 0; k < s->n_kept; k++)
        if (s->kept[k] <= version) return false;
    return s->n_kept > 0;
}

void dc__session_forget(dc__session *s)
{
    dc__queue_free(&s->endpoint.queue);
    memset(&s->endpoint.queue, 0, sizeof s->endpoint.queue);
    dc__given_free(&s->given);
}

void dc__session_begins_with(dc__session *s, uint64_t round, bool soon)
{
    pthread_mutex_lock(&s->lock);
    s->enters = round;
    s->soon_due = soon;
    dc__endpoint_wake(&s->endpoint);
    pthread_mutex_unlock(&s->lock);
}

void dc__session_start(dc__session *s, uint64_t round)
{
    pthread_mutex_lock(&s->lock);
    s->start = round;
    s->start_due = true;
    dc__endpoint_wake(&s->endpoint);
    pthread_mutex_unlock(&s->lock);
}

void dc__session_border(dc__session *s, uint64_t round, bool changed)
{
    pthread_mutex_lock(&s->lock);
    if (s->enters == round) {
        s->enters = DC__NO_ROUND;
        s->soon_due = false;
        s->start = round;
        s->start_due = true;
        dc__endpoint_wake(&s->endpoint);
    } else if (changed) {
        s->start = round;
        s->crew_due = true;
        dc__endpoint_wake(&s->endpoint);
    }
    pthread_mutex_unlock(&s->lock);
}

void dc__session_say_stop(dc__session *s)
{
    pthread_mutex_lock(&s->lock);
    s->stop_due = true;
    dc__endpoint_wake(&s->endpoint);
    pthread_mutex_unlock(&s->lock);
}

void dc__session_say_images(dc__session *s, uint64_t round, uint32_t images)
{
    pthread_mutex_lock(&s->lock);
    s->images_round = round;
    s->images = images;
    s->images_due = true;
    dc__endpoint_wake(&s->endpoint);
    pthread_mutex_unlock(&s->lock);
}

void dc__session_say_steps(dc__session *s)
{
    pthread_mutex_lock(&s->lock);
    s->steps_due = true;
    dc__endpoint_wake(&s->endpoint);
    pthread_mutex_unlock(&s->lock);
}

void dc__session_offer(dc__session *s, uint32_t first, uint32_t n, uint64_t version)
{
    pthread_mutex_lock(&s->lock);
    if (s->endpoint.queue.left > 0 && s->want == version)
        for (uint32_t b = first; b < first + n; b++)
            dc__queue_ready(&s->endpoint.queue, b);
    if (s->endpoint.queue.left > 0 || s->stat_due) dc__endpoint_wake(&s->endpoint);
    pthread_mutex_unlock(&s->lock);
}
