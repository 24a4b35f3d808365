/* test_roster.c - who makes which round: crews by number, borders, newcomers, those who left, a run that is resumed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "server/roster.h"

/* A worker with this id takes a slot, as admission has it. Its slot. */
static int come(dc__roster *r, uint64_t round, uint64_t id, int requested)
{
    int number = requested;
    const int slot = dc__roster_place(r, round, requested, &number);
    if (slot < 0) return -1;
    r->member[slot] = (dc__member){.id = id, .number = number, .images = 8};
    dc__roster_set(r, slot, DC__MEMBER_READY);
    return slot;
}

static void enter(dc__roster *r, int slot, uint64_t round)
{
    r->member[slot].enters = round;
    assert_true(dc__roster_advance(r, slot, DC__MEMBER_READY, DC__MEMBER_ENTERING));
}

/* The numbers of a round's crew, as "0 2+": + is fresh. */
static void crew_is(const dc__roster *r, uint64_t round, const char *expected)
{
    const dc__crew *crew = dc__roster_crew(r, round);
    char text[256] = "";
    uint64_t images = 0;
    for (int k = 0; k < crew->n; k++) {
        const size_t at = strlen(text);
        (void)snprintf(text + at, sizeof text - at, "%s%d%s", k ? " " : "", crew->member[k].number,
                       crew->member[k].fresh ? "+" : "");
        images += crew->member[k].images;
    }
    assert_string_equal(text, expected);
    assert_int_equal(crew->images, images);
}

static void a_run_begins_with_who_is_ready(void **state)
{
    (void)state;
    dc__roster r = {0};
    assert_int_equal(dc__roster_init(&r, 3, 2), DC_OK);
    assert_int_equal(r.n, 6);
    const int last = come(&r, 0, 22, 2), first = come(&r, 0, 11, -1);
    assert_int_equal(r.member[first].number, 0);
    assert_int_equal(dc__roster_find(&r, 22), last);
    assert_int_equal(dc__roster_numbered(&r, 2), last);
    assert_int_equal(dc__roster_numbered(&r, 1), -1);
    dc__roster_call(&r);
    const int late = come(&r, 0, 33, -1); /* ready between the two: it has not been prepared */
    assert_false(dc__roster_start(&r, 0, 3));
    assert_false(r.training);
    assert_true(dc__roster_start(&r, 0, 2));
    assert_true(r.training);
    crew_is(&r, 0, "0 2");
    crew_is(&r, 1, "0 2");
    assert_int_equal(r.member[late].state, DC__MEMBER_READY);
    int number = 0;
    assert_true(dc__roster_place(&r, 0, -1, &number) >= 0);
    assert_int_equal(number, 3); /* a number belongs to who had it */
    dc__roster_destroy(&r);
}

static void borders_are_where_crews_change(void **state)
{
    (void)state;
    dc__roster r = {0};
    assert_int_equal(dc__roster_init(&r, 2, 1), DC_OK);
    const int a = come(&r, 0, 11, -1), b = come(&r, 0, 22, -1);
    dc__roster_call(&r);
    assert_true(dc__roster_start(&r, 0, 2));
    assert_false(dc__roster_border(&r, 1));
    crew_is(&r, 1, "0 1");

    dc__roster_gone(&r, b, DC__MEMBER_LOST, "its cable"); /* it is waited for: it stays in the crew */
    assert_false(dc__roster_border(&r, 2));
    crew_is(&r, 2, "0 1");
    assert_int_equal(dc__roster_staying(&r, dc__roster_crew(&r, 2), -1), 2);
    assert_int_equal(dc__roster_staying(&r, dc__roster_crew(&r, 2), a), 1);

    dc__roster_gone(&r, b, DC__MEMBER_LEFT, "too late");
    assert_string_equal(r.member[b].reason, "too late");
    assert_int_equal(dc__roster_staying(&r, dc__roster_crew(&r, 2), -1), 1);
    crew_is(&r, 2, "0 1"); /* the round that is on keeps it */
    const int c = come(&r, 2, 33, -1);
    assert_int_equal(r.member[c].number, 2);
    enter(&r, c, 4);
    assert_true(dc__roster_border(&r, 3));
    crew_is(&r, 3, "0");
    assert_true(dc__roster_border(&r, 4));
    crew_is(&r, 4, "0 2+");
    assert_int_equal(r.member[c].state, DC__MEMBER_RUNNING);
    assert_true(dc__roster_border(&r, 5)); /* it is fresh no more */
    crew_is(&r, 5, "0 2");
    assert_false(dc__roster_border(&r, 6));
    dc__roster_destroy(&r);
}

/* Who left with all of its round given is one of the next ones, too, while without it they would be fewer than it takes: so they wait. */
static void a_crew_is_never_too_small(void **state)
{
    (void)state;
    dc__roster r = {0};
    assert_int_equal(dc__roster_init(&r, 3, 2), DC_OK);
    (void)come(&r, 0, 11, -1);
    const int b = come(&r, 0, 22, -1), c = come(&r, 0, 33, -1);
    dc__roster_call(&r);
    assert_true(dc__roster_start(&r, 0, 3));
    dc__roster_gone(&r, b, DC__MEMBER_LEFT, "stopped");
    assert_true(dc__roster_border(&r, 1));
    crew_is(&r, 1, "0 2");
    dc__roster_gone(&r, c, DC__MEMBER_LEFT, "stopped");
    assert_false(dc__roster_border(&r, 2));
    crew_is(&r, 2, "0 2");
    assert_int_equal(dc__roster_staying(&r, dc__roster_crew(&r, 2), -1), 1);
    enter(&r, come(&r, 2, 44, -1), 3);
    assert_true(dc__roster_border(&r, 3));
    crew_is(&r, 3, "0 3+");
    dc__roster_destroy(&r);
}

/* Over shards crews follow from what the first has decided alone, whatever is known of a worker here. */
static void over_shards_members_come_and_go_as_decided(void **state)
{
    (void)state;
    dc__roster r = {0};
    assert_int_equal(dc__roster_init(&r, 4, 1), DC_OK);
    r.spread = true;
    (void)come(&r, 0, 11, -1);
    const int b = come(&r, 0, 22, -1), gone = come(&r, 0, 33, -1);
    dc__roster_call(&r);
    r.member[gone].absent = true; /* it has left, and is a member */
    dc__roster_gone(&r, gone, DC__MEMBER_LEFT, "gone");
    assert_true(dc__roster_start(&r, 0, 1));
    crew_is(&r, 0, "0 1 2");
    assert_int_equal(r.member[gone].state, DC__MEMBER_LEFT);
    assert_int_equal(dc__roster_staying(&r, dc__roster_crew(&r, 0), -1), 2);
    assert_false(dc__roster_border(&r, 1));
    crew_is(&r, 1, "0 1 2");

    assert_true(dc__roster_pass(&r, 2, 1, 1)); /* this shard is at the same round as the first, */
    assert_true(dc__roster_pass(&r, 1, 2, 1)); /* and behind it */
    dc__roster_close(&r, gone);
    assert_int_equal(dc__roster_staying(&r, dc__roster_crew(&r, 1), -1), 1);
    assert_true(dc__roster_border(&r, 2));
    crew_is(&r, 2, "0 1");
    assert_false(dc__roster_pass(&r, 9, 2, 2)); /* nobody */
    assert_true(dc__roster_border(&r, 3));
    crew_is(&r, 3, "0");
    assert_false(dc__roster_pass(&r, 0, 1, 3)); /* round 2 has been made with it */

    dc__roster_set(&r, b, DC__MEMBER_READY);
    assert_true(dc__roster_let(&r, 1, 5, 3));
    assert_true(dc__roster_let(&r, 1, 5, 3)); /* another session of the same */
    enter(&r, b, 5);
    const int late = come(&r, 3, 44, -1);
    assert_true(dc__roster_let(&r, r.member[late].number, 6, 3));
    assert_true(dc__roster_pass(&r, r.member[late].number, 6, 3)); /* it died before: the one round has it */
    dc__roster_gone(&r, late, DC__MEMBER_LEFT, "gone");
    assert_false(dc__roster_border(&r, 4));
    assert_true(dc__roster_border(&r, 5));
    crew_is(&r, 5, "0 1+");
    assert_int_equal(r.member[b].state, DC__MEMBER_RUNNING);
    assert_false(r.member[b].leaves);
    assert_true(dc__roster_let(&r, 1, 5, 5)); /* as it is */
    assert_false(dc__roster_let(&r, 1, 4, 5));
    assert_true(dc__roster_border(&r, 6));
    crew_is(&r, 6, "0 1 3+");
    assert_int_equal(r.member[late].state, DC__MEMBER_LEFT);
    assert_true(dc__roster_border(&r, 7));
    crew_is(&r, 7, "0 1");
    dc__roster_destroy(&r);
}

/* A round that was closed without a member goes on without it also when it is back before the border. */
static void who_was_passed_over_comes_back_fresh(void **state)
{
    (void)state;
    dc__roster r = {0};
    assert_int_equal(dc__roster_init(&r, 2, 1), DC_OK);
    (void)come(&r, 0, 11, -1);
    const int b = come(&r, 0, 22, -1);
    dc__roster_call(&r);
    assert_true(dc__roster_start(&r, 0, 2));
    dc__roster_gone(&r, b, DC__MEMBER_LEFT, "gone");
    dc__roster_close(&r, b);
    dc__roster_set(&r, b, DC__MEMBER_READY);
    enter(&r, b, 1);
    assert_true(dc__roster_border(&r, 1));
    crew_is(&r, 1, "0 1+");
    assert_false(r.member[b].closed);

    /* but one that was only away for the rest of a round that it had given all of is not */
    dc__roster_gone(&r, b, DC__MEMBER_LOST, "gone");
    dc__roster_set(&r, b, DC__MEMBER_READY);
    enter(&r, b, 2);
    assert_true(dc__roster_border(&r, 2));
    crew_is(&r, 2, "0 1");
    dc__roster_destroy(&r);
}

static void a_round_whose_crew_left_is_taken_over(void **state)
{
    (void)state;
    dc__roster r = {0};
    assert_int_equal(dc__roster_init(&r, 2, 1), DC_OK);
    const int a = come(&r, 0, 11, -1), b = come(&r, 0, 22, -1);
    dc__roster_call(&r);
    assert_true(dc__roster_start(&r, 0, 2));
    dc__roster_gone(&r, a, DC__MEMBER_LEFT, "gone");
    dc__roster_gone(&r, b, DC__MEMBER_LEFT, "gone");
    assert_int_equal(dc__roster_staying(&r, dc__roster_crew(&r, 0), -1), 0);
    const int c = come(&r, 0, 33, -1);
    dc__roster_take_over(&r, 0, c);
    crew_is(&r, 0, "0 1 2+");
    assert_true(dc__roster_border(&r, 1));
    crew_is(&r, 1, "2");
    /* Slots of those whose gradients nobody needs any more are free again, once no crew that is kept has them. */
    assert_false(dc__roster_border(&r, 2));
    const int d = come(&r, 2, 44, -1), e = come(&r, 2, 55, -1), f = come(&r, 2, 66, -1);
    assert_true(d >= 0 && e >= 0 && f >= 0 && d != c && e != c && f != c);
    assert_int_equal(come(&r, 2, 77, -1), -1);
    assert_int_equal(r.member[f].number, 5);
    dc__roster_destroy(&r);
}

/* One that was passed over in a round before takes over, and stays; and it is no hindrance to the end of a run that it comes
 * back to when the last round is over. */
static void who_was_passed_over_takes_over_or_comes_too_late(void **state)
{
    (void)state;
    dc__roster r = {0};
    assert_int_equal(dc__roster_init(&r, 2, 1), DC_OK);
    const int a = come(&r, 0, 11, -1), b = come(&r, 0, 22, -1);
    dc__roster_call(&r);
    assert_true(dc__roster_start(&r, 0, 2));
    dc__roster_gone(&r, b, DC__MEMBER_LEFT, "gone");
    dc__roster_close(&r, b);
    assert_true(dc__roster_border(&r, 1));
    crew_is(&r, 1, "0");
    dc__roster_gone(&r, a, DC__MEMBER_LEFT, "gone");
    dc__roster_take_over(&r, 1, b);
    assert_true(dc__roster_border(&r, 2));
    crew_is(&r, 2, "1");

    dc__roster_set(&r, a, DC__MEMBER_READY);
    enter(&r, a, 3);
    assert_true(dc__roster_border(&r, 3));
    crew_is(&r, 3, "0+ 1");
    dc__roster_gone(&r, b, DC__MEMBER_LEFT, "gone");
    dc__roster_close(&r, b);
    assert_int_equal(dc__roster_finish(&r, a, 3), DC_OK);
    dc__roster_set(&r, b, DC__MEMBER_READY);
    enter(&r, b, 4);
    assert_true(dc__roster_all_finished(&r, 3));
    dc__roster_destroy(&r);
}

static void a_resumed_run_knows_its_workers(void **state)
{
    (void)state;
    dc__roster r = {0};
    int slots[3];
    assert_int_equal(dc__roster_init(&r, 2, 1), DC_OK);
    const dc__crew saved = {
        .n = 2, .member = {{.id = 11, .number = 0, .images = 8}, {.id = 33, .number = 7, .images = 8}}};
    dc__roster_recall(&r, &saved, slots);
    assert_int_equal(dc__roster_find(&r, 33), slots[1]);
    assert_int_equal(r.member[slots[1]].state, DC__MEMBER_LOST);
    dc__roster_set(&r, slots[1], DC__MEMBER_READY);
    const int c = come(&r, 9, 44, -1);
    assert_int_equal(r.member[c].number, 8);
    dc__roster_call(&r);
    assert_true(dc__roster_start(&r, 9, 2));
    crew_is(&r, 9, "7 8+"); /* whose statistics are those of 7 and of 0, which is not back */
    assert_int_equal(r.saved.n, 2);
    assert_int_equal(r.saved.member[1].number, 7);
    assert_int_equal(r.member[slots[0]].state, DC__MEMBER_LEFT);
    dc__roster_destroy(&r);

    /* There is no room for all of them: nobody is known, all begin with the mean. */
    dc__roster one = {0};
    assert_int_equal(dc__roster_init(&one, 1, 1), DC_OK);
    dc__roster_recall(&one, &saved, slots);
    assert_int_equal(slots[0], -1);
    assert_int_equal(slots[1], -1);
    assert_int_equal(come(&one, 9, 11, 0), 0);
    dc__roster_call(&one);
    assert_true(dc__roster_start(&one, 9, 1));
    crew_is(&one, 9, "0+");
    dc__roster_destroy(&one);
}

static void the_end_is_said_once(void **state)
{
    (void)state;
    dc__roster r = {0};
    char line[DC__LINE_BYTES];
    assert_int_equal(dc__roster_init(&r, 2, 1), DC_OK);
    const int a = come(&r, 0, 11, -1), b = come(&r, 0, 22, -1);
    dc__roster_call(&r);
    assert_true(dc__roster_start(&r, 0, 2));
    assert_int_equal(dc__roster_finish(&r, a, 5), DC_OK);
    assert_false(dc__roster_all_finished(&r, 5));
    assert_int_equal(dc__roster_pushes(&r, b, 4), DC_OK);
    assert_int_equal(dc__roster_pushes(&r, b, 5), DC_EPEER); /* a round that can never be whole */
    assert_non_null(strstr(dc_last_error(), "worker 0 finished after round 5 but worker 1 goes on"));
    dc__roster_gone(&r, b, DC__MEMBER_LEFT, "gone");
    assert_true(dc__roster_all_finished(&r, 5));
    dc__roster_end(&r, DC_OK, "");
    dc__roster_end(&r, DC_EPEER, "too late");
    assert_int_equal(dc__roster_result(&r, line), DC_OK);
    assert_string_equal(line, "");
    dc__roster_destroy(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_run_begins_with_who_is_ready),
                                       cmocka_unit_test(borders_are_where_crews_change),
                                       cmocka_unit_test(a_crew_is_never_too_small),
                                       cmocka_unit_test(who_was_passed_over_comes_back_fresh),
                                       cmocka_unit_test(over_shards_members_come_and_go_as_decided),
                                       cmocka_unit_test(a_round_whose_crew_left_is_taken_over),
                                       cmocka_unit_test(who_was_passed_over_takes_over_or_comes_too_late),
                                       cmocka_unit_test(a_resumed_run_knows_its_workers),
                                       cmocka_unit_test(the_end_is_said_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
