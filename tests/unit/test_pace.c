/* test_pace.c - who holds up the others and why: each of the three causes, rounds that say nothing, and that it is shown when
 * it has been so for a while, and once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "server/pace.h"

#define N DC__PACE_ROUNDS

/* Slot 2 is last by held_s of a second in `times` rounds, the others in turn by 0.01 s. */
static void fill(dc__paced rounds[N], int times, double held_s)
{
    for (int k = 0; k < N; k++)
        rounds[k] = k < times ? (dc__paced){2, held_s, 1} : (dc__paced){k % 2, .01, 1};
}

static void the_one_who_is_last_holds_up(void **state)
{
    (void)state;
    dc__paced rounds[N];
    double held_s, round_s;
    fill(rounds, N, .5);
    assert_int_equal(dc__pace_who(rounds, N, .2, &held_s, &round_s), 2);
    assert_true(held_s == .5 && round_s == 1);
    fill(rounds, N / 2 + 1, .3); /* most of them */
    assert_int_equal(dc__pace_who(rounds, N, .2, &held_s, &round_s), 2);
    fill(rounds, N / 2, .3); /* not most of them */
    assert_int_equal(dc__pace_who(rounds, N, .2, &held_s, &round_s), -1);
    fill(rounds, N, .15); /* not by much */
    assert_int_equal(dc__pace_who(rounds, N, .2, &held_s, &round_s), -1);
    fill(rounds, N, .01);
    rounds[3] = (dc__paced){1, 60, 61}; /* it was lost for a minute */
    assert_int_equal(dc__pace_who(rounds, N, .2, &held_s, &round_s), -1);
}

/* Three workers alike, but for what makes the last of them slow. */
static void expect_cause(dc_cause cause, double own_s)
{
    dc__pace_costs costs[3];
    double own, others;
    for (int k = 0; k < 3; k++)
        costs[k] = (dc__pace_costs){
            .slot = k, .of = {[DC_CAUSE_COMPUTE] = .4, [DC_CAUSE_UP] = .2, [DC_CAUSE_DOWN] = .1}};
    costs[2].of[cause] = own_s;
    const double usual = costs[0].of[cause];
    assert_int_equal(dc__pace_why(costs, 3, 2, &own, &others), cause);
    assert_true(own == own_s && others == usual);
}

static void each_cause_is_told_from_the_others(void **state)
{
    (void)state;
    expect_cause(DC_CAUSE_COMPUTE, .8);
    expect_cause(DC_CAUSE_UP, .8);
    expect_cause(DC_CAUSE_DOWN, .8);
    expect_cause(DC_CAUSE_UP, .3); /* what is above the others' counts, not what is most */
    expect_cause(DC_CAUSE_DOWN, .3);
}

static void a_cause_that_nobody_reported_is_unknown(void **state)
{
    (void)state;
    dc__pace_costs costs[2] = {{.slot = 0}, {.slot = 1}};
    double own, others;
    assert_int_equal(dc__pace_why(costs, 2, 1, &own, &others), DC_CAUSE_UNKNOWN);
    costs[0].of[DC_CAUSE_UP] = costs[1].of[DC_CAUSE_UP] = 1; /* no more than the others' */
    assert_int_equal(dc__pace_why(costs, 2, 1, &own, &others), DC_CAUSE_UNKNOWN);
    assert_true(own == 0 && others == 0);
}

/* ---- over time ---- */

static const dc__pace_costs costs[2] = {{.slot = 0, .of = {[DC_CAUSE_COMPUTE] = .1}},
                                        {.slot = 1, .of = {[DC_CAUSE_COMPUTE] = .5}}};

static void take(dc__pace *p, int rounds, int slot, double held_s)
{
    for (int k = 0; k < rounds; k++)
        p->rounds[p->n++ % N] = (dc__paced){slot, held_s, 1};
}

static bool look(dc__pace *p, double at_s)
{
    dc__straggler before;
    return dc__pace_look(p, costs, 2, (int64_t)(at_s * 1e9), &before);
}

static void it_is_said_once(void **state)
{
    (void)state;
    dc__pace p = {0};
    assert_int_equal(dc__pace_init(&p, 2), DC_OK);
    take(&p, N - 1, 1, .5);
    assert_false(look(&p, 1));
    assert_false(look(&p, 10)); /* too few rounds */
    take(&p, 1, 1, .5);
    assert_false(look(&p, 20));
    assert_false(look(&p, 20 + DC__PACE_SAY_S - .1));
    assert_int_equal(dc__pace_shown(&p).slot, -1);
    assert_true(look(&p, 20 + DC__PACE_SAY_S));
    const dc__straggler s = dc__pace_shown(&p);
    assert_true(s.slot == 1 && s.cause == DC_CAUSE_COMPUTE && s.own_s == .5 && s.others_s == .1 &&
                s.held_s == .5);
    for (int k = 0; k < 20; k++) { /* a little less, and a hiccup of the other */
        take(&p, 1, k % 5 ? 1 : 0, .15);
        assert_false(look(&p, 30 + k));
    }
    assert_int_equal(dc__pace_shown(&p).slot, 1);
    take(&p, N, 1, .05);
    assert_false(look(&p, 60));
    assert_true(look(&p, 60 + DC__PACE_SAY_S));
    assert_int_equal(dc__pace_shown(&p).slot, -1);
    take(&p, N, 1, .15); /* as much as before would not have been said */
    assert_false(look(&p, 70));
    assert_false(look(&p, 80));
    dc__pace_destroy(&p);
}

static void a_round_is_measured_by_who_is_last(void **state)
{
    (void)state;
    dc__pace p = {0};
    const dc__crew crew = {.n = 3, .member = {{.slot = 0}, {.slot = 3}, {.slot = 1}}};
    assert_int_equal(dc__pace_init(&p, 4), DC_OK);
    p.done_ns[0] = 2000000000;
    p.done_ns[3] = 5000000000;
    p.done_ns[1] = 3000000000;
    dc__pace_round(&p, &crew, 1000000000, false);
    assert_int_equal(p.n, 1);
    assert_true(p.rounds[0].slot == 3 && p.rounds[0].held_s == 2 && p.rounds[0].round_s == 4);
    dc__pace_round(&p, &crew, 2500000000, false); /* slot 0 has not pushed all of that one */
    assert_int_equal(p.n, 1);
    dc__pace_round(&p, &(dc__crew){.n = 1, .member = {{.slot = 3}}}, 1000000000, false); /* nobody waits */
    assert_int_equal(p.n, 1);
    dc__pace_round(&p, &crew, 4000000000, true); /* both others had pushed all of it before it began */
    assert_int_equal(p.n, 2);
    assert_true(p.rounds[1].slot == 3 && p.rounds[1].held_s == 1 && p.rounds[1].round_s == 1);
    dc__pace_destroy(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_who_is_last_holds_up), cmocka_unit_test(each_cause_is_told_from_the_others),
        cmocka_unit_test(a_cause_that_nobody_reported_is_unknown), cmocka_unit_test(it_is_said_once),
        cmocka_unit_test(a_round_is_measured_by_who_is_last)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
