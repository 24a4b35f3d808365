/* other_role.c - what another shard sends to the first one, and takes from it. See shards.h. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"
#include "server/spread.h"

/* ---- out ---- */

static dc_error send_version(void *peer, dc__header *header)
{
    dc__peer *p = peer;
    dc__shards *sh = &p->server->shards;
    dc__training *t = &p->server->training;
    const dc__arrays own = {&t->versions, &t->codes};
    const dc_error err = dc__spread_send(&p->endpoint.link, NULL, &own, header->round);
    pthread_mutex_lock(&sh->lock);
    p->send = DC__NO_ROUND;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
    return err;
}

static dc_error send_bye(void *peer, dc__header *header)
{
    dc__peer *p = peer;
    uint8_t payload[DC__REASON_BYTES + 2];
    char line[DC__LINE_BYTES], reason[DC__REASON_BYTES];
    if (dc__roster_result(&p->server->training.roster, line) == DC_OK)
        header->flags = DC__BYE_OK;
    else if (p->server->shards.worker_left)
        header->flags = DC__BYE_LEAVE;
    (void)snprintf(reason, sizeof reason, "%.*s", DC__REASON_BYTES - 1, line);
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, reason);
    return dc__link_send_small(&p->endpoint.link, header, payload, (uint32_t)(out.at - payload));
}

static dc_error send_empty(void *peer, dc__header *header)
{
    dc__peer *p = peer;
    return dc__link_send_small(&p->endpoint.link, header, NULL, 0);
}

static void next(void *peer, dc__stage stage, dc__turn *turn)
{
    dc__peer *p = peer;
    if (stage != DC__STAGE_FIRST) return;
    if (p->ready_due) {
        p->ready_due = false;
        turn->send = send_empty;
        turn->header = (dc__header){.type = DC__READY, .round = p->server->shards.run};
    } else if (dc__shards_back_due(p, &turn->header)) {
        turn->send = send_empty;
    } else if (dc__other_omitted_due(p)) { /* before the versions that it made */
        turn->send = dc__other_omitted_send;
    } else if (p->send != DC__NO_ROUND) {
        turn->send = send_version;
        turn->header.round = p->send;
    } else if (p->bye_due) {
        p->bye_due = false;
        turn->send = send_bye;
        turn->header = (dc__header){.type = DC__BYE, .round = p->at};
    }
}

static void no_slice(void *peer, uint32_t first, uint32_t n, bool last, dc__turn *turn)
{
    (void)peer, (void)first, (void)n, (void)last, (void)turn; /* its queue is empty */
}

static int64_t ack_delay_ns(void *peer)
{
    (void)peer;
    return 0;
}

/* ---- in ---- */

static dc_error take_run(dc__peer *p, const dc__frame *frame)
{
    dc__shards *sh = &p->server->shards;
    dc_model *model = NULL;
    char fingerprint[DC_FINGERPRINT_BYTES];
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    const uint32_t run = (uint32_t)dc__get_uint(&in, 4);
    const uint64_t average = dc__get_uint(&in, 8);
    dc__shares shares;
    const bool spread = dc__shares_get(&shares, &in) && shares.n == sh->n;
    char coding[DC__CODING_BYTES];
    dc__get_text(&in, coding, sizeof coding);
    dc__get_text(&in, fingerprint, sizeof fingerprint);
    if (in.failed || !spread || frame->header.round > UINT32_MAX)
        return dc__fail(DC_EPROTO, "a RUN frame is cut short");
    const dc_error err = dc__model_parse(&model, &in);
    if (err) return err;
    pthread_mutex_lock(&sh->lock);
    while (sh->adopting && !p->endpoint.stop)
        dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + DC__POLL_NS);
    if (!sh->adopting) dc_model_free(sh->coming);
    sh->coming = model;
    sh->coming_head = frame->header;
    sh->coming_run = run;
    sh->coming_average = average;
    sh->coming_shares = shares;
    sh->state_here = false;
    memcpy(sh->coming_coding, coding, sizeof coding);
    memcpy(sh->coming_fingerprint, fingerprint, sizeof fingerprint);
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

/* Of a run that is resumed, once the run loop has taken it up. */
static dc_error take_state(dc__peer *p, const dc__frame *frame)
{
    dc__shards *sh = &p->server->shards;
    dc__training *t = &p->server->training;
    const dc__arrays own = {&t->versions, &t->codes};
    dc__versions *v = own.versions;
    pthread_mutex_lock(&sh->lock);
    while (sh->coming && !p->endpoint.stop)
        dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + DC__POLL_NS);
    const bool wanted = !sh->coming && !sh->state_here && t->resumed;
    pthread_mutex_unlock(&sh->lock);
    if (!wanted)
        return p->endpoint.stop ? DC_OK : dc__fail(DC_EPROTO, "the first shard sent a state that is not due");
    const uint64_t version = frame->header.round;
    dc_error err = dc__spread_take(frame, NULL, &own);
    if (err || !(frame->header.flags & DC__LAST)) return err;
    memcpy(dc__versions_values(v, version + 1), dc__versions_values(v, version),
           dc__model_floats(v->model) * sizeof(float));
    pthread_mutex_lock(&sh->lock);
    sh->state_here = true;
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

static dc_error take_flag(dc__peer *p, bool *flag)
{
    dc__shards *sh = &p->server->shards;
    pthread_mutex_lock(&sh->lock);
    *flag = true;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

static dc_error take_keep(dc__peer *p, const dc__frame *frame)
{
    dc__shards *sh = &p->server->shards;
    dc__training *t = &p->server->training;
    const uint64_t version = frame->header.round;
    if (frame->header.flags & DC__KEEP_END) return take_flag(p, &sh->end_saved);
    if (!(frame->header.flags & DC__KEEP_NOW)) {
        dc__checkpoint_announced(&t->checkpoint, version, frame->header.flags & DC__KEEP_SENT);
        return DC_OK;
    }
    if (version > t->versions.round || version + 1 < t->versions.round)
        return dc__fail(DC_EPROTO, "the first shard asks for a version that is not here");
    pthread_mutex_lock(&sh->lock);
    p->send = version;
    dc__endpoint_wake(&p->endpoint);
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

static dc_error take_stop(dc__peer *p, const dc__frame *frame)
{
    char reason[DC__REASON_BYTES], line[DC__LINE_BYTES];
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    dc__get_text(&in, reason, sizeof reason);
    dc__make_printable(reason);
    (void)snprintf(line, sizeof line, "%s ended the run: %.400s", dc__shards_first(&p->server->shards),
                   reason);
    dc__roster_end(&p->server->training.roster, DC_EPEER, line);
    return DC_OK;
}

static dc_error on_frame(void *peer, dc__frame *frame)
{
    dc__peer *p = peer;
    switch (frame->header.type) {
    case DC__RUN:
        return take_run(p, frame);
    case DC__MEMBERS:
        return dc__other_takes_members(p, frame);
    case DC__STATE:
        return take_state(p, frame);
    case DC__BACK:
        return dc__shards_take_back(p, frame);
    case DC__ROSTER:
        return take_flag(p, &p->server->shards.begin);
    case DC__KEEP:
        return take_keep(p, frame);
    case DC__STOP:
        return take_stop(p, frame);
    case DC__BYE_ACK:
        return take_flag(p, &p->acked);
    default:
        return dc__fail(DC_EPROTO, "%s sent a %s frame, which is not due between shards",
                        p->endpoint.link.peer, dc__wire_type_name(frame->header.type));
    }
}

static bool goes_on(void *peer)
{
    const dc__peer *p = peer;
    return !p->acked;
}

static void on_end(void *peer, dc_error err)
{
    dc__peer *p = peer;
    dc__shards *sh = &p->server->shards;
    pthread_mutex_lock(&sh->lock);
    (void)snprintf(p->why, sizeof p->why, "lost %s: %.400s", dc__shards_first(sh),
                   err ? dc_last_error() : "it has left");
    p->over = true;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
}

const dc__endpoint_role dc__other_role = {.next = next,
                                          .slice = no_slice,
                                          .ack_delay_ns = ack_delay_ns,
                                          .on_frame = on_frame,
                                          .goes_on = goes_on,
                                          .on_receiver_end = on_end};
