/* channel_pair.h - two ends of a channel in one process, for tests. */
#ifndef CHANNEL_PAIR_H
#define CHANNEL_PAIR_H

#include <sched.h>
#include <stdio.h>

#include "fault/lies.h"
#include "net/channel.h"

#define MOST 300000u

static const dc__dial_options patient = {
    .connect_s = 60, .refused_s = 60, .patience_s = 60, .most_bytes = MOST};

typedef struct pair {
    dc__listener *listener;
    dc__channel *dialed, *accepted;
} pair;

static inline dc__channel *await_channel(dc__listener *listener)
{
    dc__channel *c = NULL;
    while (!c)
        c = dc__listener_accept(listener, 1000);
    return c;
}

static inline void await_up(dc__channel *c)
{
    while (dc__channel_state_of(c) != DC__CHANNEL_UP)
        (void)sched_yield();
}

static inline void open_pair(pair *p, const char *listen, const char *dial)
{
    if (dc__listener_open(&p->listener, listen, MOST)) fail_msg("%s", dc_last_error());
    assert_int_equal(dc__channel_dial(&p->dialed, dial, &patient), DC_OK);
    p->accepted = await_channel(p->listener);
}

static inline void close_pair(pair *p)
{
    dc__channel_close(p->dialed, 1000);
    dc__channel_close(p->accepted, 1000);
    dc__listener_close(p->listener);
}

static inline const char *tcp_url(int port)
{
    static char urls[8][40];
    static int next;
    char *url = urls[next++ % 8];
    (void)snprintf(url, sizeof urls[0], "tcp://127.0.0.1:%d", port);
    return url;
}

#endif
