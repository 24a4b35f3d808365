/* test_shared.c - memory that two gates share carries what a socket would, and trusts nobody. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "fault/lies.h"
#include "net/shared.h"

#define LISTENERS_WRITTEN 128 /* where the memory has the listener's count of bytes written, */
#define DIALERS_READ 192      /* and the dialer's of bytes read */
#define PIECE 70000u
#define TOTAL ((uint64_t)40 << 20)

typedef struct ends {
    dc__shared *listens, *dials;
    int socket[2]; /* of who listens, of who dials */
    uint8_t *bytes;
    size_t n;
} ends;

static void open_ends(ends *e)
{
    int fd, came = -1;
    uint8_t byte = 7;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, e->socket), 0);
    e->listens = dc__shared_offer(&fd);
    assert_non_null(e->listens);
    assert_int_equal(dc__fd_send(e->socket[0], &byte, 1, fd), 1);
    assert_int_equal(dc__fd_receive(e->socket[1], &byte, 1, &came), 1);
    assert_true(came >= 0);
    e->n = (size_t)lseek(fd, 0, SEEK_END);
    e->bytes = mmap(NULL, e->n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(e->bytes, MAP_FAILED);
    assert_int_equal(close(fd), 0);
    assert_int_equal(dc__shared_settle(e->listens, e->socket[0]), DC__OFFER_OPEN);
    e->dials = dc__shared_take(came, e->socket[1]);
    assert_non_null(e->dials);
    assert_int_equal(dc__shared_settle(e->listens, e->socket[0]), DC__OFFER_TAKEN);
}

static void close_ends(ends *e)
{
    dc__shared_free(e->listens);
    dc__shared_free(e->dials);
    (void)munmap(e->bytes, e->n);
    for (int k = 0; k < 2; k++)
        if (e->socket[k] >= 0) assert_int_equal(close(e->socket[k]), 0);
}

static uint8_t byte_at(uint64_t at)
{
    return (uint8_t)(at * 2654435761u >> 13);
}

static void await(int socket)
{
    struct pollfd fd = {.fd = socket, .events = POLLIN};
    while (poll(&fd, 1, -1) < 0)
        ;
}

/* Sends TOTAL bytes in pieces of any size, sleeping where there is no room; then the socket's end. */
static void *send_all(void *argument)
{
    ends *e = argument;
    static uint8_t piece[PIECE];
    uint64_t random = 1, at = 0;
    while (at < TOTAL) {
        size_t n = 1 + (size_t)(lies_random(&random) % PIECE);
        if (n > TOTAL - at) n = (size_t)(TOTAL - at);
        for (size_t i = 0; i < n; i++)
            piece[i] = byte_at(at + i);
        const struct iovec iov[2] = {{piece, n / 3}, {piece + n / 3, n - n / 3}};
        const ssize_t sent = dc__shared_send(e->listens, e->socket[0], iov, 2);
        if (sent > 0)
            at += (uint64_t)sent;
        else if (errno != EAGAIN)
            return "the sender cannot send";
        else if (!dc__shared_sleeps(e->listens, false, true))
            await(e->socket[0]);
        dc__shared_wakes(e->listens);
    }
    return shutdown(e->socket[0], SHUT_WR) ? "no end" : NULL;
}

static void bytes_come_as_they_were_sent(void **state)
{
    (void)state;
    ends e;
    static uint8_t got[PIECE];
    uint64_t at = 0, random = 2, wrong = 0;
    pthread_t sender;
    void *failed;
    open_ends(&e);
    assert_int_equal(pthread_create(&sender, NULL, send_all, &e), 0);
    for (;;) {
        const ssize_t n =
            dc__shared_receive(e.dials, e.socket[1], got, 1 + (size_t)(lies_random(&random) % PIECE));
        if (n == 0) break;
        for (ssize_t i = 0; i < n; i++)
            wrong += got[i] != byte_at(at++);
        if (n > 0) continue;
        assert_int_equal(errno, EAGAIN);
        if (!dc__shared_sleeps(e.dials, true, false)) await(e.socket[1]);
        dc__shared_wakes(e.dials);
    }
    assert_int_equal(pthread_join(sender, &failed), 0);
    assert_null(failed);
    assert_int_equal(at, TOTAL);
    assert_int_equal(wrong, 0);
    close_ends(&e);
}

static void a_full_ring_wakes_its_writer_when_there_is_room(void **state)
{
    (void)state;
    ends e;
    static uint8_t all[DC__RING_BYTES];
    const struct iovec iov = {all, sizeof all};
    char byte;
    open_ends(&e);
    assert_int_equal(dc__shared_send(e.dials, e.socket[1], &iov, 1), sizeof all);
    assert_int_equal(dc__shared_send(e.dials, e.socket[1], &iov, 1), -1);
    assert_int_equal(errno, EAGAIN);
    assert_false(dc__shared_sleeps(e.dials, true, true));
    assert_true(dc__shared_sleeps(e.listens, true, false));
    assert_int_equal(dc__shared_receive(e.listens, e.socket[0], all, 1), 1);
    assert_int_equal(recv(e.socket[1], &byte, 1, MSG_DONTWAIT), -1); /* a byte of room is not worth it */
    assert_int_equal(dc__shared_receive(e.listens, e.socket[0], all, sizeof all / 2), sizeof all / 2);
    assert_int_equal(recv(e.socket[1], &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(byte, 0);
    close_ends(&e);
}

static void what_was_written_before_the_end_is_read_before_it(void **state)
{
    (void)state;
    ends e;
    uint8_t bytes[8] = "before";
    const struct iovec iov = {bytes, sizeof bytes};
    open_ends(&e);
    assert_int_equal(dc__shared_send(e.dials, e.socket[1], &iov, 1), sizeof bytes);
    assert_int_equal(close(e.socket[1]), 0);
    e.socket[1] = -1;
    assert_int_equal(dc__shared_receive(e.listens, e.socket[0], bytes, 3), 3);
    assert_true(dc__shared_has_input(e.listens));
    assert_int_equal(dc__shared_receive(e.listens, e.socket[0], bytes, sizeof bytes), 5);
    assert_int_equal(dc__shared_receive(e.listens, e.socket[0], bytes, sizeof bytes), 0);
    assert_int_equal(dc__shared_send(e.listens, e.socket[0], &iov, 1), -1);
    assert_int_equal(errno, EPIPE);
    close_ends(&e);
}

static void counts_that_cannot_be_are_not_believed(void **state)
{
    (void)state;
    static const uint64_t counts[] = {DC__RING_BYTES + 1, 1ull << 40, 1ull << 63};
    uint8_t byte = 0;
    const struct iovec iov = {&byte, 1};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        ends e;
        open_ends(&e);
        memcpy(e.bytes + LISTENERS_WRITTEN, &counts[k], sizeof counts[k]);
        memcpy(e.bytes + DIALERS_READ, &counts[k], sizeof counts[k]);
        assert_int_equal(dc__shared_receive(e.dials, e.socket[1], &byte, 1), -1);
        assert_int_equal(errno, EBADMSG);
        assert_int_equal(dc__shared_send(e.listens, e.socket[0], &iov, 1), -1);
        assert_int_equal(errno, EBADMSG);
        close_ends(&e);
    }
}

static void only_memory_that_stays_is_taken(void **state)
{
    (void)state;
    int socket[2], fd;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, socket), 0);
    dc__shared *s = dc__shared_offer(&fd);
    assert_non_null(s);
    const off_t n = lseek(fd, 0, SEEK_END);
    assert_int_equal(ftruncate(fd, 0), -1); /* nobody makes it shorter under who has taken it */
    dc__shared_free(s);
    assert_int_equal(close(fd), 0);
    const int seals[] = {0, F_SEAL_GROW, F_SEAL_SHRINK};
    for (int k = 0; k < 3; k++) {
        fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        assert_int_equal(ftruncate(fd, k < 2 ? n : n - 1), 0);
        assert_int_equal(fcntl(fd, F_ADD_SEALS, seals[k]), 0);
        assert_null(dc__shared_take(fd, socket[1]));
    }
    assert_null(dc__shared_take(open("/dev/null", O_RDWR | O_CLOEXEC), socket[1]));
    assert_null(dc__shared_take(-1, socket[1]));
    char byte;
    assert_int_equal(recv(socket[0], &byte, 1, MSG_DONTWAIT), -1); /* and nothing was said */
    assert_int_equal(close(socket[0]), 0);
    assert_int_equal(close(socket[1]), 0);
}

/* As where the descriptor was lost on the way: the peer's first byte is a record's. */
static void an_offer_that_was_not_taken_leaves_the_socket(void **state)
{
    (void)state;
    int socket[2], fd;
    char byte = 3;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, socket), 0);
    dc__shared *s = dc__shared_offer(&fd);
    assert_non_null(s);
    assert_int_equal(close(fd), 0);
    assert_int_equal(dc__shared_settle(s, socket[0]), DC__OFFER_OPEN);
    assert_int_equal(send(socket[1], &byte, 1, 0), 1);
    assert_int_equal(dc__shared_settle(s, socket[0]), DC__OFFER_NOT_TAKEN);
    assert_int_equal(recv(socket[0], &byte, 1, MSG_DONTWAIT), 1);
    assert_int_equal(byte, 3);
    dc__shared_free(s);
    assert_int_equal(close(socket[0]), 0);
    assert_int_equal(close(socket[1]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_as_they_were_sent),
        cmocka_unit_test(a_full_ring_wakes_its_writer_when_there_is_room),
        cmocka_unit_test(what_was_written_before_the_end_is_read_before_it),
        cmocka_unit_test(counts_that_cannot_be_are_not_believed),
        cmocka_unit_test(only_memory_that_stays_is_taken),
        cmocka_unit_test(an_offer_that_was_not_taken_leaves_the_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
