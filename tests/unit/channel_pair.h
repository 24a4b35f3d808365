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

/* Pairs that are opened from here on have keys: the dialed side's is that of member "m". */
static bool with_keys;

typedef struct pair {
    dc__listener *listener;
    dc__keeper keeper;
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

static inline dc__dial_keys *give_keys(pair *p)
{
    dc__dial_keys *keys = dc__secret_alloc(sizeof *keys);
    assert_non_null(keys);
    keys->cipher = dc__cipher_best();
    p->keeper = (dc__keeper){.pair = dc__secret_alloc(sizeof *p->keeper.pair)};
    assert_non_null(p->keeper.pair);
    dc__keypair_make(p->keeper.pair);
    dc__keypair_make(&keys->own);
    memcpy(keys->server_key, p->keeper.pair->public_key, DC__KEY_BYTES);
    assert_int_equal(dc__members_push(&p->keeper.members, "m", keys->own.public_key), DC_OK);
    return keys;
}

static inline void open_pair(pair *p, const char *listen, const char *dial)
{
    dc__dial_options options = patient;
    dc__dial_keys *keys = with_keys ? give_keys(p) : NULL;
    options.keys = keys;
    if (dc__listener_open_keyed(&p->listener, listen, MOST, keys ? &p->keeper : NULL))
        fail_msg("%s", dc_last_error());
    assert_int_equal(dc__channel_dial(&p->dialed, dial, &options), DC_OK);
    dc__secret_free(keys);
    p->accepted = await_channel(p->listener);
    if (keys && strncmp(dial, "inproc", 6) != 0) assert_string_equal(dc__channel_member(p->accepted), "m");
}

static inline void close_pair(pair *p)
{
    dc__channel_close(p->dialed, 1000);
    dc__channel_close(p->accepted, 1000);
    dc__listener_close(p->listener);
    if (with_keys) dc__keeper_close(&p->keeper);
}

/* It arrives. */
static inline void send_word(dc__channel *from, dc__channel *to, const char *word)
{
    size_t n = 0;
    void *message = dc__message_alloc(strlen(word)), *got = NULL;
    assert_non_null(message);
    memcpy(message, word, strlen(word));
    assert_true(dc__channel_send(from, message, strlen(word), 10000));
    while (!got)
        got = dc__channel_receive(to, &n, 1000);
    assert_int_equal(n, strlen(word));
    assert_memory_equal(got, word, n);
    dc__message_free(got);
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
