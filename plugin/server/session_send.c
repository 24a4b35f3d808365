/* session_send.c - which frame goes down next. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/values.h"
#include "server/session.h"

/* ---- frames ---- */

/* One frame of values of [offset, offset + count). */
static dc_error send_values(dc__session *s, dc__header header, const float *values)
{
    float *to;
    void *message = dc__values_alloc(&s->endpoint.link, header.count, &to);
    if (message) memcpy(to, values, header.count * sizeof *to);
    return dc__values_send(&s->endpoint.link, &header, message);
}

static dc_error send_range(dc__session *s, dc__header header, const float *array, uint64_t from, uint64_t to)
{
    const uint64_t most = DC__MAX_SLICE_BYTES / sizeof(float);
    dc_error err = DC_OK;
    for (uint64_t at = from; !err && at < to; at += header.count) {
        header.offset = at;
        header.count = (uint32_t)(to - at < most ? to - at : most);
        const uint8_t flags = header.flags;
        if (at + header.count < to) header.flags &= (uint8_t)~DC__LAST;
        err = send_values(s, header, array + (at - from));
        header.flags = flags;
    }
    return err;
}

static dc_error send_crew(void *session, dc__header *unused)
{
    (void)unused;
    dc__session *s = session;
    const dc__crew *crew = dc__roster_crew(&s->training->roster, s->start);
    dc__header header = {
        .type = DC__ROSTER, .round = s->start, .offset = crew->images, .count = (uint32_t)crew->n};
    return dc__link_send_small(&s->endpoint.link, &header, NULL, 0);
}

static dc_error send_images_frame(dc__session *s, uint64_t round, uint32_t images)
{
    dc__header header = {.type = DC__IMAGES, .round = round, .count = images};
    return dc__link_send_small(&s->endpoint.link, &header, NULL, 0);
}

static dc_error send_images(void *session, dc__header *turn)
{
    return send_images_frame(session, turn->round, turn->count);
}

/* What it feeds in the round that it begins with, and what was planned for later ones before it came. */
static dc_error send_all_images(dc__session *s, uint64_t round)
{
    dc__roster *r = &s->training->roster;
    pthread_mutex_lock(&r->lock);
    const dc__member m = r->member[s->slot];
    pthread_mutex_unlock(&r->lock);
    dc_error err = send_images_frame(s, round, m.images);
    if (!err && m.next_images > 0) err = send_images_frame(s, m.next_round, m.next_images);
    return err;
}

/* All: what holds in the round that it begins with, too. */
static dc_error send_batches(dc__session *s, bool all)
{
    pthread_mutex_lock(&s->training->versions.lock);
    const dc__batches b = s->training->versions.batches;
    pthread_mutex_unlock(&s->training->versions.lock);
    const dc__steps *const steps[] = {&b.before, &b.now};
    dc_error err = DC_OK;
    for (int k = !all; !err && k < 2; k++) {
        dc__header h = {
            .type = DC__STEPS, .round = steps[k]->round, .offset = steps[k]->batch, .count = steps[k]->n};
        err = dc__link_send_small(&s->endpoint.link, &h, NULL, 0);
    }
    return err;
}

static dc_error send_steps(void *session, dc__header *unused)
{
    (void)unused;
    return send_batches(session, false);
}

static dc_error send_start_frame(dc__session *s, uint8_t flags, uint64_t round)
{
    const dc__training *t = s->training;
    dc__header start = {.type = DC__START,
                        .flags = flags,
                        .round = round,
                        .offset = t->checkpoint.seed,
                        .count = (uint32_t)dc__versions_step(&t->versions, round)};
    return dc__link_send_small(&s->endpoint.link, &start, NULL, 0);
}

/* The version that the round begins with is to be fetched; what is not pulled follows. */
static dc_error send_soon(void *session, dc__header *turn)
{
    return send_start_frame(session, DC__START_SOON, turn->round);
}

static bool is_fresh(const dc__session *s, uint64_t round)
{
    const dc__crew *crew = dc__roster_crew(&s->training->roster, round);
    for (int k = 0; k < crew->n; k++)
        if (crew->member[k].slot == s->slot)
            return crew->member[k].fresh || s->training->roster.member[s->slot].fresh;
    return true;
}

/* What a worker must have before its first round and never pulls: everything but trained values. Its round is
 * on until it has pushed for it: the version is intact. */
static dc_error send_start(void *session, dc__header *turn)
{
    dc__session *s = session;
    const dc__training *t = s->training;
    const dc__versions *v = &t->versions;
    const dc_model *m = t->model;
    const uint64_t version = turn->round;
    const uint64_t moments_from = dc__training_carries(t) ? 0 : m->start[DC_FROZEN],
                   moments_to = m->start[DC_FIXED];
    dc__header header = {.type = DC__STATE, .round = version};
    dc_error err = send_range(s, header, dc__versions_values(v, version) + m->start[DC_FROZEN],
                              m->start[DC_FROZEN], m->start[DC_STATISTIC]);
    if (!err)
        err = send_range(s, header, dc__statistics_of(&t->statistics, s->slot, version),
                         m->start[DC_STATISTIC], m->start[DC_ROLE_COUNT]);
    header.flags = DC__STATE_MOMENT1;
    if (!err)
        err =
            send_range(s, header, dc__versions_moment1(v, version) + moments_from, moments_from, moments_to);
    header.flags = DC__STATE_MOMENT2;
    if (!err && dc__versions_moment2(v, version))
        err =
            send_range(s, header, dc__versions_moment2(v, version) + moments_from, moments_from, moments_to);
    if (!err) err = send_crew(s, NULL);
    if (!err) err = send_all_images(s, version);
    if (!err && t->codes.coding.local_auto && t->shard == 0) err = send_batches(s, true);
    return err ? err : send_start_frame(s, is_fresh(s, version) ? DC__START_FRESH : 0, version);
}

static dc_error send_mean_statistics(void *session, dc__header *unused)
{
    (void)unused;
    dc__session *s = session;
    dc__training *t = s->training;
    const uint64_t n = t->statistics.floats, start = t->model->start[DC_STATISTIC];
    pthread_mutex_lock(&t->versions.lock);
    const uint64_t version = t->versions.round;
    const dc__crew crew = *dc__roster_crew(&t->roster, version);
    pthread_mutex_unlock(&t->versions.lock);
    dc__header header = {.type = DC__STAT, .round = version, .flags = DC__LAST};
    if (t->ended && n) /* that of those who made the last round */
        return send_range(s, header, dc__versions_values(&t->versions, version) + start, start, start + n);
    float *stats = calloc(n * (size_t)(crew.n + 1) + 1, sizeof *stats);
    if (!stats) return dc__fail(DC_ENOMEM, "out of memory for %llu statistics", (unsigned long long)n);
    float *mean = stats + n * (size_t)crew.n;
    dc_error err = DC_OK;
    if (!dc__statistics_copy(&t->statistics, &crew, version, stats)) {
        /* the asker has pushed meanwhile, which an honest one does not: it waits once more */
        pthread_mutex_lock(&s->lock);
        s->stat_due = true;
        pthread_mutex_unlock(&s->lock);
    } else if (n) {
        dc__statistics_mean(stats, crew.n, n, mean);
        err = send_range(s, header, mean, start, start + n);
    } else { /* an answer all the same */
        header.offset = start;
        err = send_values(s, header, mean);
    }
    free(stats);
    return err;
}

static dc_error send_text(dc__session *s, dc__type type, const char *text)
{
    uint8_t payload[DC__REASON_BYTES + 2];
    char reason[DC__REASON_BYTES];
    (void)snprintf(reason, sizeof reason, "%.*s", DC__REASON_BYTES - 1, text);
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, reason);
    dc__header header = {.type = type};
    return dc__link_send_small(&s->endpoint.link, &header, payload, (uint32_t)(out.at - payload));
}

static dc_error send_bye_ack(void *session, dc__header *unused)
{
    (void)unused;
    dc__session *s = session;
    const dc_error err = send_text(s, DC__BYE_ACK, "");
    pthread_mutex_lock(&s->lock);
    s->acked = !err;
    s->acked_ns = dc__now_ns();
    pthread_mutex_unlock(&s->lock);
    return err;
}

static dc_error send_stop(void *session, dc__header *unused)
{
    (void)unused;
    dc__session *s = session;
    char line[DC__LINE_BYTES];
    if (!dc__roster_result(&s->training->roster, line)) /* it came when the others were done */
        (void)snprintf(line, sizeof line, "the run has ended");
    return send_text(s, DC__STOP, line);
}

static dc_error send_slice(void *session, dc__header *header)
{
    dc__session *s = session;
    const dc__training *t = s->training;
    return send_values(s, *header, dc__codes_values(&t->codes, &t->versions, header->round) + header->offset);
}

static dc_error send_change(void *session, dc__header *header)
{
    dc__session *s = session;
    const dc__codes *c = &s->training->codes;
    uint32_t first, end;
    const bool whole = dc__model_blocks(c->model, header->offset, header->count, &first, &end);
    dc__assert(whole);
    header->codec = (uint8_t)dc__codes_way(c, header->round).codec->id;
    void *message = dc__codes_message(c, first, end, &header->payload_bytes);
    return dc__link_send(&s->endpoint.link, header, message);
}

/* What the worker has not sent by this version is part of a checkpoint; and that of these others is still needed. */
static dc_error send_keep(void *session, dc__header *header)
{
    dc__session *s = session;
    uint64_t versions[DC__KEPT_MOST];
    uint8_t payload[8 * DC__KEPT_MOST];
    const int n = dc__checkpoint_kept(&s->training->checkpoint, versions);
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    for (int k = 0; k < n; k++)
        dc__put_uint(&out, versions[k], 8);
    return dc__link_send_small(&s->endpoint.link, header, payload, (uint32_t)(out.at - payload));
}

/* ---- their order ---- */

void dc__session_slice(void *session, uint32_t first, uint32_t n, bool last, dc__turn *turn)
{
    (void)last;
    const dc__session *s = session;
    const uint64_t *offset = s->training->model->block_offset;
    turn->send = dc__session_takes_changes(s) ? send_change : send_slice;
    turn->header = (dc__header){.type = DC__PARAM,
                                .round = s->want,
                                .offset = offset[first],
                                .count = (uint32_t)(offset[first + n] - offset[first]),
                                .rate = dc__versions_rate(&s->training->versions, s->want)};
}

/* A version that the worker must hear of before any block of it goes out; workers that keep nothing are not. */
static bool keep_due(dc__session *s, uint64_t *version)
{
    const dc__checkpoint *c = &s->training->checkpoint;
    if (!s->training->keeps) return false;
    *version = DC__NO_ROUND;
    for (int k = 0; k < 2; k++)
        if (c->planned[k] != s->announced[k] && c->planned[k] < *version) *version = c->planned[k];
    if (*version == DC__NO_ROUND) return false;
    s->announced[*version & 1] = *version;
    return true;
}

/* It is done, and so is the run: its receiver may be about to say that its goodbye is to be answered. */
static bool ends_well(const dc__session *s)
{
    dc__roster *r = &s->training->roster;
    char line[DC__LINE_BYTES];
    return s->stop_due && r->member[s->slot].state == DC__MEMBER_FINISHED &&
           dc__roster_result(r, line) == DC_OK;
}

static void next_first(dc__session *s, dc__turn *turn)
{
    const dc__roster *r = &s->training->roster;
    const dc__member_state state = r->member[s->slot].state;
    uint64_t version;
    if (s->ack_due || ends_well(s)) {
        turn->send = send_bye_ack;
        turn->ends = true;
    } else if (s->stop_due) {
        turn->send = send_stop;
        turn->ends = true;
    } else if (state == DC__MEMBER_LEFT || state == DC__MEMBER_LOST) {
        turn->ends = !r->training;
        turn->waits =
            r->training; /* its session is closed soon, or the run ends and it gets the reason, too */
    } else if (s->soon_due) {
        s->soon_due = false;
        turn->send = send_soon;
        turn->header.round = s->enters;
    } else if (s->start_due) {
        s->start_due = false;
        turn->send = send_start;
        turn->header.round = s->start;
    } else if (s->images_due) {
        s->images_due = false;
        turn->header = (dc__header){.round = s->images_round, .count = s->images};
        turn->send = send_images;
    } else if (s->steps_due) {
        s->steps_due = false;
        turn->send = send_steps;
    } else if (s->crew_due) {
        s->crew_due = false;
        turn->send = send_crew;
    } else if (state == DC__MEMBER_RUNNING && keep_due(s, &version)) {
        turn->header = (dc__header){.type = DC__KEEP, .round = version};
        turn->send = send_keep;
    }
}

void dc__session_next(void *session, dc__stage stage, dc__turn *turn)
{
    dc__session *s = session;
    dc__training *t = s->training;
    if (stage == DC__STAGE_FIRST) next_first(s, turn);
    if (stage == DC__STAGE_LAST && s->stat_due &&
        (t->ended || dc__statistics_copy(&t->statistics, dc__roster_crew(&t->roster, t->versions.round),
                                         t->versions.round, NULL))) {
        s->stat_due = false;
        turn->send = send_mean_statistics;
    }
}
