#include "net/link.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/buffers.h"

static void belong(dc__link *link, const char *peer, double silence_s, _Atomic bool *stop)
{
    (void)snprintf(link->peer, sizeof link->peer, "%s", peer);
    link->stop = stop;
    link->silence_ns = (int64_t)(silence_s * 1e9);
    link->heard_ns = link->sent_ns = dc__now_ns();
}

void dc__link_open(dc__link *link, dc__channel *channel, const char *peer, double silence_s,
                   _Atomic bool *stop)
{
    memset(link, 0, sizeof *link);
    link->channel = channel;
    belong(link, peer, silence_s, stop);
}

void dc__link_move(dc__link *to, dc__link *from, const char *peer, double silence_s, _Atomic bool *stop)
{
    memcpy(to, from, sizeof *to); /* no thread uses either */
    from->channel = NULL;
    belong(to, peer, silence_s, stop);
}

void dc__link_close(dc__link *link, int linger_ms)
{
    dc__channel_close(link->channel, linger_ms);
    link->channel = NULL;
}

bool dc__link_ended(const dc__link *link)
{
    return !link->channel || dc__channel_state_of(link->channel) == DC__CHANNEL_ENDED;
}

int64_t dc__link_sign_ns(const dc__link *link)
{
    const int64_t heard_ns = link->heard_ns, part_ns = link->channel ? dc__channel_part_ns(link->channel) : 0;
    return heard_ns > part_ns ? heard_ns : part_ns;
}

/* What ends a blocked call, looked at every DC__POLL_MS. */
static dc_error look_around(dc__link *link)
{
    if (link->stop && *link->stop) return dc__fail(DC_ESTOPPED, "stopped while waiting for %s", link->peer);
    if (dc__link_ended(link)) return dc__channel_error(link->channel, link->peer);
    const int64_t silence = dc__now_ns() - dc__link_sign_ns(link);
    if (link->silence_ns > 0 && silence > link->silence_ns && !dc__channel_is_tried(link->channel))
        return dc__fail(DC_ETIMEOUT, "no heartbeat from %s for %.0f s", link->peer, dc__seconds(silence));
    return DC_OK;
}

/* People learn that a run waits, and for how long it may. */
static void report_absence(dc__link *link)
{
    const int64_t heard_ns = dc__link_sign_ns(link);
    if (!link->log || link->absent_ns || dc__now_ns() - heard_ns < DC__ABSENT_NS) return;
    link->absent_ns = heard_ns;
    dc__log_line(link->log, "nothing heard from %s for %.0f s; waiting for up to %.0f s", link->peer,
                 dc__seconds(DC__ABSENT_NS), dc__seconds(link->silence_ns));
}

static void report_return(dc__link *link)
{
    if (!link->absent_ns) return;
    dc__log_line(link->log, "%s is back after %.1f s", link->peer,
                 dc__seconds(dc__now_ns() - link->absent_ns));
    link->absent_ns = 0;
}

void *dc__link_alloc(uint32_t payload_bytes, void **payload)
{
    uint8_t *message = dc__message_alloc(DC__HEADER_BYTES + (size_t)payload_bytes);
    *payload = message ? message + DC__HEADER_BYTES : NULL;
    return message;
}

void *dc__link_alloc_values(dc__link *link, uint32_t payload_bytes, void **payload)
{
    const size_t n = DC__HEADER_BYTES + (size_t)payload_bytes;
    uint8_t *message = link ? dc__channel_alloc(link->channel, n) : dc__message_alloc(n);
    *payload = message ? message + DC__HEADER_BYTES : NULL;
    return message;
}

void dc__link_discard(void *message)
{
    dc__message_free(message);
}

/* ---- credit and measurement ---- */

bool dc__link_has_credit(const dc__link *link)
{
    const uint64_t window = link->window_bytes;
    return window == 0 || link->given_bytes - link->acked_bytes < window;
}

bool dc__link_owes_ack(const dc__link *link)
{
    return link->taken_bytes != link->reported_bytes;
}

bool dc__link_quiet(const dc__link *link)
{
    return link->given_bytes == link->acked_bytes;
}

/* What every frame carries beside its own content. */
static void report(dc__link *link, dc__header *header)
{
    header->sequence = link->next_out++;
    header->received_bytes = link->reported_bytes = link->taken_bytes;
    header->goodput_Bps = (float)link->in_Bps;
    header->cost_s = (float)link->cost_s;
    link->given_bytes += header->payload_bytes; /* before it is sent: it may be acknowledged at once */
}

static dc_error hear(dc__link *link, const dc__header *header)
{
    if (header->received_bytes < link->acked_bytes || header->received_bytes > link->given_bytes ||
        !(header->goodput_Bps >= 0) || !isfinite(header->goodput_Bps) || !(header->cost_s >= 0) ||
        !isfinite(header->cost_s))
        return dc__fail(DC_EPROTO, "%s sent a %s frame whose account of the link makes no sense", link->peer,
                        dc__wire_type_name(header->type));
    link->acked_bytes = header->received_bytes;
    if (header->goodput_Bps > 0) link->out_Bps = (double)header->goodput_Bps;
    if (header->cost_s > 0) link->peer_cost_s = (double)header->cost_s;
    if (header->payload_bytes == 0) return DC_OK;
    link->taken_bytes += header->payload_bytes;
    const bool values = header->type == DC__PARAM || header->type == DC__GRAD || header->type == DC__STATE;
    if (values)
        dc__meter_frame(&link->meter, link->heard_ns, header->payload_bytes, header->flags & DC__BUSY);
    const double Bps = dc__meter_Bps(&link->meter);
    if (Bps > 0) link->in_Bps = Bps;
    return DC_OK;
}

dc_error dc__link_send(dc__link *link, dc__header *header, void *message)
{
    if (!message) return dc__fail(DC_ENOMEM, "out of memory for a frame of %u bytes", header->payload_bytes);
    const int64_t begin = dc__now_ns();
    report(link, header);
    dc__wire_seal(message, header, !dc__channel_is_intact(link->channel));
    while (!dc__channel_send(link->channel, message, DC__HEADER_BYTES + (size_t)header->payload_bytes,
                             DC__POLL_MS)) {
        const dc_error err = look_around(link);
        if (err) {
            dc__link_discard(message);
            return err;
        }
    }
    link->sent_ns = dc__now_ns();
    if (header->payload_bytes <= DC__COST_BYTES) {
        dc__least_add(&link->cost, dc__seconds(link->sent_ns - begin));
        link->cost_s = dc__least_get(&link->cost);
    }
    link->sent_bytes += DC__HEADER_BYTES + header->payload_bytes;
    return DC_OK;
}

dc_error dc__link_send_small(dc__link *link, dc__header *header, const void *payload, uint32_t n)
{
    void *to;
    void *message = dc__link_alloc(n, &to);
    if (message && n) memcpy(to, payload, n);
    header->payload_bytes = n;
    return dc__link_send(link, header, message);
}

dc_error dc__link_ping(dc__link *link)
{
    if (dc__now_ns() - link->sent_ns < DC__PING_NS) return DC_OK;
    dc__header ping = {.type = DC__PING, .offset = (uint64_t)dc__now_ns()};
    return dc__link_send_small(link, &ping, NULL, 0);
}

/* What the peer can still change is safe to use as numbers, however they come out, and as nothing else. */
static dc_error settle(dc__frame *frame, size_t n)
{
    const dc__header *h = &frame->header;
    const bool numbers = (h->type == DC__PARAM || h->type == DC__GRAD) && h->codec == 0;
    if (numbers || !dc__buffers_received(frame->message)) return DC_OK;
    void *ours = dc__message_alloc(n);
    if (!ours) return dc__fail(DC_ENOMEM, "out of memory for a frame of %zu bytes", n);
    memcpy(ours, frame->message, n);
    dc__message_free(frame->message);
    frame->message = ours;
    return DC_OK;
}

dc_error dc__link_receive(dc__link *link, dc__frame *frame, int wait_ms)
{
    memset(frame, 0, sizeof *frame);
    const int64_t until = wait_ms < 0 ? INT64_MAX : dc__now_ns() + (int64_t)wait_ms * 1000000;
    const int step_ms = wait_ms >= 0 && wait_ms < DC__POLL_MS ? wait_ms : DC__POLL_MS;
    size_t n;
    for (;;) {
        const bool ended = dc__link_ended(link); /* before the look: what came before the end is received */
        frame->message = dc__channel_receive(link->channel, &n, ended ? 0 : step_ms);
        if (frame->message) break;
        const dc_error err = look_around(link);
        if (err && (ended || !dc__link_ended(link))) return err;
        if (!err && dc__now_ns() >= until) return DC_OK;
        report_absence(link);
    }
    report_return(link);
    link->heard_ns = dc__now_ns();
    link->received_bytes += n;
    dc_error err = dc__wire_open(frame->message, n, &frame->header, !dc__channel_is_intact(link->channel));
    if (!err && frame->header.sequence != link->next_in)
        err = dc__fail(DC_EPEER, "frames from %s were lost: number %u came where %u was due", link->peer,
                       frame->header.sequence, link->next_in);
    if (!err) err = hear(link, &frame->header);
    if (!err) err = settle(frame, n);
    if (err) {
        dc__frame_free(frame);
        return err;
    }
    link->next_in++;
    frame->payload = (uint8_t *)frame->message + DC__HEADER_BYTES;
    return DC_OK;
}

void dc__frame_free(dc__frame *frame)
{
    dc__message_free(frame->message);
    frame->message = NULL;
    frame->payload = NULL;
}
