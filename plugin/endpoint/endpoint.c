#include "endpoint/endpoint.h"

#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/floatmode.h"

/* Round trips are timed this often while the link is idle; a heartbeat goes at least every DC__PING_NS. */
#define QUIET_PING_NS 200000000

void dc__endpoint_init(dc__endpoint *e, const dc__endpoint_role *role, void *self, pthread_mutex_t *lock)
{
    e->role = role;
    e->self = self;
    e->lock = lock;
    dc__condition_init(&e->work);
}

void dc__endpoint_destroy(dc__endpoint *e)
{
    dc__link_close(&e->link, DC__LINGER_MS);
    dc__queue_free(&e->queue);
    pthread_cond_destroy(&e->work);
}

/* ---- sending ---- */

static dc_error send_empty(dc__endpoint *e, dc__type type, uint8_t flags, uint64_t stamp)
{
    dc__header header = {.type = type, .flags = flags, .offset = stamp};
    return dc__link_send_small(&e->link, &header, NULL, 0);
}

static dc_error send_ping(dc__endpoint *e, bool quiet)
{
    e->pinged_ns = dc__now_ns();
    return send_empty(e, DC__PING, quiet ? DC__QUIET : 0, (uint64_t)e->pinged_ns);
}

static bool ping_is_due(const dc__endpoint *e, bool quiet)
{
    if (!e->role->measures_rtt) return dc__now_ns() - e->link.sent_ns > DC__PING_NS;
    return dc__now_ns() - e->pinged_ns > (quiet ? QUIET_PING_NS : DC__PING_NS);
}

static bool ack_is_due(const dc__endpoint *e)
{
    if (!dc__link_owes_ack(&e->link)) return false;
    const int64_t delay_ns = e->role->ack_delay_ns(e->self);
    return delay_ns == 0 || (delay_ns > 0 && dc__now_ns() - e->link.heard_ns > delay_ns);
}

/* Where many share a link, a slice takes as long to arrive as all that arrive beside it, and an acknowledgement that rides on one counts only
 * then: the sender that waits for it has its link idle meanwhile. */
static bool ack_goes_first(const dc__endpoint *e)
{
    const bool shared = e->account ? e->account->window_bytes > 0 : e->acks_first;
    return shared && ack_is_due(e);
}

/* Whether the role wanted to send something at this stage, which is then done. */
static bool take_turn(dc__endpoint *e, dc__turn *turn, dc_error *err)
{
    if (!turn->send) return false;
    pthread_mutex_unlock(e->lock);
    *err = turn->send(e->self, &turn->header);
    if (turn->granted) dc__account_sent(e->account, e->account_place);
    pthread_mutex_lock(e->lock);
    return true;
}

static bool role_turn(dc__endpoint *e, dc__stage stage, int64_t *idle_ns, bool *done, dc_error *err)
{
    dc__turn turn = {0};
    e->role->next(e->self, stage, &turn);
    *done = turn.ends;
    if (turn.waits) *idle_ns = dc__now_ns() + DC__POLL_NS;
    return take_turn(e, &turn, err) || turn.ends || turn.waits;
}

/* Both need the lock to be let go around the call. */
static dc_error heartbeat(dc__endpoint *e, bool quiet)
{
    pthread_mutex_unlock(e->lock);
    const dc_error err = send_ping(e, quiet);
    pthread_mutex_lock(e->lock);
    return err;
}

static dc_error answer(dc__endpoint *e, dc__type type, bool quiet)
{
    const uint64_t stamp = type == DC__PONG ? e->pong_stamp : 0;
    const uint8_t flags = quiet && e->pong_quiet && type == DC__PONG ? DC__QUIET : 0;
    pthread_mutex_unlock(e->lock);
    const dc_error err = send_empty(e, type, flags, stamp);
    pthread_mutex_lock(e->lock);
    return err;
}

/* Its turn on the link that it shares; a queue of segments has an order of its own. */
static bool is_granted(dc__endpoint *e, bool may)
{
    uint32_t piece;
    double position = INFINITY;
    if (!e->account) return may;
    if (may) position = dc__queue_lowest(&e->queue, &piece) ? e->role->position(e->self, piece) : 0;
    return dc__account_grants(e->account, e->account_place, position, e->queue.frame_most * sizeof(float));
}

static bool slice_turn(dc__endpoint *e, bool may, dc_error *err)
{
    uint32_t first, n;
    bool last;
    if (!is_granted(e, may && dc__link_has_credit(&e->link)) || !dc__queue_next(&e->queue, &first, &n, &last))
        return false;
    dc__turn turn = {.on_time = true, .granted = e->account != NULL};
    e->role->slice(e->self, first, n, last, &turn);
    if (last) turn.header.flags |= DC__LAST;
    if (e->busy && turn.on_time) turn.header.flags |= DC__BUSY;
    e->busy = true;
    return take_turn(e, &turn, err);
}

/* Picks and does one thing, the lock held on entry and return. If there was nothing to do, *idle_ns is when
 * to look again though nothing has happened. */
static dc_error step(dc__endpoint *e, int64_t *idle_ns, bool *done)
{
    dc_error err = DC_OK;
    const bool waits = dc__queue_waits(&e->queue), quiet = !waits && dc__link_quiet(&e->link);
    const int64_t hold_ns = waits && e->role->hold_until_ns ? e->role->hold_until_ns(e->self) : 0;
    if (!waits) e->busy = false;
    if (e->stop) {
        *done = true;
    } else if (role_turn(e, DC__STAGE_FIRST, idle_ns, done, &err)) {
    } else if (e->pong_due) {
        e->pong_due = false;
        err = answer(e, DC__PONG, quiet);
    } else if (ping_is_due(e, quiet)) {
        err = heartbeat(e, quiet);
    } else if (role_turn(e, DC__STAGE_REQUEST, idle_ns, done, &err)) {
    } else if (ack_goes_first(e)) {
        err = answer(e, DC__ACK, false);
    } else if (slice_turn(e, waits && hold_ns == 0, &err)) {
    } else if (ack_is_due(e)) {
        err = answer(e, DC__ACK, false);
    } else if (role_turn(e, DC__STAGE_LAST, idle_ns, done, &err)) {
    } else {
        const int64_t delay_ns = dc__link_owes_ack(&e->link) ? e->role->ack_delay_ns(e->self) : 0;
        *idle_ns = dc__now_ns() + (delay_ns > 0 ? delay_ns : DC__POLL_NS);
        if (hold_ns > 0 && hold_ns < *idle_ns) *idle_ns = hold_ns;
    }
    return err;
}

static void *send_all(void *argument)
{
    dc__endpoint *e = argument;
    dc__flush_denormals();
    bool done = false;
    /* before anything else, so that the first round trip is timed on an idle link */
    dc_error err = e->role->measures_rtt ? send_ping(e, true) : DC_OK;
    pthread_mutex_lock(e->lock);
    while (!done && !err) {
        int64_t idle_ns = 0;
        err = step(e, &idle_ns, &done);
        if (idle_ns) dc__wait_until(&e->work, e->lock, idle_ns);
    }
    if (e->account) (void)is_granted(e, false);
    pthread_mutex_unlock(e->lock);
    if (e->role->on_sender_end) e->role->on_sender_end(e->self, err);
    return NULL;
}

/* ---- receiving ---- */

static void note_ping(dc__endpoint *e, const dc__header *header)
{
    pthread_mutex_lock(e->lock);
    e->pong_due = true;
    e->pong_stamp = header->offset;
    e->pong_quiet = header->flags & DC__QUIET;
    pthread_mutex_unlock(e->lock);
}

static dc_error take_pong(dc__endpoint *e, const dc__header *header)
{
    if (!e->role->measures_rtt) return DC_OK;
    const uint64_t now = (uint64_t)(int64_t)e->link.heard_ns, sent = header->offset;
    if (sent > now) return dc__fail(DC_EPROTO, "%s sent a PONG frame that makes no sense", e->link.peer);
    const double rtt_s = dc__seconds((int64_t)(now - sent));
    /* An answer that met traffic waited for it; it still bounds the round trip from above. */
    if (header->flags & DC__QUIET) dc__least_add(&e->rtt, rtt_s);
    const double known_s = dc__least_get(&e->rtt);
    e->rtt_s = known_s > 0 && known_s < rtt_s ? known_s : rtt_s;
    return DC_OK;
}

static dc_error take(dc__endpoint *e, dc__frame *frame)
{
    switch (frame->header.type) {
    case DC__PING:
        note_ping(e, &frame->header);
        return DC_OK;
    case DC__PONG:
        return take_pong(e, &frame->header);
    case DC__ACK:
        return DC_OK;
    default:
        return e->role->on_frame(e->self, frame);
    }
}

/* The sender may have waited for credit, and may have to acknowledge. */
static void wake_sender(dc__endpoint *e)
{
    pthread_mutex_lock(e->lock);
    pthread_cond_signal(&e->work);
    pthread_mutex_unlock(e->lock);
    if (e->account) dc__account_wake(e->account);
}

static void *receive_all(void *argument)
{
    dc__endpoint *e = argument;
    dc__flush_denormals();
    dc_error err = DC_OK;
    while (!err && (!e->role->goes_on || e->role->goes_on(e->self))) {
        dc__frame frame;
        err = dc__link_receive(&e->link, &frame, -1);
        if (!err) err = take(e, &frame);
        if (!err) wake_sender(e);
        dc__frame_free(&frame);
    }
    e->role->on_receiver_end(e->self, err);
    return NULL;
}

/* ---- both ---- */

dc_error dc__endpoint_start(dc__endpoint *e)
{
    e->stop = false;
    if (e->account) e->account_place = dc__account_join(e->account, &e->link, e->lock, &e->work);
    const bool receiver = pthread_create(&e->receiver, NULL, receive_all, e) == 0;
    e->threads = receiver && pthread_create(&e->sender, NULL, send_all, e) == 0;
    if (e->threads) return DC_OK;
    e->stop = true;
    if (receiver) pthread_join(e->receiver, NULL);
    if (e->account) dc__account_leave(e->account, e->account_place);
    return dc__fail(DC_ENOMEM, "cannot start a thread for %s", e->link.peer);
}

void dc__endpoint_stop(dc__endpoint *e)
{
    if (!e->threads) return;
    e->stop = true;
    pthread_mutex_lock(e->lock);
    pthread_cond_broadcast(&e->work);
    pthread_mutex_unlock(e->lock);
    pthread_join(e->receiver, NULL);
    pthread_join(e->sender, NULL);
    if (e->account) dc__account_leave(e->account, e->account_place);
    e->threads = false;
}
