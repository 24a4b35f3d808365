/* test_channel.c - a channel is an ordered stream without a gap, whatever happens to its connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_url.h"
#include "unit/channel_pair.h"

/* ---- a stream whose every byte is known ---- */

typedef struct stream {
    dc__channel *channel;
    uint64_t seed;
    int messages;
    _Atomic int done;
    const char *wrong; /* NULL: all came as sent */
    pthread_t thread;
} stream;

static size_t draw_size(uint64_t *random)
{
    const uint64_t r = lies_random(random);
    return 1 + (size_t)(r % 8 == 0 ? (r >> 8) % MOST : (r >> 8) % 3000);
}

static void *send_all(void *argument)
{
    stream *s = argument;
    uint64_t random = s->seed;
    for (; s->done < s->messages; s->done++) {
        const size_t n = draw_size(&random);
        uint64_t word = lies_random(&random);
        uint8_t *message = word & 1 << 20 ? dc__channel_alloc(s->channel, n) : dc__message_alloc(n);
        for (size_t i = 0; i < n; i++)
            message[i] = (uint8_t)(word += i);
        while (!dc__channel_send(s->channel, message, n, 50))
            if (dc__channel_state_of(s->channel) == DC__CHANNEL_ENDED) {
                s->wrong = "the channel has ended for the sender";
                dc__message_free(message);
                return NULL;
            }
    }
    return NULL;
}

static void *receive_all(void *argument)
{
    stream *s = argument;
    uint64_t random = s->seed;
    while (s->done < s->messages && !s->wrong) {
        size_t n = 0;
        const bool ended = dc__channel_state_of(s->channel) == DC__CHANNEL_ENDED;
        uint8_t *message = dc__channel_receive(s->channel, &n, 50);
        if (!message) {
            if (ended) s->wrong = "the channel has ended for the receiver";
            continue;
        }
        if (n != draw_size(&random)) s->wrong = "a message of another size came";
        uint64_t word = lies_random(&random);
        for (size_t i = 0; !s->wrong && i < n; i++)
            if (message[i] != (uint8_t)(word += i)) s->wrong = "a byte is another";
        dc__message_free(message);
        s->done++;
    }
    return NULL;
}

/* Both directions at once; meanwhile (may be NULL) runs until it gives false. */
static void exchange(pair *p, uint64_t seed, int messages, bool (*meanwhile)(pair *, void *), void *context)
{
    stream s[4] = {{.channel = p->dialed, .seed = seed},
                   {.channel = p->accepted, .seed = seed},
                   {.channel = p->accepted, .seed = seed + 1},
                   {.channel = p->dialed, .seed = seed + 1}};
    for (int k = 0; k < 4; k++) {
        s[k].messages = messages;
        assert_int_equal(pthread_create(&s[k].thread, NULL, k % 2 ? receive_all : send_all, &s[k]), 0);
    }
    while (meanwhile && (s[1].done < messages || s[3].done < messages) && !s[1].wrong && !s[3].wrong)
        if (!meanwhile(p, context)) break;
    for (int k = 0; k < 4; k++) {
        pthread_join(s[k].thread, NULL);
        if (s[k].wrong)
            fail_msg("seed %llu, direction %d, message %d: %s", (unsigned long long)seed, k / 2,
                     (int)s[k].done, s[k].wrong);
    }
}

static void all_arrives_in_order(void **state)
{
    (void)state;
    const char *const urls[] = {test_url("order"), tcp_url(lies_free_port()), "inproc://test-channel"};
    for (int k = 0; k < 3; k++) {
        pair p;
        open_pair(&p, urls[k], urls[k]);
        exchange(&p, 40 + (uint64_t)k, 2000, NULL, NULL);
        assert_int_equal(dc__channel_reconnects(p.dialed), 0);
        close_pair(&p);
    }
}

static bool cut_again(pair *p, void *context)
{
    lies *l = context;
    const int64_t until = lies_now_ns() + 2000000 + (int64_t)(lies_random(&l->options.seed) % 8000000);
    while (lies_now_ns() < until)
        (void)sched_yield();
    if (dc__channel_state_of(p->dialed) == DC__CHANNEL_UP) l->cut_now = true;
    return true;
}

static void cut_a_hundred_times_nothing_is_lost(void **state)
{
    (void)state;
    const int port = lies_free_port();
    lies *l = lies_open((lies_options){.seed = 11, .port = port, .delay_most_ns = 500000});
    assert_non_null(l);
    pair p;
    open_pair(&p, tcp_url(port), tcp_url(l->port));
    uint64_t seed = 100;
    while (dc__channel_reconnects(p.dialed) < 100)
        exchange(&p, seed++, 300, cut_again, l);
    assert_true(l->cuts >= 100);
    close_pair(&p);
    lies_close(l);
}

static void a_network_of_lies_loses_nothing(void **state)
{
    (void)state;
    const char *text = getenv("LIES_SEED");
    const uint64_t first = text ? strtoull(text, NULL, 10) : 1;
    for (uint64_t seed = first; seed < first + 8; seed++) {
        const int port = lies_free_port();
        uint64_t random = seed;
        lies *l = lies_open((lies_options){.seed = seed,
                                           .port = port,
                                           .delay_most_ns = (int64_t)(lies_random(&random) % 3000000),
                                           .cut_bytes = 10000 + lies_random(&random) % 2000000,
                                           .still_most_ns = (int64_t)(lies_random(&random) % 100000000)});
        assert_non_null(l);
        pair p;
        open_pair(&p, tcp_url(port), tcp_url(l->port));
        print_message("LIES_SEED=%llu\n", (unsigned long long)seed);
        exchange(&p, seed, 200, NULL, NULL);
        close_pair(&p);
        lies_close(l);
    }
}

/* Somebody on the way changes, drops, repeats and reorders: nothing of it arrives, and nothing is lost. */
static void forgeries_do_not_arrive(void **state)
{
    (void)state;
    int forged = 0;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        const int port = lies_free_port();
        lies *l = lies_open((lies_options){.seed = seed, .port = port, .forge_one_in = 60});
        assert_non_null(l);
        pair p;
        open_pair(&p, tcp_url(port), tcp_url(l->port));
        exchange(&p, seed, 200, NULL, NULL);
        close_pair(&p);
        forged += l->forged;
        lies_close(l);
    }
    print_message("%d forged\n", forged);
    assert_true(forged >= 20);
}

/* Both ends know whether a frame needs a checksum. */
static void a_unix_socket_is_intact(void **state)
{
    (void)state;
    const char *const urls[] = {test_url("intact"), "inproc://test-intact", tcp_url(lies_free_port())};
    for (int k = 0; k < 3; k++) {
        pair p = {0};
        open_pair(&p, urls[k], urls[k]);
        await_up(p.dialed);
        await_up(p.accepted);
        assert_int_equal(dc__channel_is_intact(p.dialed), with_keys || k < 2);
        assert_int_equal(dc__channel_is_intact(p.accepted), with_keys || k < 2);
        close_pair(&p);
    }
}

static int take_keys(void **state)
{
    (void)state;
    with_keys = true;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_arrives_in_order),
        cmocka_unit_test(cut_a_hundred_times_nothing_is_lost),
        cmocka_unit_test(a_network_of_lies_loses_nothing),
        cmocka_unit_test(a_unix_socket_is_intact),
        cmocka_unit_test_setup(all_arrives_in_order, take_keys),
        cmocka_unit_test_setup(cut_a_hundred_times_nothing_is_lost, take_keys),
        cmocka_unit_test_setup(a_network_of_lies_loses_nothing, take_keys),
        cmocka_unit_test_setup(a_unix_socket_is_intact, take_keys),
        cmocka_unit_test_setup(forgeries_do_not_arrive, take_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
