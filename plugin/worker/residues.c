#include "worker/residues.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/file.h"

#define MAGIC "DYNCKEPT"
#define MAGIC_LOST \
    "DYNCLOST" /* what was kept was lost before, or the worker began with that version: nothing follows */
#define HEAD_BYTES (8 + 8 + 8 + DC__CODING_BYTES)
#define FILES_MOST 64 /* that are looked at; there are about five */

static uint64_t floats_of(const dc__residues *r)
{
    return r->model->block_offset[r->model->n_blocks];
}

static bool path_of(const dc__residues *r, uint64_t version, char path[PATH_MAX])
{
    return (size_t)snprintf(path, PATH_MAX, "%s/%s.kept-%d-%llu", r->dir, r->model->name, r->rank,
                            (unsigned long long)version) < PATH_MAX;
}

static void head_of(const dc__residues *r, uint64_t version, uint8_t head[HEAD_BYTES])
{
    char text[DC__CODING_BYTES] = "";
    dc__coding_text(&r->parts[0].encoder->coding, text);
    memcpy(head, MAGIC, 8);
    dc__bytes out = dc__bytes_over(head + 8, 16);
    dc__put_uint(&out, version, 8);
    dc__put_uint(&out, floats_of(r), 8);
    memcpy(head + 24, text, sizeof text);
}

void dc__residues_init(dc__residues *r, const char *dir, int rank, const dc_model *model,
                       dc__recurrent *memory, pthread_mutex_t *lock, dc__log *log)
{
    *r = (dc__residues){.dir = dir,
                        .rank = rank,
                        .model = model,
                        .memory = memory,
                        .lock = lock,
                        .log = log,
                        .announced = {UINT64_MAX, UINT64_MAX},
                        .held = {UINT64_MAX, UINT64_MAX},
                        .lost = UINT64_MAX};
}

void dc__residues_part(dc__residues *r, dc__encoder *encoder, const dc__shard *shard)
{
    dc__assert(r->n_parts < DC__PARTS_MOST);
    r->parts[r->n_parts++] = (dc__residue){.encoder = encoder, .shard = shard};
}

bool dc__residues_keeps(const dc__residues *r)
{
    return !dc__encoder_exact(r->parts[0].encoder) || r->memory->of.floats > 0;
}

void dc__residues_announce(dc__residues *r, uint64_t version, const uint64_t *needed, int n)
{
    pthread_mutex_lock(r->lock);
    r->announced[version & 1] = version;
    r->n_needed = n < DC__VERSIONS_MOST ? n : DC__VERSIONS_MOST;
    memcpy(r->needed, needed, (size_t)r->n_needed * sizeof *needed);
    pthread_mutex_unlock(r->lock);
}

/* ---- what it is made of ---- */

/* A file that is written or read. */
typedef struct passage {
    dc__file *to;
    FILE *from;
    XXH3_state_t hash;
    bool ok;
} passage;

static void pass(passage *p, float *at, size_t n)
{
    const size_t bytes = n * sizeof *at;
    if (p->from) p->ok = p->ok && fread(at, 1, bytes, p->from) == bytes;
    if (p->to) p->ok = dc__file_write(p->to, at, bytes);
    if (p->ok) XXH3_64bits_update(&p->hash, at, bytes);
}

static float *array_of(const dc__encoder *e, bool velocity, uint64_t version)
{
    return velocity ? e->velocity[version & 1] : e->kept[version & 1];
}

/* One array of each encoder, all of them in the whole model's order. */
static void pass_spread(const dc__residues *r, bool velocity, uint64_t version, passage *p)
{
    int next[DC__PARTS_MOST] = {0}; /* run of each shard */
    for (uint64_t at = 0, n = 0; at < floats_of(r); at += n, n = 0) {
        for (int k = 0; k < r->n_parts && n == 0; k++) {
            const dc__residue *part = &r->parts[k];
            const dc__shard_run *run = &part->shard->runs[next[k]];
            if (next[k] == part->shard->n_runs || run->whole != at) continue;
            pass(p, array_of(part->encoder, velocity, version) + run->part, (size_t)run->count);
            n = run->count;
            next[k]++;
        }
        dc__assert(n > 0);
    }
}

/* All that is kept of a version. */
static void pass_all(const dc__residues *r, uint64_t version, passage *p)
{
    for (int velocity = 0; velocity < 2; velocity++) {
        float *first = array_of(r->parts[0].encoder, velocity, version);
        if (first && r->parts[0].shard)
            pass_spread(r, velocity, version, p);
        else if (first)
            pass(p, first, (size_t)floats_of(r));
    }
    if (r->memory->at[version & 1]) pass(p, r->memory->at[version & 1], r->memory->of.floats);
}

/* ---- writing ---- */

static dc_error write_version(const dc__residues *r, uint64_t version)
{
    const bool lost = version == r->lost;
    char path[PATH_MAX];
    uint8_t head[HEAD_BYTES], sum[8];
    dc__file file;
    passage p = {.to = &file, .ok = true};
    if (!path_of(r, version, path)) return dc__fail(DC_EFILE, "%s: the path is too long", r->dir);
    dc_error err = dc__file_begin(&file, path);
    if (err) return err;
    head_of(r, version, head);
    if (lost) memcpy(head, MAGIC_LOST, 8);
    XXH3_64bits_reset(&p.hash);
    XXH3_64bits_update(&p.hash, head, sizeof head);
    (void)dc__file_write(&file, head, sizeof head);
    if (!lost) pass_all(r, version, &p);
    dc__bytes out = dc__bytes_over(sum, sizeof sum);
    dc__put_uint(&out, XXH3_64bits_digest(&p.hash), 8);
    (void)dc__file_write(&file, sum, sizeof sum);
    return dc__file_commit(&file);
}

static bool is_needed(const dc__residues *r, uint64_t version)
{
    pthread_mutex_lock(r->lock);
    bool needed = r->n_needed == 0 || version == r->announced[0] || version == r->announced[1];
    for (int k = 0; k < r->n_needed; k++)
        needed = needed || version == r->needed[k];
    pthread_mutex_unlock(r->lock);
    return needed;
}

/* Nobody goes back to it; `last`, and later ones, were just written. */
static bool is_old(const dc__residues *r, uint64_t version, uint64_t last)
{
    return version < last && !is_needed(r, version);
}

static bool is_later(const dc__residues *r, uint64_t version, uint64_t last)
{
    (void)r;
    return version > last;
}

static bool is_from_there(const dc__residues *r, uint64_t version, uint64_t first)
{
    (void)r;
    return version >= first;
}

/* Versions of this worker's files, as the directory has them; how many. */
static int find_files(const dc__residues *r, uint64_t *versions, int most)
{
    char prefix[DC__NAME_BYTES + 32];
    const int length = snprintf(prefix, sizeof prefix, "%s.kept-%d-", r->model->name, r->rank);
    DIR *dir = opendir(r->dir);
    int n = 0;
    for (struct dirent *entry; dir && n < most && (entry = readdir(dir));) {
        char *end;
        if (strncmp(entry->d_name, prefix, (size_t)length) != 0) continue;
        const unsigned long long version = strtoull(entry->d_name + length, &end, 10);
        if (*end == 0 && end > entry->d_name + length) versions[n++] = version;
    }
    if (dir) (void)closedir(dir);
    return n;
}

/* Deletes this worker's files of versions that are so. */
static void delete_those(const dc__residues *r, uint64_t last,
                         bool (*are)(const dc__residues *r, uint64_t version, uint64_t last))
{
    uint64_t versions[FILES_MOST];
    char path[PATH_MAX];
    const int n = find_files(r, versions, FILES_MOST);
    for (int k = 0; k < n; k++)
        if (are(r, versions[k], last) && path_of(r, versions[k], path)) (void)unlink(path);
}

/* The server may be at `oldest`, or at a later one. */
static void keep(const dc__residues *r, uint64_t version, uint64_t oldest)
{
    if (!dc__recurrent_has(r->memory, version)) return;
    if (write_version(r, version))
        dc__log_line(r->log, "what round %llu has not sent is not kept for a resumed run: %s",
                     (unsigned long long)version, dc_last_error());
    else
        delete_those(r, oldest, is_old);
}

static void *write_due(void *residues)
{
    const dc__residues *r = residues;
    keep(r, r->version, r->version);
    return NULL;
}

static void wait_for_writer(dc__residues *r)
{
    if (r->runs) pthread_join(r->thread, NULL);
    r->runs = false;
}

void dc__residues_round(dc__residues *r, uint64_t round)
{
    wait_for_writer(r);
    pthread_mutex_lock(r->lock);
    const bool announced = r->announced[round & 1] == round;
    pthread_mutex_unlock(r->lock);
    if (!r->dir || !announced) return;
    r->version = round;
    r->runs = pthread_create(&r->thread, NULL, write_due, r) == 0;
    if (!r->runs) keep(r, round, round);
}

void dc__residues_end(dc__residues *r)
{
    const uint64_t first = r->held[0] < r->held[1] ? r->held[0] : r->held[1];
    if (!r->dir || first == UINT64_MAX) return;
    keep(r, first, first);
    if (r->held[(first + 1) & 1] == first + 1) keep(r, first + 1, first);
}

void dc__residues_pause(dc__residues *r, uint64_t round, bool whole)
{
    wait_for_writer(r);
    r->held[0] = r->held[1] = UINT64_MAX;
    if (!r->begun || round == UINT64_MAX) return;
    for (uint64_t version = round; version <= round + whole; version++)
        if (dc__recurrent_has(r->memory, version)) r->held[version & 1] = version;
    pthread_mutex_lock(r->lock);
    r->announced[0] = r->announced[1] = UINT64_MAX;
    pthread_mutex_unlock(r->lock);
}

int dc__residues_versions(const dc__residues *r, uint64_t versions[DC__VERSIONS_MOST])
{
    if (!dc__residues_keeps(r)) return 0;
    int n = r->dir ? find_files(r, versions, DC__VERSIONS_MOST - 2) : 0;
    for (int k = 0; k < 2; k++)
        if (r->held[k] != UINT64_MAX) versions[n++] = r->held[k];
    return n;
}

/* ---- reading ---- */

static bool read_all(const dc__residues *r, uint64_t version)
{
    char path[PATH_MAX];
    uint8_t head[HEAD_BYTES], expected[HEAD_BYTES], sum[8];
    FILE *file = r->dir && path_of(r, version, path) ? fopen(path, "rb") : NULL;
    if (!file) return false;
    head_of(r, version, expected);
    passage p = {.from = file};
    p.ok = fread(head, sizeof head, 1, file) == 1 && memcmp(head, expected, sizeof head) == 0;
    XXH3_64bits_reset(&p.hash);
    XXH3_64bits_update(&p.hash, head, sizeof head);
    pass_all(r, version, &p);
    bool ok = p.ok && fread(sum, sizeof sum, 1, file) == 1;
    dc__bytes in = dc__bytes_over(sum, sizeof sum);
    ok = ok && dc__get_uint(&in, 8) == XXH3_64bits_digest(&p.hash);
    (void)fclose(file);
    return ok;
}

/* Whether what is kept of the version is in its place now. */
static bool have(dc__residues *r, uint64_t version)
{
    if (r->held[version & 1] == version) return true;
    if (!read_all(r, version)) return false;
    r->memory->version[version & 1] = version;
    return true;
}

bool dc__residues_begin(dc__residues *r, uint64_t version, bool resumed, bool fresh)
{
    if (!dc__residues_keeps(r)) r->dir = NULL;
    if (r->dir) delete_those(r, version, fresh ? is_from_there : is_later);
    const bool nothing = r->lost == version && r->held[version & 1] == version; /* it began there before */
    r->begun = true;
    r->lost = UINT64_MAX;
    if (!dc__residues_keeps(r)) return true;
    const bool first = !resumed || version == 0, has = !first && !fresh && !nothing && have(r, version);
    if (!has) dc__recurrent_forget(r->memory, version);
    r->held[0] = r->held[1] = UINT64_MAX;
    for (int k = 0; k < r->n_parts; k++) {
        if (!has) dc__encoder_forget(r->parts[k].encoder, version);
        dc__encoder_begin(r->parts[k].encoder, version);
    }
    dc__recurrent_restore(r->memory, version);
    if (has || first) return true;
    r->lost = version;
    if (!fresh && !nothing)
        dc__log_line(
            r->log,
            "no file here has what this worker had kept by round %llu: it is lost, and the run goes on without",
            (unsigned long long)version);
    return false;
}
