/* test_credit.c - what a link holds back until it is acknowledged,
 * what it measures, and what a peer may not claim. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "net/link.h"
#include "schedule/credit.h"
#include "test_url.h"

#define FRAME 4000u
#define SILENCE_S 20.0

typedef struct pair {
    dc__link a, b;
} pair;

static dc__listener *listener;

static void open_pair(pair *p)
{
    const dc__dial_options options = {.connect_s = 60, .most_bytes = 1 << 20};
    const char *url = test_url("credit");
    dc__channel *dialed, *accepted = NULL;
    assert_int_equal(dc__listener_open(&listener, url, 1 << 20), DC_OK);
    assert_int_equal(dc__channel_dial(&dialed, url, &options), DC_OK);
    while (!accepted)
        accepted = dc__listener_accept(listener, 1000);
    dc__link_open(&p->a, accepted, "b", SILENCE_S, NULL);
    dc__link_open(&p->b, dialed, "a", SILENCE_S, NULL);
}

static void close_pair(pair *p)
{
    dc__link_close(&p->a, 0);
    dc__link_close(&p->b, 0);
    dc__listener_close(listener);
}

static void send_frame(dc__link *link, dc__type type, uint32_t bytes)
{
    static uint8_t payload[FRAME];
    dc__header header = {.type = type, .flags = DC__BUSY};
    assert_int_equal(dc__link_send_small(link, &header, payload, bytes), DC_OK);
}

static dc_error receive(dc__link *link)
{
    dc__frame frame;
    const dc_error err = dc__link_receive(link, &frame, -1);
    dc__frame_free(&frame);
    return err;
}

static void test_a_window_holds_the_sender_until_the_ack(void **state)
{
    (void)state;
    pair p;
    open_pair(&p);
    assert_true(dc__link_has_credit(&p.a)); /* no bound */
    p.a.window_bytes = 2 * FRAME + 1;
    int sent = 0;
    for (; dc__link_has_credit(&p.a); sent++)
        send_frame(&p.a, DC__PARAM, FRAME);
    assert_int_equal(sent, 3);
    assert_false(dc__link_quiet(&p.a));
    assert_false(dc__link_owes_ack(&p.b));
    assert_int_equal(receive(&p.b), DC_OK);
    assert_true(dc__link_owes_ack(&p.b));
    assert_false(dc__link_has_credit(&p.a)); /* received, but not reported */
    send_frame(&p.b, DC__ACK, 0);
    assert_false(dc__link_owes_ack(&p.b));
    assert_int_equal(receive(&p.a), DC_OK);
    assert_true(dc__link_has_credit(&p.a));
    assert_false(dc__link_owes_ack(&p.a)); /* an ACK calls for no ACK */
    assert_int_equal(receive(&p.b), DC_OK);
    assert_int_equal(receive(&p.b), DC_OK);
    send_frame(&p.b, DC__GRAD, 8); /* any frame acknowledges, and one with a payload calls for it too */
    assert_int_equal(receive(&p.a), DC_OK);
    assert_true(dc__link_quiet(&p.a));
    assert_true(dc__link_owes_ack(&p.a));
    close_pair(&p);
}

static void test_a_window_below_a_frame_still_lets_one_go(void **state)
{
    (void)state;
    pair p;
    open_pair(&p);
    p.a.window_bytes = 1;
    for (int round = 0; round < 5; round++) {
        assert_true(dc__link_has_credit(&p.a));
        send_frame(&p.a, DC__PARAM, FRAME);
        assert_false(dc__link_has_credit(&p.a));
        assert_int_equal(receive(&p.b), DC_OK);
        send_frame(&p.b, DC__ACK, 0);
        assert_int_equal(receive(&p.a), DC_OK);
    }
    close_pair(&p);
}

/* Each end learns what the other measures, with any frame. */
static void test_frames_report_what_was_measured(void **state)
{
    (void)state;
    pair p;
    open_pair(&p);
    p.b.in_Bps = 1.5e6;
    send_frame(&p.b, DC__PING, 0);
    assert_int_equal(receive(&p.a), DC_OK);
    assert_true(p.a.out_Bps == 1.5e6);
    send_frame(&p.a, DC__PONG, 0);
    assert_true(p.a.cost_s > 0);
    send_frame(&p.a, DC__PONG, 0); /* the next one reports what the first one cost */
    assert_int_equal(receive(&p.b), DC_OK);
    assert_int_equal(receive(&p.b), DC_OK);
    assert_true(p.b.peer_cost_s > 0);
    assert_true(p.b.out_Bps == 0); /* nothing was measured there */
    for (int k = 0; k < 20; k++)
        send_frame(&p.a, DC__PARAM, FRAME);
    for (int k = 0; k < 20; k++)
        assert_int_equal(receive(&p.b), DC_OK);
    assert_true(p.b.in_Bps > 0 && p.b.in_Bps != 1.5e6);
    close_pair(&p);
}

static void test_a_peer_that_makes_things_up_is_refused(void **state)
{
    (void)state;
    for (int lie = 0; lie < 5; lie++) {
        pair p;
        open_pair(&p);
        send_frame(&p.a, DC__PARAM, FRAME);
        assert_int_equal(receive(&p.b), DC_OK);
        send_frame(&p.b, DC__ACK, 0);
        assert_int_equal(receive(&p.a), DC_OK);
        if (lie == 0) p.b.taken_bytes = FRAME + 1; /* more than was sent */
        if (lie == 1) p.b.taken_bytes = FRAME - 1; /* less than it said before */
        if (lie == 2) p.b.in_Bps = NAN;
        if (lie == 3) p.b.in_Bps = -1;
        if (lie == 4) p.b.cost_s = INFINITY;
        send_frame(&p.b, DC__PING, 0);
        assert_int_equal(receive(&p.a), DC_EPROTO);
        assert_non_null(strstr(dc_last_error(), "PING"));
        close_pair(&p);
    }
}

#define MS 1000000

/* 10 MB/s, with pauses, frames of two sizes and a receiver that wakes up late: 1 % of the truth. When the
 * link changes a little, a round of bytes makes up most of the estimate and three all but a twentieth; when
 * it changes a lot, to slower or to faster, one round leaves a twentieth too. */
static void test_the_meter_finds_the_goodput(void **state)
{
    (void)state;
    dc__meter m = {.memory_bytes = 100 * 50000};
    assert_true(dc__meter_Bps(&m) == 0);
    int64_t now = 1000 * (int64_t)MS;
    for (int k = 0; k < 300; k++) {
        const bool small = k % 3 == 0, pause = k % 10 == 0;
        now += pause ? 77 * MS : small ? 2 * MS : 5 * MS;
        const bool late = k % 10 == 5; /* the next one is then seen on time */
        dc__meter_frame(&m, now + (late ? MS : 0), small ? 20000 : 50000, !pause);
    }
    assert_true(fabs(dc__meter_Bps(&m) - 1e7) < 1e5);
    double after[3];
    for (int round = 0; round < 3; round++) {
        for (int k = 0; k < 100; k++)
            dc__meter_frame(&m, now += 4 * MS, 50000, true);
        after[round] = dc__meter_Bps(&m);
    }
    assert_true(fabs(after[0] - 1.25e7) < .4 * 2.5e6 && fabs(after[2] - 1.25e7) < .06 * 2.5e6);
    static const int frame_ms[] = {40, 2};
    for (int k = 0; k < 2; k++) {
        for (int frame = 0; frame < 100; frame++)
            dc__meter_frame(&m, now += frame_ms[k] * MS, 50000, true);
        const double truth = 5e7 / frame_ms[k];
        assert_true(fabs(dc__meter_Bps(&m) - truth) < .05 * truth);
    }
}

static void test_the_least_forgets(void **state)
{
    (void)state;
    dc__least l = {0};
    assert_true(dc__least_get(&l) == 0);
    dc__least_add(&l, 3);
    assert_true(dc__least_get(&l) == 3);
    for (int k = 0; k < DC__LEAST_OF; k++)
        dc__least_add(&l, 5 + k);
    assert_true(dc__least_get(&l) == 3); /* at least so many count */
    for (int k = 0; k < DC__LEAST_OF; k++)
        dc__least_add(&l, 9);
    assert_true(dc__least_get(&l) == 9); /* at most twice as many */
}

/* 100 Mbit/s over four servers, whose links four workers share: two slices are on their way to each, not three; four where two share; twice the rate is no more of them; on a long link there is
 * what travels, too; and segments, which go one after the other, have no bound. */
static void test_one_of_several_servers_gets_little_credit(void **state)
{
    (void)state;
    dc_plan plan = {.strategy = DC_DUPLEX, .slice_bytes = 65536};
    const double Bps = 12.5e6, share = 0.25;
    const uint64_t near = dc__shard_credit_bytes(&plan, Bps, share, 0.5e-3, 4);
    assert_in_range(near, plan.slice_bytes + 1, 2 * plan.slice_bytes);
    assert_in_range(dc__shard_credit_bytes(&plan, 2 * Bps, share, 0.5e-3, 4), near, 2 * plan.slice_bytes);
    assert_true(near < dc__mesh_credit_bytes(&plan, Bps, share, 0.5e-3));
    assert_true(near < dc__credit_bytes(&plan, Bps * share, Bps * share, 0.5e-3, 1e8, 1));
    const double rtt_s = 0.2;
    assert_true((double)dc__shard_credit_bytes(&plan, Bps, share, rtt_s, 4) >
                Bps * share * rtt_s + plan.slice_bytes);
    assert_in_range(dc__shard_credit_bytes(&plan, Bps, share, 0.5e-3, 2), 3 * plan.slice_bytes + 1,
                    4 * plan.slice_bytes);
    assert_int_equal(dc__shard_credit_bytes(&plan, Bps, share, 0.5e-3, 16), near);
    plan.strategy = DC_LAYERWISE;
    assert_int_equal(dc__shard_credit_bytes(&plan, Bps, share, rtt_s, 4), 0);
}

/* Over one server: what queues for its link is shared as credit is, so workers that share it have as little, whose own rate hardly counts. A
 * worker alone, and a link that is far narrower one way, get what their acknowledgements take. */
static void test_workers_of_one_server_get_little_credit(void **state)
{
    (void)state;
    dc_plan plan = {.strategy = DC_DUPLEX, .slice_bytes = 65536};
    const double Bps = 3e6, rtt_s = 0.5e-3;
    const uint64_t four = dc__credit_bytes(&plan, Bps, Bps, rtt_s, 1e8, 4);
    assert_in_range(four, plan.slice_bytes + 1, 2 * plan.slice_bytes);
    assert_in_range(dc__credit_bytes(&plan, Bps, Bps, rtt_s, 1e8, 2), 3 * plan.slice_bytes + 1,
                    4 * plan.slice_bytes);
    assert_int_equal(dc__credit_bytes(&plan, 1.5 * Bps, Bps, rtt_s, 1e8, 4),
                     four); /* it has more than its part */
    assert_true(dc__credit_bytes(&plan, Bps, Bps, rtt_s, 1e8, 1) > 5 * plan.slice_bytes);
    assert_int_equal(dc__credit_bytes(&plan, 5 * Bps, Bps, rtt_s, 1e8, 4),
                     dc__credit_bytes(&plan, 5 * Bps, Bps, rtt_s, 1e8, 1));
    assert_true((double)dc__credit_bytes(&plan, 1.9 * Bps, Bps, 0.2, 1e8, 4) >
                1.9 * Bps * 0.2 + plan.slice_bytes);
    plan.strategy = DC_LAYERWISE;
    assert_int_equal(dc__credit_bytes(&plan, Bps, Bps, rtt_s, 1e8, 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_of_several_servers_gets_little_credit),
        cmocka_unit_test(test_workers_of_one_server_get_little_credit),
        cmocka_unit_test(test_a_window_holds_the_sender_until_the_ack),
        cmocka_unit_test(test_a_window_below_a_frame_still_lets_one_go),
        cmocka_unit_test(test_frames_report_what_was_measured),
        cmocka_unit_test(test_a_peer_that_makes_things_up_is_refused),
        cmocka_unit_test(test_the_meter_finds_the_goodput),
        cmocka_unit_test(test_the_least_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
