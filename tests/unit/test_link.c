/* test_link.c - every blocked call of a link ends: stopped, silent peer, lost connection, taken address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <nanomsg/nn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/link.h"

static char url[64];

static void open_pair(dc__link *a, dc__link *b, double silence_s, _Atomic bool *stop)
{
    assert_int_equal(dc__link_listen(a, url, "the far end", silence_s, stop), DC_OK);
    assert_int_equal(dc__link_dial(b, url, "the near end", silence_s, stop), DC_OK);
}

static void close_pair(dc__link *a, dc__link *b)
{
    dc__link_close(a);
    dc__link_close(b);
}

static void frames_arrive_as_sent(void **state)
{
    (void)state;
    dc__link a, b;
    open_pair(&a, &b, 60, NULL);
    for (uint32_t n = 0; n < 300000; n = 3 * n + 1) {
        void *payload;
        dc__frame frame;
        void *message = dc__link_alloc(n, &payload);
        memset(payload, (int)n, n);
        assert_int_equal(
            dc__link_send(&b, &(dc__header){.type = DC__GRAD, .payload_bytes = n, .round = n}, message),
            DC_OK);
        assert_int_equal(dc__link_receive(&a, &frame, -1), DC_OK);
        assert_true(frame.header.payload_bytes == n && frame.header.round == n);
        assert_int_equal((uintptr_t)frame.payload % 4, 0);
        for (uint32_t i = 0; i < n; i++)
            assert_int_equal(frame.payload[i], (uint8_t)n);
        dc__frame_free(&frame);
    }
    dc__frame none;
    assert_int_equal(dc__link_receive(&a, &none, 0), DC_OK); /* nothing came */
    assert_null(none.message);
    close_pair(&a, &b);
}

static void silence_ends_both_calls(void **state)
{
    (void)state;
    dc__link a, b;
    dc__frame frame;
    open_pair(&a, &b, .2, NULL);
    const int64_t from = dc__now_ns();
    assert_int_equal(dc__link_receive(&a, &frame, -1), DC_ETIMEOUT);
    assert_true(dc__now_ns() - from >= 100000000);
    assert_non_null(strstr(dc_last_error(), "no sign of life from the far end"));
    dc_error err = DC_OK; /* nobody reads: buffers fill, then the silence is noticed */
    for (int i = 0; !err && i < 1000; i++) {
        void *payload, *message = dc__link_alloc(1u << 20, &payload);
        memset(payload, 0, 1u << 20);
        err = dc__link_send(&b, &(dc__header){.type = DC__GRAD, .payload_bytes = 1u << 20}, message);
    }
    assert_int_equal(err, DC_ETIMEOUT);
    close_pair(&a, &b);
}

static void stop_ends_both_calls(void **state)
{
    (void)state;
    _Atomic bool stop = true;
    dc__link a;
    dc__frame frame;
    assert_int_equal(dc__link_listen(&a, url, "nobody", 60, &stop), DC_OK);
    assert_int_equal(dc__link_receive(&a, &frame, -1), DC_ESTOPPED);
    assert_int_equal(dc__link_send_small(&a, &(dc__header){.type = DC__PING}, NULL, 0), DC_ESTOPPED);
    dc__link_close(&a);
    dc__link_close(&a); /* twice is once */
}

static void a_lost_connection_is_noticed(void **state)
{
    (void)state;
    for (int dialer_goes = 0; dialer_goes < 2; dialer_goes++) {
        dc__link a, b;
        dc__frame frame;
        open_pair(&a, &b, 60, NULL);
        dc__link *goes = dialer_goes ? &b : &a, *stays = dialer_goes ? &a : &b;
        assert_int_equal(dc__link_send_small(goes, &(dc__header){.type = DC__PING}, NULL, 0), DC_OK);
        assert_int_equal(dc__link_receive(stays, &frame, -1), DC_OK);
        dc__frame_free(&frame);
        dc__link_close(goes);
        assert_int_equal(dc__link_receive(stays, &frame, -1), DC_EPEER);
        assert_non_null(strstr(dc_last_error(), "was lost"));
        close_pair(&a, &b);
    }
}

/* nanomsg connects again at once after it has cut a connection off; whatever was under way is gone. */
static void a_replaced_connection_is_noticed(void **state)
{
    (void)state;
    dc__link a, b;
    dc__frame frame;
    open_pair(&a, &b, 60, NULL);
    assert_int_equal(dc__link_send_small(&b, &(dc__header){.type = DC__PING}, NULL, 0), DC_OK);
    assert_int_equal(dc__link_receive(&a, &frame, -1), DC_OK);
    dc__frame_free(&frame);
    assert_int_equal(dc__link_receive(&b, &frame, 0), DC_OK); /* looks around: connected */
    void *huge = nn_allocmsg(DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES + 1, 0);
    memset(huge, 0, DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES + 1);
    assert_true(nn_send(b.socket, &huge, NN_MSG, 0) >= 0);
    assert_int_equal(dc__link_receive(&b, &frame, -1), DC_EPEER);
    close_pair(&a, &b);
}

static void a_taken_address_is_named(void **state)
{
    (void)state;
    dc__link a, b;
    assert_int_equal(dc__link_listen(&a, url, "one", 60, NULL), DC_OK);
    assert_int_not_equal(dc__link_listen(&b, url, "two", 60, NULL), DC_OK);
    assert_non_null(strstr(dc_last_error(), url));
    assert_int_equal(b.socket, -1);
    dc__link_close(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(frames_arrive_as_sent),
                                       cmocka_unit_test(silence_ends_both_calls),
                                       cmocka_unit_test(stop_ends_both_calls),
                                       cmocka_unit_test(a_lost_connection_is_noticed),
                                       cmocka_unit_test(a_replaced_connection_is_noticed),
                                       cmocka_unit_test(a_taken_address_is_named)};
    (void)snprintf(url, sizeof url, "ipc:///tmp/dynacomm-test-link-%ld", (long)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
