/* pass.c - a frame waits for its turn to be passed on; the reason why a relay ends. See relay.h. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "relay/relay.h"

void dc__relay_fail(dc_relay *r, dc_error err)
{
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%s", dc_last_error());
    pthread_mutex_lock(&r->lock);
    if (!r->error) {
        (void)snprintf(r->error_line, sizeof r->error_line, "%s", line);
        r->error = err;
    }
    pthread_mutex_unlock(&r->lock);
}

/* ---- passing on ---- */

static bool is_full(const dc__leaf *l, const dc__passing *p)
{
    const bool up = p != &l->to_worker;
    return p->n >= DC__RELAY_PASSING_MOST &&
           !(up ? l->up_over || l->up.stop : l->down_sent || l->down_over || l->down.stop);
}

static dc_error pass(dc__leaf *l, dc__passing *p, dc__endpoint *e, dc__frame *frame, int of)
{
    dc_relay *r = l->relay;
    void *message = frame->message;
    frame->message = NULL;
    pthread_mutex_lock(&r->lock);
    while (is_full(l, p))
        dc__wait_until(&r->room, &r->lock, dc__now_ns() + DC__POLL_NS);
    const dc_error err = dc__passing_put(p, &frame->header, message, of);
    dc__endpoint_wake(e);
    pthread_mutex_unlock(&r->lock);
    return err;
}

dc_error dc__relay_pass(dc__leaf *l, bool up, dc__frame *frame)
{
    return up ? pass(l, &l->to_parent, &l->up, frame, -1) : pass(l, &l->to_worker, &l->down, frame, -1);
}

dc_error dc__relay_pass_statistics(dc__leaf *l, dc__frame *frame, int number)
{
    return pass(l, &l->statistics, &l->up, frame, number);
}

void dc__relay_says(dc__leaf *l, bool up, const char *reason)
{
    uint8_t text[DC__REASON_BYTES + 2];
    char words[DC__REASON_BYTES];
    void *payload;
    (void)snprintf(words, sizeof words, "%.*s", DC__REASON_BYTES - 1, reason);
    dc__bytes out = dc__bytes_over(text, sizeof text);
    dc__put_text(&out, words);
    dc__header header = {.type = up ? DC__BYE : DC__STOP,
                         .payload_bytes = (uint32_t)(out.at - text),
                         .round = l->want == DC__NO_VERSION ? 0 : l->want};
    void *message = dc__link_alloc(header.payload_bytes, &payload);
    if (message) memcpy(payload, text, header.payload_bytes);
    (void)dc__passing_put(up ? &l->to_parent : &l->to_worker, &header, message, -1);
    if (up) l->said_bye = true;
    dc__endpoint_wake(up ? &l->up : &l->down);
}
