#include "server/run_log_read.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "codec/coding.h"
#include "net/wire.h"

#define SUM_BYTES 8u
#define MOST_PAYLOAD (DC__MAX_JOIN_BYTES + 4096u)
#define MOST_MEMBERS (2u * DC_MAX_WORKERS)

struct dc__log_reader {
    FILE *file;
    char path[PATH_MAX];
    uint64_t at, torn; /* bytes of whole records so far; of a record that is not whole */
    uint8_t *payload;
    size_t room;
    dc_model *model;
    dc__log_member *members;
    char coding[DC__CODING_BYTES];
    uint64_t first;        /* round that the log begins with */
    uint64_t round, saved; /* of the last record that has one; records may not go back */
    bool outer;            /* its magic is that of before: DC__RUN_LOG_MAGIC_OUTER */
};

static dc_error damaged(const dc__log_reader *r, const char *what)
{
    return dc__fail(DC_EFORMAT, "%s is damaged: %s at byte %llu", r->path, what, (unsigned long long)r->at);
}

/* ---- payloads ---- */

static dc_error read_run(dc__log_reader *r, dc__bytes *b, dc__log_record *record)
{
    const size_t n = (size_t)dc__get_uint(b, 4);
    uint8_t *description = dc__take(b, n);
    dc__log_run *run = &record->run;
    if (r->model || !description) return damaged(r, "a run's description is cut short or comes twice");
    dc__bytes d = dc__bytes_over(description, n);
    const dc_error err = dc__model_parse(&r->model, &d);
    if (err) return err == DC_ENOMEM ? err : damaged(r, "a model's description that makes no sense");
    run->seed = dc__get_uint(b, 8);
    run->first_round = record->round = dc__get_uint(b, 8);
    run->first_step = dc__get_uint(b, 8);
    run->values_hash = dc__get_uint(b, 8);
    dc__get_text(b, r->coding, sizeof r->coding);
    dc__make_printable(r->coding);
    dc__coding coding;
    if (r->outer && dc__coding_parse(r->coding, &coding) == DC_OK && dc__coding_local(&coding))
        return dc__fail(
            DC_EVERSION,
            "%s is of a run with local steps by another version of dynacomm: replay it with that one",
            r->path);
    run->coding = r->coding;
    record->model = r->model;
    r->saved = r->round = r->first = record->round;
    return DC_OK;
}

static dc_error read_server(const dc__log_reader *r, dc__bytes *b, dc__log_record *record)
{
    dc__log_server *s = &record->server;
    record->round = dc__get_uint(b, 8);
    s->workers = (int)dc__get_uint(b, 4);
    s->carried = dc__get_uint(b, 1) & 1;
    s->trim = (int)(uint32_t)dc__get_uint(b, 4);
    s->clip_norm = dc__get_double(b);
    if (b->failed || s->workers < 1 || s->workers > DC_MAX_WORKERS || s->trim < DC_TRIM_MEDIAN ||
        s->trim > DC_MAX_WORKERS || !isfinite(s->clip_norm) || s->clip_norm < 0)
        return damaged(r, "a server that makes no sense");
    return DC_OK;
}

static dc_error read_roster(dc__log_reader *r, dc__bytes *b, dc__log_record *record)
{
    record->round = dc__get_uint(b, 8);
    const uint64_t n = dc__get_uint(b, 4);
    if (b->failed || n < 1 || n > MOST_MEMBERS) return damaged(r, "a roster of a wrong size");
    free(r->members);
    r->members = calloc(n, sizeof *r->members);
    if (!r->members) return dc__fail(DC_ENOMEM, "out of memory for %s", r->path);
    for (uint64_t k = 0; k < n; k++) {
        dc__log_member *m = &r->members[k];
        m->id = dc__get_uint(b, 8);
        m->number = (int)dc__get_uint(b, 4);
        m->images = (uint32_t)dc__get_uint(b, 4);
        m->statistics = (dc__log_statistics)dc__get_uint(b, 1);
        dc__get_text(b, m->note, sizeof m->note);
        dc__make_printable(m->note);
        if (m->number < 0 || m->images < 1 || m->statistics > DC__LOG_OF_BEFORE)
            return damaged(r, "a member that makes no sense");
    }
    record->n = (int)n;
    record->members = r->members;
    return DC_OK;
}

static dc_error read_relays(dc__log_reader *r, dc__bytes *b, dc__log_record *record)
{
    record->round = dc__get_uint(b, 8);
    const uint64_t n = dc__get_uint(b, 4);
    if (b->failed || n < 1 || n > MOST_MEMBERS) return damaged(r, "relays of too many workers");
    free(r->members);
    r->members = calloc(n, sizeof *r->members);
    if (!r->members) return dc__fail(DC_ENOMEM, "out of memory for %s", r->path);
    for (uint64_t k = 0; k < n; k++) {
        dc__log_member *m = &r->members[k];
        m->number = (int)dc__get_uint(b, 4);
        const uint64_t relays = dc__get_uint(b, 1);
        if (b->failed || m->number < 0 || relays < 1 || relays > DC__RELAYS_MOST)
            return damaged(r, "a worker's relays that make no sense");
        for (uint64_t i = 0; i < relays; i++)
            (void)dc__path_add(&m->path, dc__get_uint(b, 8), 1);
    }
    record->n = (int)n;
    record->members = r->members;
    return DC_OK;
}

static dc_error read_partial(const dc__log_reader *r, dc__bytes *b, dc__log_record *record)
{
    record->round = dc__get_uint(b, 8);
    record->number = (int)dc__get_uint(b, 4);
    record->n_blocks = (uint32_t)dc__get_uint(b, 4);
    if (b->failed || record->n_blocks != r->model->n_blocks) return damaged(r, "blocks of another model");
    record->bitmap = dc__take(b, ((size_t)record->n_blocks + 7) / 8);
    return DC_OK;
}

static dc_error read_steps(const dc__log_reader *r, dc__bytes *b, dc__log_record *record)
{
    dc__steps *s = &record->steps;
    s->round = record->round = dc__get_uint(b, 8);
    s->batch = dc__get_uint(b, 8);
    s->n = (uint32_t)dc__get_uint(b, 4);
    if (b->failed || !dc__steps_possible(s)) return damaged(r, "batches of a round that cannot be");
    return DC_OK;
}

static dc_error read_base(const dc__log_reader *r, dc__bytes *b, dc__log_record *record)
{
    record->round = dc__get_uint(b, 8);
    record->number = (int)dc__get_uint(b, 4);
    record->base = dc__get_uint(b, 8);
    if (b->failed || record->base > record->round || record->round - record->base > DC_STALENESS_MOST ||
        record->base < r->first)
        return damaged(r, "a version that a worker cannot have computed on");
    return DC_OK;
}

static dc_error read_payload(dc__log_reader *r, dc__bytes *b, dc__log_record *record)
{
    dc_error err = DC_OK;
    if (record->type != DC__LOG_RUN && !r->model) return damaged(r, "no run before the first record");
    switch (record->type) {
    case DC__LOG_RUN:
        err = read_run(r, b, record);
        break;
    case DC__LOG_SERVER:
        err = read_server(r, b, record);
        break;
    case DC__LOG_ROSTER:
        err = read_roster(r, b, record);
        break;
    case DC__LOG_RELAYS:
        err = read_relays(r, b, record);
        break;
    case DC__LOG_PARTIAL:
    case DC__LOG_FORGOT:
        err = read_partial(r, b, record);
        break;
    case DC__LOG_RATE:
        record->round = dc__get_uint(b, 8);
        record->rate = dc__get_float(b);
        if (!isfinite(record->rate)) return damaged(r, "a learning rate that is not a number");
        break;
    case DC__LOG_STEPS:
        err = read_steps(r, b, record);
        break;
    case DC__LOG_BASE:
        err = read_base(r, b, record);
        break;
    case DC__LOG_SAVED:
        record->round = dc__get_uint(b, 8);
        break;
    default:
        return damaged(r, "a record of an unknown type");
    }
    if (err) return err;
    if (b->failed || b->at != b->end) return damaged(r, "a record of a wrong size");
    return DC_OK;
}

/* Versions grow, and what decided a version stands between the checkpoint before it and the one after it. */
static dc_error check_order(dc__log_reader *r, const dc__log_record *record)
{
    const bool saved = record->type == DC__LOG_SAVED;
    if (record->round < r->saved || (saved && record->round < r->round))
        return damaged(r, "a record out of order");
    if (saved)
        r->saved = record->round;
    else if (record->round >= r->round)
        r->round = record->round;
    return DC_OK;
}

/* ---- the file ---- */

/* A record's bytes into the reader's payload, *n of them, and its type. False if it is not whole. */
static bool read_record(dc__log_reader *r, dc__log_type *type, size_t *n, dc_error *err)
{
    uint8_t head[DC__RUN_LOG_HEAD];
    *err = DC_OK;
    const size_t got = fread(head, 1, sizeof head, r->file);
    r->torn = got;
    if (got < sizeof head) return false;
    dc__bytes b = dc__bytes_over(head, sizeof head);
    *n = (size_t)dc__get_uint(&b, 4);
    *type = (dc__log_type)dc__get_uint(&b, 1);
    if (*n > MOST_PAYLOAD) {
        *err = damaged(r, "a record of an impossible size");
        return false;
    }
    const size_t whole = sizeof head + *n + SUM_BYTES;
    if (r->room < whole) {
        uint8_t *more = realloc(r->payload, whole);
        if (!more) {
            *err = dc__fail(DC_ENOMEM, "out of memory for %s", r->path);
            return false;
        }
        r->payload = more;
        r->room = whole;
    }
    memcpy(r->payload, head, sizeof head);
    const size_t rest = fread(r->payload + sizeof head, 1, *n + SUM_BYTES, r->file);
    r->torn += rest;
    return rest == *n + SUM_BYTES;
}

dc_error dc__log_reader_next(dc__log_reader *r, dc__log_record *record)
{
    size_t n;
    dc_error err;
    memset(record, 0, sizeof *record);
    if (!read_record(r, &record->type, &n, &err)) {
        record->type = DC__LOG_END;
        return err;
    }
    dc__bytes sum = dc__bytes_over(r->payload + DC__RUN_LOG_HEAD + n, SUM_BYTES);
    if (dc__get_uint(&sum, SUM_BYTES) != XXH3_64bits(r->payload, DC__RUN_LOG_HEAD + n)) {
        if (fgetc(r->file) != EOF) return damaged(r, "a record whose checksum is wrong");
        record->type = DC__LOG_END; /* the last: a write that was cut off */
        return DC_OK;
    }
    dc__bytes b = dc__bytes_over(r->payload + DC__RUN_LOG_HEAD, n);
    err = read_payload(r, &b, record);
    if (!err) err = check_order(r, record);
    if (err) return err;
    r->at += DC__RUN_LOG_HEAD + n + SUM_BYTES;
    r->torn = 0;
    return DC_OK;
}

static dc_error open_file(dc__log_reader *r)
{
    char magic[sizeof DC__RUN_LOG_MAGIC - 1];
    r->file = fopen(r->path, "rbe");
    if (!r->file) return dc__fail(DC_EFILE, "cannot read %s: %s", r->path, strerror(errno));
    const bool whole = fread(magic, 1, sizeof magic, r->file) == sizeof magic;
    r->outer = whole && memcmp(magic, DC__RUN_LOG_MAGIC_OUTER, sizeof magic) == 0;
    if (!whole || (!r->outer && memcmp(magic, DC__RUN_LOG_MAGIC, sizeof magic) != 0))
        return dc__fail(DC_EFORMAT, "%s is not the log of a run", r->path);
    r->at = sizeof magic;
    return DC_OK;
}

dc_error dc__log_reader_open(dc__log_reader **reader, const char *path, dc__log_record *record)
{
    *reader = NULL;
    dc__log_reader *r = calloc(1, sizeof *r);
    if (!r) return dc__fail(DC_ENOMEM, "out of memory for %s", path);
    (void)snprintf(r->path, sizeof r->path, "%s", path);
    dc_error err = open_file(r);
    if (!err) err = dc__log_reader_next(r, record);
    if (!err && record->type != DC__LOG_RUN) err = damaged(r, "no run");
    if (err) {
        dc__log_reader_close(r);
        return err;
    }
    *reader = r;
    return DC_OK;
}

uint64_t dc__log_reader_torn(const dc__log_reader *r)
{
    return r->torn;
}

void dc__log_reader_close(dc__log_reader *r)
{
    if (!r) return;
    if (r->file) (void)fclose(r->file);
    dc_model_free(r->model);
    free(r->members);
    free(r->payload);
    free(r);
}

dc_error dc__run_log_find_cut(const char *path, const dc_model *model, uint64_t version, dc__log_cut *cut)
{
    dc__log_reader *r;
    dc__log_record record;
    *cut = (dc__log_cut){0};
    dc_error err = dc__log_reader_open(&r, path, &record);
    if (err) return err;
    err = dc__model_same(record.model, model, path, "this worker");
    dc__log_cut now = {.bytes = r->at};
    bool found = !err && record.run.first_round == version;
    if (found) *cut = now;
    while (!err && record.type != DC__LOG_END && record.round <= version) {
        err = dc__log_reader_next(r, &record);
        now.bytes = r->at;
        if (!err && record.type == DC__LOG_RATE) {
            now.rated = true;
            now.rate = record.rate;
        }
        if (!err && record.type == DC__LOG_SERVER) now.servers++;
        if (err || record.type != DC__LOG_SAVED || record.round != version) continue;
        *cut = now; /* a server that was started with nothing left to train has saved it once more */
        found = true;
    }
    if (!found && !err)
        err = dc__fail(DC_EFORMAT, "%s does not reach round %llu", path, (unsigned long long)version);
    dc__log_reader_close(r);
    return found ? DC_OK : err;
}

uint64_t dc__run_log_hash(const dc_model *m, const float *values)
{
    return XXH3_64bits(values, m->start[DC_STATISTIC] * sizeof *values);
}
