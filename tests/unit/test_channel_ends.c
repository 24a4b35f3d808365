/* test_channel_ends.c - a channel ends with a line, once what was sent before has arrived, and when there can be
 * no connection any more; another program, version or protocol at its other end is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "net/record.h"
#include "test_url.h"
#include "unit/channel_pair.h"

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
    assert_true(dc__channel_send(c, message, n, 1000));
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
        dc__channel_close(closes, 1000);
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

/* A server that waits for newcomers hears of it at once. */
static void a_connection_that_breaks_wakes_who_accepts(void **state)
{
    (void)state;
    const int port = lies_free_port();
    dc__listener *listener;
    dc__channel *dialed;
    lies *between = lies_open((lies_options){.seed = 5, .port = port});
    assert_non_null(between);
    assert_int_equal(dc__listener_open(&listener, tcp_url(port), MOST), DC_OK);
    assert_int_equal(dc__channel_dial(&dialed, tcp_url(between->port), &patient), DC_OK);
    dc__channel *accepted = await_channel(listener);
    await_up(dialed);
    between->to = lies_free_port(); /* no other is made */
    between->cut_now = true;
    const int64_t began_ns = dc__now_ns();
    assert_null(dc__listener_accept(listener, 60000));
    assert_true(dc__now_ns() - began_ns < 30000000000);
    assert_int_equal(dc__channel_state_of(accepted), DC__CHANNEL_LOST);
    dc__channel_close(dialed, 0);
    dc__channel_close(accepted, 0);
    dc__listener_close(listener);
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
    for (int k = 0; k < 8; k++) {
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
        if (k == 6) /* in memory that nobody shares */
            dc__record_write(record, &(dc__record){.type = DC__RECORD_BUFFER, .length = 900});
        if (k == 7) record[1] = 1; /* a buffer, and no message in one */
        assert_int_equal(send(fd, record, sizeof record, MSG_NOSIGNAL), sizeof record);
        assert_int_equal(await_end(c), DC_EPROTO);
        dc__channel_close(c, 0);
        (void)close(fd);
    }
    dc__listener_close(listener);
}

static int say_hello(int port, const dc__hello *hello)
{
    uint8_t bytes[DC__HELLO_BYTES];
    const int fd = lies_socket(port, false);
    dc__hello_write(bytes, hello);
    assert_int_equal(send(fd, bytes, sizeof bytes, MSG_NOSIGNAL), sizeof bytes);
    return fd;
}

static void await_answer(int fd)
{
    uint8_t bytes[DC__ANSWER_BYTES];
    dc__answer answer;
    assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_WAITALL), sizeof bytes);
    assert_true(dc__answer_read(bytes, &answer));
    assert_int_equal(answer.status, DC__HELLO_OK);
    assert_false(answer.local); /* it came over TCP, whatever it said */
}

/* A dialer waited in vain for the answer to its first hello and came again; now the first one arrives, which knows of no
 * message yet. Its connection is closed, and the session goes on over the other. */
static void a_hello_that_comes_late_changes_nothing(void **state)
{
    (void)state;
    const int port = lies_free_port();
    dc__listener *listener;
    uint8_t bytes[DC__RECORD_BYTES + 2], byte;
    dc__record record;
    assert_int_equal(dc__listener_open(&listener, tcp_url(port), 1000), DC_OK);
    dc__hello hello = {.version = DC__GATE_VERSION, .local = true, .id = {5, 5}, .attempt = 2};
    const int fd = say_hello(port, &hello);
    await_answer(fd);
    dc__channel *c = await_channel(listener);
    for (int k = 0; k < 2; k++) { /* the second acknowledges the first */
        send_text(c, "me");
        assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_WAITALL), sizeof bytes);
        assert_true(dc__record_read(bytes, &record));
        assert_int_equal(record.type, DC__RECORD_MESSAGE);
        dc__record_write(bytes, &(dc__record){.type = DC__RECORD_ACK, .received = (uint64_t)k + 1});
        assert_int_equal(send(fd, bytes, DC__RECORD_BYTES, MSG_NOSIGNAL), DC__RECORD_BYTES);
    }
    hello.attempt = 1;
    const int late = say_hello(port, &hello);
    assert_int_equal(recv(late, &byte, 1, 0), 0); /* its end, without an answer */
    (void)close(late);
    assert_int_equal(dc__channel_state_of(c), DC__CHANNEL_UP);
    send_text(c, "me");
    assert_int_equal(recv(fd, bytes, sizeof bytes, MSG_WAITALL), sizeof bytes);
    hello =
        (dc__hello){.version = DC__GATE_VERSION, .resumes = true, .id = {5, 5}, .received = 3, .attempt = 3};
    const int again = say_hello(port, &hello);
    await_answer(again);
    send_text(c, "me");
    assert_int_equal(recv(again, bytes, sizeof bytes, MSG_WAITALL), sizeof bytes);
    (void)close(fd);
    (void)close(again);
    dc__channel_close(c, 0);
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
        cmocka_unit_test(a_killed_process_is_gone_at_once_on_one_machine),
        cmocka_unit_test(what_was_sent_before_a_close_arrives),
        cmocka_unit_test(a_listener_that_is_started_again_knows_nobody),
        cmocka_unit_test(a_connection_that_breaks_wakes_who_accepts),
        cmocka_unit_test(limits_of_patience),
        cmocka_unit_test(another_programs_port),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(lies_on_the_wire),
        cmocka_unit_test(a_hello_that_comes_late_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
