/* session_receive.c - what a worker sends is checked against what may come now, and acted on. */
#include <string.h>

#include "base/error.h"
#include "endpoint/values.h"
#include "model/finite.h"
#include "server/session.h"

static dc_error unexpected(const dc__session *s, const dc__frame *frame, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a %s frame %s", s->number,
                    dc__wire_type_name(frame->header.type), why);
}

/* The values of a new run, in arena order without a gap. */
static dc_error take_upload(dc__session *s, const dc__frame *frame, dc__member_state state)
{
    dc__training *t = s->training;
    const dc__header *h = &frame->header;
    const uint64_t total = dc__model_floats(t->model);
    if (!s->welcome.upload || state != DC__MEMBER_JOINED ||
        h->flags & (DC__STATE_MOMENT1 | DC__STATE_MOMENT2))
        return unexpected(s, frame, "that nobody asked for");
    const float *values = dc__values_of(frame);
    if (!values || h->offset != s->upload_at || h->count == 0 || h->count > total - h->offset)
        return unexpected(s, frame, "out of order or of a wrong size");
    if (dc__finite_check(t->model, h->offset, h->count, values, "worker 0's initial value")) return DC_EVALUE;
    dc__versions_set_initial(&t->versions, h->offset, h->count, values);
    s->upload_at += h->count;
    if (s->upload_at < total) return DC_OK;
    /* a new run's statistics are the same at every worker */
    dc__statistics_set_all(&t->statistics, t->versions.first_round,
                           dc__versions_values(&t->versions, 0) + t->model->start[DC_STATISTIC]);
    dc__codes_begin(&t->codes, &t->versions);
    return DC_OK;
}

static dc_error take_ready(dc__session *s, const dc__frame *frame)
{
    dc__training *t = s->training;
    const bool complete = !s->welcome.upload || s->upload_at == dc__model_floats(t->model);
    const uint32_t n = frame->header.payload_bytes / 8;
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    if (n * 8 != frame->header.payload_bytes || n > DC__VERSIONS_MOST)
        return unexpected(s, frame, "of a wrong size");
    if (!complete || t->roster.member[s->slot].state != DC__MEMBER_JOINED)
        return unexpected(s, frame, "before its values or twice");
    for (s->n_kept = 0; s->n_kept < (int)n; s->n_kept++)
        s->kept[s->n_kept] = dc__get_uint(&in, 8);
    s->last_round = frame->header.round;
    return dc__roster_advance(&t->roster, s->slot, DC__MEMBER_JOINED, DC__MEMBER_READY)
               ? DC_OK
               : unexpected(s, frame, "after its end"); /* it was dropped meanwhile */
}

/* A worker's session that brings what comes over a relay: the next frame is of the one with this number. */
static dc_error take_leaf(dc__session *s, const dc__frame *frame)
{
    const dc__roster *r = &s->training->roster;
    const uint32_t number = frame->header.count;
    const int slot = number <= DC__RANK_MOST ? dc__roster_numbered(r, (int)number) : -1;
    if (slot < 0 || r->member[slot].lead != s->slot)
        return unexpected(s, frame, "about a worker that is not behind its relay");
    s->leaf = slot;
    return DC_OK;
}

/* Statistics that are not finite count for a refused gradient of the round that they followed; the worker's of the
 * version before stand for them. */
static dc_error check_statistics(dc__session *s, int slot, const dc__header *h, const float **values)
{
    dc__training *t = s->training;
    char what[64];
    (void)snprintf(what, sizeof what, "round %llu: worker %d's statistic", (unsigned long long)h->round,
                   t->roster.member[slot].number);
    if (!dc__finite_check(t->model, h->offset, h->count, *values, what)) return DC_OK;
    if (h->round == 0 || h->round == t->versions.first_round) return DC_EVALUE;
    *values =
        dc__statistics_of(&t->statistics, slot, h->round - 1) + (h->offset - t->model->start[DC_STATISTIC]);
    return dc__training_refuse(t, s->slot, h->round - 1);
}

/* A later process that has nothing either computes as the first that had not. Over shards nobody comes back into a round: it
 * is all blocks. */
static void log_forgot(dc__session *s, uint64_t round)
{
    dc__training *t = s->training;
    const uint64_t *blocks;
    if (dc__given_forgets(&s->given, round, &blocks))
        dc__run_log_forgot(&t->run_log, round, t->roster.member[s->slot].number, t->whole->n_blocks, blocks);
}

/* Rolling statistics after a round; header.round is the version they belong to. */
static dc_error take_statistics(dc__session *s, const dc__frame *frame)
{
    dc__training *t = s->training;
    const dc__header *h = &frame->header;
    const uint64_t start = t->model->start[DC_STATISTIC], n = t->statistics.floats;
    const float *values = dc__values_of(frame);
    const int slot = s->leaf < 0 ? s->slot : s->leaf;
    s->leaf = -1;
    if (!values || h->offset < start || h->count > n || h->offset - start > n - h->count)
        return unexpected(s, frame, "outside the statistics");
    const dc_error err = check_statistics(s, slot, h, &values);
    if (err) return err;
    const bool last = h->flags & DC__LAST;
    pthread_mutex_lock(&t->versions.lock);
    /* A version's come after the version before is whole, and before the last gradient that makes it. */
    const bool now = h->round >= t->versions.round && h->round <= t->versions.round + 1 + t->bases.most;
    if (now) {
        dc__statistics_put(&t->statistics, slot, h->round, h->offset - start, h->count, values, last);
        if (last && h->flags & DC__STAT_FORGOT && h->round == s->given.began + 1) log_forgot(s, h->round - 1);
        if (last) dc__checkpoint_if_due(&t->checkpoint);
        if (last) t->offer(t->context, 0, 0, h->round); /* somebody may wait for the mean */
    }
    pthread_mutex_unlock(&t->versions.lock);
    return now ? DC_OK : unexpected(s, frame, "of another round than the one that is on");
}

/* All rounds are done, as planned; the others must be after the same one. */
static dc_error take_last_bye(dc__session *s, const dc__frame *frame)
{
    dc__training *t = s->training;
    const uint64_t round = frame->header.round;
    const bool brings = t->roster.member[s->slot].lead == s->slot; /* its own gradients */
    if (brings && !dc__given_is_even(&s->given, round))
        return unexpected(s, frame, "in the middle of a round");
    const bool waits = frame->header.flags & DC__BYE_WAITS;
    if (dc__roster_finish(&t->roster, s->slot, round)) /* it gets STOP with the line */
        dc__roster_end(&t->roster, DC_EPEER, dc_last_error());
    else if (!waits || t->ended) /* who waits hears when the end of the run is saved */
        dc__session_say_ack(s);
    dc__log_line(&t->log, "worker %d is done after round %llu", s->number, (unsigned long long)round);
    return DC_OK;
}

/* The run goes on without this worker, at once, if enough are left; else it ends. barred: it may not come back. */
static void go_on_without(dc__session *s, dc_error err, const char *line, bool barred)
{
    dc__training *t = s->training;
    dc__roster *r = &t->roster;
    if (t->shard > 0 && err == DC_EPEER && t->on_loss != DC_ON_LOSS_END) {
        dc__roster_gone(r, s->slot, DC__MEMBER_LOST, line); /* the first says what that means */
    } else if (dc__training_spares(t, s->slot)) {
        dc__roster_gone(r, s->slot, DC__MEMBER_LEFT, line);
        dc__log_line(&t->log, "%s; the run goes on without it%s", line, barred ? ", and it is kept out" : "");
    } else {
        dc__roster_end(r, err, line);
        dc__roster_gone(r, s->slot, DC__MEMBER_LOST, line);
    }
}

static dc_error take_bye(dc__session *s, const dc__frame *frame, dc__member_state state)
{
    dc__training *t = s->training;
    const uint8_t flags = frame->header.flags;
    if (flags & DC__BYE_OK && state == DC__MEMBER_RUNNING) return take_last_bye(s, frame);
    char reason[DC__REASON_BYTES] = "", line[DC__LINE_BYTES];
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    dc__get_text(&in, reason, sizeof reason);
    dc__make_printable(reason);
    (void)snprintf(line, sizeof line, "worker %d left in round %llu: %s", s->number,
                   (unsigned long long)frame->header.round + 1, reason[0] ? reason : "no reason given");
    if (state == DC__MEMBER_FINISHED) { /* and waits no longer for the others */
        dc__session_say_ack(s);
        return DC_OK;
    }
    if (!t->roster.training || state < DC__MEMBER_ENTERING) { /* no round needs it */
        dc__roster_gone(&t->roster, s->slot, DC__MEMBER_LEFT, line);
    } else if (flags & DC__BYE_LEAVE && t->on_loss != DC_ON_LOSS_END) {
        dc__roster_gone(&t->roster, s->slot, DC__MEMBER_LEFT, line);
        dc__log_line(&t->log, "%s", line);
    } else if (state <= DC__MEMBER_RUNNING) {
        go_on_without(s, DC_EPEER, line, false);
    }
    dc__session_say_ack(s);
    return DC_OK;
}

/* Blocks that had come before it came back, once more: with what it still had to give the round may have ended. */
static bool comes_again(dc__session *s, const dc__header *h)
{
    const dc__training *t = s->training;
    uint32_t first, end;
    if (h->round + 1 != t->versions.round || s->given.round != h->round ||
        !dc__model_blocks(t->model, h->offset, h->count, &first, &end))
        return false;
    for (uint32_t b = first; b < end; b++)
        if (!dc__given_was_had(&s->given, b)) return false;
    for (uint32_t b = first; b < end; b++)
        dc__given_again(&s->given, b);
    return true;
}

/* With --staleness, what the gradients that follow were computed on: said once a round, when all of the rounds before is pushed. */
static dc_error take_base(dc__session *s, const dc__frame *frame)
{
    dc__training *t = s->training;
    const dc__header *h = &frame->header;
    if (!dc__given_is_even(&s->given, h->round) ||
        !dc__bases_put(&t->bases, s->slot, h->round, h->offset, t->versions.round))
        return unexpected(s, frame, "of a round or a version that it cannot compute on now");
    return DC_OK;
}

/* Whether a worker may push for this round: the one that is on, or with --staleness the one of its last BASE. */
static bool is_on(const dc__session *s, uint64_t round)
{
    const dc__training *t = s->training;
    return t->bases.most ? dc__bases_said(&t->bases, s->slot, round) : round == t->versions.round;
}

/* Only the round that is on, which is so for all blocks at once: an honest worker has every parameter of it
 * before its first gradient. */
static dc_error take_gradient(dc__session *s, dc__frame *frame)
{
    dc__training *t = s->training;
    const bool on = is_on(s, frame->header.round); /* it may end any moment, if others complete it */
    if (!on && comes_again(s, &frame->header)) return DC_OK;
    if (!on)
        return dc__fail(DC_EPROTO, "worker %d sent a GRAD frame of another round than the one that is on",
                        s->number);
    if (t->roster.member[s->slot].lead != s->slot)
        return unexpected(s, frame, "beside what its relay brings");
    bool kept = false;
    dc_error err = dc__roster_pushes(&t->roster, s->slot, frame->header.round);
    if (err) dc__roster_end(&t->roster, err, dc_last_error());
    if (!err) err = dc__training_gradient(t, s->slot, &s->given, frame, &s->endpoint.link.heard_ns, &kept);
    if (kept) frame->message = NULL;
    return err;
}

/* Only shown to people: it may be late, but not of a round that is still to come. */
static dc_error take_report(dc__session *s, const dc__frame *frame)
{
    dc__training *t = s->training;
    if (frame->header.round > t->versions.round + 1 + t->bases.most)
        return unexpected(s, frame, "of a round that is still to come");
    const dc_error err = dc__watch_take(&t->watch, s->slot, t->model, frame, t->roster.began_ns);
    return err == DC_EPROTO ? unexpected(s, frame, "that makes no sense") : err;
}

static dc_error take_want_statistics(dc__session *s)
{
    pthread_mutex_lock(&s->lock);
    s->stat_due = true;
    pthread_mutex_unlock(&s->lock);
    return DC_OK;
}

/* What may only come while training. */
static dc_error take_in_round(dc__session *s, dc__frame *frame, dc__member_state state)
{
    const bool fetches = state == DC__MEMBER_ENTERING && frame->header.type == DC__PULL;
    if (state != DC__MEMBER_RUNNING && !fetches) return unexpected(s, frame, "while no round is on");
    if (dc__refusals_due(&s->training->refusals, s->slot)) return DC_EVALUE;
    switch (frame->header.type) {
    case DC__PULL:
        return dc__session_want(s, frame);
    case DC__BASE:
        return take_base(s, frame);
    case DC__GRAD:
        return take_gradient(s, frame);
    case DC__STAT:
        return take_statistics(s, frame);
    case DC__LEAF:
        return take_leaf(s, frame);
    case DC__WANT_STAT:
        return take_want_statistics(s);
    default:
        return take_report(s, frame);
    }
}

dc_error dc__session_on_frame(void *session, dc__frame *frame)
{
    dc__session *s = session;
    const dc__member_state state = s->training->roster.member[s->slot].state;
    switch (frame->header.type) {
    case DC__JOIN:
        return unexpected(s, frame, "twice");
    case DC__STATE:
        return take_upload(s, frame, state);
    case DC__READY:
        return take_ready(s, frame);
    case DC__PULL:
    case DC__BASE:
    case DC__GRAD:
    case DC__STAT:
    case DC__LEAF:
    case DC__WANT_STAT:
    case DC__REPORT:
        return take_in_round(s, frame, state);
    case DC__BYE:
        return take_bye(s, frame, state);
    default:
        return unexpected(s, frame, "that only a server sends");
    }
}

/* Keeps a worker out whose session ended because of what it sent: it would send that again. Whether it does. */
static bool keep_out(dc__session *s, dc_error err, const char *line)
{
    dc__training *t = s->training;
    if (err != DC_EPROTO && !(err == DC_EVALUE && dc__refusals_expelled(&t->refusals, s->slot))) return false;
    const uint64_t id = t->roster.member[s->slot].id;
    dc__barred_add(&t->barred, dc__barred_id(s->endpoint.link.channel, id), line);
    return true;
}

/* It had no time to say goodbye. */
static void lose(dc__session *s, dc_error err, const dc__member *m)
{
    dc__training *t = s->training;
    char line[DC__LINE_BYTES];
    if (err == DC_EVALUE) /* the line names the worker and the round */
        (void)snprintf(line, sizeof line, "%s", dc_last_error());
    else
        (void)snprintf(line, sizeof line, "lost worker %d in round %llu: %.380s", s->number,
                       (unsigned long long)t->versions.round + 1, dc_last_error());
    const bool barred = keep_out(s, err, line);
    if (m->state < DC__MEMBER_ENTERING && !m->known)
        dc__roster_gone(&t->roster, s->slot, DC__MEMBER_LEFT, line);
    else if (!t->roster.training)
        dc__roster_gone(&t->roster, s->slot, DC__MEMBER_LOST, line);
    else if (!t->ended &&
             (t->on_loss == DC_ON_LOSS_END || (err == DC_EVALUE && t->bounds.on_bad_value == DC_BAD_STOP))) {
        dc__roster_end(&t->roster, err == DC_EPROTO || err == DC_EVALUE ? err : DC_EPEER, line);
        dc__roster_gone(&t->roster, s->slot, DC__MEMBER_LOST, line);
    } else if (err == DC_EPROTO || err == DC_EVALUE || err == DC_EKEY)
        go_on_without(s, err == DC_EKEY ? DC_EPEER : err, line, barred);
    else
        dc__roster_gone(&t->roster, s->slot, DC__MEMBER_LOST, line);
}

void dc__session_on_end(void *session, dc_error err)
{
    dc__session *s = session;
    dc__training *t = s->training;
    const dc__member *m = &t->roster.member[s->slot];
    const bool early = m->state < DC__MEMBER_ENTERING;
    if (early && (err == DC_EPROTO || err == DC_EVALUE))
        dc__log_line(&t->log, "%s%s", dc_last_error(), err == DC_EPROTO ? "; it is kept out" : "");
    /* Who stopped it says what that means. */
    if (err != DC_ESTOPPED && m->state <= DC__MEMBER_RUNNING) lose(s, err, m);
    s->over = true;
    pthread_mutex_lock(&s->lock);
    dc__endpoint_wake(&s->endpoint);
    pthread_mutex_unlock(&s->lock);
}
