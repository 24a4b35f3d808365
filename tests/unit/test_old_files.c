/* test_old_files.c - states and logs of the version before, whose server stepped with a momentum of its own where workers step alone: those are
 * refused with a line, all others are read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "fault/fake.h"
#include "server/run_log.h"
#include "server/run_log_read.h"
#include "server/state_file.h"

static char dir[32], path[64];
static fake_model *m;

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/dynacomm-test-XXXXXX");
    m = fake_model_new("fake", true);
    return mkdtemp(dir) && dc__model_seal(m->model) == DC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fake_model_free(m);
    (void)unlink(path);
    return rmdir(dir);
}

/* The 3 at the end of the magic of the file becomes a 2. sum: the file ends with a checksum of all before. */
static void make_old(bool sum)
{
    uint8_t bytes[1 << 16];
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    const size_t n = fread(bytes, 1, sizeof bytes, f);
    assert_true(n > 16 && n < sizeof bytes);
    assert_int_equal(bytes[7], '3');
    bytes[7] = '2';
    dc__bytes end = dc__bytes_over(bytes + n - 8, 8);
    if (sum) dc__put_uint(&end, XXH3_64bits(bytes, n - 8), 8);
    rewind(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* ---- states ---- */

static void write_state(dc__versions *v, dc__codes *codes)
{
    const float stats[FAKE_STATS] = {1, 2, 3};
    const dc__crew crew = {.n = 1, .images = 4, .member = {{.id = 7, .images = 4}}};
    const dc__state_head head = {
        .seed = 9, .next_number = 1, .crew = &crew, .batches = dc__batches_always(1)};
    dc__file file;
    (void)snprintf(path, sizeof path, "%s/fake.state", dir);
    assert_int_equal(dc__file_begin(&file, path), DC_OK);
    assert_int_equal(dc__state_write(&file, v, codes, 3, &head, FAKE_STATS, stats), DC_OK);
    assert_int_equal(dc__file_commit(&file), DC_OK);
}

/* A run with this codec that was saved, by the version before if old, is gone on with. */
static dc_error go_on(const char *codec, bool old)
{
    dc__versions v;
    dc__codes codes;
    dc__statistics statistics;
    dc__roster roster;
    uint64_t seed = 0;
    bool found = false;
    dc__versions_init(&v);
    dc__statistics_init(&statistics);
    assert_int_equal(dc__versions_allocate(&v, m->model), DC_OK);
    assert_int_equal(dc__statistics_allocate(&statistics, 1, FAKE_STATS), DC_OK);
    assert_int_equal(dc__roster_init(&roster, 1, 1), DC_OK);
    assert_int_equal(dc__codes_init(&codes, codec, 1), DC_OK);
    assert_int_equal(dc__codes_allocate(&codes, m->model), DC_OK);
    write_state(&v, &codes);
    if (old) make_old(true);
    const dc_error err = dc__state_load(path, &v, &codes, &statistics, &roster, &seed, &found);
    assert_true(found == (err == DC_OK) && (err || (seed == 9 && v.round == 3)));
    dc__codes_release(&codes);
    dc__statistics_destroy(&statistics);
    dc__roster_destroy(&roster);
    dc__versions_destroy(&v);
    return err;
}

static void states_with_local_steps_are_refused(void **state)
{
    (void)state;
    static const char *const all[] = {"exact", "int8", "topk:0.1", "exact+local:2", "int8+local:auto"};
    for (int k = 0; k < 5; k++) {
        assert_int_equal(go_on(all[k], false), DC_OK);
        assert_int_equal(go_on(all[k], true), k < 3 ? DC_OK : DC_EVERSION);
        if (k >= 3) assert_non_null(strstr(dc_last_error(), "by another version of dynacomm"));
    }
}

/* ---- logs ---- */

static dc__log_run start = {.seed = 5, .first_round = 10, .first_step = 10, .values_hash = 3};

static void write_log(const char *codec)
{
    dc__run_log log;
    start.coding = codec;
    (void)snprintf(path, sizeof path, "%s/fake.log", dir);
    dc__run_log_init(&log);
    assert_int_equal(dc__run_log_begin(&log, dir, m->model, &start), DC_OK);
    dc__run_log_rate(&log, 10, 1);
    assert_int_equal(dc__run_log_write(&log, 11), DC_OK);
    dc__run_log_destroy(&log);
}

static dc_error read_log(void)
{
    dc__log_reader *reader;
    dc__log_record record;
    dc_error err = dc__log_reader_open(&reader, path, &record);
    while (!err && record.type != DC__LOG_END)
        err = dc__log_reader_next(reader, &record);
    dc__log_reader_close(reader);
    return err;
}

static void logs_with_local_steps_are_refused(void **state)
{
    (void)state;
    dc__run_log log;
    char note[DC__LINE_BYTES];
    dc__run_log_init(&log);
    write_log("int8");
    make_old(false);
    assert_int_equal(read_log(), DC_OK);
    assert_int_equal(dc__run_log_resume(&log, dir, m->model, &start, 11, note), DC_OK);
    assert_string_equal(note, "");
    write_log("int8+local:2");
    assert_int_equal(read_log(), DC_OK);
    make_old(false);
    assert_int_equal(read_log(), DC_EVERSION);
    assert_non_null(strstr(dc_last_error(), "with local steps by another version of dynacomm"));
    assert_int_equal(dc__run_log_resume(&log, dir, m->model, &start, 11, note), DC_OK);
    assert_non_null(strstr(note, "the log begins anew with round 11"));
    assert_int_equal(read_log(), DC_OK);
    dc__run_log_destroy(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(states_with_local_steps_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(logs_with_local_steps_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
