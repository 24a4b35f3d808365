/* test_channel.c - a channel is an ordered stream without a gap, whatever happens to its connection; and it
 * ends with a line when there can be none any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "fault/lies.h"
#include "net/channel.h"
#include "net/record.h"
#include "test_url.h"

#define MOST 300000u

static const dc__dial_options patient = {
    .connect_s = 60, .refused_s = 60, .patience_s = 60, .most_bytes = MOST};

typedef struct pair {
    dc__listener *listener;
    dc__channel *dialed, *accepted;
} pair;

static dc__channel *await_channel(dc__listener *listener)
{
    dc__channel *c = NULL;
    while (!c)
        c = dc__listener_accept(listener, 1000);
    return c;
}

static void await_up(dc__channel *c)
{
    while (dc__channel_state_of(c) != DC__CHANNEL_UP)
        (void)sched_yield();
}

static void open_pair(pair *p, const char *listen, const char *dial)
{
    if (dc__listener_open(&p->listener, listen, MOST)) fail_msg("%s", dc_last_error());
    assert_int_equal(dc__channel_dial(&p->dialed, dial, &patient), DC_OK);
    p->accepted = await_channel(p->listener);
}

static void close_pair(pair *p)
{
    dc__channel_close(p->dialed, 1000);
    dc__channel_close(p->accepted, 1000);
    dc__listener_close(p->listener);
}

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
        uint8_t *message = dc__message_alloc(n);
        uint64_t word = lies_random(&random);
        for (size_t i = 0; i < n; i++)
            message[i] = (uint8_t)(word += i);
        while (!dc__channel_send(s->channel, message, 50))
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

static const char *tcp_url(int port)
{
    static char urls[8][40];
    static int next;
    char *url = urls[next++ % 8];
    (void)snprintf(url, sizeof urls[0], "tcp://127.0.0.1:%d", port);
    return url;
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

/* ---- ends ---- */

static dc_error await_end(dc__channel *c)
{
    size_t n;
    void *message;
    while (dc__channel_state_of(c) != DC__CHANNEL_ENDED)
        if ((message = dc__channel_receive(c, &n, 20))) dc__message_free(message);
    return dc__channel_error(c, "the peer");
}

static void send_text(dc__channel *c, const char *text)
{
    const size_t n = strlen(text);
    void *message = dc__message_alloc(n);
    memcpy(message, text, n);
    assert_true(dc__channel_send(c, message, 1000));
}

static void what_was_sent_before_a_close_arrives(void **state)
{
    (void)state;
    const char *const urls[] = {test_url("close"), tcp_url(lies_free_port()), "inproc://test-close"};
    for (int k = 0; k < 6; k++) {
        pair p;
        open_pair(&p, urls[k / 2], urls[k / 2]);
        dc__channel *closes = k % 2 ? p.dialed : p.accepted, *stays = k % 2 ? p.accepted : p.dialed;
        for (int i = 0; i < 100; i++)
            send_text(closes, "last words");
        dc__channel_close(closes, 10000);
        for (int i = 0; i < 100; i++) {
            size_t n;
            void *message = NULL;
            while (!message)
                message = dc__channel_receive(stays, &n, 1000);
            assert_int_equal(n, 10);
            dc__message_free(message);
        }
        assert_int_equal(await_end(stays), DC_EPEER);
        assert_non_null(strstr(dc_last_error(), "the connection to the peer was lost"));
        dc__channel_close(stays, 1000);
        dc__listener_close(p.listener);
    }
}

/* A process that is killed says nothing. On one machine that is known at once; a network may be to blame. */
static void a_killed_process_is_gone_at_once_on_one_machine(void **state)
{
    (void)state;
    const char *url = test_url("killed");
    dc__listener *listener;
    assert_int_equal(dc__listener_open(&listener, url, MOST), DC_OK);
    const pid_t child = fork();
    if (child == 0) {
        (void)execl("/proc/self/exe", "test_channel", url, (char *)NULL);
        _exit(127);
    }
    assert_true(child > 0);
    dc__channel *c = await_channel(listener);
    size_t n;
    void *message = NULL;
    while (!message)
        message = dc__channel_receive(c, &n, 1000);
    dc__message_free(message);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(await_end(c), DC_EPEER);
    dc__channel_close(c, 1000);
    dc__listener_close(listener);
}

static void a_listener_that_is_started_again_knows_nobody(void **state)
{
    (void)state;
    const char *url = tcp_url(lies_free_port());
    pair p;
    open_pair(&p, url, url);
    dc__channel *dialed;
    lies *between = lies_open((lies_options){.seed = 3, .port = atoi(strrchr(url, ':') + 1)});
    assert_non_null(between);
    assert_int_equal(dc__channel_dial(&dialed, tcp_url(between->port), &patient), DC_OK);
    dc__channel *accepted = await_channel(p.listener);
    await_up(dialed);
    /* the connection breaks before the goodbye can come through: a killed server says none */
    between->to = lies_free_port();
    between->cut_now = true;
    while (dc__channel_state_of(dialed) == DC__CHANNEL_UP)
        (void)sched_yield();
    dc__channel_close(accepted, 0);
    close_pair(&p);
    assert_int_equal(dc__listener_open(&p.listener, url, MOST), DC_OK);
    between->to = atoi(strrchr(url, ':') + 1);
    assert_int_equal(await_end(dialed), DC_EPEER);
    assert_non_null(strstr(dc_last_error(), "started again"));
    dc__channel_close(dialed, 0);
    dc__listener_close(p.listener);
    lies_close(between);
}

static void limits_of_patience(void **state)
{
    (void)state;
    static const struct {
        dc__dial_options options;
        dc_error err;
        const char *words;
        bool was_up, refused;
    } cases[] = {
        {{.connect_s = .3}, DC_ETIMEOUT, "no server answers at tcp://127.0.0.1", false, false},
        {{.connect_s = 9, .refused_s = .3, .patience_s = 60},
         DC_EPEER,
         "nobody has listened there",
         true,
         true},
        {{.connect_s = 9, .refused_s = 60, .patience_s = .3},
         DC_ETIMEOUT,
         "could not be made again",
         true,
         false},
    };
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        const int port = lies_free_port();
        dc__listener *listener = NULL;
        dc__channel *dialed, *accepted = NULL;
        dc__dial_options options = cases[k].options;
        options.most_bytes = MOST;
        lies *l = lies_open((lies_options){.seed = k, .port = port});
        assert_non_null(l);
        if (cases[k].was_up) assert_int_equal(dc__listener_open(&listener, tcp_url(port), MOST), DC_OK);
        assert_int_equal(dc__channel_dial(&dialed, tcp_url(k == 0 ? port : l->port), &options), DC_OK);
        if (listener) {
            accepted = await_channel(listener);
            await_up(dialed);
            l->to = lies_free_port(); /* accepts and breaks, which is not refused */
            if (cases[k].refused)
                lies_close(l);
            else
                l->cut_now = true;
        }
        assert_int_equal(await_end(dialed), cases[k].err);
        if (!strstr(dc_last_error(), cases[k].words)) fail_msg("%s", dc_last_error());
        dc__channel_close(dialed, 0);
        dc__channel_close(accepted, 0);
        dc__listener_close(listener);
        if (!cases[k].refused) lies_close(l);
    }
}

/* The port of a program that speaks something else is like one where nobody answers. */
static void another_programs_port(void **state)
{
    (void)state;
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    const int fd = lies_socket(0, true);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    const dc__dial_options options = {.connect_s = .5, .most_bytes = MOST};
    dc__channel *dialed;
    assert_int_equal(dc__channel_dial(&dialed, tcp_url(ntohs(at.sin_port)), &options), DC_OK);
    while (dc__channel_state_of(dialed) != DC__CHANNEL_ENDED) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 20) <= 0) continue;
        const int caller = accept(fd, NULL, NULL);
        static const char words[] = "220 mail.example ESMTP, at your service";
        (void)!send(caller, words, sizeof words, MSG_NOSIGNAL);
        (void)close(caller);
    }
    assert_int_equal(dc__channel_error(dialed, "the peer"), DC_ETIMEOUT);
    dc__channel_close(dialed, 0);
    (void)close(fd);
}

static void another_version_is_named(void **state)
{
    (void)state;
    struct sockaddr_in at;
    socklen_t n = sizeof at;
    const int fd = lies_socket(0, true);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    dc__channel *dialed;
    assert_int_equal(dc__channel_dial(&dialed, tcp_url(ntohs(at.sin_port)), &patient), DC_OK);
    const int caller = accept(fd, NULL, NULL);
    uint8_t bytes[DC__ANSWER_BYTES];
    dc__answer_write(bytes, &(dc__answer){.version = 99, .status = DC__HELLO_VERSION});
    assert_int_equal(send(caller, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
    assert_int_equal(await_end(dialed), DC_EVERSION);
    assert_non_null(strstr(dc_last_error(), "another version"));
    dc__channel_close(dialed, 0);
    (void)close(caller);
    (void)close(fd);
}

/* A peer that says what no gate says. */
static void lies_on_the_wire(void **state)
{
    (void)state;
    const int port = lies_free_port();
    dc__listener *listener;
    assert_int_equal(dc__listener_open(&listener, tcp_url(port), 1000), DC_OK);
    for (int k = 0; k < 6; k++) {
        uint8_t hello[DC__HELLO_BYTES], answer[DC__ANSWER_BYTES], record[DC__RECORD_BYTES];
        const int fd = lies_socket(port, false);
        dc__hello_write(hello, &(dc__hello){.version = DC__GATE_VERSION, .id = {(uint8_t)k, 1}});
        assert_int_equal(send(fd, hello, sizeof hello, MSG_NOSIGNAL), sizeof hello);
        assert_int_equal(recv(fd, answer, sizeof answer, MSG_WAITALL), sizeof answer);
        dc__channel *c = await_channel(listener);
        dc__record_write(record, &(dc__record){.type = DC__RECORD_MESSAGE, .length = 1001}); /* too long */
        if (k == 1) record[0] = 9;                                                           /* no type */
        if (k == 2)
            dc__record_write(record, &(dc__record){.type = DC__RECORD_ACK, .received = 1}); /* not sent */
        if (k == 3) dc__record_write(record, &(dc__record){.type = DC__RECORD_MESSAGE, .length = 0});
        if (k == 4) dc__record_write(record, &(dc__record){.type = DC__RECORD_HEARTBEAT, .length = 4});
        if (k == 5) memset(record + 4, 0xff, 4);
        assert_int_equal(send(fd, record, sizeof record, MSG_NOSIGNAL), sizeof record);
        assert_int_equal(await_end(c), DC_EPROTO);
        dc__channel_close(c, 0);
        (void)close(fd);
    }
    dc__listener_close(listener);
}

/* The process that is going to be killed. */
static int be_the_peer(const char *url)
{
    dc__channel *c;
    if (dc__channel_dial(&c, url, &patient)) return 1;
    send_text(c, "I am here");
    for (;;)
        (void)pause();
}

int main(int argc, char **argv)
{
    if (argc > 1) return be_the_peer(argv[1]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_arrives_in_order),
        cmocka_unit_test(a_killed_process_is_gone_at_once_on_one_machine),
        cmocka_unit_test(cut_a_hundred_times_nothing_is_lost),
        cmocka_unit_test(a_network_of_lies_loses_nothing),
        cmocka_unit_test(what_was_sent_before_a_close_arrives),
        cmocka_unit_test(a_listener_that_is_started_again_knows_nobody),
        cmocka_unit_test(limits_of_patience),
        cmocka_unit_test(another_programs_port),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(lies_on_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
