/* test_residues.c - what a worker's encoder has not sent, and what its layers remember, on disk and in its process: read by the version that a run goes on with, for both that its
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
static dc__recurrent memory;
static float remembered[3];
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

static void save(void *context, float *to)
{
    (void)context;
    memcpy(to, remembered, sizeof remembered);
}

static void load(void *context, const float *from)
{
    (void)context;
    memcpy(remembered, from, sizeof remembered);
}

static dc__residues begun(void)
{
    static const uint64_t needed[] = {3};
    dc__residues r;
    dc__residues_init(&r, dir, 1, m->model, &memory, &lock, &log_of_worker);
    dc__residues_part(&r, &encoder, NULL);
    dc__residues_announce(&r, 3, needed, 1);
    return r;
}

/* The rounds from this version on, to the end of `last`: layers remember how many rounds there were. */
static void compute(uint64_t version, uint64_t last)
{
    for (; last != UINT64_MAX && version <= last; version++) {
        remembered[1] += 1;
        dc__recurrent_note(&memory, version + 1);
    }
}

/* A worker's process: from this version on, to the end of this round. Whether it had what was kept. */
static bool live(uint64_t version, bool resumed, bool fresh, uint64_t last)
{
    dc__residues r = begun();
    const bool had = dc__residues_begin(&r, version, resumed, fresh);
    compute(version, last);
    dc__residues_pause(&r, last, true);
    dc__residues_end(&r);
    return had;
}

static bool lists(const dc__residues *r, uint64_t version)
{
    uint64_t versions[DC__VERSIONS_MOST];
    const int n = dc__residues_versions(r, versions);
    for (int k = 0; k < n; k++)
        if (versions[k] == version) return true;
    return false;
}

/* Versions 5 and 6. */
static void live_to_round_5(void)
{
    memset(remembered, 0, sizeof remembered);
    assert_true(live(0, false, false, 5));
}

static void both_versions_are_kept(void **state)
{
    (void)state;
    live_to_round_5();
    assert_true(is_there(5));
    assert_true(is_there(6));
    encoder.kept[0][7] = encoder.kept[1][7] = 2;
    remembered[1] = 99;
    const dc__residues other = begun();
    assert_true(lists(&other, 5) && lists(&other, 6) && !lists(&other, 7));
    assert_true(live(6, true, false, 6));
    assert_true(encoder.kept[0][7] == 0);
    assert_true(remembered[1] == 7); /* rounds 0 to 6 */
    assert_false(is_there(5));       /* nobody goes back to it */
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
    assert_false(is_there(5));
    live_to_round_5();
    assert_true(live(0, false, false, UINT64_MAX)); /* a new run */
    assert_false(is_there(5));
}

/* The course of the run changes while the process lives: it has the version of the round that was on, and the next one if that
 * round was pushed whole, without any file. */
static void this_process_has_it(void **state)
{
    (void)state;
    for (int whole = 0; whole < 2; whole++) {
        dc__residues r = begun();
        r.dir = NULL;
        assert_true(dc__residues_begin(&r, 0, false, false));
        compute(0, 8);
        dc__residues_pause(&r, 8, whole);
        assert_true(lists(&r, 8));
        assert_int_equal(lists(&r, 9), whole);
        assert_false(lists(&r, 7));
        remembered[1] = 99;
        assert_true(dc__residues_begin(&r, 8, true, false));
        assert_true(remembered[1] == 8);
        dc__residues_pause(&r, 8, false);
        assert_false(
            dc__residues_begin(&r, 3, true, false)); /* the server goes on from there, and it is nowhere */
        assert_true(remembered[1] == 0);
        dc__residues_pause(&r, 3, false);
        assert_true(lists(&r, 3));                            /* it can begin there again, */
        assert_false(dc__residues_begin(&r, 3, true, false)); /* with nothing */
    }
}

/* A process that has not found it ends before the version is another: the next one has not got it, either. */
static void what_is_lost_stays_lost(void **state)
{
    (void)state;
    live_to_round_5();
    forget(5);
    assert_false(live(5, true, false, 5));
    assert_true(is_there(5)); /* it says so */
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
    if (dc__recurrent_init(&memory, &(dc_memory){.floats = 3, .save = save, .load = load})) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_versions_are_kept), cmocka_unit_test(another_course_is_forgotten),
        cmocka_unit_test(this_process_has_it), cmocka_unit_test(what_is_lost_stays_lost)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dc__encoder_free(&encoder);
    dc__recurrent_free(&memory);
    fake_model_free(m);
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    return system(command) == 0 ? failed : 1;
}
