/* test_buffers.c - messages in memory that two processes share: nobody's is used twice, none is lost, and lies get none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/buffers.h"
#include "net/link.h"
#include "test_url.h"
#include "unit/channel_pair.h"

#define N 20000u /* bytes of a message */
#define LANE_BYTES (DC__BUFFERS * DC__BUFFER_BYTES)
#define PAGE 4096u

/* Both ends of one memory, mapped twice. */
typedef struct ends {
    dc__buffers *end[2];
    uint8_t *map[2];
    int fd;
} ends;

static void open_ends(ends *e)
{
    const size_t n = PAGE + 2 * LANE_BYTES;
    e->fd = memfd_create("test-buffers", MFD_CLOEXEC);
    assert_int_equal(ftruncate(e->fd, (off_t)n), 0);
    for (int k = 0; k < 2; k++) {
        e->map[k] = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, e->fd, 0);
        assert_ptr_not_equal(e->map[k], MAP_FAILED);
        _Atomic uint32_t *held = (_Atomic uint32_t *)(void *)e->map[k];
        const dc__buffer_row lanes[2] = {{held, e->map[k] + PAGE},
                                         {held + DC__BUFFERS, e->map[k] + PAGE + LANE_BYTES}};
        e->end[k] = dc__buffers_new(e->map[k], n, lanes[k], lanes[!k]);
        assert_non_null(e->end[k]);
    }
}

static void close_ends(ends *e)
{
    for (int k = 0; k < 2; k++)
        dc__buffers_leave(e->end[k]);
    assert_int_equal(close(e->fd), 0);
}

/* How many mappings of such memory this process has. */
static int mappings(const char *name)
{
    char line[512];
    int n = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        n += strstr(line, name) != NULL;
    (void)fclose(f);
    return n;
}

static void a_message_is_where_it_was_written(void **state)
{
    (void)state;
    ends e;
    open_ends(&e);
    uint8_t *sent = dc__buffers_alloc(e.end[0], N);
    assert_non_null(sent);
    assert_int_equal((uintptr_t)sent % PAGE, 0);
    memset(sent, 7, N);
    const int number = dc__buffers_number(e.end[0], sent);
    assert_int_equal(number, 0);
    assert_int_equal(dc__buffers_number(e.end[1], sent), -1);
    uint8_t *received = dc__buffers_take(e.end[1], (uint32_t)number, N);
    assert_non_null(received);
    assert_int_equal(received[0] + received[N - 1], 14);
    assert_true(dc__buffers_received(received));
    assert_false(dc__buffers_received(sent));
    dc__message_free(received);
    dc__message_free(sent);
    void *other = dc__message_alloc(N);
    assert_false(dc__buffers_received(other));
    assert_false(dc__buffers_free(other));
    dc__message_free(other);
    close_ends(&e);
}

/* In whichever order the two ends free it. */
static void a_buffer_is_free_when_both_ends_have_freed_it(void **state)
{
    (void)state;
    for (int sender_first = 0; sender_first < 2; sender_first++) {
        ends e;
        void *sent[DC__BUFFERS];
        open_ends(&e);
        for (uint32_t k = 0; k < DC__BUFFERS; k++)
            sent[k] = dc__buffers_alloc(e.end[0], N);
        assert_non_null(sent[DC__BUFFERS - 1]);
        assert_null(dc__buffers_alloc(e.end[0], N));
        void *received = dc__buffers_take(e.end[1], 3, N);
        assert_true(dc__buffers_free(sender_first ? sent[3] : received));
        assert_null(dc__buffers_alloc(e.end[0], N));
        assert_true(dc__buffers_free(sender_first ? received : sent[3]));
        assert_ptr_equal(dc__buffers_alloc(e.end[0], N), sent[3]);
        assert_non_null(dc__buffers_alloc(e.end[1], N)); /* the other direction has its own */
        for (uint32_t k = 0; k < DC__BUFFERS; k++)
            assert_true(dc__buffers_free(sent[k]));
        assert_true(dc__buffers_free(e.map[1] + PAGE + LANE_BYTES));
        close_ends(&e);
        assert_int_equal(mappings("test-buffers"), 0);
    }
}

static void sizes_that_do_not_pay_or_fit_get_none(void **state)
{
    (void)state;
    ends e;
    open_ends(&e);
    assert_null(dc__buffers_alloc(e.end[0], DC__BUFFER_LEAST - 1));
    assert_null(dc__buffers_alloc(e.end[0], DC__BUFFER_BYTES + 1));
    assert_null(dc__buffers_alloc(e.end[0], SIZE_MAX));
    void *most = dc__buffers_alloc(e.end[0], DC__BUFFER_BYTES);
    assert_non_null(most);
    dc__message_free(most);
    close_ends(&e);
}

static void lies_are_not_taken(void **state)
{
    (void)state;
    ends e;
    open_ends(&e);
    assert_null(dc__buffers_take(e.end[1], DC__BUFFERS, N));
    assert_null(dc__buffers_take(e.end[1], UINT32_MAX, N));
    assert_null(dc__buffers_take(e.end[1], 0, DC__BUFFER_BYTES + 1));
    assert_null(dc__buffers_take(e.end[1], 0, 0));
    void *received = dc__buffers_take(e.end[1], 0, N);
    assert_non_null(received);
    assert_null(dc__buffers_take(e.end[1], 0, N)); /* it has not been freed */
    ((_Atomic uint32_t *)(void *)e.map[0])[0] = 0; /* whatever the memory says */
    assert_null(dc__buffers_take(e.end[1], 0, N));
    dc__message_free(received);
    close_ends(&e);
}

/* A connection may end while its last messages are still in use. */
static void the_memory_stays_until_the_last_message_is_freed(void **state)
{
    (void)state;
    ends e;
    open_ends(&e);
    uint8_t *sent = dc__buffers_alloc(e.end[0], N), *received = dc__buffers_take(e.end[1], 0, N);
    sent[5] = 9;
    close_ends(&e);
    assert_int_equal(received[5], 9);
    dc__message_free(sent);
    assert_int_equal(mappings("test-buffers"), 1);
    dc__message_free(received);
    assert_int_equal(mappings("test-buffers"), 0);
}

/* ---- over a unix socket ---- */

static void open_links(dc__link link[2], pair *p)
{
    const char *url = test_url("buffers");
    open_pair(p, url, url);
    dc__link_open(&link[0], p->dialed, "the near end", 60, NULL);
    dc__link_open(&link[1], p->accepted, "the far end", 60, NULL);
}

/* The sender's messages lie in buffers as soon as the gate knows of them. */
static void *alloc_in_buffer(dc__link *link, void **payload)
{
    for (;;) {
        void *message = dc__link_alloc_values(link, N, payload);
        assert_non_null(message);
        if (!dc__buffers_free(message)) {
            dc__message_free(message);
            (void)sched_yield();
            continue;
        }
        return dc__link_alloc_values(link, N, payload); /* the same one */
    }
}

/* What is read more than once is copied before: all but runs of floats as they are. */
static void only_floats_stay_where_the_peer_can_change_them(void **state)
{
    (void)state;
    static const dc__header headers[] = {{.type = DC__GRAD},
                                         {.type = DC__PARAM},
                                         {.type = DC__GRAD, .codec = 3},
                                         {.type = DC__PULL},
                                         {.type = DC__STATE}};
    dc__link link[2];
    pair p;
    open_links(link, &p);
    for (int k = 0; k < 5; k++) {
        void *payload, *message = alloc_in_buffer(&link[0], &payload);
        dc__header header = headers[k];
        dc__frame frame;
        header.payload_bytes = N;
        memset(payload, k + 1, N);
        assert_int_equal(dc__link_send(&link[0], &header, message), DC_OK);
        assert_int_equal(dc__link_receive(&link[1], &frame, -1), DC_OK);
        assert_int_equal(frame.header.type, headers[k].type);
        assert_int_equal(frame.payload[0] + frame.payload[N - 1], 2 * (k + 1));
        assert_int_equal(dc__buffers_received(frame.message), k < 2);
        dc__frame_free(&frame);
    }
    close_pair(&p);
}

/* Who keeps what it receives leaves the sender without a free buffer: the rest is copied, and all comes in order. */
static void who_keeps_all_buffers_still_receives(void **state)
{
    (void)state;
    enum { SENT = 3 * DC__BUFFERS };
    static dc__frame frames[SENT];
    dc__link link[2];
    pair p;
    int in_buffers = 0;
    open_links(link, &p);
    void *payload, *message = alloc_in_buffer(&link[0], &payload);
    dc__link_discard(message);
    for (int k = 0; k < SENT; k++) {
        message = dc__link_alloc_values(&link[0], N, &payload);
        memset(payload, k, N);
        assert_int_equal(
            dc__link_send(&link[0], &(dc__header){.type = DC__GRAD, .payload_bytes = N}, message), DC_OK);
        assert_int_equal(dc__link_receive(&link[1], &frames[k], -1), DC_OK);
    }
    for (int k = 0; k < SENT; k++) {
        assert_int_equal(frames[k].payload[0], (uint8_t)k);
        assert_int_equal(frames[k].payload[N - 1], (uint8_t)k);
        in_buffers += dc__buffers_received(frames[k].message);
    }
    assert_int_equal(in_buffers, DC__BUFFERS);
    for (int k = 0; k < SENT; k++)
        dc__frame_free(&frames[k]);
    close_pair(&p);
    assert_int_equal(mappings("memfd:dynacomm"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_where_it_was_written),
        cmocka_unit_test(a_buffer_is_free_when_both_ends_have_freed_it),
        cmocka_unit_test(sizes_that_do_not_pay_or_fit_get_none),
        cmocka_unit_test(lies_are_not_taken),
        cmocka_unit_test(the_memory_stays_until_the_last_message_is_freed),
        cmocka_unit_test(only_floats_stay_where_the_peer_can_change_them),
        cmocka_unit_test(who_keeps_all_buffers_still_receives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
