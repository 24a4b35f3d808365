/* fuzz_log.c - any bytes as a run's log: read to its end or refused with a line; what is read can be used. */
#define XXH_INLINE_ALL
#include <limits.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "fault/fake.h"
#include "fuzz.h"
#include "server/run_log.h"
#include "server/run_log_read.h"

static void use(const dc__log_record *r)
{
    volatile uint64_t sum = r->round;
    if (r->type == DC__LOG_ROSTER)
        for (int k = 0; k < r->n; k++)
            sum += r->members[k].id;
    if (r->type == DC__LOG_PARTIAL)
        for (uint32_t b = 0; b < r->n_blocks; b++)
            sum += r->bitmap[b / 8] >> (b % 8) & 1;
    if (r->type == DC__LOG_RUN) sum += strlen(r->run.coding) + r->model->n_blocks;
    (void)sum;
}

static void read_all(const char *path)
{
    dc__log_reader *reader;
    dc__log_record record;
    dc_error err = dc__log_reader_open(&reader, path, &record);
    while (!err && record.type != DC__LOG_END) {
        use(&record);
        err = dc__log_reader_next(reader, &record);
    }
    if (err) dc__assert(dc_last_error()[0]);
    dc__log_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    read_all(fuzz_path(data, n));
    return 0;
}

/* A run of three rounds: a roster, a partial round, two rates, two checkpoints. */
static void write_log(const char *dir, const dc_model *model)
{
    static const dc__log_member members[] = {
        {.id = 7, .number = 0, .images = 4},
        {.id = 9, .number = 1, .images = 4, .statistics = DC__LOG_OF_OTHERS}};
    const dc__log_run run = {.seed = 5, .values_hash = 3, .coding = "exact"};
    const dc__log_server server = {.workers = 2, .clip_norm = 3};
    const uint64_t bitmap = 5;
    dc__run_log log;
    dc__run_log_init(&log);
    dc__assert(dc__run_log_begin(&log, dir, model, &run) == DC_OK);
    dc__run_log_server(&log, 0, &server);
    dc__run_log_roster(&log, 0, 2, members);
    dc__run_log_rate(&log, 0, .1f);
    dc__assert(dc__run_log_write(&log, 1) == DC_OK);
    dc__run_log_partial(&log, 1, 1, model->n_blocks, &bitmap);
    dc__run_log_rate(&log, 1, .2f);
    dc__run_log_roster(&log, 2, 1, members);
    dc__run_log_rate(&log, 2, .2f);
    dc__assert(dc__run_log_write(&log, 3) == DC_OK);
    dc__run_log_destroy(&log);
}

static size_t read_log(uint8_t *to)
{
    char dir[] = "/tmp/dynacomm-fuzz-XXXXXX", path[PATH_MAX];
    dc__assert(mkdtemp(dir) != NULL);
    fake_model *m = fake_model_new("fake", true);
    write_log(dir, m->model);
    fake_model_free(m);
    (void)snprintf(path, sizeof path, "%s/fake.log", dir);
    FILE *file = fopen(path, "rb");
    dc__assert(file);
    const size_t n = fread(to, 1, FUZZ_MOST, file);
    (void)fclose(file);
    dc__assert(unlink(path) == 0 && rmdir(dir) == 0);
    return n;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    static uint8_t log[FUZZ_MOST]; /* written once: it is asked for again and again */
    static size_t n;
    if (k > 0) return 0;
    if (n == 0) n = read_log(log);
    memcpy(to, log, n);
    return n;
}

/* Checksums that fit, or nothing would get past them. */
void fuzz_repair(uint8_t *data, size_t n)
{
    for (size_t at = 8; at + 16 <= n;) {
        dc__bytes b = dc__bytes_over(data + at, 4);
        const size_t payload = (size_t)dc__get_uint(&b, 4);
        if (payload > n - at - 16) return;
        dc__bytes sum = dc__bytes_over(data + at + 8 + payload, 8);
        dc__put_uint(&sum, XXH3_64bits(data + at, 8 + payload), 8);
        at += 16 + payload;
    }
}
