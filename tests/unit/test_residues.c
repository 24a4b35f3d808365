/* test_residues.c - what a worker's encoder has not sent, on disk: read by the version that a run goes on with, for both that its
 * server may be at; never what is of another course of the run, nor nothing as if it were something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fault/fake.h"
#include "worker/residues.h"

static char dir[] = "/tmp/dynacomm-test-XXXXXX";
static fake_model *m;
static dc__encoder encoder;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dc__log log_of_worker;

static bool is_there(int version)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/fake.kept-1-%d", dir, version);
    return access(path, F_OK) == 0;
}

static void forget(int version)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/fake.kept-1-%d", dir, version);
    assert_int_equal(unlink(path), 0);
}

/* A worker's process: from this version on, to the end of this round. Whether it had what was kept. */
static bool live(uint64_t version, bool resumed, bool fresh, uint64_t last)
{
    static const uint64_t needed[] = {3};
    dc__residues r;
    dc__residues_init(&r, dir, 1, &lock, &log_of_worker);
    dc__residues_announce(&r, 3, needed, 1);
    const bool had = dc__residues_begin(&r, &encoder, version, resumed, fresh);
    dc__residues_end(&r, last);
    return had;
}

/* Versions 5 and 6. */
static void live_to_round_5(void)
{
    assert_true(live(0, false, false, 5));
}

static void both_versions_are_kept(void **state)
{
    (void)state;
    live_to_round_5();
    assert_true(is_there(5));
    assert_true(is_there(6));
    encoder.kept[0][7] = encoder.kept[1][7] = 2;
    assert_true(live(6, true, false, 6));
    assert_true(encoder.kept[0][7] == 0);
    assert_false(is_there(5)); /* nobody goes back to it */
    assert_true(is_there(6));
    assert_true(is_there(7));
}

static void another_course_is_forgotten(void **state)
{
    (void)state;
    live_to_round_5();
    assert_true(live(5, true, false, UINT64_MAX));
    assert_false(is_there(6)); /* it is made once more, perhaps by others */
    assert_true(is_there(5));
    assert_false(
        live(5, true, true, UINT64_MAX)); /* others have made the version that the run goes on with */
    assert_true(live(0, false, false, UINT64_MAX)); /* a new run */
    assert_false(is_there(5));
}

/* A process that has not found it ends before the version is another: the next one has not got it, either. */
static void what_is_lost_stays_lost(void **state)
{
    (void)state;
    live_to_round_5();
    forget(5);
    assert_false(live(5, true, false, 5));
    assert_false(is_there(5));
    assert_true(is_there(6));
    assert_false(live(5, true, false, UINT64_MAX));
}

int main(void)
{
    if (!mkdtemp(dir)) return 1;
    m = fake_model_new("fake", false);
    dc__coding coding = {0};
    dc__log_init(&log_of_worker, NULL, NULL);
    if (dc__coding_parse("int8", &coding) || dc__encoder_init(&encoder, &coding, m->model)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(both_versions_are_kept),
                                       cmocka_unit_test(another_course_is_forgotten),
                                       cmocka_unit_test(what_is_lost_stays_lost)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dc__encoder_free(&encoder);
    fake_model_free(m);
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? failed : 1;
}
