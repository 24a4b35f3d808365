/* test_server_others.c - who connects to a server and is no worker of its run disturbs nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/record.h"
#include "unit/honest_run.h"

/* An unauthenticated peer's connection that has said these bytes. */
static int connect_and_say(int port, const void *bytes, size_t n)
{
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    assert_true(send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n);
    return fd;
}

static void expect_end(int fd)
{
    char byte[64];
    while (recv(fd, byte, sizeof byte, 0) > 0)
        ;
}

/* Bytes that are not a gate's; the connections stay open all the while. */
static void other_programs_at_the_port(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        bool ends; /* at once: it cannot be a hello */
    } said[] = {{"GET / HTTP/1.1\r\n\r\n", 18, true},
                {"\x00SP\x00\x00\x10\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", 16, true}, /* nanomsg's */
                {"DYNCGATE\x01\x00\x07\x00\x00\x00\x00\x00"
                 "0123456789abcdef\x00\x00\x00\x00\x00\x00\x00\x00",
                 40, true}, /* no kind of session */
                {"DYNC", 4, false},
                {"", 0, false}};
    enum { N = sizeof said / sizeof *said };
    const char *url = "tcp://127.0.0.1:17730";
    box *b = open_box(url, 2, NULL);
    int fd[4 * N];
    for (int i = 0; i < 4 * N; i++)
        fd[i] = connect_and_say(17730, said[i % N].bytes, said[i % N].n);
    for (int i = 0; i < 4 * N; i++)
        if (said[i % N].ends) expect_end(fd[i]);
    honest_run(b, url, 2);
    for (int i = 0; i < 4 * N; i++)
        (void)close(fd[i]);
}

/* Who says that it goes on with a session, and one more who joins, while a worker trains: neither is let in,
 * and neither disturbs anybody. */
static void others_while_a_worker_trains(void **state)
{
    (void)state;
    const char *url = "tcp://127.0.0.1:17740";
    box *b = open_box(url, 1, NULL);
    fake_model *m = fake_model_new("fake", true);
    fake f;
    assert_int_equal(fake_enter(&f, url, 0, m), DC_OK);
    assert_int_equal(fake_wait_start(&f), DC_OK);
    assert_int_equal(fake_round(&f, .5f), DC_OK);
    uint8_t bytes[DC__HELLO_BYTES];
    dc__answer answer;
    dc__hello_write(bytes,
                    &(dc__hello){.version = DC__GATE_VERSION, .resumes = true, .id = {7}, .received = 3});
    const int fd = connect_and_say(17740, bytes, sizeof bytes);
    assert_int_equal(recv(fd, bytes, DC__ANSWER_BYTES, MSG_WAITALL), DC__ANSWER_BYTES);
    assert_true(dc__answer_read(bytes, &answer));
    assert_int_equal(answer.status, DC__HELLO_UNKNOWN);
    expect_end(fd);
    (void)close(fd);
    const dc__join join = fake_join_for(-1);
    expect_refusal(url, &join, m, DC_EFULL, "start it for 2");
    for (int r = 0; r < 3; r++)
        assert_int_equal(fake_round(&f, .5f), DC_OK);
    assert_int_equal(fake_bye(&f, 4, true), DC_OK);
    dc__frame frame;
    assert_int_equal(fake_expect(&f, DC__BYE_ACK, &frame), DC_OK);
    dc__frame_free(&frame);
    fake_close(&f);
    box_wait_end(b);
    assert_int_equal(b->err, DC_OK);
    box_close(b);
    fake_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_programs_at_the_port),
        cmocka_unit_test(others_while_a_worker_trains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
