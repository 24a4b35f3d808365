/* first_role.c - what the first shard sends to another one, and takes from it. See shards.h. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"
#include "server/spread.h"

/* The model, and of a run that is resumed the state of the other one's part. */
static dc_error send_run(void *peer, dc__header *unused)
{
    (void)unused;
    dc__peer *p = peer;
    dc__training *t = &p->server->training;
    const dc__arrays all = {&t->all, &t->all_codes};
    const dc__versions *v = &t->versions;
    const size_t room = 64 + 2 * DC__PARTS_MOST + DC__CODING_BYTES + DC_FINGERPRINT_BYTES +
                        dc__model_describe_bytes(t->whole);
    char coding[DC__CODING_BYTES];
    dc__coding_text(&t->codes.coding, coding);
    void *payload, *message = dc__link_alloc((uint32_t)room, &payload);
    dc__header header = {.type = DC__RUN};
    if (t->resumed) /* else its first worker says where it begins, to all shards */
        header = (dc__header){.type = DC__RUN,
                              .flags = DC__RUN_RESUMED,
                              .round = v->first_round,
                              .offset = t->checkpoint.seed,
                              .count = (uint32_t)v->first_step};
    if (t->on_loss != DC_ON_LOSS_END) header.flags |= DC__RUN_WAITS;
    if (t->on_loss == DC_ON_LOSS_DROP) header.flags |= DC__RUN_DROPS;
    if (message) {
        dc__bytes out = dc__bytes_over(payload, room);
        dc__put_uint(&out, p->server->shards.run, 4);
        dc__put_uint(&out, t->resumed ? v->first_average : 0, 8);
        dc__shares_put(&t->shares, &out);
        dc__put_text(&out, coding);
        dc__put_text(&out, t->fingerprint);
        dc__model_describe(t->whole, &out);
        dc__assert(!out.failed);
        header.payload_bytes = (uint32_t)(out.at - (uint8_t *)payload);
    }
    dc_error err = dc__link_send(&p->endpoint.link, &header, message);
    if (!err && t->resumed) err = dc__spread_send(&p->endpoint.link, &p->shard, &all, v->first_round);
    dc__shards *sh = &p->server->shards;
    pthread_mutex_lock(&sh->lock);
    p->sending = false;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
    return err;
}

static dc_error send_empty(void *peer, dc__header *header)
{
    dc__peer *p = peer;
    return dc__link_send_small(&p->endpoint.link, header, NULL, 0);
}

static dc_error send_stop(void *peer, dc__header *header)
{
    dc__peer *p = peer;
    uint8_t payload[DC__REASON_BYTES + 2];
    char line[DC__LINE_BYTES], reason[DC__REASON_BYTES];
    header->count = (uint32_t)dc__roster_result(&p->server->training.roster, line);
    (void)snprintf(reason, sizeof reason, "%.*s", DC__REASON_BYTES - 1, line);
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, reason);
    return dc__link_send_small(&p->endpoint.link, header, payload, (uint32_t)(out.at - payload));
}

static void next(void *peer, dc__stage stage, dc__turn *turn)
{
    dc__peer *p = peer;
    const dc__shards *sh = &p->server->shards;
    if (stage != DC__STAGE_FIRST) return;
    turn->send = send_empty;
    if (p->members_due) { /* workers come to it at once */
        p->members_due = false;
        turn->send = dc__first_send_members;
        turn->header.type = DC__MEMBERS;
    } else if (p->run_due) {
        p->run_due = false;
        p->sending = true;
        turn->send = send_run;
    } else if (p->stop_due) {
        p->stop_due = false;
        turn->send = send_stop;
        turn->header.type = DC__STOP;
    } else if (p->now_due != DC__NO_ROUND) {
        turn->header = (dc__header){.type = DC__KEEP, .flags = DC__KEEP_NOW, .round = p->now_due};
        p->now_due = DC__NO_ROUND;
    } else if (p->end_due) {
        p->end_due = false;
        turn->header = (dc__header){.type = DC__KEEP, .flags = DC__KEEP_END, .round = p->at};
    } else if (dc__shards_back_due(p, &turn->header)) { /* first those with whom the run begins */
    } else if (p->begin_due) {
        p->begin_due = false;
        turn->header.type = DC__ROSTER;
    } else if (p->keep_next < sh->keep_end) {
        turn->header = (dc__header){.type = DC__KEEP, .round = p->keep_next};
        if (sh->keep[p->keep_next % DC__KEEPS_MOST]) turn->header.flags = DC__KEEP_SENT;
        p->keep_next++;
    } else if (p->ack_due) {
        p->ack_due = false;
        turn->header.type = DC__BYE_ACK;
        turn->ends = true;
    } else {
        turn->send = NULL;
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

static dc_error take_state(dc__peer *p, const dc__frame *frame)
{
    dc__shards *sh = &p->server->shards;
    const uint64_t version = frame->header.round;
    pthread_mutex_lock(&sh->lock);
    /* A run's first version comes twice, for the log's first line and as a checkpoint. It is the same, and is being read. */
    const bool again = p->got == version;
    while (!again && sh->gathering != version && !sh->closing &&
           !p->endpoint.stop) /* that thread is about to begin, or writes */
        dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + DC__POLL_NS);
    const bool wanted = !again && sh->gathering == version;
    pthread_mutex_unlock(&sh->lock);
    dc__training *t = &p->server->training;
    const dc__arrays all = {&t->all, &t->all_codes};
    dc_error err = wanted ? dc__spread_take(frame, &p->shard, &all) : DC_OK;
    if (err || !(frame->header.flags & DC__LAST) || !wanted) return err;
    pthread_mutex_lock(&sh->lock);
    p->got = version;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

static dc_error take_bye(dc__peer *p, const dc__frame *frame)
{
    dc__shards *sh = &p->server->shards;
    char reason[DC__REASON_BYTES], text[DC__SHARD_TEXT_BYTES], line[DC__LINE_BYTES];
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    dc__get_text(&in, reason, sizeof reason);
    dc__make_printable(reason);
    dc__shards_text(sh, p->number, text);
    (void)snprintf(line, sizeof line, "%s: %s", text, reason);
    dc__roster *r = &p->server->training.roster;
    /* A worker that leaves a mesh takes its shard along: another may come, before the run trains, or if it waits for who is lost. */
    const bool leaves = sh->mesh && frame->header.flags & DC__BYE_LEAVE;
    if (leaves && dc__shards_are_elastic(sh)) return dc__fail(DC_EPEER, "%s", reason);
    if (!(frame->header.flags & DC__BYE_OK) && (!sh->mesh || r->training)) dc__roster_end(r, DC_EPEER, line);
    pthread_mutex_lock(&sh->lock);
    p->left = true;
    p->at = frame->header.round;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

static dc_error take_ready(dc__peer *p, const dc__frame *frame)
{
    dc__shards *sh = &p->server->shards;
    pthread_mutex_lock(&sh->lock);
    if (frame->header.round == sh->run) p->ready = true;
    pthread_mutex_unlock(&sh->lock);
    return DC_OK;
}

static dc_error on_frame(void *peer, dc__frame *frame)
{
    dc__peer *p = peer;
    switch (frame->header.type) {
    case DC__STATE:
        return take_state(p, frame);
    case DC__BYE:
        return take_bye(p, frame);
    case DC__READY:
        return take_ready(p, frame);
    case DC__BACK:
        return dc__shards_take_back(p, frame);
    case DC__OMITTED:
        return dc__first_takes_omitted(p, frame);
    default:
        return dc__fail(DC_EPROTO, "%s sent a %s frame, which is not due between shards",
                        p->endpoint.link.peer, dc__wire_type_name(frame->header.type));
    }
}

static void on_end(void *peer, dc_error err)
{
    dc__peer *p = peer;
    dc__shards *sh = &p->server->shards;
    char text[DC__SHARD_TEXT_BYTES];
    dc__shards_text(sh, p->number, text);
    pthread_mutex_lock(&sh->lock);
    (void)snprintf(p->why, sizeof p->why, "lost %s: %.400s", text, err ? dc_last_error() : "it has left");
    p->over = true;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
}

const dc__endpoint_role dc__first_role = {.next = next,
                                          .slice = no_slice,
                                          .ack_delay_ns = ack_delay_ns,
                                          .on_frame = on_frame,
                                          .on_receiver_end = on_end};
