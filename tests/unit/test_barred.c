/* test_barred.c - who is kept out of a run: the list, its bound, and its file over a server that is started again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "server/barred.h"

typedef struct place {
    char dir[32], path[64], line[DC__LINE_BYTES];
    dc__log log;
    dc__barred list;
} place;

static void keep_line(void *context, const char *line)
{
    (void)snprintf(context, DC__LINE_BYTES, "%s", line);
}

static int setup(void **state)
{
    place *p = calloc(1, sizeof *p);
    (void)snprintf(p->dir, sizeof p->dir, "/tmp/dynacomm-test-XXXXXX");
    if (!p || !mkdtemp(p->dir)) return -1;
    (void)snprintf(p->path, sizeof p->path, "%s/fake.barred", p->dir);
    dc__log_init(&p->log, keep_line, p->line);
    dc__barred_init(&p->list);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    place *p = *state;
    dc__barred_destroy(&p->list);
    dc__log_destroy(&p->log);
    (void)unlink(p->path);
    const int left = rmdir(p->dir);
    free(p);
    return left;
}

/* Another server. */
static void start_again(place *p)
{
    dc__barred_destroy(&p->list);
    memset(&p->list, 0, sizeof p->list);
    dc__barred_init(&p->list);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void a_server_that_is_started_again_knows(void **state)
{
    place *p = *state;
    char why[DC__LINE_BYTES];
    assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", true), DC_OK); /* there is no file yet */
    assert_false(dc__barred_has(&p->list, 7, why));
    dc__barred_add(&p->list, 7, "worker 1 sent\na line");
    dc__barred_add(&p->list, UINT64_MAX, "worker 2");
    dc__barred_add(&p->list, 7, "and again");
    dc__barred_save(&p->list, &p->log);
    start_again(p);
    assert_false(dc__barred_has(&p->list, 7, why));
    assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", true), DC_OK);
    assert_true(dc__barred_has(&p->list, 7, why));
    assert_string_equal(why, "worker 1 sent?a line");
    assert_true(dc__barred_has(&p->list, UINT64_MAX, NULL));
    assert_false(dc__barred_has(&p->list, 8, NULL));
    assert_string_equal(p->line, "");
}

static void a_new_run_keeps_out_whom_it_met(void **state)
{
    place *p = *state;
    write_text(p->path, "00000000000000aa of another run\n");
    dc__barred_add(&p->list, 7, "before the run had a name");
    dc__barred_save(&p->list, &p->log); /* no file of its own yet: the other run's stays */
    assert_int_equal(access(p->path, F_OK), 0);
    assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", false), DC_OK);
    dc__barred_save(&p->list, &p->log);
    start_again(p);
    assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", true), DC_OK);
    assert_true(dc__barred_has(&p->list, 7, NULL));
    assert_false(dc__barred_has(&p->list, 0xaa, NULL));
}

static void a_new_run_without_any_has_no_file(void **state)
{
    place *p = *state;
    write_text(p->path, "00000000000000aa of another run\n");
    assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", false), DC_OK);
    dc__barred_save(&p->list, &p->log);
    assert_int_not_equal(access(p->path, F_OK), 0);
}

static void a_run_that_is_given_up_takes_its_list_along(void **state)
{
    place *p = *state;
    assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", true), DC_OK);
    dc__barred_add(&p->list, 7, "why");
    dc__barred_close(&p->list, &p->log);
    assert_false(dc__barred_has(&p->list, 7, NULL));
    assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", true), DC_OK);
    assert_true(dc__barred_has(&p->list, 7, NULL));
}

static void the_list_has_a_bound(void **state)
{
    place *p = *state;
    for (uint64_t id = 1; id <= DC__BARRED_MOST + 1; id++)
        dc__barred_add(&p->list, id, "why");
    assert_false(dc__barred_has(&p->list, 1, NULL));
    for (uint64_t id = 2; id <= DC__BARRED_MOST + 1; id++)
        assert_true(dc__barred_has(&p->list, id, NULL));
}

static void a_damaged_file_is_refused_with_its_line(void **state)
{
    place *p = *state;
    static const char *const bad[] = {"7 short\n", "00000000000000AA capitals\n", "00000000000000aaa long\n",
                                      " \n"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char text[128], words[128];
        (void)snprintf(text, sizeof text, "# a comment\n\n00000000000000aa\n%s", bad[k]);
        (void)snprintf(words, sizeof words, "%s line 4: a worker's id has 16 hexadecimal digits", p->path);
        write_text(p->path, text);
        assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", true), DC_EFORMAT);
        assert_string_equal(dc_last_error(), words);
    }
}

static void what_cannot_be_written_is_a_line(void **state)
{
    place *p = *state;
    char missing[64];
    (void)snprintf(missing, sizeof missing, "%s/none", p->dir);
    assert_int_equal(dc__barred_open(&p->list, missing, "fake", true), DC_OK);
    dc__barred_add(&p->list, 7, "why");
    dc__barred_save(&p->list, &p->log);
    assert_non_null(strstr(p->line, "started again will not know who is kept out: cannot write"));
    assert_true(dc__barred_has(&p->list, 7, NULL));
}

/* However many lie, whom the owner dropped stays out; also whom the run's file lists. */
static void a_drop_gives_no_place_away(void **state)
{
    place *p = *state;
    write_text(p->path, "00000000000000aa dropped before\n");
    assert_int_equal(dc__barred_open(&p->list, p->dir, "fake", true), DC_OK);
    dc__barred_add(&p->list, 7, "it lied, before it was dropped");
    assert_true(dc__barred_drop(&p->list, 7, "dropped"));
    for (uint64_t id = 1000; id < 1000 + 2 * DC__BARRED_MOST; id++)
        dc__barred_add(&p->list, id, "it lied");
    assert_int_equal(dc__barred_count(&p->list), DC__BARRED_MOST);
    assert_true(dc__barred_has(&p->list, 7, NULL) && dc__barred_has(&p->list, 0xaa, NULL));
    assert_true(dc__barred_has(&p->list, 999 + 2 * DC__BARRED_MOST, NULL)); /* the last of them */
    assert_false(dc__barred_has(&p->list, 1000, NULL));
    for (uint64_t id = 5000; id < 5000 + DC__BARRED_MOST; id++)
        (void)dc__barred_drop(&p->list, id, "dropped");
    assert_false(dc__barred_drop(&p->list, 9999, "there is no place"));
    dc__barred_add(&p->list, 9999, "it lied");
    assert_true(dc__barred_has(&p->list, 7, NULL) && !dc__barred_has(&p->list, 9999, NULL));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {TEST(a_server_that_is_started_again_knows),
                                       TEST(a_new_run_keeps_out_whom_it_met),
                                       TEST(a_new_run_without_any_has_no_file),
                                       TEST(a_run_that_is_given_up_takes_its_list_along),
                                       TEST(the_list_has_a_bound),
                                       TEST(a_drop_gives_no_place_away),
                                       TEST(a_damaged_file_is_refused_with_its_line),
                                       TEST(what_cannot_be_written_is_a_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
