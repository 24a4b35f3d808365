/* test_server_ends.c - how runs end, and what is on disk by then: workers that stop unevenly or run ahead, a
 * disk that is slower than a round or a silence.
 *
 * This program's fsync stands before the C library's: it keeps a copy of every file that the server syncs and
 * can hold the disk up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "server/server.h"
#include "test_url.h"

/* ---- the disk ---- */

typedef struct synced {
    char *bytes;
    size_t n;
} synced;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool hold;  /* fsync of a file blocks, */
    int passes; /* but for so many first */
    int n;      /* files synced */
    int waiting;
    synced file[64];
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

__attribute__((visibility("default"))) int fsync(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return 0;
    pthread_mutex_lock(&disk.lock);
    disk.waiting++;
    pthread_cond_broadcast(&disk.change);
    const bool passes = disk.n < disk.passes;
    synced *f = &disk.file[disk.n++];
    f->n = (size_t)st.st_size;
    f->bytes = malloc(f->n);
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const int again = open(path, O_RDONLY);
    if (again < 0 || pread(again, f->bytes, f->n, 0) != (ssize_t)f->n) abort();
    (void)close(again);
    while (disk.hold && !passes)
        pthread_cond_wait(&disk.change, &disk.lock);
    disk.waiting--;
    pthread_mutex_unlock(&disk.lock);
    return 0;
}

static void disk_hold(bool hold)
{
    pthread_mutex_lock(&disk.lock);
    disk.hold = hold;
    pthread_cond_broadcast(&disk.change);
    pthread_mutex_unlock(&disk.lock);
}

static void disk_wait_busy(void)
{
    pthread_mutex_lock(&disk.lock);
    while (disk.waiting == 0)
        pthread_cond_wait(&disk.change, &disk.lock);
    pthread_mutex_unlock(&disk.lock);
}

static void disk_clear(void)
{
    for (int i = 0; i < disk.n; i++)
        free(disk.file[i].bytes);
    disk.n = 0;
}

/* ---- runs ---- */

typedef struct run {
    char dir[32];
    box *b;
    fake_model *m;
    fake f[2];
} run;

/* Two workers have said that they are ready. */
static void open_run(run *r, const char *url, bool statistics, uint64_t every, double timeout_s)
{
    (void)snprintf(r->dir, sizeof r->dir, "/tmp/dynacomm-test-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    r->m = fake_model_new("fake", statistics);
    r->b = box_open((dc_server_options){.url = url,
                                        .workers = 2,
                                        .backup_dir = r->dir,
                                        .backup_every.rounds = every,
                                        .timeout_s = timeout_s});
    assert_non_null(r->b);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_enter(&r->f[i], url, i, r->m), DC_OK);
}

static void begin(run *r, const char *url, bool statistics, uint64_t every, double timeout_s)
{
    open_run(r, url, statistics, every, timeout_s);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_wait_start(&r->f[i]), DC_OK);
    assert_true(box_wait(r->b, "saved round 0 to"));
    disk_clear(); /* of the log's beginning and the run's */
}

static void end(run *r)
{
    char command[64];
    for (int i = 0; i < 2; i++)
        fake_close(&r->f[i]);
    box_close(r->b);
    fake_model_free(r->m);
    (void)snprintf(command, sizeof command, "rm -r %s", r->dir);
    assert_int_equal(system(command), 0);
    disk_clear();
}

/* Worker 0 has pushed for a round that worker 1 never does: it must not wait for ever. */
static void uneven_rounds(void **state)
{
    (void)state;
    for (int first = 0; first < 2; first++) { /* who is heard first */
        run r;
        char line[512];
        begin(&r, first ? test_url("uneven-1") : test_url("uneven-0"), true, 0, 30);
        assert_int_equal(fake_round(&r.f[0], 1), DC_OK);
        assert_int_equal(fake_round(&r.f[1], 1), DC_OK);
        if (first) assert_int_equal(fake_bye(&r.f[1], 1, true), DC_OK);
        if (first) assert_true(box_wait(r.b, "worker 1 is done after round 1"));
        assert_int_equal(fake_round(&r.f[0], 1), DC_OK);
        if (!first) { /* all of it has arrived */
            dc__frame frame;
            assert_int_equal(fake_word(&r.f[0], DC__PING, 1), DC_OK);
            assert_int_equal(fake_expect(&r.f[0], DC__PONG, &frame), DC_OK);
            dc__frame_free(&frame);
            assert_int_equal(fake_bye(&r.f[1], 1, true), DC_OK);
        }
        assert_int_equal(fake_expect_stop(&r.f[0], line), DC_OK);
        assert_non_null(strstr(line, "worker 1 finished after round 1 but worker 0 goes on"));
        fake_close(&r.f[0]);
        box_wait_end(r.b);
        assert_int_equal(r.b->err, DC_EPEER);
        end(&r);
    }
}

/* Worker 0 is done with round 2 before worker 1 has sent its statistics of round 1: both checkpoints are
 * written, each with the statistics of its own round. */
static void a_worker_ahead_costs_no_checkpoint(void **state)
{
    (void)state;
    run r;
    begin(&r, test_url("ahead"), true, 1, 30);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fake_pull(&r.f[i], 0), DC_OK);
        assert_int_equal(fake_take(&r.f[i], 0), DC_OK);
        assert_int_equal(fake_push(&r.f[i], 0, 0, 3, 1), DC_OK);
    }
    assert_int_equal(fake_stats(&r.f[0], 1, 10), DC_OK);
    r.f[0].round = 1;
    assert_int_equal(fake_round(&r.f[0], 1), DC_OK); /* statistics: 1 */
    dc__frame frame;
    assert_int_equal(fake_word(&r.f[0], DC__PING, 1), DC_OK);
    assert_int_equal(fake_expect(&r.f[0], DC__PONG, &frame), DC_OK);
    dc__frame_free(&frame);
    assert_int_equal(fake_stats(&r.f[1], 1, 20), DC_OK);
    assert_true(box_wait(r.b, "saved round 1 to"));
    float mean; /* the first file synced is round 1's .backup; its statistics come last */
    memcpy(&mean, disk.file[0].bytes + disk.file[0].n - sizeof mean, sizeof mean);
    assert_true(mean == 15.f);
    dc_server_stop(r.b->server);
    box_wait_end(r.b);
    end(&r);
}

/* The run ends while a checkpoint is written: what goes to the disk is still one version. */
static void a_checkpoint_is_never_two_versions(void **state)
{
    (void)state;
    run r;
    begin(&r, test_url("torn"), false, 1, 30);
    disk_hold(true);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 2; i++)
            assert_int_equal(fake_round(&r.f[i], (float)(k + 1)), DC_OK);
    disk_wait_busy(); /* version 1's weights; version 2 is due, or about to be */
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_round(&r.f[i], 7),
                         DC_OK); /* its version would take another one's place in the line */
    dc_server_stop(r.b->server);
    char line[512];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(fake_expect_stop(&r.f[i], line), DC_OK);
        fake_close(&r.f[i]);
    }
    disk_hold(false);
    box_wait_end(r.b);
    assert_int_equal(r.b->err, DC_ESTOPPED);
    assert_true(disk.n >= 4);
    for (int k = 0; k < 4; k += 2) { /* of version 1, then of version 2 */
        const synced *weights = &disk.file[k], *other = &disk.file[k + 1];
        const size_t n = FAKE_TRAINED * sizeof(float),
                     at = other->n - 8 - 2 * n; /* values, moments, checksum */
        assert_int_equal(weights->n, 20 + n);
        assert_memory_equal(weights->bytes + 20, other->bytes + at, n);
    }
    end(&r);
}

/* A checkpoint that takes longer than the silence that ends a run. */
static void a_slow_disk_is_no_silence(void **state)
{
    (void)state;
    run r;
    begin(&r, test_url("slow"), true, 1, 30);
    disk_hold(true);
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 2; i++)
            assert_int_equal(fake_round(&r.f[i], 1), DC_OK);
    disk_wait_busy();
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_round(&r.f[i], 1),
                         DC_OK);            /* held up: its version is to be written, and another waits */
    for (int pings = 0; pings < 3; pings++) /* the server lives: three of its signs, a second apart */
        for (int i = 0; i < 2; i++) {
            dc__frame frame;
            assert_int_equal(fake_expect(&r.f[i], DC__PING, &frame), DC_OK);
            dc__frame_free(&frame);
        }
    disk_hold(false);
    for (int i = 0; i < 2; i++) {
        dc__frame frame;
        assert_int_equal(fake_bye(&r.f[i], 3, true), DC_OK);
        assert_int_equal(fake_expect(&r.f[i], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
        fake_close(&r.f[i]);
    }
    box_wait_end(r.b);
    if (r.b->err) fail_msg("%s", r.b->line);
    end(&r);
}

/* All that the server has sent so far has come, and nothing of this type. */
static bool is_without(fake *f, dc__type type)
{
    bool without = true;
    assert_int_equal(fake_word(f, DC__PING, 1), DC_OK);
    for (bool ponged = false; !ponged;) {
        dc__frame frame;
        assert_int_equal(dc__link_receive(&f->link, &frame, -1), DC_OK);
        without = without && frame.header.type != type;
        ponged = frame.header.type == DC__PONG;
        dc__frame_free(&frame);
    }
    return without;
}

/* A server that dies before the version that the run begins with is saved finds workers that have it still: nobody computes
 * before. */
static void the_first_version_is_saved_before_the_start(void **state)
{
    (void)state;
    run r;
    disk.hold = true;
    disk.passes = 1; /* the log's beginning */
    open_run(&r, test_url("first"), true, 0, 30);
    disk_wait_busy();
    for (int i = 0; i < 2; i++)
        assert_true(is_without(&r.f[i], DC__START));
    disk_hold(false);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_wait_start(&r.f[i]), DC_OK);
    assert_true(box_wait(r.b, "saved round 0 to"));
    disk.passes = 0;
    dc_server_stop(r.b->server);
    box_wait_end(r.b);
    end(&r);
}

/* A worker that waits for the end of the run hears of it when it is saved, one that does not at once. */
static void the_end_is_saved_before_it_is_told(void **state)
{
    (void)state;
    run r;
    dc__frame frame;
    const uint8_t nothing[2] = {0, 0};
    const dc__header bye = {.type = DC__BYE, .flags = DC__BYE_OK | DC__BYE_WAITS, .round = 1};
    begin(&r, test_url("told"), true, 0, 30);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fake_round(&r.f[i], 1), DC_OK);
    disk_hold(true);
    assert_int_equal(fake_send(&r.f[0], bye, nothing, sizeof nothing), DC_OK);
    assert_int_equal(fake_bye(&r.f[1], 1, true), DC_OK);
    assert_int_equal(fake_expect(&r.f[1], DC__BYE_ACK, &frame), DC_OK);
    dc__frame_free(&frame);
    disk_wait_busy();
    assert_true(is_without(&r.f[0], DC__BYE_ACK));
    disk_hold(false);
    assert_int_equal(fake_expect(&r.f[0], DC__BYE_ACK, &frame), DC_OK);
    dc__frame_free(&frame);
    assert_true(box_wait(r.b, "saved round 1 to"));
    for (int i = 0; i < 2; i++)
        fake_close(&r.f[i]);
    box_wait_end(r.b);
    if (r.b->err) fail_msg("%s", r.b->line);
    end(&r);
}

/* What the system has of a version is out of the way of the rounds after it, long before the disk has it. */
static void rounds_go_on_beside_the_disk(void **state)
{
    (void)state;
    run r;
    begin(&r, test_url("beside"), true, 10, 30);
    disk_hold(true);
    for (int k = 0; k < 19; k++) /* each takes the version that the one before made */
        for (int i = 0; i < 2; i++)
            assert_int_equal(fake_round(&r.f[i], 1), DC_OK);
    disk_wait_busy(); /* with version 10, still */
    disk_hold(false);
    assert_true(box_wait(r.b, "saved round 10 to"));
    dc_server_stop(r.b->server);
    box_wait_end(r.b);
    end(&r);
}

/* An honest worker: saving before the first round of a run
 * that does not start at 0, without statistics, too. */
static void saving_at_once(void **state)
{
    (void)state;
    for (int statistics = 0; statistics < 2; statistics++) {
        const char *url = statistics ? test_url("at-once-1") : test_url("at-once-0");
        box *b = box_open((dc_server_options){.url = url, .workers = 1});
        assert_non_null(b);
        fake_model *m = fake_model_new("fake", statistics);
        dc_worker *w;
        assert_int_equal(
            dc_worker_join(&w, m->model, &(dc_worker_options){.url = url, .rank = -1, .round = 5}), DC_OK);
        char path[] = "/tmp/dynacomm-test-XXXXXX";
        (void)close(mkstemp(path));
        assert_int_equal(dc_worker_save(w, path, 20), DC_OK);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(dc_worker_leave(w, true, ""), DC_OK);
        box_close(b);
        fake_model_free(m);
    }
    disk_clear();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uneven_rounds),
        cmocka_unit_test(a_worker_ahead_costs_no_checkpoint),
        cmocka_unit_test(a_checkpoint_is_never_two_versions),
        cmocka_unit_test(a_slow_disk_is_no_silence),
        cmocka_unit_test(the_first_version_is_saved_before_the_start),
        cmocka_unit_test(the_end_is_saved_before_it_is_told),
        cmocka_unit_test(rounds_go_on_beside_the_disk),
        cmocka_unit_test(saving_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
