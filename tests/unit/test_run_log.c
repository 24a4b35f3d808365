/* test_run_log.c - a run's log says what decided its versions, survives a cut-off write, and can be cut back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/fake.h"
#include "server/run_log.h"
#include "server/run_log_read.h"

static char dir[] = "/tmp/dynacomm-test-XXXXXX", path[64];
static fake_model *m;
static const dc__log_member crew[] = {
    {.id = 77, .number = 0, .images = 4},
    {.id = 99, .number = 3, .images = 8, .note = "threads=2", .statistics = DC__LOG_OF_BEFORE}};
static const dc__log_run start = {
    .seed = 5, .first_round = 10, .first_step = 10, .values_hash = 3, .coding = "int8"};
static const dc__log_server server = {.workers = 2, .carried = true, .trim = -1, .clip_norm = 2.5};

static off_t size_now(void)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Rounds [from, to) at a rate that changes every second round; saved at the end. */
static void rounds(dc__run_log *log, uint64_t from, uint64_t to)
{
    for (uint64_t r = from; r < to; r++)
        dc__run_log_rate(log, r, (float)(r / 2));
    assert_int_equal(dc__run_log_write(log, to), DC_OK);
}

static void begin(dc__run_log *log)
{
    dc__run_log_init(log);
    assert_int_equal(dc__run_log_begin(log, dir, m->model, &start), DC_OK);
    dc__run_log_server(log, 10, &server);
    dc__run_log_roster(log, 10, 2, crew);
}

/* Types in order, as letters: R run, S server, r roster, p partial, f rate, s saved, b who is behind relays. */
static void expect(const char *types, uint64_t torn)
{
    dc__log_reader *reader;
    dc__log_record record;
    char seen[64] = "";
    size_t n = 0;
    assert_int_equal(dc__log_reader_open(&reader, path, &record), DC_OK);
    for (; record.type != DC__LOG_END; seen[n++] = "?RrpfsSgb"[record.type]) {
        if (n) assert_int_equal(dc__log_reader_next(reader, &record), DC_OK);
        if (record.type == DC__LOG_END) break;
        assert_true(n < sizeof seen - 1);
    }
    assert_string_equal(seen, types);
    assert_int_equal(dc__log_reader_torn(reader), torn);
    dc__log_reader_close(reader);
}

static void what_was_logged_is_read(void **state)
{
    (void)state;
    dc__run_log log;
    dc__log_reader *reader;
    dc__log_record r;
    const uint64_t bitmap = 6;
    begin(&log);
    dc__run_log_partial(&log, 10, 3, m->model->n_blocks, &bitmap);
    rounds(&log, 10, 11);
    assert_int_equal(dc__log_reader_open(&reader, path, &r), DC_OK);
    assert_int_equal(r.run.seed, 5);
    assert_int_equal(r.run.first_round, 10);
    assert_string_equal(r.run.coding, "int8");
    assert_int_equal(dc__model_same(r.model, m->model, "log", "model"), DC_OK);
    assert_int_equal(dc__log_reader_next(reader, &r), DC_OK);
    assert_int_equal(r.type, DC__LOG_SERVER);
    assert_int_equal(r.server.workers, 2);
    assert_true(r.server.carried && r.server.trim == -1 && r.server.clip_norm == 2.5);
    assert_int_equal(dc__log_reader_next(reader, &r), DC_OK);
    assert_int_equal(r.type, DC__LOG_ROSTER);
    assert_int_equal(r.n, 2);
    assert_int_equal(r.members[1].id, 99);
    assert_int_equal(r.members[1].number, 3);
    assert_int_equal(r.members[1].images, 8);
    assert_string_equal(r.members[1].note, "threads=2");
    assert_true(r.members[0].statistics == DC__LOG_OWN && r.members[1].statistics == DC__LOG_OF_BEFORE);
    assert_int_equal(dc__log_reader_next(reader, &r), DC_OK);
    assert_int_equal(r.type, DC__LOG_PARTIAL);
    assert_int_equal(r.number, 3);
    assert_int_equal(r.bitmap[0], 6);
    assert_int_equal(dc__log_reader_next(reader, &r), DC_OK);
    assert_true(r.type == DC__LOG_RATE && r.rate == 5);
    dc__log_reader_close(reader);
    dc__run_log_destroy(&log);
}

/* Only what decided the saved version is on disk, and who goes on from it: the next round's is not yet known to count. */
static void nothing_runs_ahead_of_its_checkpoint(void **state)
{
    (void)state;
    dc__run_log log;
    begin(&log);
    dc__run_log_rate(&log, 10, 1);
    dc__run_log_rate(&log, 11, 2);
    dc__run_log_roster(&log, 12, 1, crew);
    assert_int_equal(dc__run_log_write(&log, 11), DC_OK);
    expect("RSrfs", 0);
    assert_int_equal(dc__run_log_write(&log, 12), DC_OK);
    expect("RSrfsfrs", 0);
    dc__run_log_rate(&log, 12, 3);
    assert_int_equal(dc__run_log_write(&log, 13), DC_OK);
    expect("RSrfsfrsfs", 0);
    dc__run_log_destroy(&log);
}

/* Of another shard it may come when the next round's records are here: it goes before them, and what several say of one member holds
 * together. */
static void omissions_of_shards_stand_in_their_round(void **state)
{
    (void)state;
    dc__run_log log;
    dc__log_reader *reader;
    dc__log_record r;
    const uint32_t n = m->model->n_blocks;
    const uint64_t one = ~(uint64_t)1, other = ~(uint64_t)2, late = ~(uint64_t)4;
    begin(&log);
    dc__run_log_rate(&log, 10, 1);
    dc__run_log_partial(&log, 10, 3, n, &one);
    dc__run_log_roster(&log, 11, 1, crew);
    dc__run_log_rate(&log, 11, 2);
    dc__run_log_partial(&log, 11, 0, n, &late);
    dc__run_log_partial(&log, 10, 3, n, &other);
    dc__run_log_partial(&log, 10, 0, n, &late);
    assert_int_equal(dc__run_log_write(&log, 11), DC_OK);
    expect("RSrfpprs", 0);
    assert_int_equal(dc__run_log_write(&log, 12), DC_OK);
    expect("RSrfpprsfps", 0);
    assert_int_equal(dc__log_reader_open(&reader, path, &r), DC_OK);
    for (int k = 0; k < 4; k++)
        assert_int_equal(dc__log_reader_next(reader, &r), DC_OK);
    assert_true(r.type == DC__LOG_PARTIAL && r.round == 10 && r.number == 3);
    assert_int_equal(r.bitmap[0], (uint8_t)(one & other));
    assert_int_equal(dc__log_reader_next(reader, &r), DC_OK);
    assert_true(r.type == DC__LOG_PARTIAL && r.round == 10 && r.number == 0);
    assert_int_equal(r.bitmap[0], (uint8_t)late);
    dc__log_reader_close(reader);
    dc__run_log_destroy(&log);
}

/* Who stands behind relays belongs to the roster before it; a log without relays says nothing of them. */
static void relays_are_in_it(void **state)
{
    (void)state;
    dc__run_log log;
    dc__log_reader *reader;
    dc__log_record r;
    dc__log_member members[3] = {
        {.number = 0, .images = 8}, {.number = 1, .images = 8}, {.number = 4, .images = 8}};
    begin(&log);
    dc__run_log_relays(&log, 10, 3, members);
    dc__run_log_rate(&log, 10, 1);
    assert_true(dc__path_add(&members[1].path, 77, 2) && dc__path_add(&members[1].path, 78, 3));
    assert_true(dc__path_add(&members[2].path, 78, 3));
    dc__run_log_roster(&log, 11, 3, members);
    dc__run_log_relays(&log, 11, 3, members);
    assert_int_equal(dc__run_log_write(&log, 11), DC_OK);
    expect("RSrfrbs", 0);
    assert_int_equal(dc__log_reader_open(&reader, path, &r), DC_OK);
    while (r.type != DC__LOG_RELAYS)
        assert_int_equal(dc__log_reader_next(reader, &r), DC_OK);
    assert_true(r.round == 11 && r.n == 2);
    assert_true(r.members[0].number == 1 && r.members[1].number == 4);
    assert_true(r.members[0].path.n == 2 && r.members[0].path.at[0].id == 77 &&
                r.members[0].path.at[1].id == 78);
    assert_true(dc__path_same(&r.members[0].path, &r.members[1].path, 1));
    dc__log_reader_close(reader);
    dc__run_log_destroy(&log);
}

static void a_resumed_run_cuts_it_back(void **state)
{
    (void)state;
    dc__run_log log;
    char note[512];
    begin(&log);
    rounds(&log, 10, 12);
    const off_t at = size_now();
    rounds(&log, 12, 20);
    dc__run_log_destroy(&log);
    dc__run_log_init(&log);
    assert_int_equal(dc__run_log_resume(&log, dir, m->model, &start, 12, note), DC_OK);
    assert_string_equal(note, "");
    assert_int_equal(size_now(), at);
    dc__run_log_rate(&log, 12, 5); /* as before: not news */
    assert_int_equal(dc__run_log_write(&log, 13), DC_OK);
    expect("RSrfss", 0);
    dc__run_log_destroy(&log);
}

/* The log of rounds 10 and 11, by a server that is gone. */
static void write_two_rounds(void)
{
    dc__run_log log;
    begin(&log);
    rounds(&log, 10, 12);
    dc__run_log_destroy(&log);
}

static void a_log_that_is_not_there_is_reported(void **state)
{
    (void)state;
    dc__run_log log;
    char note[512];
    write_two_rounds();
    dc__run_log_init(&log);
    const dc__log_run again = {.seed = 5, .first_round = 15, .coding = "exact"};
    assert_int_equal(dc__run_log_resume(&log, dir, m->model, &again, 15, note), DC_OK);
    assert_non_null(strstr(note, "does not reach round 15"));
    expect("R", 0);
    (void)unlink(path);
    assert_int_equal(dc__run_log_resume(&log, dir, m->model, &again, 15, note), DC_OK);
    assert_non_null(strstr(note, "is not there"));
    dc__run_log_destroy(&log);
}

/* Descriptors run out. */
static void one_that_cannot_be_read_is_not_written_over(void **state)
{
    (void)state;
    dc__run_log log;
    char note[512];
    write_two_rounds();
    const off_t before = size_now();
    const int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rlimit all, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = all.rlim_max};
    (void)close(next);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    dc__run_log_init(&log);
    const dc_error err = dc__run_log_resume(&log, dir, m->model, &start, 12, note);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    dc__run_log_destroy(&log);
    assert_int_equal(err, DC_EFILE);
    assert_non_null(strstr(dc_last_error(), "without it the run could not be replayed"));
    assert_int_equal(size_now(), before);
}

/* A write that was cut off anywhere leaves what stood before. */
static void a_torn_end_is_recognised(void **state)
{
    (void)state;
    dc__run_log log;
    begin(&log);
    rounds(&log, 10, 12);
    const off_t whole = size_now();
    rounds(&log, 12, 13);
    const off_t end = size_now();
    dc__run_log_destroy(&log);
    assert_int_equal(end - whole, 16 + 12 + 16 + 8);
    for (off_t n = whole + 16 + 12 - 1; n >= whole; n--) {
        assert_int_equal(truncate(path, n), 0);
        expect("RSrfs", (uint64_t)(n - whole));
    }
}

static void a_damaged_one_is_refused(void **state)
{
    (void)state;
    dc__run_log log;
    dc__log_cut cut;
    begin(&log);
    rounds(&log, 10, 12);
    rounds(&log, 12, 14);
    dc__run_log_destroy(&log);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 60, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, 60, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(dc__run_log_find_cut(path, m->model, 14, &cut), DC_EFORMAT);
    assert_non_null(strstr(dc_last_error(), "is damaged"));
}

/* A full disk keeps what stood before, and the next try writes all. */
static void a_write_that_fails_is_made_up_for(void **state)
{
    (void)state;
    dc__run_log log;
    begin(&log);
    rounds(&log, 10, 12);
    const off_t whole = size_now();
    char aside[80];
    (void)snprintf(aside, sizeof aside, "%s.aside", path);
    assert_int_equal(rename(path, aside), 0);
    dc__run_log_rate(&log, 12, 50);
    assert_int_equal(dc__run_log_write(&log, 13), DC_EFILE);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(size_now(), whole);
    assert_int_equal(dc__run_log_write(&log, 13), DC_OK);
    expect("RSrfsfs", 0);
    dc__run_log_destroy(&log);
}

/* A server that was started with nothing left to train has saved the version once more, with its own roster. */
static void the_last_of_a_version_counts(void **state)
{
    (void)state;
    dc__run_log log;
    char note[512];
    begin(&log);
    rounds(&log, 10, 12);
    dc__run_log_server(&log, 12, &server);
    dc__run_log_roster(&log, 12, 1, crew);
    assert_int_equal(dc__run_log_write(&log, 12), DC_OK);
    const off_t at = size_now();
    rounds(&log, 12, 14);
    expect("RSrfsSrsfs", 0);
    dc__run_log_destroy(&log);
    dc__run_log_init(&log);
    assert_int_equal(dc__run_log_resume(&log, dir, m->model, &start, 12, note), DC_OK);
    assert_int_equal(size_now(), at);
    dc__run_log_destroy(&log);
}

static int set_up(void **state)
{
    (void)state;
    m = fake_model_new("fake", true);
    if (!mkdtemp(dir)) return -1;
    (void)snprintf(path, sizeof path, "%s/fake.log", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    fake_model_free(m);
    (void)unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_logged_is_read),
        cmocka_unit_test(nothing_runs_ahead_of_its_checkpoint),
        cmocka_unit_test(omissions_of_shards_stand_in_their_round),
        cmocka_unit_test(relays_are_in_it),
        cmocka_unit_test(a_resumed_run_cuts_it_back),
        cmocka_unit_test(a_log_that_is_not_there_is_reported),
        cmocka_unit_test(one_that_cannot_be_read_is_not_written_over),
        cmocka_unit_test(a_torn_end_is_recognised),
        cmocka_unit_test(a_damaged_one_is_refused),
        cmocka_unit_test(a_write_that_fails_is_made_up_for),
        cmocka_unit_test(the_last_of_a_version_counts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
