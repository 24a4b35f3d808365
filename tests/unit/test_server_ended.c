/* test_server_ended.c - a server that was killed when it had saved the end of a run, and before all workers had heard of it, is
 * started again: who waits hears of it, but not who has done other rounds, or as many without the others. Then there is nothing left to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <time.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "model/hash.h"
#include "server/server.h"
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

static uint64_t last_values; /* their hash */

static void note_values(box *b)
{
    const dc__training *t = &b->server->training;
    last_values = dc__hash_of_arena(t->model, dc__versions_values(&t->versions, t->versions.round));
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
    box_wait_end(b);
    note_values(b);
    box_close(b);
}

static dc_error join_done(const char *url, int rank, uint64_t rounds, uint64_t id)
{
    dc__join join = fake_join_for(rank);
    join.done = true;
    join.round = rounds;
    join.seed = last_values;
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
        last_values++;
        assert_int_equal(join_done(url, i, 1, ID + (uint64_t)i), DC_EINVAL);
        assert_non_null(strstr(dc_last_error(), "on another course than this process of the worker was on"));
        fake_close(&f[i]);
        last_values--;
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

/* ---- the server that made the last round ---- */

static void all_train(const char *url, uint64_t first_id, fake *w)
{
    for (int i = 0; i < 2; i++) {
        dc__join join = fake_join_for(i);
        join.worker_id = first_id + (uint64_t)i;
        assert_int_equal(fake_join(&w[i], url, &join, m), DC_OK);
        if (w[i].welcome.upload) assert_int_equal(fake_upload(&w[i]), DC_OK);
        assert_int_equal(fake_word(&w[i], DC__READY, 0), DC_OK);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_wait_start(&w[i]), DC_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_round(&w[i], 1), DC_OK);
}

static dc_error waits_for_end(fake *w)
{
    const uint8_t nothing[2] = {0, 0};
    return fake_send(w, (dc__header){.type = DC__BYE, .round = 1, .flags = DC__BYE_OK | DC__BYE_WAITS},
                     nothing, sizeof nothing);
}

static dc_error comes_anew(fake *w, const char *url, int rank, uint64_t id, uint64_t last_round)
{
    dc__join join = fake_join_for(rank);
    join.worker_id = id;
    dc_error err = fake_join(w, url, &join, m);
    if (!err) err = fake_send(w, (dc__header){.type = DC__READY, .round = last_round}, NULL, 0);
    return err ? err : fake_wait_start(w);
}

/* Fetches the last values, as a worker does that is there for the first time. */
static void fetches_the_end(fake *w)
{
    dc__frame frame;
    assert_int_equal(w->round, 1);
    assert_int_equal(waits_for_end(w), DC_OK);
    assert_int_equal(fake_expect(w, DC__BYE_ACK, &frame), DC_OK);
    dc__frame_free(&frame);
    fake_close(w);
}

static box *open_anew(const char *url, char *at)
{
    (void)snprintf(at, 32, "/tmp/dynacomm-test-XXXXXX");
    if (!mkdtemp(at)) abort();
    box *b = box_open((dc_server_options){.url = url, .workers = 2, .backup_dir = at, .loss_wait_s = 600});
    assert_non_null(b);
    return b;
}

static void close_anew(box *b, const char *at)
{
    char command[64];
    box_wait_end(b);
    if (b->err) fail_msg("%s", b->line);
    box_close(b);
    (void)snprintf(command, sizeof command, "rm -r %s", at);
    assert_int_equal(system(command), 0);
}

/* Its process is gone, and the server has seen that. */
static void is_gone(fake *w, box *b, int slot)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    fake_close(w);
    while (!b->server->sessions[slot].over)
        (void)nanosleep(&moment, NULL);
}

/* Its connection was gone when the end was saved; its process lives, and asks again. */
static void the_server_stays_for_who_has_not_heard(void **state)
{
    (void)state;
    char at[32];
    dc__frame frame;
    const char *url = test_url("stays");
    box *b = open_anew(url, at);
    all_train(url, ID, f);
    assert_int_equal(waits_for_end(&f[1]), DC_OK);
    assert_true(box_wait(b, "worker 1 is done after round 1"));
    is_gone(&f[1], b, 1);
    assert_int_equal(waits_for_end(&f[0]), DC_OK);
    assert_int_equal(fake_expect(&f[0], DC__BYE_ACK, &frame), DC_OK);
    dc__frame_free(&frame);
    fake_close(&f[0]);
    assert_true(box_wait(b, "worker 1 has not heard that the run has ended, and is saved: waiting for it, "));
    note_values(b);
    assert_int_equal(join_done(url, 1, 1, ID + 1), DC_OK);
    assert_true(f[1].welcome.ended);
    fake_close(&f[1]);
    close_anew(b, at);
}

/* It was killed when it was done, and another process of it comes: while others train their last round, and when they are done. */
static void who_was_done_and_comes_anew_ends_with_the_others(void **state)
{
    (void)state;
    char at[32];
    dc__frame frame;
    const char *url = test_url("done");
    box *b = open_anew(url, at);
    all_train(url, ID, f);
    for (int times = 0; times < 2; times++) {
        assert_int_equal(waits_for_end(&f[1]), DC_OK);
        is_gone(&f[1], b, 1);
        if (times == 1) {
            assert_int_equal(waits_for_end(&f[0]), DC_OK);
            assert_int_equal(fake_expect(&f[0], DC__BYE_ACK, &frame), DC_OK);
            dc__frame_free(&frame);
            fake_close(&f[0]);
        }
        assert_int_equal(comes_anew(&f[1], url, 1, ID + 1, 1), DC_OK);
    }
    fetches_the_end(&f[1]);
    close_anew(b, at);
}

/* Both the server and a worker that waited were killed; the other had heard, and does not come. */
static void who_comes_to_a_run_that_has_ended_waits_for_nobody(void **state)
{
    (void)state;
    const char *url = test_url("anew");
    box *b = open_server(url);
    assert_int_equal(comes_anew(&f[1], url, 1, ID + 1, 1), DC_OK);
    fetches_the_end(&f[1]);
    assert_int_equal(join_done(url, 0, 1, ID), DC_OK);
    assert_true(f[0].welcome.ended);
    fake_close(&f[0]);
    box_wait_end(b);
    if (b->err) fail_msg("%s", b->line);
    assert_true(box_count(b, "has ended, with round 1: 1 worker has no rounds to do, and fetches its end") ==
                1);
    box_close(b);
}

/* Who has rounds to do is waited for as ever, and so are the others. */
static void a_run_that_has_ended_goes_on_with_more_rounds(void **state)
{
    (void)state;
    const char *url = test_url("more");
    box *b = open_server(url);
    dc__join join = fake_join_for(1);
    join.worker_id = ID + 1;
    assert_int_equal(fake_join(&f[1], url, &join, m), DC_OK);
    assert_int_equal(fake_send(&f[1], (dc__header){.type = DC__READY, .round = 2}, NULL, 0), DC_OK);
    assert_int_equal(comes_anew(&f[0], url, 0, ID, 2), DC_OK);
    assert_int_equal(fake_wait_start(&f[1]), DC_OK);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_round(&f[i], 2), DC_OK);
    for (int i = 0; i < 2; i++)
        fake_close(&f[i]);
    box_stop_and_close(b);
}

int main(void)
{
    char command[64];
    m = fake_model_new("fake", true);
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(those_who_wait_hear_of_a_saved_end),
                                       cmocka_unit_test(who_comes_to_a_run_that_has_ended_waits_for_nobody),
                                       cmocka_unit_test(a_run_that_has_ended_goes_on_with_more_rounds),
                                       cmocka_unit_test(a_checkpoint_is_no_end),
                                       cmocka_unit_test(the_server_stays_for_who_has_not_heard),
                                       cmocka_unit_test(who_was_done_and_comes_anew_ends_with_the_others)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    fake_model_free(m);
    return system(command) != 0 || failed;
}
