#include "net/link.h"

#include <string.h>
#include <errno.h>
#include <math.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/tcp.h>

#include "base/clock.h"
#include "base/error.h"

static dc_error set_option(dc__link *link, int level, int option, int value)
{
    if (nn_setsockopt(link->socket, level, option, &value, sizeof value) == 0) return DC_OK;
    return dc__fail(DC_ENET, "nanomsg refused option %d: %s", option, nn_strerror(nn_errno()));
}

static dc_error open_socket(dc__link *link, const char *peer, double silence_s, _Atomic bool *stop)
{
    memset(link, 0, sizeof *link);
    (void)snprintf(link->peer, sizeof link->peer, "%s", peer);
    link->stop = stop;
    link->silence_ns = (int64_t)(silence_s * 1e9);
    link->heard_ns = link->sent_ns = dc__now_ns();
    link->socket = nn_socket(AF_SP, NN_PAIR);
    if (link->socket < 0) return dc__fail(DC_ENET, "cannot open a socket: %s", nn_strerror(nn_errno()));
    dc_error err =
        set_option(link, NN_SOL_SOCKET, NN_RCVMAXSIZE, (int)(DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES));
    if (!err) err = set_option(link, NN_SOL_SOCKET, NN_SNDTIMEO, DC__POLL_MS);
    if (!err) err = set_option(link, NN_SOL_SOCKET, NN_RCVTIMEO, DC__POLL_MS);
    if (!err) err = set_option(link, NN_SOL_SOCKET, NN_SNDBUF, DC__KERNEL_BYTES);
    if (!err) err = set_option(link, NN_SOL_SOCKET, NN_RCVBUF, DC__KERNEL_BYTES);
    if (!err) err = set_option(link, NN_TCP, NN_TCP_NODELAY, 1);
    if (err) dc__link_close(link);
    return err;
}

dc_error dc__link_listen(dc__link *link, const char *url, const char *peer, double silence_s,
                         _Atomic bool *stop)
{
    dc_error err = open_socket(link, peer, silence_s, stop);
    if (err) return err;
    link->endpoint = nn_bind(link->socket, url);
    if (link->endpoint >= 0) return DC_OK;
    int why = nn_errno();
    dc__link_close(link);
    if (why == EADDRINUSE)
        return dc__fail(DC_ENET, "%s is taken by another program: stop it or --listen on another port", url);
    return dc__fail(why == EINVAL || why == ENODEV || why == EPROTONOSUPPORT ? DC_EURL : DC_ENET,
                    "cannot listen on %s: %s", url, nn_strerror(why));
}

dc_error dc__link_dial(dc__link *link, const char *url, const char *peer, double silence_s,
                       _Atomic bool *stop)
{
    dc_error err = open_socket(link, peer, silence_s, stop);
    if (err) return err;
    link->dialed = true;
    link->endpoint = nn_connect(link->socket, url);
    if (link->endpoint >= 0) return DC_OK;
    int why = nn_errno();
    dc__link_close(link);
    return dc__fail(why == EINVAL || why == EPROTONOSUPPORT ? DC_EURL : DC_ENET, "cannot connect to %s: %s",
                    url, nn_strerror(why));
}

void dc__link_close(dc__link *link)
{
    if (link->socket >= 0) (void)nn_close(link->socket);
    link->socket = -1;
}

static uint64_t broken_connections(const dc__link *link)
{
    return nn_get_statistic(link->socket, NN_STAT_BROKEN_CONNECTIONS);
}

bool dc__link_connected(const dc__link *link)
{
    return nn_get_statistic(link->socket, NN_STAT_CURRENT_CONNECTIONS) > 0;
}

static void note_up(dc__link *link)
{
    if (link->up) return;
    link->broken = broken_connections(link);
    link->up = true;
}

/* What ends a blocked call, looked at every DC__POLL_MS: nanomsg itself reports none of it. */
static dc_error look_around(dc__link *link)
{
    if (link->stop && *link->stop) return dc__fail(DC_ESTOPPED, "stopped while waiting for %s", link->peer);
    const bool connected = dc__link_connected(link);
    if (connected) note_up(link);
    /* nanomsg may have a new connection before anyone looks; what was under way in the old one is lost. Only
     * who dialed can tell: at a listener the broken one may have been a stranger's. */
    const bool replaced = link->dialed && link->up && broken_connections(link) != link->broken;
    if (replaced || (link->up && !connected))
        return dc__fail(DC_EPEER, "the connection to %s was lost", link->peer);
    int64_t silence = dc__now_ns() - link->heard_ns;
    if (link->silence_ns > 0 && silence > link->silence_ns)
        return dc__fail(DC_ETIMEOUT, "no sign of life from %s for %.0f s", link->peer, dc__seconds(silence));
    return DC_OK;
}

void *dc__link_alloc(uint32_t payload_bytes, void **payload)
{
    uint8_t *message = nn_allocmsg(DC__HEADER_BYTES + (size_t)payload_bytes, 0);
    *payload = message ? message + DC__HEADER_BYTES : NULL;
    return message;
}

void dc__link_discard(void *message)
{
    if (message) (void)nn_freemsg(message);
}

/* ---- credit and measurement ---- */

bool dc__link_has_credit(const dc__link *link)
{
    const uint64_t window = link->window_bytes;
    return window == 0 || link->given_bytes - link->acked_bytes < window;
}

bool dc__link_owes_ack(const dc__link *link)
{
    return link->taken_bytes != link->told_bytes;
}

bool dc__link_quiet(const dc__link *link)
{
    return link->given_bytes == link->acked_bytes;
}

/* What every frame tells beside its own content. */
static void tell(dc__link *link, dc__header *header)
{
    header->sequence = link->next_out++;
    header->received_bytes = link->told_bytes = link->taken_bytes;
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
    tell(link, header);
    dc__wire_seal(message, header);
    for (;;) {
        if (nn_send(link->socket, &message, NN_MSG, 0) >= 0) break;
        int why = nn_errno();
        dc_error err = DC_OK;
        if (why != ETIMEDOUT && why != EAGAIN && why != EINTR)
            err = dc__fail(DC_ENET, "cannot send to %s: %s", link->peer, nn_strerror(why));
        if (!err) err = look_around(link);
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

dc_error dc__link_receive(dc__link *link, dc__frame *frame, int wait_ms)
{
    memset(frame, 0, sizeof *frame);
    const int64_t until = wait_ms < 0 ? INT64_MAX : dc__now_ns() + (int64_t)wait_ms * 1000000;
    int n;
    while ((n = nn_recv(link->socket, &frame->message, NN_MSG, 0)) < 0) {
        int why = nn_errno();
        frame->message = NULL;
        if (why != ETIMEDOUT && why != EAGAIN && why != EINTR)
            return dc__fail(DC_ENET, "cannot receive from %s: %s", link->peer, nn_strerror(why));
        dc_error err = look_around(link);
        if (err) return err;
        if (dc__now_ns() >= until) return DC_OK;
    }
    note_up(link);
    link->heard_ns = dc__now_ns();
    link->received_bytes += (uint64_t)n;
    dc_error err = dc__wire_open(frame->message, (size_t)n, &frame->header);
    if (!err && frame->header.sequence != link->next_in)
        err = dc__fail(DC_EPEER, "frames from %s were lost: number %u came where %u was due", link->peer,
                       frame->header.sequence, link->next_in);
    if (!err) err = hear(link, &frame->header);
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
    if (frame->message) (void)nn_freemsg(frame->message);
    frame->message = NULL;
    frame->payload = NULL;
}
