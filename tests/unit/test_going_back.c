/* test_going_back.c - a run that goes back to an older checkpoint ends in the bits of one that was never disturbed:
 * values, what its workers had not sent, and the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <unistd.h>

#include "dynacomm_server.h"
#include "server/run_log_read.h"
#include "toy_run.h"

static char dir[32];

static void begin(void)
{
    (void)snprintf(dir, sizeof dir, "/tmp/dynacomm-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void end(void)
{
    char command[64];
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* The oldest of the states in dir, and how many there are. */
static int oldest(uint64_t *version)
{
    DIR *d = opendir(dir);
    int n = 0;
    assert_non_null(d);
    *version = UINT64_MAX;
    for (const struct dirent *e; (e = readdir(d));) {
        if (strncmp(e->d_name, "toy.state", 9) != 0) continue;
        n++;
        if (e->d_name[9] != '-') continue;
        const uint64_t v = strtoull(e->d_name + 10, NULL, 10);
        *version = v < *version ? v : *version;
    }
    (void)closedir(d);
    return n;
}

static bool was_kept(int rank, uint64_t version)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/toy.kept-%d-%llu", dir, rank, (unsigned long long)version);
    return access(path, F_OK) == 0;
}

static setting two_workers(const char *name, const char *codec)
{
    return (setting){.url = test_url(name),
                     .backup = dir,
                     .keep = dir,
                     .codec = codec,
                     .workers = 2,
                     .rounds = 9,
                     .subdivisions = 1,
                     .strategy = DC_DUPLEX};
}

static void free_all(toy *got[MOST])
{
    for (int r = 0; r < 2; r++)
        toy_free(got[r]);
}

static void put_junk(const char *name)
{
    char path[64];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(truncate(path, 4000), 0);
}

/* A run that goes back two checkpoints, by whatever decides when they are made, ends in the bits of one that never
 * stopped; what its workers had not sent is there, too; and its log goes on
 * where it was cut. */
static void goes_back(const char *codec, uint64_t every, double every_s)
{
    toy *want[MOST], *got[MOST];
    begin();
    setting x = two_workers("whole", codec);
    x.rounds = 14;
    train(&x, want);
    end();
    begin();
    x = two_workers("back", codec);
    x.every = every;
    x.every_s = every_s;
    train(&x, got);
    free_all(got);
    uint64_t version;
    assert_int_equal(oldest(&version), 3);
    assert_true(version >= 1 && version < 9);
    for (int r = 0; r < 2 && codec; r++)
        assert_true(was_kept(r, version));
    char name[48];
    put_junk("toy.state");
    for (uint64_t v = version + 1; v < 9; v++) { /* the one between */
        (void)snprintf(name, sizeof name, "%s/toy.state-%llu", dir, (unsigned long long)v);
        if (access(name, F_OK) == 0) put_junk(strrchr(name, '/') + 1);
    }
    x.rounds = 14 - (int)version;
    train(&x, got);
    for (int r = 0; r < 2; r++)
        assert_true(toy_same(got[r], want[r], 1));
    free_all(got);
    free_all(want);
    dc__log_reader *log;
    dc__log_record record;
    uint64_t saved = 0;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/toy.log", dir);
    assert_int_equal(dc__log_reader_open(&log, path, &record), DC_OK);
    while (record.type != DC__LOG_END) {
        if (record.type == DC__LOG_SAVED) {
            assert_true(record.round >= saved); /* the end may be a checkpoint already */
            saved = record.round;
        }
        assert_int_equal(dc__log_reader_next(log, &record), DC_OK);
    }
    assert_int_equal(saved, 14);
    dc__log_reader_close(log);
    end();
}

static void a_run_that_goes_back_ends_in_the_same_bits(void **state)
{
    (void)state;
    goes_back(NULL, 3, 0);
    goes_back(NULL, 0, 1e-9);
    goes_back("topk:0.1/int8", 3, 0);
    goes_back("topk:0.1/int8", 0, 1e-9);
    goes_back("int8", 1, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_run_that_goes_back_ends_in_the_same_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
