/* peer.c - a worker's receiver: what it sends is checked against what may come now, and acted on. */
#include <string.h>

#include "base/clock.h"
#include "base/floatmode.h"
#include "server/server.h"

static dc_error unexpected(const dc__peer *peer, const dc__frame *frame, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a %s frame %s", peer->rank,
                    dc__wire_type_name(frame->header.type), why);
}

static dc_error take_attach(dc__peer *peer, const dc__frame *frame)
{
    dc_server *s = peer->server;
    if (frame->header.offset != peer->welcome.token || frame->header.payload_bytes != 0)
        return unexpected(peer, frame, "that does not belong to a worker that was welcomed");
    pthread_mutex_lock(&s->lock);
    const bool in_time = peer->state == DC__PEER_WELCOMED;
    if (in_time) peer->state = DC__PEER_ATTACHED;
    int missing = 0;
    for (int i = 0; i < s->workers; i++)
        missing += s->peers[i].state < DC__PEER_ATTACHED;
    pthread_mutex_unlock(&s->lock);
    if (!in_time) return unexpected(peer, frame, "twice or too late");
    if (missing)
        dc__server_log(s, "worker %d joined; waiting for %d more", peer->rank, missing);
    else
        dc__server_log(s, "worker %d joined; all %d are here", peer->rank, s->workers);
    return DC_OK;
}

/* The values of a new run, in arena order without a gap. */
static dc_error take_upload(dc__peer *peer, const dc__frame *frame, dc__peer_state state)
{
    dc_server *s = peer->server;
    const dc__header *h = &frame->header;
    const uint64_t total = dc__model_floats(s->model);
    if (!peer->welcome.upload || state != DC__PEER_ATTACHED ||
        h->flags & (DC__STATE_MOMENT1 | DC__STATE_MOMENT2))
        return unexpected(peer, frame, "that nobody asked for");
    if (h->offset != peer->upload_at || h->count == 0 || h->count > total - h->offset ||
        h->payload_bytes != h->count * sizeof(float))
        return unexpected(peer, frame, "out of order or of a wrong size");
    dc__wire_floats(frame->payload, h->count);
    for (int version = 0; version < 2; version++)
        memcpy(s->state.value[version] + h->offset, frame->payload, h->payload_bytes);
    peer->upload_at += h->count;
    if (peer->upload_at < total) return DC_OK;
    const int at = (int)(s->state.first_round & 1);
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->workers; i++) { /* a new run's statistics are rank 0's at every worker */
        memcpy(s->state.stats[at] + (size_t)i * dc__stat_floats(s),
               s->state.value[0] + s->model->start[DC_STATISTIC], dc__stat_floats(s) * sizeof(float));
        s->state.stat_round[at][i] = s->state.first_round;
    }
    pthread_mutex_unlock(&s->lock);
    return DC_OK;
}

static dc_error take_ready(dc__peer *peer, const dc__frame *frame)
{
    dc_server *s = peer->server;
    pthread_mutex_lock(&s->lock);
    const bool complete = !peer->welcome.upload || peer->upload_at == dc__model_floats(s->model);
    const bool ok = complete && peer->state == DC__PEER_ATTACHED;
    if (ok) peer->state = DC__PEER_READY;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    return ok ? DC_OK : unexpected(peer, frame, "before its values or twice");
}

/* Rolling statistics after a round; header.round is the version they belong to. */
static dc_error take_stats(dc__peer *peer, const dc__frame *frame)
{
    dc_server *s = peer->server;
    const dc__header *h = &frame->header;
    const uint64_t start = s->model->start[DC_STATISTIC], n = dc__stat_floats(s);
    if (h->offset < start || h->count > n || h->offset - start > n - h->count ||
        h->payload_bytes != h->count * sizeof(float))
        return unexpected(peer, frame, "outside the statistics");
    dc__wire_floats(frame->payload, h->count);
    const int at = (int)(h->round & 1);
    pthread_mutex_lock(&s->lock);
    /* A version's come after the version before is whole, and before the last gradient that makes it. */
    const bool now = h->round == s->state.round || h->round == s->state.round + 1;
    if (now)
        memcpy(s->state.stats[at] + (size_t)peer->rank * n + (h->offset - start), frame->payload,
               h->payload_bytes);
    if (now && h->flags & DC__LAST) {
        s->state.stat_round[at][peer->rank] = h->round;
        dc__checkpoint_if_due(s);
        for (int i = 0; i < s->workers; i++)
            if (s->peers[i].stat_due) pthread_cond_signal(&s->peers[i].wake);
    }
    pthread_mutex_unlock(&s->lock);
    return now ? DC_OK : unexpected(peer, frame, "of another round than the one that is on");
}

static dc_error uneven(const dc__peer *finished, const dc__peer *other)
{
    return dc__fail(
        DC_EPEER,
        "worker %d finished after round %llu but worker %d goes on: give all the same -rounds and cfg",
        finished->rank, (unsigned long long)finished->finished_round, other->rank);
}

/* A worker is done: all must be, after the same round. With the lock held. */
static void finish(dc__peer *peer, uint64_t round)
{
    dc_server *s = peer->server;
    peer->ack_due = true;
    peer->state = DC__PEER_FINISHED;
    peer->finished_round = round;
    for (int i = 0; i < s->workers; i++)
        if (s->peers[i].reached > round) {
            (void)uneven(peer, &s->peers[i]);
            peer->ack_due = false; /* it is told so instead */
            dc__server_end(s, DC_EPEER, dc_last_error());
        }
    pthread_cond_broadcast(&s->changed);
}

static dc_error take_bye(dc__peer *peer, const dc__frame *frame)
{
    dc_server *s = peer->server;
    char reason[DC__REASON_BYTES] = "", line[DC__LINE_BYTES];
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    dc__get_text(&in, reason, sizeof reason);
    dc__make_printable(reason);
    const bool ok = frame->header.flags & DC__BYE_OK;
    const uint64_t round = frame->header.round;
    (void)snprintf(line, sizeof line, "worker %d left in round %llu: %s", peer->rank,
                   (unsigned long long)round + 1, reason[0] ? reason : "no reason given");
    pthread_mutex_lock(&s->lock);
    const bool was_running = peer->state == DC__PEER_RUNNING;
    const bool halfway = ok && was_running && !dc__round_is_even(peer, round);
    if (ok && was_running && !halfway) {
        finish(peer, round);
    } else if (!halfway) {
        peer->ack_due = true;
        if (was_running)
            dc__server_end(s, DC_EPEER, line);
        else if (peer->state < DC__PEER_RUNNING)
            peer->state = DC__PEER_LEFT; /* a run must not start with it */
    }
    pthread_cond_signal(&peer->wake);
    pthread_mutex_unlock(&s->lock);
    if (halfway) return unexpected(peer, frame, "in the middle of a round");
    if (ok && was_running)
        dc__server_log(s, "worker %d is done after round %llu", peer->rank, (unsigned long long)round);
    return DC_OK;
}

/* Only the round that is on, which is so for all blocks at once: an honest worker has every parameter of it
 * before its first gradient. And a worker that goes on where another has finished can never complete a round.
 */
static dc_error check_turn(dc__peer *peer, uint64_t round)
{
    dc_server *s = peer->server;
    int finished = -1;
    pthread_mutex_lock(&s->lock);
    const bool now = round == s->state.round;
    if (now) peer->reached = round + 1;
    for (int i = 0; now && i < s->workers; i++)
        if (s->peers[i].state == DC__PEER_FINISHED && round >= s->peers[i].finished_round) finished = i;
    pthread_mutex_unlock(&s->lock);
    if (!now)
        return dc__fail(DC_EPROTO, "worker %d sent a GRAD frame of another round than the one that is on",
                        peer->rank);
    return finished < 0 ? DC_OK : uneven(&s->peers[finished], peer);
}

static dc_error take_gradient(dc__peer *peer, dc__frame *frame)
{
    dc_error err = check_turn(peer, frame->header.round);
    bool kept = false;
    if (!err) err = dc__round_gradient(peer, frame, &kept);
    if (kept) frame->message = NULL;
    return err;
}

/* Only shown to people: it may be late, but not of a round that is still to come. */
static dc_error take_report(dc__peer *peer, const dc__frame *frame)
{
    dc_server *s = peer->server;
    pthread_mutex_lock(&s->lock);
    const bool may_be = frame->header.round <= s->state.round + 1;
    const int64_t began_ns = s->began_ns;
    pthread_mutex_unlock(&s->lock);
    if (!may_be) return unexpected(peer, frame, "of a round that is still to come");
    const dc_error err = dc__watch_take(&s->watch, peer->rank, s->model, frame, began_ns);
    return err == DC_EPROTO ? unexpected(peer, frame, "that makes no sense") : err;
}

static void note(dc__peer *peer, bool *due, const dc__header *header)
{
    pthread_mutex_lock(&peer->server->lock);
    *due = true;
    if (due == &peer->pong_due) {
        peer->pong_stamp = header->offset;
        peer->pong_quiet = header->flags & DC__QUIET;
    }
    pthread_cond_signal(&peer->wake);
    pthread_mutex_unlock(&peer->server->lock);
}

static dc_error dispatch(dc__peer *peer, dc__frame *frame)
{
    dc_server *s = peer->server;
    pthread_mutex_lock(&s->lock);
    const dc__peer_state state = peer->state;
    pthread_mutex_unlock(&s->lock);
    const dc__type type = frame->header.type;
    const bool attached = state >= DC__PEER_ATTACHED && state <= DC__PEER_FINISHED;
    if (!attached && type != DC__ATTACH) return unexpected(peer, frame, "before ATTACH");
    if ((type == DC__GRAD || type == DC__PULL || type == DC__STAT || type == DC__WANT_STAT ||
         type == DC__REPORT) &&
        state != DC__PEER_RUNNING)
        return unexpected(peer, frame, "while no round is on");
    switch (type) {
    case DC__ATTACH:
        return take_attach(peer, frame);
    case DC__STATE:
        return take_upload(peer, frame, state);
    case DC__READY:
        return take_ready(peer, frame);
    case DC__PULL:
        return dc__peer_want(peer, frame);
    case DC__GRAD:
        return take_gradient(peer, frame);
    case DC__STAT:
        return take_stats(peer, frame);
    case DC__WANT_STAT:
        note(peer, &peer->stat_due, &frame->header);
        return DC_OK;
    case DC__PING:
        note(peer, &peer->pong_due, &frame->header);
        return DC_OK;
    case DC__PONG:
    case DC__ACK:
        return DC_OK;
    case DC__REPORT:
        return take_report(peer, frame);
    case DC__BYE:
        return take_bye(peer, frame);
    default:
        return unexpected(peer, frame, "that only a server sends");
    }
}

/* The sender may have waited for credit, and may have to acknowledge. */
static void wake_sender(dc__peer *peer)
{
    pthread_mutex_lock(&peer->server->lock);
    pthread_cond_signal(&peer->wake);
    pthread_mutex_unlock(&peer->server->lock);
}

void *dc__peer_receive(void *argument)
{
    dc__peer *peer = argument;
    dc_server *s = peer->server;
    dc__flush_denormals();
    dc_error err = DC_OK;
    while (!err) {
        dc__frame frame;
        err = dc__link_receive(&peer->link, &frame, -1);
        if (!err) err = dispatch(peer, &frame);
        if (!err) wake_sender(peer);
        dc__frame_free(&frame);
    }
    char line[DC__LINE_BYTES];
    pthread_mutex_lock(&s->lock);
    const bool counts = peer->state == DC__PEER_RUNNING;
    if (counts) {
        (void)snprintf(line, sizeof line, "lost worker %d in round %llu: %.380s", peer->rank,
                       (unsigned long long)s->state.round + 1, dc_last_error());
        dc__server_end(s, err == DC_EPROTO ? DC_EPROTO : DC_EPEER, line);
    }
    if (peer->state != DC__PEER_FINISHED) peer->state = DC__PEER_LEFT;
    pthread_cond_signal(&peer->wake);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (!counts && err == DC_EPROTO) dc__server_log(s, "%s", dc_last_error());
    return NULL;
}
