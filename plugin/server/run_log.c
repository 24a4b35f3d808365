#include "server/run_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "base/file.h"
#include "server/run_log_read.h"

#define SUM_BYTES 8u

void dc__run_log_init(dc__run_log *log)
{
    memset(log, 0, sizeof *log);
    pthread_mutex_init(&log->lock, NULL);
}

void dc__run_log_destroy(dc__run_log *log)
{
    free(log->pending);
    pthread_mutex_destroy(&log->lock);
}

/* ---- records in memory ---- */

/* Room for a record with a payload of n bytes at the end of pending; NULL without memory. With the lock held. */
static uint8_t *begin_record(dc__run_log *log, dc__log_type type, size_t n)
{
    const size_t whole = DC__RUN_LOG_HEAD + n + SUM_BYTES;
    if (log->room - log->n < whole) {
        const size_t room = 2 * (log->n + whole);
        uint8_t *more = realloc(log->pending, room);
        if (!more) {
            log->short_of_memory = true;
            return NULL;
        }
        log->pending = more;
        log->room = room;
    }
    uint8_t *at = log->pending + log->n;
    dc__bytes head = dc__bytes_over(at, DC__RUN_LOG_HEAD);
    dc__put_uint(&head, n, 4);
    dc__put_uint(&head, type, 1);
    dc__put_uint(&head, 0, 3);
    log->n += whole;
    return at + DC__RUN_LOG_HEAD;
}

/* The payload of n bytes is whole: its checksum. */
static void end_record(uint8_t *payload, size_t n)
{
    dc__bytes sum = dc__bytes_over(payload + n, SUM_BYTES);
    dc__put_uint(&sum, XXH3_64bits(payload - DC__RUN_LOG_HEAD, DC__RUN_LOG_HEAD + n), SUM_BYTES);
}

void dc__run_log_server(dc__run_log *log, uint64_t round, const dc__log_server *server)
{
    enum { BYTES = 8 + 4 + 1 + 4 + 8 };
    pthread_mutex_lock(&log->lock);
    uint8_t *payload = log->path[0] ? begin_record(log, DC__LOG_SERVER, BYTES) : NULL;
    if (payload) {
        dc__bytes b = dc__bytes_over(payload, BYTES);
        dc__put_uint(&b, round, 8);
        dc__put_uint(&b, (uint64_t)server->workers, 4);
        dc__put_uint(&b, server->carried, 1);
        dc__put_uint(&b, (uint32_t)server->trim, 4);
        dc__put_double(&b, server->clip_norm);
        end_record(payload, BYTES);
    }
    pthread_mutex_unlock(&log->lock);
}

void dc__run_log_roster(dc__run_log *log, uint64_t round, int n, const dc__log_member *members)
{
    size_t bytes = 8 + 4;
    for (int k = 0; k < n; k++)
        bytes += 8 + 4 + 4 + 1 + 2 + strlen(members[k].note);
    pthread_mutex_lock(&log->lock);
    uint8_t *payload = log->path[0] ? begin_record(log, DC__LOG_ROSTER, bytes) : NULL;
    if (payload) {
        dc__bytes b = dc__bytes_over(payload, bytes);
        dc__put_uint(&b, round, 8);
        dc__put_uint(&b, (uint64_t)n, 4);
        for (int k = 0; k < n; k++) {
            dc__put_uint(&b, members[k].id, 8);
            dc__put_uint(&b, (uint64_t)members[k].number, 4);
            dc__put_uint(&b, members[k].images, 4);
            dc__put_uint(&b, members[k].statistics, 1);
            dc__put_text(&b, members[k].note);
        }
        end_record(payload, bytes);
    }
    pthread_mutex_unlock(&log->lock);
}

void dc__run_log_relays(dc__run_log *log, uint64_t round, int n, const dc__log_member *members)
{
    size_t bytes = 8 + 4;
    uint64_t behind = 0;
    for (int k = 0; k < n; k++) {
        if (members[k].path.n > 0) bytes += 4 + 1 + 8 * (size_t)members[k].path.n;
        behind += members[k].path.n > 0;
    }
    if (!behind) return;
    pthread_mutex_lock(&log->lock);
    uint8_t *payload = log->path[0] ? begin_record(log, DC__LOG_RELAYS, bytes) : NULL;
    if (payload) {
        dc__bytes b = dc__bytes_over(payload, bytes);
        dc__put_uint(&b, round, 8);
        dc__put_uint(&b, behind, 4);
        for (int k = 0; k < n; k++) {
            const dc__path *path = &members[k].path;
            if (path->n == 0) continue;
            dc__put_uint(&b, (uint64_t)members[k].number, 4);
            dc__put_uint(&b, (uint64_t)path->n, 1);
            for (int i = 0; i < path->n; i++)
                dc__put_uint(&b, path->at[i].id, 8);
        }
        end_record(payload, bytes);
    }
    pthread_mutex_unlock(&log->lock);
}

/* bitmap NULL: none of them. */
static void put_blocks(dc__run_log *log, dc__log_type type, uint64_t round, int number, uint32_t n_blocks,
                       const uint64_t *bitmap)
{
    const size_t map = (n_blocks + 7) / 8, bytes = 8 + 4 + 4 + map;
    pthread_mutex_lock(&log->lock);
    const size_t at = log->n;
    const bool known = type == DC__LOG_PARTIAL && dc__run_log_merge(log, round, number, n_blocks, bitmap);
    uint8_t *payload = log->path[0] && !known ? begin_record(log, type, bytes) : NULL;
    if (payload) {
        dc__bytes b = dc__bytes_over(payload, bytes);
        dc__put_uint(&b, round, 8);
        dc__put_uint(&b, (uint64_t)number, 4);
        dc__put_uint(&b, n_blocks, 4);
        for (size_t k = 0; k < map; k++)
            dc__put_uint(&b, bitmap ? bitmap[k / 8] >> (8 * (k % 8)) & 0xff : 0, 1);
        end_record(payload, bytes);
        if (type == DC__LOG_PARTIAL) dc__run_log_place(log, at);
    }
    pthread_mutex_unlock(&log->lock);
}

void dc__run_log_partial(dc__run_log *log, uint64_t round, int number, uint32_t n_blocks,
                         const uint64_t *bitmap)
{
    put_blocks(log, DC__LOG_PARTIAL, round, number, n_blocks, bitmap);
}

void dc__run_log_forgot(dc__run_log *log, uint64_t round, int number, uint32_t n_blocks,
                        const uint64_t *bitmap)
{
    put_blocks(log, DC__LOG_FORGOT, round, number, n_blocks, bitmap);
}

void dc__run_log_rate(dc__run_log *log, uint64_t round, float rate)
{
    pthread_mutex_lock(&log->lock);
    const bool news = log->path[0] && (!log->rated || memcmp(&rate, &log->rate, sizeof rate) != 0);
    uint8_t *payload = news ? begin_record(log, DC__LOG_RATE, 12) : NULL;
    if (payload) {
        dc__bytes b = dc__bytes_over(payload, 12);
        dc__put_uint(&b, round, 8);
        dc__put_float(&b, rate);
        end_record(payload, 12);
        log->rated = true;
        log->rate = rate;
    }
    pthread_mutex_unlock(&log->lock);
}

void dc__run_log_steps(dc__run_log *log, const dc__steps *steps)
{
    enum { BYTES = 8 + 8 + 4 };
    pthread_mutex_lock(&log->lock);
    uint8_t *payload = log->path[0] ? begin_record(log, DC__LOG_STEPS, BYTES) : NULL;
    if (payload) {
        dc__bytes b = dc__bytes_over(payload, BYTES);
        dc__put_uint(&b, steps->round, 8);
        dc__put_uint(&b, steps->batch, 8);
        dc__put_uint(&b, steps->n, 4);
        end_record(payload, BYTES);
    }
    pthread_mutex_unlock(&log->lock);
}

void dc__run_log_base(dc__run_log *log, uint64_t round, int number, uint64_t base)
{
    enum { BYTES = 8 + 4 + 8 };
    pthread_mutex_lock(&log->lock);
    uint8_t *payload = log->path[0] ? begin_record(log, DC__LOG_BASE, BYTES) : NULL;
    if (payload) {
        dc__bytes b = dc__bytes_over(payload, BYTES);
        dc__put_uint(&b, round, 8);
        dc__put_uint(&b, (uint64_t)number, 4);
        dc__put_uint(&b, base, 8);
        end_record(payload, BYTES);
    }
    pthread_mutex_unlock(&log->lock);
}

static dc_error put_run(dc__run_log *log, const dc_model *m, const dc__log_run *run)
{
    const size_t described = dc__model_describe_bytes(m);
    uint8_t *description = malloc(described);
    if (!description) return dc__fail(DC_ENOMEM, "out of memory for a run's log");
    dc__bytes d = dc__bytes_over(description, described);
    dc__model_describe(m, &d);
    const size_t n = (size_t)(d.at - description), bytes = 4 + n + 8 + 8 + 8 + 8 + 2 + strlen(run->coding);
    uint8_t *payload = begin_record(log, DC__LOG_RUN, bytes);
    if (payload) {
        dc__bytes b = dc__bytes_over(payload, bytes);
        dc__put_uint(&b, n, 4);
        memcpy(dc__take(&b, n), description, n);
        dc__put_uint(&b, run->seed, 8);
        dc__put_uint(&b, run->first_round, 8);
        dc__put_uint(&b, run->first_step, 8);
        dc__put_uint(&b, run->values_hash, 8);
        dc__put_text(&b, run->coding);
        dc__assert(!b.failed && b.at == b.end);
        end_record(payload, bytes);
    }
    free(description);
    return payload ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for a run's log");
}

/* ---- the file ---- */

static dc_error set_path(dc__run_log *log, const char *dir, const dc_model *m)
{
    if ((size_t)snprintf(log->path, sizeof log->path, "%s/%s.log", dir, m->name) < sizeof log->path)
        return DC_OK;
    log->path[0] = 0;
    return dc__fail(DC_EFILE, "the path of the backup directory is too long");
}

dc_error dc__run_log_begin(dc__run_log *log, const char *dir, const dc_model *m, const dc__log_run *run)
{
    dc__file file;
    dc_error err = set_path(log, dir, m);
    log->n = 0;
    log->rated = log->short_of_memory = false;
    if (!err) err = put_run(log, m, run);
    if (!err) err = dc__file_begin(&file, log->path);
    if (err) {
        log->path[0] = 0;
        return err;
    }
    (void)dc__file_write(&file, DC__RUN_LOG_MAGIC, strlen(DC__RUN_LOG_MAGIC));
    (void)dc__file_write(&file, log->pending, log->n);
    log->n = 0;
    return dc__file_commit(&file);
}

dc_error dc__run_log_resume(dc__run_log *log, const char *dir, const dc_model *m, const dc__log_run *run,
                            uint64_t version, char *note)
{
    char why[DC__LINE_BYTES] = "";
    dc__log_cut cut;
    note[0] = 0;
    dc_error err = set_path(log, dir, m);
    if (err) return err;
    if (access(log->path, F_OK) != 0)
        (void)snprintf(why, sizeof why, "%.300s is not there", log->path);
    else if ((err = dc__run_log_find_cut(log->path, m, version, &cut)))
        (void)snprintf(why, sizeof why, "%.400s", dc_last_error());
    /* The log may be good: nothing is lost if the server is started again when it can be read. */
    if (err == DC_EFILE || err == DC_ENOMEM)
        return dc__fail(
            err, "%.400s; without it the run could not be replayed: mend that, or move the file away", why);
    if (!why[0] && truncate(log->path, (off_t)cut.bytes) != 0)
        return dc__fail(DC_EFILE, "cannot cut %s back to round %llu: %s", log->path,
                        (unsigned long long)version, strerror(errno));
    if (!why[0]) {
        log->n = 0;
        log->servers = cut.servers;
        log->rated = cut.rated;
        log->rate = cut.rate;
        return DC_OK;
    }
    (void)snprintf(note, DC__LINE_BYTES,
                   "%.380s: the log begins anew with round %llu, and the run cannot be replayed", why,
                   (unsigned long long)version);
    return dc__run_log_begin(log, dir, m, run);
}

/* How many of the pending bytes are records that decided versions up to this one, or say who goes on from it. With the lock
 * held. */
static size_t decided(const dc__run_log *log, uint64_t version)
{
    size_t at = 0;
    while (at < log->n) {
        dc__bytes b = dc__bytes_over(log->pending + at, log->n - at);
        const size_t n = (size_t)dc__get_uint(&b, 4);
        const dc__log_type type = (dc__log_type)dc__get_uint(&b, 1);
        (void)dc__get_uint(&b, 3);
        const uint64_t round = dc__get_uint(&b, 8);
        const bool begins = type == DC__LOG_ROSTER || type == DC__LOG_RELAYS || type == DC__LOG_SERVER ||
                            type == DC__LOG_STEPS;
        if (begins ? round > version : round >= version) break;
        at += DC__RUN_LOG_HEAD + n + SUM_BYTES;
    }
    return at;
}

/* Appends n bytes, whole or not at all. */
static dc_error append(const char *path, const uint8_t *data, size_t n)
{
    const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    struct stat before;
    if (fd < 0 || fstat(fd, &before) != 0) {
        const int why = errno;
        if (fd >= 0) (void)close(fd);
        return dc__fail(DC_EFILE, "cannot append to %s: %s", path, strerror(why));
    }
    size_t at = 0;
    ssize_t put = 0;
    while (at < n && (put = write(fd, data + at, n - at)) != 0) {
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) break;
        at += (size_t)put;
    }
    const bool ok = at == n && fdatasync(fd) == 0;
    const int why = errno;
    if (!ok) (void)!ftruncate(fd, before.st_size); /* a torn end would be recognised, but costs a line */
    (void)close(fd);
    return ok ? DC_OK : dc__fail(DC_EFILE, "cannot append to %s: %s", path, strerror(why));
}

/* What is to be written for the version, in memory of its own: pending's first *taken bytes and a SAVED record of
 * *n bytes together. */
static uint8_t *gather(dc__run_log *log, uint64_t version, size_t *taken, size_t *n)
{
    enum { SAVED = DC__RUN_LOG_HEAD + 8 + SUM_BYTES };
    uint8_t *out = NULL;
    pthread_mutex_lock(&log->lock);
    *taken = decided(log, version);
    *n = *taken + SAVED;
    if (!log->short_of_memory) out = malloc(*n);
    if (out && *taken) memcpy(out, log->pending, *taken);
    pthread_mutex_unlock(&log->lock);
    if (!out) return NULL;
    dc__bytes b = dc__bytes_over(out + *taken, SAVED);
    dc__put_uint(&b, 8, 4);
    dc__put_uint(&b, DC__LOG_SAVED, 1);
    dc__put_uint(&b, 0, 3);
    dc__put_uint(&b, version, 8);
    end_record(out + *taken + DC__RUN_LOG_HEAD, 8);
    return out;
}

dc_error dc__run_log_write(dc__run_log *log, uint64_t version)
{
    if (!log->path[0]) return DC_OK;
    size_t taken, n;
    uint8_t *data = gather(log, version, &taken, &n);
    if (!data) return dc__fail(DC_ENOMEM, "out of memory for the run's log %s", log->path);
    const dc_error err = append(log->path, data, n);
    free(data);
    if (err) return err;
    pthread_mutex_lock(&log->lock);
    memmove(log->pending, log->pending + taken, log->n - taken);
    log->n -= taken;
    pthread_mutex_unlock(&log->lock);
    return DC_OK;
}
