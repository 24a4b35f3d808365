/* test_given.c - what one worker has pushed, over several sessions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "server/given.h"

#define BLOCKS 130u

static void note(dc__given *g, uint64_t round, uint32_t first, uint32_t end, uint32_t wanted)
{
    uint32_t n, lead;
    assert_true(dc__given_note(g, round, first, end, &n, &lead));
    assert_int_equal(n, wanted);
    if (n > 0) assert_true(lead >= first && lead < end && !dc__given_was_had(g, lead));
}

static void each_block_comes_once(void **state)
{
    (void)state;
    dc__given g = {0};
    uint32_t n, lead;
    assert_int_equal(dc__given_allocate(&g, BLOCKS), DC_OK);
    dc__given_reset(&g);
    dc__given_enter(&g, 4);
    assert_true(dc__given_is_even(&g, 4));
    assert_false(dc__given_is_even(&g, 5));
    note(&g, 4, 60, 70, 10);
    assert_false(dc__given_is_even(&g, 4));
    assert_false(dc__given_note(&g, 4, 69, 71, &n, &lead));
    note(&g, 4, 0, 60, 60);
    note(&g, 4, 70, BLOCKS, BLOCKS - 70);
    assert_true(dc__given_is_even(&g, 5));
    note(&g, 5, 0, 1, 1); /* another round begins with nothing */
    assert_false(dc__given_has(&g, 1));
    dc__given_free(&g);
}

/* What had come of the round before a process began with nothing is of one that had something; what such processes gave is not. */
static void what_came_before_it_forgot_stays_the_same(void **state)
{
    (void)state;
    dc__given g = {0};
    const uint64_t *blocks;
    assert_int_equal(dc__given_allocate(&g, BLOCKS), DC_OK);
    dc__given_reset(&g);
    note(&g, 7, 3, 5, 2);
    assert_true(dc__given_resume(&g, 7));
    assert_true(dc__given_forgets(&g, 7, &blocks));
    assert_non_null(blocks);
    assert_int_equal(blocks[0], 3u << 3);
    note(&g, 7, 5, 6, 1);
    assert_true(dc__given_resume(&g, 7));
    assert_false(dc__given_forgets(&g, 7, &blocks));
    assert_true(dc__given_forgets(&g, 8, &blocks));
    assert_null(blocks);
    dc__given_free(&g);
}

static void what_was_had_comes_again_once(void **state)
{
    (void)state;
    dc__given g = {0};
    uint32_t n, lead;
    assert_int_equal(dc__given_allocate(&g, BLOCKS), DC_OK);
    dc__given_reset(&g);
    note(&g, 7, 60, 70, 10);
    assert_true(dc__given_resume(&g, 7));
    note(&g, 7, 65, 75, 5);
    assert_true(dc__given_was_had(&g, 65));
    for (uint32_t b = 65; b < 70; b++)
        dc__given_again(&g, b);
    assert_false(dc__given_note(&g, 7, 69, 70, &n, &lead)); /* twice in this session */
    assert_true(dc__given_resume(&g, 7));                   /* lost again: all of both sessions is had */
    note(&g, 7, 60, 75, 0);
    dc__given_remove(&g, 60);
    dc__given_remove(&g, 60);
    dc__given_add(&g, 61);
    assert_int_equal(g.n, 14);
    for (uint32_t b = 0; b < BLOCKS; b++)
        dc__given_add(&g, b);
    assert_int_equal(g.n, BLOCKS);
    assert_false(dc__given_resume(&g, 7)); /* all of that round is given: it begins with the next */
    assert_true(dc__given_resume(&g, 8));
    dc__given_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_block_comes_once),
                                       cmocka_unit_test(what_was_had_comes_again_once),
                                       cmocka_unit_test(what_came_before_it_forgot_stays_the_same)};
    return cmocka_run_group_tests_name("given", tests, NULL, NULL);
}
