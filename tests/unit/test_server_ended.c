/* test_server_ended.c - a server that was killed when it had saved the end of a run, and before all workers had heard of it, is
 * started again: who waits hears of it, but not who has done other rounds, or as many without the others. Then there is nothing left to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "test_url.h"

#define ID 4711

static char dir[] = "/tmp/dynacomm-test-XXXXXX";
static fake_model *m;
static fake f[2];

static box *open_server(const char *url)
{
    box *b = box_open((dc_server_options){.url = url, .workers = 2, .backup_dir = dir, .loss_wait_s = 600});
    assert_non_null(b);
    return b;
}

/* A run of one round. */
static void train(const char *url)
{
    dc__frame frame;
    box *b = open_server(url);
    for (int i = 0; i < 2; i++) {
        dc__join join = fake_join_for(i);
        join.worker_id = ID + (uint64_t)i;
        assert_int_equal(fake_join(&f[i], url, &join, m), DC_OK);
        if (f[i].welcome.upload) assert_int_equal(fake_upload(&f[i]), DC_OK);
        assert_int_equal(fake_word(&f[i], DC__READY, 0), DC_OK);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_wait_start(&f[i]), DC_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_round(&f[i], 1), DC_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_bye(&f[i], 1, true), DC_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fake_expect(&f[i], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
        fake_close(&f[i]);
    }
    box_close(b);
}

static dc_error join_done(const char *url, int rank, uint64_t rounds, uint64_t id)
{
    dc__join join = fake_join_for(rank);
    join.done = true;
    join.round = rounds;
    join.worker_id = id;
    return fake_join(&f[rank], url, &join, m);
}

static void those_who_wait_hear_of_a_saved_end(void **state)
{
    (void)state;
    const char *url = test_url("ended");
    train(url);
    box *b = open_server(url);
    assert_int_equal(join_done(url, 0, 2, ID), DC_OK);
    assert_false(f[0].welcome.ended);
    fake_close(&f[0]);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(join_done(url, i, 1, ID + 7), DC_EINVAL);
        assert_non_null(strstr(dc_last_error(), "the run has ended, with round 1, without this worker"));
        fake_close(&f[i]);
        assert_int_equal(join_done(url, i, 1, ID + (uint64_t)i), DC_OK);
        assert_true(f[i].welcome.ended);
        fake_close(&f[i]);
    }
    box_wait_end(b);
    if (b->err) fail_msg("%s", b->line);
    assert_true(box_count(b, "hears that the run has ended, with round 1") == 2);
    box_close(b);
}

/* A checkpoint of the same round is no end: the run goes on from there. */
static void a_checkpoint_is_no_end(void **state)
{
    (void)state;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/fake_final.weights", dir);
    assert_int_equal(unlink(path), 0);
    const char *url = test_url("no-end");
    box *b = open_server(url);
    assert_int_equal(join_done(url, 0, 1, ID), DC_OK);
    assert_false(f[0].welcome.ended);
    assert_true(f[0].welcome.resumed);
    fake_close(&f[0]);
    box_stop_and_close(b);
}

int main(void)
{
    char command[64];
    m = fake_model_new("fake", true);
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(those_who_wait_hear_of_a_saved_end),
                                       cmocka_unit_test(a_checkpoint_is_no_end)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    fake_model_free(m);
    return system(command) != 0 || failed;
}
