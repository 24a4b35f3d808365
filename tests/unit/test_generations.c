/* test_generations.c - the states that stay on disk: which, what a damaged one costs, and what a crash in the middle of a
 * checkpoint leaves.
 *
 * This program's link and statvfs stand before the C library's: a file system without second names, and one without room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "fault/fake.h"
#include "server/generations.h"
#include "server/state_file.h"

/* ---- the file system ---- */

static bool one_name_only;
static int rooms_refused; /* so often there is no room */

__attribute__((visibility("default"))) int link(const char *from, const char *to)
{
    if (!one_name_only) return (int)syscall(SYS_linkat, AT_FDCWD, from, AT_FDCWD, to, 0);
    errno = EPERM;
    return -1;
}

__attribute__((visibility("default"))) int statvfs(const char *restrict path, struct statvfs *restrict disk)
{
    (void)path;
    *disk = (struct statvfs){.f_frsize = 1, .f_bavail = rooms_refused > 0 ? 0 : UINT32_MAX};
    rooms_refused--;
    return 0;
}

/* ---- a server without a network ---- */

static char dir[32];

typedef struct shell {
    dc__versions versions;
    dc__statistics statistics;
    dc__roster roster;
    dc__codes codes;
    dc__generations generations;
    dc__log log;
    fake_model *m;
    int lines;
    char line[DC__LINE_BYTES]; /* the last */
} shell;

static void take_line(void *context, const char *line)
{
    shell *x = context;
    x->lines++;
    (void)snprintf(x->line, sizeof x->line, "%s", line);
}

static void open_shell(shell *x)
{
    memset(x, 0, sizeof *x);
    x->m = fake_model_new("fake", true);
    dc__versions_init(&x->versions);
    dc__statistics_init(&x->statistics);
    dc__log_init(&x->log, take_line, x);
    assert_int_equal(dc__versions_allocate(&x->versions, x->m->model), DC_OK);
    assert_int_equal(dc__statistics_allocate(&x->statistics, 1, FAKE_STATS), DC_OK);
    assert_int_equal(dc__roster_init(&x->roster, 1, 1), DC_OK);
    assert_int_equal(dc__codes_init(&x->codes, NULL, 1), DC_OK);
    assert_int_equal(dc__codes_allocate(&x->codes, x->m->model), DC_OK);
    x->generations.dir = dir;
}

static void close_shell(shell *x)
{
    dc__codes_release(&x->codes);
    dc__statistics_destroy(&x->statistics);
    dc__roster_destroy(&x->roster);
    dc__versions_destroy(&x->versions);
    dc__log_destroy(&x->log);
    fake_model_free(x->m);
}

#define VALUE_OF(version) ((float)(version) + .25f)

/* A checkpoint of a version; it stops after so many steps: 1 room is made, 2 it is written, 3 all of it. */
static dc_error save(shell *x, uint64_t version, int steps)
{
    const dc_model *m = x->m->model;
    const float stats[FAKE_STATS] = {1, 2, (float)version};
    const dc__crew crew = {.n = 1, .images = 4, .member = {{.id = 7, .images = 4}}};
    const dc__state_head head = {.seed = 9, .next_number = 1, .crew = &crew};
    char path[PATH_MAX];
    dc__file file;
    float *values = dc__versions_values(&x->versions, version);
    for (size_t k = 0; k < FAKE_ALL; k++)
        values[k] = VALUE_OF(version);
    dc_error err = dc__generations_make_room(&x->generations, &x->log, m, version, 1000);
    if (err || steps == 1) return err;
    assert_int_equal(dc__generations_path(&x->generations, m, path), DC_OK);
    assert_int_equal(dc__file_begin(&file, path), DC_OK);
    assert_int_equal(dc__state_write(&file, &x->versions, &x->codes, version, &head, FAKE_STATS, stats),
                     DC_OK);
    assert_int_equal(dc__file_commit(&file), DC_OK);
    if (steps > 2) dc__generations_saved(&x->generations, m, version);
    return DC_OK;
}

static dc_error load(shell *x, bool *found)
{
    uint64_t seed = 0;
    const dc_error err = dc__generations_load(&x->generations, &x->log, &x->versions, &x->codes,
                                              &x->statistics, &x->roster, &seed, found);
    if (err || !*found) return err;
    const uint64_t round = x->versions.round;
    assert_int_equal(seed, 9);
    for (size_t k = 0; k < FAKE_ALL - FAKE_STATS; k++)
        assert_true(dc__versions_values(&x->versions, round)[k] == VALUE_OF(round));
    assert_true(dc__statistics_of(&x->statistics, 0, round)[2] == (float)round);
    return DC_OK;
}

/* A server that starts now takes this version, 0 = none, and says so many lines about others. */
static void expect(uint64_t version, int lines)
{
    shell x;
    bool found = false;
    open_shell(&x);
    assert_int_equal(load(&x, &found), DC_OK);
    assert_int_equal(found ? x.versions.round : 0, version);
    assert_int_equal(x.lines, lines);
    close_shell(&x);
}

static void begin(void)
{
    assert_non_null(mkdtemp(strcpy(dir, "/tmp/dynacomm-test-XXXXXX")));
    one_name_only = false;
    rooms_refused = 0;
}

static void end(void)
{
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

#include "state_files.h"

static void several(uint64_t last)
{
    shell x;
    open_shell(&x);
    for (uint64_t v = 1; v <= last; v++)
        assert_int_equal(save(&x, v, 3), DC_OK);
    close_shell(&x);
}

/* ---- tests ---- */

static void the_last_three_stay(void **state)
{
    (void)state;
    for (int names = 0; names < 2; names++) {
        begin();
        one_name_only = names;
        for (uint64_t last = 1; last <= 12; last++) {
            several(last);
            expect(last, 0);
            assert_int_equal(files(), last < 3 ? (int)last : 3);
        }
        assert_true(is_there("") && is_there("-11") && is_there("-10"));
        end();
    }
}

static void a_damaged_one_is_skipped_with_a_line(void **state)
{
    (void)state;
    begin();
    several(5);
    damage("", FLIP, 900);
    shell x;
    bool found;
    open_shell(&x);
    assert_int_equal(load(&x, &found), DC_OK);
    assert_int_equal(x.versions.round, 4);
    assert_int_equal(x.lines, 1);
    assert_non_null(
        strstr(x.line, "fake.state is damaged: its checksum is wrong; the one before it is taken"));
    /* It goes on from there: what is damaged never takes the place of what is not. */
    assert_int_equal(save(&x, 5, 1), DC_OK);
    expect(4, 1);
    assert_int_equal(save(&x, 5, 3), DC_OK);
    expect(5, 0);
    assert_true(is_there("") && is_there("-4") && is_there("-3"));
    assert_int_equal(files(), 3);
    damage("", ZEROS, 0);
    damage("-4", CUT, -1);
    expect(3, 2);
    damage("-3", CUT, 0);
    assert_int_equal(load(&x, &found), DC_EFORMAT);
    assert_false(found);
    assert_non_null(strstr(dc_last_error(), "fake.state-3 is damaged: it is cut short; start the run anew"));
    close_shell(&x);
    end();
}

/* Any damage anywhere is seen, and the newest that has none is taken. */
/* A run with workers that come and go saves the round that it begins with. */
static void the_state_of_round_0_is_one_of_them(void **state)
{
    (void)state;
    begin();
    shell x;
    bool found;
    open_shell(&x);
    assert_int_equal(save(&x, 0, 3), DC_OK);
    assert_int_equal(save(&x, 1, 3), DC_OK);
    close_shell(&x);
    assert_true(is_there("-0"));
    damage("", FLIP, 900);
    open_shell(&x);
    assert_int_equal(load(&x, &found), DC_OK);
    assert_true(found);
    assert_int_equal(x.versions.round, 0);
    close_shell(&x);
    several(4);
    assert_int_equal(files(), 3);
    end();
}

static void any_damage_is_seen(void **state)
{
    (void)state;
    static const char *const endings[] = {"", "-8", "-7"};
    uint32_t random = 7;
    for (int run = 0; run < 300; run++) {
        begin();
        several(9);
        int newest = -1, hurt = 0;
        for (int k = 0; k < 3; k++) {
            random = random * 1664525u + 1013904223u;
            if (random >> 29 < 4) {
                random = random * 1664525u + 1013904223u;
                damage(endings[k], (harm)((random >> 8) % HARMS), (long)((random >> 10) % 8000));
                hurt += newest < 0;
            } else if (newest < 0) {
                newest = k;
            }
        }
        if (newest >= 0) expect(9 - (uint64_t)newest, hurt);
        end();
    }
}

static void another_model_is_no_damage(void **state)
{
    (void)state;
    begin();
    several(3);
    shell x;
    bool found;
    open_shell(&x);
    fake_model *other = fake_model_new("fake", false);
    dc__versions_release(&x.versions);
    assert_int_equal(dc__versions_allocate(&x.versions, other->model), DC_OK);
    assert_int_equal(load(&x, &found), DC_EMODEL);
    assert_int_equal(x.lines, 0);
    fake_model_free(other);
    close_shell(&x);
    end();
}

static void a_crash_at_any_step_leaves_the_one_before(void **state)
{
    (void)state;
    for (int names = 0; names < 2; names++)
        for (int steps = 1; steps <= 3; steps++) {
            begin();
            one_name_only = names;
            several(6);
            shell x;
            bool found;
            open_shell(&x);
            assert_int_equal(load(&x, &found) + save(&x, 7, steps), DC_OK);
            close_shell(&x);
            /* Without a second name there is no fake.state for a moment, which is worth a line. */
            expect(steps == 1 ? 6 : 7, names && steps == 1);
            /* And it goes on as if nothing had happened. */
            open_shell(&x);
            assert_int_equal(load(&x, &found), DC_OK);
            for (uint64_t v = x.versions.round + 1; v <= 9; v++)
                assert_int_equal(save(&x, v, 3), DC_OK);
            close_shell(&x);
            expect(9, 0);
            assert_int_equal(files(), 3);
            damage("", CUT, 100);
            damage("-8", CUT, 100);
            expect(7, 2);
            end();
        }
}

static void a_new_run_does_not_go_back_to_an_old_one(void **state)
{
    (void)state;
    begin();
    several(9);
    shell x;
    open_shell(&x);
    dc__generations_none(&x.generations);
    assert_int_equal(save(&x, 2, 1), DC_OK);
    assert_int_equal(files(), 1); /* the old run's newest, until it is replaced */
    assert_int_equal(save(&x, 2, 3), DC_OK);
    assert_int_equal(files(), 1);
    damage("", FLIP, 1000);
    bool found;
    assert_int_equal(load(&x, &found), DC_EFORMAT);
    close_shell(&x);
    end();
}

static void a_version_that_is_saved_twice_is_one(void **state)
{
    (void)state;
    begin();
    several(4);
    damage("", FLIP, 1000);
    shell x;
    bool found;
    open_shell(&x);
    assert_int_equal(load(&x, &found), DC_OK);
    assert_int_equal(x.versions.round, 3);
    for (int k = 0; k < 3; k++)
        assert_int_equal(save(&x, 3, 3), DC_OK);
    close_shell(&x);
    assert_true(is_there("") && is_there("-2") && !is_there("-3"));
    expect(3, 0);
    end();
}

static void a_full_disk_costs_the_oldest(void **state)
{
    (void)state;
    begin();
    several(5);
    shell x;
    bool found;
    open_shell(&x);
    assert_int_equal(load(&x, &found), DC_OK);
    rooms_refused = 1;
    assert_int_equal(save(&x, 6, 3), DC_OK);
    assert_int_equal(x.lines, 1);
    assert_non_null(
        strstr(x.line, "the disk is nearly full: the checkpoint of round 3 makes room for round 6"));
    assert_true(is_there("-5") && is_there("-4") && !is_there("-3"));
    rooms_refused = 100; /* the newest is never given away */
    assert_int_equal(save(&x, 7, 1), DC_OK);
    expect(6, 0);
    assert_int_equal(x.lines, 3);
    close_shell(&x);
    end();
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_three_stay),
        cmocka_unit_test(a_damaged_one_is_skipped_with_a_line),
        cmocka_unit_test(the_state_of_round_0_is_one_of_them),
        cmocka_unit_test(any_damage_is_seen),
        cmocka_unit_test(another_model_is_no_damage),
        cmocka_unit_test(a_crash_at_any_step_leaves_the_one_before),
        cmocka_unit_test(a_new_run_does_not_go_back_to_an_old_one),
        cmocka_unit_test(a_version_that_is_saved_twice_is_one),
        cmocka_unit_test(a_full_disk_costs_the_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
