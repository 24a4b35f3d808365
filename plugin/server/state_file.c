#include "server/state_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/file.h"
#include "base/error.h"
#include "model/average.h"
#include "net/wire.h"

#define MAGIC "DYNCRUN3"
#define MAGIC_OUTER "DYNCRUN2" /* local steps were others */
#define MAGIC_BYTES_OF_ANY 7   /* version of the format */
#define CHECKED_BYTES (1u << 18)
#define NUMBERS_BYTES (8 + 8 + 8 + 4 + 4)
#define MEMBER_BYTES (8 + 4 + 4)
#define MEMBER_FRESH 0x80000000u /* with its number: it begins with this version, and nothing kept */
#define STEPS_BYTES (8 + 8 + 4)

/* ---- writing ---- */

typedef struct sink {
    dc__file *file;
    XXH3_state_t hash;
    bool ok;
} sink;

static void put(sink *out, const void *data, size_t n)
{
    out->ok = out->ok && dc__file_write(out->file, data, n);
    XXH3_64bits_update(&out->hash, data, n);
}

static void put_crew(sink *out, const dc__crew *crew)
{
    for (int k = 0; k < crew->n; k++) {
        uint8_t member[MEMBER_BYTES];
        dc__bytes b = dc__bytes_over(member, sizeof member);
        dc__put_uint(&b, crew->member[k].id, 8);
        dc__put_uint(&b, (uint64_t)crew->member[k].number | (crew->member[k].fresh ? MEMBER_FRESH : 0u), 4);
        dc__put_uint(&b, crew->member[k].images, 4);
        put(out, member, sizeof member);
    }
}

/* Magic, description, numbers, workers. */
static dc_error put_head(sink *out, const dc__versions *v, uint64_t version, const dc__state_head *head)
{
    const size_t room = dc__model_describe_bytes(v->model);
    uint8_t *description = malloc(room), numbers[4 + NUMBERS_BYTES];
    if (!description) return dc__fail(DC_ENOMEM, "out of memory for a model's description");
    dc__bytes d = dc__bytes_over(description, room);
    dc__model_describe(v->model, &d);
    const size_t n = (size_t)(d.at - description);
    dc__bytes h = dc__bytes_over(numbers, sizeof numbers);
    dc__put_uint(&h, n, 4);
    dc__put_uint(&h, head->seed, 8);
    dc__put_uint(&h, version, 8);
    dc__put_uint(&h, dc__versions_step(v, version), 8);
    dc__put_uint(&h, (uint64_t)head->next_number, 4);
    dc__put_uint(&h, (uint64_t)head->crew->n, 4);
    put(out, MAGIC, 8);
    put(out, numbers, 4);
    put(out, description, n);
    put(out, numbers + 4, NUMBERS_BYTES);
    put_crew(out, head->crew);
    free(description);
    return DC_OK;
}

/* Before it has begun it is the values. */
static void put_average(sink *out, const dc__versions *v, uint64_t version)
{
    const float *average = dc__versions_average(v, version);
    if (!average) return;
    if (version < v->first_average) average = dc__versions_values(v, version);
    put(out, average, dc__average_floats(v->model) * sizeof *average);
}

static size_t shown_bytes(const dc__codes *c)
{
    return c->shown[0] ? (size_t)c->model->start[DC_TRAINED + 1] * sizeof(float) : 0;
}

static void put_coding(sink *out, const dc__codes *c)
{
    char text[DC__CODING_BYTES] = "";
    dc__coding_text(&c->coding, text);
    put(out, text, sizeof text);
}

static void put_batches(sink *out, const dc__batches *batches)
{
    const dc__steps *const both[] = {&batches->before, &batches->now};
    for (int k = 0; k < 2; k++) {
        uint8_t steps[STEPS_BYTES];
        dc__bytes b = dc__bytes_over(steps, sizeof steps);
        dc__put_uint(&b, both[k]->round, 8);
        dc__put_uint(&b, both[k]->batch, 8);
        dc__put_uint(&b, both[k]->n, 4);
        put(out, steps, sizeof steps);
    }
}

uint64_t dc__state_bytes(const dc_model *m, int members)
{
    const uint64_t trained = m->start[DC_TRAINED + 1],
                   statistics = m->start[DC_ROLE_COUNT] - m->start[DC_STATISTIC];
    const bool adam = m->optimizer.algorithm == DC_ADAM;
    return sizeof(float) * (dc__model_floats(m) + (adam ? 2 : 1) * dc__model_state_floats(m) + 2 * trained +
                            statistics * (uint64_t)members);
}

dc_error dc__state_write(dc__file *file, const dc__versions *v, const dc__codes *codes, uint64_t version,
                         const dc__state_head *head, uint64_t stat_floats, const float *stats)
{
    const dc_model *m = v->model;
    const size_t moments = dc__model_state_floats(m) * sizeof(float);
    sink out = {.file = file, .ok = true};
    XXH3_64bits_reset(&out.hash);
    const dc_error err = put_head(&out, v, version, head);
    if (err) return err;
    put_coding(&out, codes);
    if (codes->coding.local_auto) put_batches(&out, &head->batches);
    put(&out, dc__versions_values(v, version), dc__model_floats(m) * sizeof(float));
    put(&out, dc__versions_moment1(v, version), moments);
    if (dc__versions_moment2(v, version)) put(&out, dc__versions_moment2(v, version), moments);
    put_average(&out, v, version);
    put(&out, stats, (size_t)stat_floats * (size_t)head->crew->n * sizeof(float));
    put(&out, dc__codes_values(codes, v, version), shown_bytes(codes));
    uint8_t sum[8];
    dc__bytes c = dc__bytes_over(sum, sizeof sum);
    dc__put_uint(&c, XXH3_64bits_digest(&out.hash), 8);
    put(&out, sum, sizeof sum);
    return DC_OK;
}

/* ---- reading ---- */

typedef struct source {
    FILE *file;
    bool ok;
} source;

static void get(source *in, void *data, size_t n)
{
    in->ok = in->ok && (n == 0 || fread(data, 1, n, in->file) == n);
}

/* XXH3 of the next n bytes; *in is not ok if there are fewer. */
static uint64_t hash_of(source *in, uint64_t n, uint8_t *room)
{
    XXH3_state_t hash;
    XXH3_64bits_reset(&hash);
    for (size_t part; n > 0 && in->ok; n -= part) {
        part = n < CHECKED_BYTES ? (size_t)n : CHECKED_BYTES;
        get(in, room, part);
        if (in->ok) XXH3_64bits_update(&hash, room, part);
    }
    return XXH3_64bits_digest(&hash);
}

/* The whole file as it was written: what follows is then not a matter of luck. The source is at its beginning again. */
static dc_error check_whole(source *in, const char *path)
{
    const long end = fseek(in->file, 0, SEEK_END) == 0 ? ftell(in->file) : -1;
    uint8_t *room = malloc(CHECKED_BYTES), sum[8];
    if (!room) return dc__fail(DC_ENOMEM, "out of memory for %s", path);
    rewind(in->file);
    const bool long_enough = end >= 8 + (long)sizeof sum;
    const uint64_t found = long_enough ? hash_of(in, (uint64_t)end - sizeof sum, room) : 0;
    free(room);
    get(in, sum, sizeof sum);
    dc__bytes b = dc__bytes_over(sum, sizeof sum);
    if (!long_enough || !in->ok || dc__get_uint(&b, 8) != found)
        return dc__fail(DC_EFORMAT, "%s is damaged: %s", path,
                        long_enough ? "its checksum is wrong" : "it is cut short");
    rewind(in->file);
    return DC_OK;
}

/* Every worker's own, to be given out when the file is known to be good; *own is the caller's. */
static dc_error load_statistics(source *in, int members, const dc__statistics *statistics, float **own)
{
    const uint64_t n = statistics->floats;
    *own = calloc(n * (size_t)(members + 1) + 1, sizeof **own);
    if (!*own) return dc__fail(DC_ENOMEM, "out of memory for statistics");
    get(in, *own, n * (size_t)members * sizeof(float));
    return DC_OK;
}

static dc_error load_crew(source *in, const char *path, int n, dc__crew *crew)
{
    memset(crew, 0, sizeof *crew);
    crew->n = n;
    for (int k = 0; k < n; k++) {
        uint8_t member[MEMBER_BYTES];
        get(in, member, sizeof member);
        dc__bytes b = dc__bytes_over(member, sizeof member);
        dc__crew_member *m = &crew->member[k];
        m->id = dc__get_uint(&b, 8);
        const uint64_t flagged = dc__get_uint(&b, 4), number = flagged & ~(uint64_t)MEMBER_FRESH;
        m->fresh = flagged & MEMBER_FRESH;
        m->images = (uint32_t)dc__get_uint(&b, 4);
        if (in->ok && (number > INT32_MAX || (k > 0 && (int)number <= crew->member[k - 1].number)))
            return dc__fail(DC_EFORMAT, "%s is damaged: its workers are out of order", path);
        m->number = (int)number;
    }
    return DC_OK;
}

/* The run's workers are known, and away. */
static void recall(const dc__crew *crew, int next_number, uint64_t round, float *stats,
                   dc__statistics *statistics, dc__roster *roster)
{
    const uint64_t n = statistics->floats;
    float *mean = stats + n * (size_t)crew->n;
    dc__statistics_mean(stats, crew->n, n, mean);
    dc__statistics_set_all(statistics, round, mean);
    int slots[DC__CREW_MOST];
    dc__roster_recall(roster, crew, slots);
    for (int k = 0; k < crew->n; k++)
        if (slots[k] >= 0) dc__statistics_set(statistics, slots[k], round, stats + n * (size_t)k);
    if (next_number > roster->next_number) roster->next_number = next_number;
}

static void load_arrays(source *in, dc__versions *v, uint64_t round)
{
    const dc_model *m = v->model;
    const size_t values = dc__model_floats(m) * sizeof(float),
                 moments = dc__model_state_floats(m) * sizeof(float);
    get(in, dc__versions_values(v, round), values);
    get(in, dc__versions_moment1(v, round), moments);
    if (dc__versions_moment2(v, round)) get(in, dc__versions_moment2(v, round), moments);
    if (v->averages[0]) get(in, dc__versions_average(v, round), dc__average_floats(m) * sizeof(float));
    dc__versions_fill(v, round);
}

static dc_error other_version(const char *path)
{
    return dc__fail(DC_EVERSION,
                    "%s was written by another version of dynacomm: go on with that one, or start "
                    "the run anew, from the .weights beside it",
                    path);
}

/* Magic and description, which must be this model's. */
static dc_error check_head(source *in, const char *path, const dc_model *model, bool *outer)
{
    uint8_t head[8 + 4];
    get(in, head, sizeof head);
    dc__bytes h = dc__bytes_over(head, sizeof head);
    const uint8_t *magic = dc__take(&h, 8);
    const size_t n = (size_t)dc__get_uint(&h, 4);
    if (!in->ok || memcmp(magic, MAGIC, MAGIC_BYTES_OF_ANY) != 0 || n > DC__MAX_JOIN_BYTES)
        return dc__fail(DC_EFORMAT, "%s is not a run's state", path);
    *outer = memcmp(magic, MAGIC_OUTER, 8) == 0;
    if (!*outer && memcmp(magic, MAGIC, 8) != 0) return other_version(path);
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
        return dc__fail(err == DC_ENOMEM ? err : DC_EFORMAT, "%.200s is damaged: %.150s", path, why);
    }
    err = dc__model_same(saved, model, path, "this worker");
    dc_model_free(saved);
    return err;
}

static dc_error check_coding(source *in, const char *path, const dc__codes *c)
{
    char text[DC__CODING_BYTES], ours[DC__CODING_BYTES];
    get(in, text, sizeof text);
    text[sizeof text - 1] = 0;
    dc__coding_text(&c->coding, ours);
    dc__make_printable(text);
    if (in->ok && strcmp(text, ours) != 0)
        return dc__fail(
            DC_EINVAL,
            "%s is of a run with the codec %s, this one has %s: give that one (--codec), or --fresh", path,
            text, ours);
    return DC_OK;
}

static dc_error load_batches(source *in, const char *path, uint64_t round, dc__batches *batches)
{
    dc__steps *const both[] = {&batches->before, &batches->now};
    for (int k = 0; k < 2; k++) {
        uint8_t steps[STEPS_BYTES];
        get(in, steps, sizeof steps);
        dc__bytes b = dc__bytes_over(steps, sizeof steps);
        both[k]->round = dc__get_uint(&b, 8);
        both[k]->batch = dc__get_uint(&b, 8);
        both[k]->n = (uint32_t)dc__get_uint(&b, 4);
    }
    if (in->ok && dc__batches_possible(batches, round)) return DC_OK;
    return dc__fail(DC_EFORMAT, "%s is damaged: batches of its rounds that cannot be", path);
}

static dc_error load(source *in, const char *path, dc__versions *v, dc__codes *codes,
                     dc__statistics *statistics, dc__roster *roster, uint64_t *seed)
{
    uint8_t numbers[NUMBERS_BYTES];
    bool outer = false;
    dc_error err = check_whole(in, path);
    if (!err) err = check_head(in, path, v->model, &outer);
    if (err) return err;
    get(in, numbers, sizeof numbers);
    dc__bytes b = dc__bytes_over(numbers, sizeof numbers);
    *seed = dc__get_uint(&b, 8);
    const uint64_t round = dc__get_uint(&b, 8), step = dc__get_uint(&b, 8), next = dc__get_uint(&b, 4),
                   members = dc__get_uint(&b, 4);
    if (!in->ok || members < 1 || members > DC__CREW_MOST || round > UINT32_MAX || step > UINT32_MAX ||
        next > INT32_MAX)
        return dc__fail(DC_EFORMAT, "%s is damaged: it is cut short", path);
    dc__crew crew;
    dc__batches batches = v->batches;
    float *stats = NULL;
    err = load_crew(in, path, (int)members, &crew);
    if (err) return err;
    err = check_coding(in, path, codes);
    if (!err && outer && dc__coding_local(&codes->coding)) err = other_version(path);
    if (!err && codes->coding.local_auto) err = load_batches(in, path, round, &batches);
    if (err) return err;
    load_arrays(in, v, round);
    err = load_statistics(in, (int)members, statistics, &stats);
    get(in, codes->shown[round & 1], shown_bytes(codes));
    get(in, &(uint8_t[8]){0}, 8); /* the checksum, and nothing after it */
    if (!err && (!in->ok || fgetc(in->file) != EOF))
        err = dc__fail(DC_EFORMAT, "%s is damaged: it has another size than this model's", path);
    if (!err) recall(&crew, (int)next, round, stats, statistics, roster);
    if (!err) dc__versions_begin(v, round, step);
    if (!err) v->batches = batches;
    /* Where a run begins its average has not. */
    if (!err && step > 0 && round >= v->model->optimizer.average_from) v->first_average = 0;
    free(stats);
    return err;
}

dc_error dc__state_load(const char *path, dc__versions *v, dc__codes *codes, dc__statistics *statistics,
                        dc__roster *roster, uint64_t *seed, bool *found)
{
    source in = {.ok = true};
    *found = false;
    if (dc_input_open(&in.file, path, "")) return errno == ENOENT ? DC_OK : DC_EFILE;
    dc_error err = load(&in, path, v, codes, statistics, roster, seed);
    (void)fclose(in.file);
    *found = err == DC_OK;
    return err;
}
