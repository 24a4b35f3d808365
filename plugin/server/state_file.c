/* state.c - the server's own file beside the .weights: everything that a resumed run needs to go on bit for
 * bit.
 *
 *   "DYNCRUN1", model description (length, bytes), workers, seed, round, step, then floats: values of the
 * whole arena, first moments, second moments (Adam), statistics of each worker; at the end a XXH3 checksum of
 * all before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/file.h"
#include "server/server.h"

#define MAGIC "DYNCRUN1"
#define NUMBERS_BYTES (4 + 8 + 8 + 8)

static void state_path(const dc_server *s, char path[PATH_MAX])
{
    (void)snprintf(path, PATH_MAX, "%s/%s.state", s->backup_dir, s->model->name);
}

float *dc__state_stats(const dc_server *s, uint64_t version)
{
    for (int i = 0; i < s->workers; i++)
        if (s->state.stat_round[version & 1][i] != version) return NULL;
    return s->state.stats[version & 1];
}

void dc__state_mean_stats(const dc_server *s, const float *stats, float *mean)
{
    const uint64_t n = dc__stat_floats(s);
    memcpy(mean, stats, n * sizeof *mean);
    for (int i = 1; i < s->workers; i++)
        dc__add(n, mean, stats + (size_t)i * n);
    if (s->workers > 1)
        for (uint64_t i = 0; i < n; i++)
            mean[i] = mean[i] / (float)s->workers;
}

/* ---- writing ---- */

typedef struct sink {
    dc__file file;
    XXH3_state_t hash;
    bool ok;
} sink;

static void put(sink *out, const void *data, size_t n)
{
    out->ok = out->ok && dc__file_write(&out->file, data, n);
    XXH3_64bits_update(&out->hash, data, n);
}

dc_error dc__state_save(dc_server *s, uint64_t version, const float *stats)
{
    const dc_model *m = s->model;
    const dc__state *st = &s->state;
    char path[PATH_MAX];
    state_path(s, path);
    sink out = {.ok = true};
    XXH3_64bits_reset(&out.hash);
    const size_t room = dc__model_describe_bytes(m);
    uint8_t *description = malloc(room);
    if (!description) return dc__fail(DC_ENOMEM, "out of memory for %s", path);
    dc__bytes d = dc__bytes_over(description, room);
    dc__model_describe(m, &d);
    const size_t description_bytes = (size_t)(d.at - description);
    dc_error err = dc__file_begin(&out.file, path);
    if (!err) {
        uint8_t head[4 + NUMBERS_BYTES];
        dc__bytes h = dc__bytes_over(head, sizeof head);
        dc__put_uint(&h, description_bytes, 4);
        put(&out, MAGIC, 8);
        put(&out, head, 4);
        put(&out, description, description_bytes);
        dc__put_uint(&h, (uint64_t)s->workers, 4);
        dc__put_uint(&h, st->seed, 8);
        dc__put_uint(&h, version, 8);
        dc__put_uint(&h, dc__step_of(s, version), 8);
        put(&out, head + 4, NUMBERS_BYTES);
        put(&out, st->value[version & 1], dc__model_floats(m) * sizeof(float));
        put(&out, st->moment1[version & 1], dc__model_state_floats(m) * sizeof(float));
        if (st->moment2[version & 1])
            put(&out, st->moment2[version & 1], dc__model_state_floats(m) * sizeof(float));
        put(&out, stats, (size_t)dc__stat_floats(s) * (size_t)s->workers * sizeof(float));
        uint8_t sum[8];
        dc__bytes c = dc__bytes_over(sum, sizeof sum);
        dc__put_uint(&c, XXH3_64bits_digest(&out.hash), 8);
        put(&out, sum, sizeof sum);
        err = dc__file_commit(&out.file);
    }
    free(description);
    return err;
}

/* ---- reading ---- */

typedef struct source {
    FILE *file;
    XXH3_state_t hash;
    bool ok;
} source;

static void get(source *in, void *data, size_t n)
{
    in->ok = in->ok && (n == 0 || fread(data, 1, n, in->file) == n);
    if (in->ok) XXH3_64bits_update(&in->hash, data, n);
}

static dc_error load_floats(dc_server *s, source *in, int workers)
{
    const dc_model *m = s->model;
    dc__state *st = &s->state;
    const uint64_t stat = dc__stat_floats(s);
    const int at = (int)(st->round & 1);
    get(in, st->value[at], dc__model_floats(m) * sizeof(float));
    get(in, st->moment1[at], dc__model_state_floats(m) * sizeof(float));
    if (st->moment2[at]) get(in, st->moment2[at], dc__model_state_floats(m) * sizeof(float));
    float *stats = calloc(stat * (size_t)workers + 1, sizeof *stats);
    if (!stats) return dc__fail(DC_ENOMEM, "out of memory for statistics");
    get(in, stats, stat * (size_t)workers * sizeof(float));
    memcpy(st->value[1 - at], st->value[at], dc__model_floats(m) * sizeof(float));
    /* Each worker goes on with its own statistics; if their number changed, with the mean. */
    const int before = s->workers;
    float *to = st->stats[at];
    if (workers == before) {
        memcpy(to, stats, stat * (size_t)workers * sizeof(float));
    } else {
        s->workers = workers;
        dc__state_mean_stats(s, stats, to);
        s->workers = before;
        for (int i = 1; i < before; i++)
            memcpy(to + (size_t)i * stat, to, stat * sizeof(float));
    }
    free(stats);
    return DC_OK;
}

static dc_error load(dc_server *s, source *in, const char *path)
{
    uint8_t head[8 + 4], numbers[NUMBERS_BYTES], sum[8];
    get(in, head, sizeof head);
    dc__bytes h = dc__bytes_over(head, sizeof head);
    const uint8_t *magic = dc__take(&h, 8);
    const size_t n = (size_t)dc__get_uint(&h, 4);
    if (!in->ok || memcmp(magic, MAGIC, 8) != 0 || n > DC__MAX_JOIN_BYTES)
        return dc__fail(DC_EFORMAT, "%s is not a run's state: move it away or start with --fresh", path);
    uint8_t *description = malloc(n + 1);
    if (!description) return dc__fail(DC_ENOMEM, "out of memory for %s", path);
    get(in, description, n);
    dc_model *saved = NULL;
    dc__bytes d = dc__bytes_over(description, in->ok ? n : 0);
    dc_error err = dc__model_parse(&saved, &d);
    free(description);
    if (err) { /* the line so far names no file */
        char why[DC__LINE_BYTES];
        (void)snprintf(why, sizeof why, "%s", dc_last_error());
        return dc__fail(err == DC_ENOMEM ? err : DC_EFORMAT,
                        "%.200s is damaged (%.150s): start with --fresh, from the .weights beside it", path,
                        why);
    }
    err = dc__model_same(saved, s->model, path, "this worker");
    dc_model_free(saved);
    if (err) return err;
    get(in, numbers, sizeof numbers);
    dc__bytes b = dc__bytes_over(numbers, sizeof numbers);
    const int workers = (int)dc__get_uint(&b, 4);
    s->state.seed = dc__get_uint(&b, 8);
    s->state.round = s->state.first_round = dc__get_uint(&b, 8);
    s->state.first_step = dc__get_uint(&b, 8);
    if (!in->ok || workers < 1 || workers > DC_MAX_WORKERS || s->state.round > UINT32_MAX ||
        s->state.first_step > UINT32_MAX)
        return dc__fail(DC_EFORMAT, "%s is cut short: start with --fresh, from the .weights beside it", path);
    err = load_floats(s, in, workers);
    const uint64_t expected = XXH3_64bits_digest(&in->hash);
    get(in, sum, sizeof sum);
    dc__bytes c = dc__bytes_over(sum, sizeof sum);
    if (!err && (!in->ok || dc__get_uint(&c, 8) != expected))
        err = dc__fail(DC_EFORMAT, "%s is damaged: start with --fresh, from the .weights beside it", path);
    if (!err)
        for (uint32_t i = 0; i < s->model->n_blocks; i++)
            s->version[i] = s->state.round;
    for (int i = 0; i < s->workers; i++)
        s->state.stat_round[s->state.round & 1][i] = s->state.round;
    return err;
}

dc_error dc__state_load(dc_server *s, bool *found)
{
    char path[PATH_MAX];
    state_path(s, path);
    source in = {.file = fopen(path, "rb"), .ok = true};
    *found = false;
    if (!in.file && errno == ENOENT) return DC_OK;
    if (!in.file) return dc__fail(DC_EFILE, "cannot read %s: %s", path, strerror(errno));
    XXH3_64bits_reset(&in.hash);
    dc_error err = load(s, &in, path);
    (void)fclose(in.file);
    *found = err == DC_OK;
    return err;
}
