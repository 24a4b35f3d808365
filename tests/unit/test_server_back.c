/* test_server_back.c - workers that are killed and come back: in the middle of a round, and before the start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "server/server.h"
#include "test_url.h"

#define ID 4711

static fake_model *m;

/* The same worker, whenever it comes. */
static dc_error join_as(fake *f, const char *url, int rank)
{
    dc__join join = fake_join_for(rank);
    join.worker_id = ID + (uint64_t)rank;
    return fake_join(f, url, &join, m);
}

static void enter_as(fake *f, const char *url, int rank)
{
    assert_int_equal(join_as(f, url, rank), DC_OK);
    if (f->welcome.upload) assert_int_equal(fake_upload(f), DC_OK);
    assert_int_equal(fake_word(f, DC__READY, 0), DC_OK);
}

static void take_round_0(fake *f)
{
    assert_int_equal(fake_wait_start(f), DC_OK);
    assert_int_equal(f->round, 0);
    assert_int_equal(fake_pull(f, 0), DC_OK);
    assert_int_equal(fake_take(f, 0), DC_OK);
    assert_int_equal(fake_stats(f, 1, .5f), DC_OK);
}

static void both_take_round_0(fake f[2], const char *url)
{
    for (int k = 0; k < 2; k++)
        enter_as(&f[k], url, k);
    for (int k = 0; k < 2; k++)
        take_round_0(&f[k]);
}

static void ping(fake *f)
{
    dc__frame frame;
    assert_int_equal(fake_word(f, DC__PING, 1), DC_OK);
    assert_int_equal(fake_expect(f, DC__PONG, &frame), DC_OK);
    dc__frame_free(&frame);
}

/* It had given block 0 when it was lost, and gives the others first when it is back: with them the round ends, and block 0 comes
 * once more after that. */
static void what_was_given_comes_after_the_round(void **state)
{
    (void)state;
    const char *url = test_url("back");
    box *b = box_open((dc_server_options){.url = url, .workers = 2, .loss_wait_s = 600});
    fake f[2];
    dc__frame frame;
    both_take_round_0(f, url);
    assert_int_equal(fake_push(&f[1], 0, 0, 1, .5f), DC_OK);
    ping(&f[1]); /* it has arrived */
    fake_close(&f[1]);
    assert_true(box_wait(b, "waiting for worker 1"));
    assert_int_equal(fake_push(&f[0], 0, 0, 3, .5f), DC_OK);
    enter_as(&f[1], url, 1);
    take_round_0(&f[1]);
    assert_int_equal(fake_push(&f[1], 0, 1, 3, .5f), DC_OK);
    assert_int_equal(fake_pull(&f[1], 1), DC_OK);
    assert_int_equal(fake_take(&f[1], 1), DC_OK); /* the round is over */
    assert_int_equal(fake_push(&f[1], 0, 0, 1, .5f), DC_OK);
    f[0].round = f[1].round = 1;
    assert_int_equal(fake_pull(&f[0], 1), DC_OK);
    assert_int_equal(fake_take(&f[0], 1), DC_OK);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(fake_push(&f[k], 1, 0, 3, .5f), DC_OK);
        assert_int_equal(fake_stats(&f[k], 2, .5f), DC_OK);
        assert_int_equal(fake_bye(&f[k], 2, true), DC_OK);
    }
    for (int k = 0; k < 2; k++) {
        assert_int_equal(fake_expect(&f[k], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
        fake_close(&f[k]);
    }
    box_wait_end(b);
    assert_int_equal(b->err, DC_OK);
    assert_false(strstr(b->log, "lost worker 1 in round 2") != NULL);
    box_close(b);
}

/* A run of one worker, which carries the momentum in its gradient buffers. Killed in the midst of its pushes it comes back, and its
 * layers have forgotten what they remembered: it computes other gradients, and its buffers go on from those. So what had come is
 * worth nothing, of any block. */
static void who_carries_the_momentum_does_its_round_anew(void **state)
{
    (void)state;
    const char *url = test_url("anew");
    box *b = box_open((dc_server_options){.url = url, .workers = 1, .loss_wait_s = 600});
    const dc__versions *v = &b->server->training.versions;
    fake f;
    enter_as(&f, url, 0);
    take_round_0(&f);
    assert_int_equal(fake_push(&f, 0, 0, 1, .5f), DC_OK);
    ping(&f);
    assert_int_equal(v->block[0], 1); /* a version of it is made */
    fake_close(&f);
    enter_as(&f, url, 0);
    take_round_0(&f);
    assert_int_equal(v->block[0], 0);
    assert_int_equal(v->blocks_done, 0);
    assert_int_equal(fake_push(&f, 0, 0, 3, .25f), DC_OK);
    assert_int_equal(fake_pull(&f, 1), DC_OK);
    assert_int_equal(fake_take(&f, 1), DC_OK);
    for (uint64_t i = 0; i < FAKE_TRAINED;
         i++) /* as the worker's buffers: .9 of what it pushed, less some decay */
        assert_true(fabsf(dc__versions_moment1(v, 1)[i] - .9f * .25f) < .01f);
    box_stop_and_close(b);
    fake_close(&f);
}

/* Its session ends: it was the last of the round, and says READY once more. */
static void called_back(fake *f, const char *url, int rank)
{
    dc__frame frame;
    assert_int_not_equal(fake_expect(f, DC__TYPE_END, &frame), DC_OK);
    fake_close(f);
    enter_as(f, url, rank);
}

/* Worker 1 was passed over in the round, and is to enter with the next one when worker 0 is lost in it: nobody is left who could give
 * what neither has given, so worker 1 takes its part up again. What it had given counts once. */
static void who_was_passed_over_ends_the_round(void **state)
{
    (void)state;
    const char *url = test_url("passed");
    box *b =
        box_open((dc_server_options){.url = url, .workers = 2, .min_workers = 1, .on_loss = DC_ON_LOSS_DROP});
    fake f[2];
    dc__frame frame;
    both_take_round_0(f, url);
    assert_int_equal(fake_push(&f[1], 0, 0, 1, .5f), DC_OK);
    ping(&f[1]);
    fake_close(&f[1]);
    assert_true(box_wait(b, "round 1 goes on without worker 1"));
    enter_as(&f[1], url, 1);
    assert_true(box_wait(b, "worker 1 takes part from round 2 on"));
    assert_int_equal(fake_push(&f[0], 0, 1, 2, .5f), DC_OK); /* alone: it makes a version of that block */
    ping(&f[0]);
    fake_close(&f[0]);
    called_back(&f[1], url, 1);
    take_round_0(&f[1]);
    assert_true(box_wait(b, "worker 1 is back, and goes on from round 1 on"));
    assert_int_equal(fake_push(&f[1], 0, 0, 3, .5f), DC_OK);
    assert_true(box_wait(b, "round 1 goes on without worker 0"));
    assert_int_equal(fake_pull(&f[1], 1), DC_OK);
    assert_int_equal(fake_take(&f[1], 1), DC_OK);
    assert_int_equal(fake_bye(&f[1], 1, true), DC_OK);
    assert_int_equal(fake_expect(&f[1], DC__BYE_ACK, &frame), DC_OK);
    dc__frame_free(&frame);
    fake_close(&f[1]);
    box_wait_end(b);
    if (b->err) fail_msg("%s", b->line);
    box_close(b);
}

/* With the threads of another computer. */
static dc_error join_otherwise(fake *f, const char *url, int rank)
{
    dc__join join = fake_join_for(rank);
    join.worker_id = ID + (uint64_t)rank;
    (void)snprintf(join.fingerprint, sizeof join.fingerprint, "\n\n\nthreads=7");
    return fake_join(f, url, &join, m);
}

static void push_all(fake f[2], uint64_t round)
{
    for (int k = 0; k < 2; k++)
        assert_int_equal(fake_push(&f[k], round, 0, 3, .5f), DC_OK);
}

static void both_take_round_1(fake f[2])
{
    for (int k = 0; k < 2; k++) {
        assert_int_equal(fake_pull(&f[k], 1), DC_OK);
        assert_int_equal(fake_take(&f[k], 1), DC_OK);
        assert_int_equal(fake_stats(&f[k], 2, .5f), DC_OK);
    }
}

/* Worker 1 feeds twice the cfg's images when it is passed over. As nobody else is left, the round is made with what it takes up again: it
 * feeds as many as the round's crew has, and computes as it did. */
static void who_was_passed_over_feeds_what_it_fed(void **state)
{
    (void)state;
    const char *url = test_url("feeds");
    box *b = box_open((dc_server_options){
        .url = url, .workers = 2, .min_workers = 1, .on_loss = DC_ON_LOSS_DROP, .balance = true});
    dc__roster *r = &b->server->training.roster;
    const uint32_t twice = 2 * m->model->images_per_round;
    fake f[2];
    dc__frame frame;
    both_take_round_0(f, url);
    dc__roster_plan_images(r, dc__roster_numbered(r, 1), 1, twice);
    push_all(f, 0);
    both_take_round_1(f);
    assert_int_equal(fake_push(&f[1], 1, 0, 1, .5f), DC_OK);
    ping(&f[1]);
    fake_close(&f[1]);
    assert_true(box_wait(b, "round 2 goes on without worker 1"));
    assert_int_equal(join_otherwise(&f[1], url, 1), DC_EINVAL);
    assert_non_null(strstr(dc_last_error(), "start it as before"));
    fake_close(&f[1]);
    enter_as(&f[1], url, 1);
    assert_true(box_wait(b, "worker 1 takes part from round 3 on"));
    fake_close(&f[0]);
    called_back(&f[1], url, 1);
    assert_int_equal(fake_expect(&f[1], DC__IMAGES, &frame), DC_OK);
    assert_int_equal(frame.header.round, 1);
    assert_int_equal(frame.header.count, twice);
    dc__frame_free(&frame);
    assert_int_equal(fake_wait_start(&f[1]), DC_OK);
    assert_int_equal(f[1].round, 1);
    box_stop_and_close(b);
    fake_close(&f[1]);
}

/* A process that joins when it is asked to, and says so. */
static pid_t fork_joiner(const char *url, int go[2], int done[2])
{
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(done), 0);
    const pid_t pid = fork();
    char byte = 1;
    if (pid != 0) return pid;
    fake f;
    if (read(go[0], &byte, 1) != 1 || join_as(&f, url, 0) || write(done[1], &byte, 1) != 1) _exit(1);
    pause();
    _exit(1);
}

/* Its place is its own: who was killed between JOIN and READY may take it again. */
static void killed_while_it_joins(void **state)
{
    (void)state;
    const char *url = "tcp://127.0.0.1:17760";
    int go[2], done[2], status;
    char byte = 1;
    const pid_t pid = fork_joiner(url, go, done); /* before there are threads */
    assert_true(pid > 0);
    box *b = box_open((dc_server_options){.url = url, .workers = 1, .loss_wait_s = 600});
    assert_non_null(b);
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(read(done[0], &byte, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    fake f;
    enter_as(&f, url, 0);
    assert_int_equal(fake_wait_start(&f), DC_OK);
    dc_server_stop(b->server);
    fake_close(&f);
    box_close(b);
    for (int k = 0; k < 2; k++) {
        (void)close(go[k]);
        (void)close(done[k]);
    }
}

/* The checkpoint is of the version that worker 1 was to begin with. It may have died before it did, and its disk have what it kept by
 * that version of a course that the run has left: it must not take that. */
static void who_was_to_begin_with_nothing_does_so_again(void **state)
{
    (void)state;
    char dir[] = "/tmp/dynacomm-test-XXXXXX", command[64];
    if (!mkdtemp(dir)) abort();
    const char *url = test_url("fresh");
    const dc_server_options options = {.url = url,
                                       .workers = 2,
                                       .min_workers = 1,
                                       .start_after_s = .01,
                                       .backup_dir = dir,
                                       .backup_every = {.rounds = 1},
                                       .loss_wait_s = 600};
    box *b = box_open(options);
    fake f[2];
    enter_as(&f[0], url, 0);
    assert_int_equal(fake_wait_start(&f[0]), DC_OK);
    enter_as(&f[1], url, 1);
    assert_true(box_wait(b, "worker 1 takes part from round 2 on"));
    assert_int_equal(fake_round(&f[0], .5f), DC_OK);
    assert_true(box_wait(b, "saved round 1 to"));
    for (int k = 0; k < 2; k++)
        fake_close(&f[k]);
    box_stop_and_close(b);
    dc_server_options again = options;
    again.start_after_s = 600;
    b = box_open(again);
    for (int k = 0; k < 2; k++)
        enter_as(&f[k], url, k);
    for (int k = 0; k < 2; k++) {
        dc__frame frame;
        assert_int_equal(fake_expect(&f[k], DC__START, &frame), DC_OK);
        assert_int_equal(frame.header.round, 1);
        assert_int_equal(frame.header.flags & DC__START_FRESH, k == 1 ? DC__START_FRESH : 0);
        dc__frame_free(&frame);
        fake_close(&f[k]);
    }
    box_stop_and_close(b);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* A worker whose layers remember; of that it has this version, 0 = nothing. */
static void enter_with(fake *f, const char *url, int rank, uint64_t version)
{
    uint8_t payload[8];
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_uint(&out, version, 8);
    dc__join join = fake_join_for(rank);
    join.worker_id = ID + (uint64_t)rank;
    join.remembers = true;
    assert_int_equal(fake_join(f, url, &join, m), DC_OK);
    if (f->welcome.upload) assert_int_equal(fake_upload(f), DC_OK);
    assert_int_equal(fake_send(f, (dc__header){.type = DC__READY}, payload, version ? sizeof payload : 0),
                     DC_OK);
}

/* Checkpoints of rounds 1 to 3 are there, worker 0 has what it had kept by round 2, and worker 1 nothing: that is lost wherever the run
 * goes on, so it goes on where worker 0 can. */
static void the_run_goes_back_for_who_has_kept_something(void **state)
{
    (void)state;
    char dir[] = "/tmp/dynacomm-test-XXXXXX", line[64];
    if (!mkdtemp(dir)) abort();
    const char *url = test_url("kept");
    const dc_server_options options = {
        .url = url, .workers = 2, .backup_dir = dir, .backup_every = {.rounds = 1}, .loss_wait_s = 600};
    box *b = box_open(options);
    fake f[2];
    for (int k = 0; k < 2; k++)
        enter_with(&f[k], url, k, 0);
    for (int k = 0; k < 2; k++)
        assert_int_equal(fake_wait_start(&f[k]), DC_OK);
    for (int r = 1; r <= 3; r++) {
        for (int k = 0; k < 2; k++)
            assert_int_equal(fake_round(&f[k], .5f), DC_OK);
        (void)snprintf(line, sizeof line, "saved round %d to", r);
        assert_true(box_wait(b, line));
    }
    for (int k = 0; k < 2; k++)
        fake_close(&f[k]);
    box_stop_and_close(b);
    b = box_open(options);
    for (int times = 0; times < 2; times++) {
        enter_with(&f[0], url, 0, 2);
        enter_with(&f[1], url, 1, 0);
        if (times == 1) break;
        assert_int_not_equal(fake_wait_start(&f[0]), DC_OK); /* its session ends: it joins anew */
        for (int k = 0; k < 2; k++)
            fake_close(&f[k]);
        assert_true(box_wait(b, "worker 0 is back without what it had kept: the run goes back to round 2"));
    }
    for (int k = 0; k < 2; k++) {
        assert_int_equal(fake_wait_start(&f[k]), DC_OK);
        assert_int_equal(f[k].round, 2);
        fake_close(&f[k]);
    }
    box_stop_and_close(b);
    (void)snprintf(line, sizeof line, "rm -r %s", dir);
    assert_int_equal(system(line), 0);
}

int main(void)
{
    m = fake_model_new("fake", true);
    const struct CMUnitTest tests[] = {cmocka_unit_test(killed_while_it_joins),
                                       cmocka_unit_test(what_was_given_comes_after_the_round),
                                       cmocka_unit_test(who_carries_the_momentum_does_its_round_anew),
                                       cmocka_unit_test(who_was_passed_over_ends_the_round),
                                       cmocka_unit_test(who_was_passed_over_feeds_what_it_fed),
                                       cmocka_unit_test(the_run_goes_back_for_who_has_kept_something),
                                       cmocka_unit_test(who_was_to_begin_with_nothing_does_so_again)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fake_model_free(m);
    return failed;
}
