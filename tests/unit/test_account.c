/* test_account.c - whose slice goes next over a link that several endpoints leave by, and how much may be under way. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "endpoint/account.h"

enum { ENDS = 3, SLICE = 100 };

/* Links without endpoints: the test is their senders. */
typedef struct ends {
    dc__account account;
    pthread_mutex_t lock[ENDS];
    pthread_cond_t work[ENDS];
    dc__link link[ENDS];
} ends;

static void begin(ends *x, uint64_t window)
{
    *x = (ends){0};
    dc__account_init(&x->account);
    x->account.window_bytes = window;
    for (int k = 0; k < ENDS; k++) {
        pthread_mutex_init(&x->lock[k], NULL);
        pthread_cond_init(&x->work[k], NULL);
        assert_int_equal(dc__account_join(&x->account, &x->link[k], &x->lock[k], &x->work[k]), k);
    }
}

static void end(ends *x)
{
    for (int k = 0; k < ENDS; k++) {
        dc__account_leave(&x->account, k);
        pthread_mutex_destroy(&x->lock[k]);
        pthread_cond_destroy(&x->work[k]);
    }
    dc__account_destroy(&x->account);
}

static bool grants(ends *x, int k, double position)
{
    return dc__account_grants(&x->account, k, position, SLICE);
}

static void send(ends *x, int k)
{
    x->link[k].given_bytes += SLICE;
    dc__account_sent(&x->account, k);
}

static void the_lowest_goes_first(void **state)
{
    (void)state;
    ends x;
    begin(&x, 2 * SLICE);
    assert_true(grants(&x, 0, 0.5)); /* nobody else has anything */
    send(&x, 0);
    assert_true(grants(&x, 1, 0.4));
    assert_false(grants(&x, 0, 0.6)); /* the window is used up: one given, one about to be */
    send(&x, 1);
    assert_false(grants(&x, 2, 0.2));
    x.link[0].acked_bytes += SLICE;
    assert_false(grants(&x, 0, 0.6)); /* there is room, but not for this one first */
    assert_true(grants(&x, 2, 0.2));
    send(&x, 2);
    x.link[1].acked_bytes += SLICE;
    assert_true(grants(&x, 0, 0.6)); /* who is lower has gone */
    send(&x, 0);
    end(&x);
}

static void who_has_nothing_holds_up_nobody(void **state)
{
    (void)state;
    ends x;
    begin(&x, SLICE);
    assert_true(grants(&x, 0, 0));
    send(&x, 0);
    assert_false(grants(&x, 1, 0.1));
    assert_false(grants(&x, 2, 0.2));
    x.link[0].acked_bytes += SLICE;
    assert_false(grants(&x, 1, INFINITY)); /* its credit is used up, or its queue was cleared */
    assert_true(grants(&x, 2, 0.2));
    send(&x, 2);
    end(&x);
}

static void a_slice_larger_than_the_window_goes_alone(void **state)
{
    (void)state;
    ends x;
    begin(&x, SLICE / 4);
    assert_true(grants(&x, 0, 0.5));
    send(&x, 0);
    assert_false(grants(&x, 1, 0.1));
    x.link[0].acked_bytes += SLICE;
    assert_true(grants(&x, 1, 0.1));
    send(&x, 1);
    end(&x);
}

static void without_a_window_order_alone_counts(void **state)
{
    (void)state;
    ends x;
    uint64_t given, acked, taken;
    begin(&x, 0);
    for (int n = 0; n < 5; n++) {
        assert_true(grants(&x, n % ENDS, 0.1 * n));
        send(&x, n % ENDS);
    }
    x.link[1].acked_bytes = SLICE;
    x.link[2].taken_bytes = 7;
    dc__account_moved(&x.account, &given, &acked, &taken);
    assert_int_equal(given, 5 * SLICE);
    assert_int_equal(acked, SLICE);
    assert_int_equal(taken, 7);
    end(&x);
}

/* As the second one's sender, which waits for its turn. */
static void *wait_for_turn(void *all)
{
    ends *x = all;
    pthread_mutex_lock(&x->lock[1]);
    while (!grants(x, 1, 0.5))
        pthread_cond_wait(&x->work[1], &x->lock[1]);
    pthread_mutex_unlock(&x->lock[1]);
    return NULL;
}

static void an_acknowledgement_wakes_whose_turn_it_is(void **state)
{
    (void)state;
    ends x;
    pthread_t thread;
    begin(&x, SLICE);
    assert_true(grants(&x, 0, 0));
    send(&x, 0);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_turn, &x), 0);
    x.link[0].acked_bytes += SLICE;
    dc__account_wake(&x.account); /* before or after the other waits: it sees the room either way */
    pthread_join(thread, NULL);
    end(&x);
}

/* A worker that is behind waits for parameters of its version, and nobody can do anything with gradients for the next one before. */
static void versions_go_before_blocks(void **state)
{
    (void)state;
    uint64_t offset[] = {0, 10, 20, 30};
    const dc_model m = {.n_blocks = 3, .block_offset = offset};
    assert_true(dc__position(&m, 4, 2, 3) < dc__position(&m, 5, 0, 0));
    assert_true(dc__position(&m, 5, 0, 3) < dc__position(&m, 5, 1, 0));
    assert_true(dc__position(&m, 5, 1, 0) < dc__position(&m, 5, 1, 1));
    assert_true(dc__position(&m, UINT32_MAX, 1, 0) <
                dc__position(&m, UINT32_MAX, 1, 1)); /* still told apart */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_goes_first),
        cmocka_unit_test(who_has_nothing_holds_up_nobody),
        cmocka_unit_test(a_slice_larger_than_the_window_goes_alone),
        cmocka_unit_test(without_a_window_order_alone_counts),
        cmocka_unit_test(an_acknowledgement_wakes_whose_turn_it_is),
        cmocka_unit_test(versions_go_before_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
