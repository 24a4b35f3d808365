/* test_link.c - every blocked call of a link ends: stopped, silent peer, lost connection, taken address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/link.h"

static char url[64];

static dc__listener *listener;

/* a accepts, b dials. */
static void open_pair(dc__link *a, dc__link *b, double silence_s, _Atomic bool *stop)
{
    const size_t most = DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES;
    const dc__dial_options options = {.connect_s = 60, .refused_s = 60, .patience_s = 60, .most_bytes = most};
    dc__channel *dialed, *accepted;
    assert_int_equal(dc__listener_open(&listener, url, most), DC_OK);
    assert_int_equal(dc__channel_dial(&dialed, url, &options), DC_OK);
    while (!(accepted = dc__listener_accept(listener, 1000)))
        assert_int_not_equal(dc__channel_state_of(dialed), DC__CHANNEL_ENDED);
    dc__link_open(a, accepted, "the far end", silence_s, stop);
    dc__link_open(b, dialed, "the near end", silence_s, stop);
}

static void close_pair(dc__link *a, dc__link *b)
{
    dc__link_close(a, 0);
    dc__link_close(b, 0);
    dc__link_close(b, 0); /* twice is once */
    dc__listener_close(listener);
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

/* Nobody reads: buffers fill, and then the call ends for another reason. */
static dc_error send_until_it_fails(dc__link *link)
{
    dc_error err = DC_OK;
    for (int i = 0; !err && i < 1000; i++) {
        void *payload, *message = dc__link_alloc(1u << 20, &payload);
        memset(payload, 0, 1u << 20);
        err = dc__link_send(link, &(dc__header){.type = DC__GRAD, .payload_bytes = 1u << 20}, message);
    }
    return err;
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
    assert_non_null(strstr(dc_last_error(), "no heartbeat from the far end"));
    assert_int_equal(send_until_it_fails(&b), DC_ETIMEOUT);
    close_pair(&a, &b);
}

static void stop_ends_both_calls(void **state)
{
    (void)state;
    _Atomic bool stop = true;
    dc__link a, b;
    dc__frame frame;
    open_pair(&a, &b, 60, &stop);
    assert_int_equal(dc__link_receive(&a, &frame, -1), DC_ESTOPPED);
    assert_int_equal(send_until_it_fails(&a), DC_ESTOPPED);
    close_pair(&a, &b);
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
        dc__link_close(goes, 1000);
        assert_int_equal(dc__link_receive(stays, &frame, -1), DC_EPEER);
        assert_non_null(strstr(dc_last_error(), "was lost"));
        close_pair(&a, &b);
    }
}

/* What is larger than anything legal ends the connection. */
static void an_oversized_message_is_noticed(void **state)
{
    (void)state;
    dc__link a, b;
    dc__frame frame;
    open_pair(&a, &b, 60, NULL);
    assert_int_equal(dc__link_send_small(&b, &(dc__header){.type = DC__PING}, NULL, 0), DC_OK);
    assert_int_equal(dc__link_receive(&a, &frame, -1), DC_OK);
    dc__frame_free(&frame);
    void *huge = dc__message_alloc(DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES + 1);
    memset(huge, 0, DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES + 1);
    assert_true(dc__channel_send(b.channel, huge, DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES + 1, 1000));
    assert_int_equal(dc__link_receive(&a, &frame, -1), DC_EPROTO);
    assert_int_equal(dc__link_receive(&b, &frame, -1), DC_EPEER);
    close_pair(&a, &b);
}

static void a_taken_address_is_named(void **state)
{
    (void)state;
    dc__listener *a, *b;
    assert_int_equal(dc__listener_open(&a, url, 100), DC_OK);
    assert_int_equal(dc__listener_open(&b, url, 100), DC_ENET);
    assert_non_null(strstr(dc_last_error(), url));
    assert_null(b);
    dc__listener_close(a);
    assert_int_equal(dc__listener_open(&a, url, 100), DC_OK); /* and free again */
    dc__listener_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(frames_arrive_as_sent),
                                       cmocka_unit_test(silence_ends_both_calls),
                                       cmocka_unit_test(stop_ends_both_calls),
                                       cmocka_unit_test(a_lost_connection_is_noticed),
                                       cmocka_unit_test(an_oversized_message_is_noticed),
                                       cmocka_unit_test(a_taken_address_is_named)};
    (void)snprintf(url, sizeof url, "ipc:///tmp/dynacomm-test-link-%ld", (long)getpid());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
