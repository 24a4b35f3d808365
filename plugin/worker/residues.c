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
#define HEAD_BYTES (8 + 8 + 8 + DC__CODING_BYTES)

static uint64_t floats_of(const dc__encoder *e)
{
    return e->model->block_offset[e->model->n_blocks];
}

static bool path_of(const dc__residues *r, uint64_t version, char path[PATH_MAX])
{
    return (size_t)snprintf(path, PATH_MAX, "%s/%s.kept-%d-%llu", r->dir, r->encoder->model->name, r->rank,
                            (unsigned long long)version) < PATH_MAX;
}

static void head_of(const dc__encoder *e, uint64_t version, uint8_t head[HEAD_BYTES])
{
    char text[DC__CODING_BYTES] = "";
    dc__coding_text(&e->coding, text);
    memcpy(head, MAGIC, 8);
    dc__bytes out = dc__bytes_over(head + 8, 16);
    dc__put_uint(&out, version, 8);
    dc__put_uint(&out, floats_of(e), 8);
    memcpy(head + 24, text, sizeof text);
}

void dc__residues_init(dc__residues *r, const char *dir, int rank, pthread_mutex_t *lock, dc__log *log)
{
    *r = (dc__residues){.dir = dir,
                        .rank = rank,
                        .lock = lock,
                        .log = log,
                        .announced = {UINT64_MAX, UINT64_MAX},
                        .lost = UINT64_MAX};
}

void dc__residues_announce(dc__residues *r, uint64_t version, const uint64_t *needed, int n)
{
    pthread_mutex_lock(r->lock);
    r->announced[version & 1] = version;
    r->n_needed = n < DC__NEEDED_MOST ? n : DC__NEEDED_MOST;
    memcpy(r->needed, needed, (size_t)r->n_needed * sizeof *needed);
    pthread_mutex_unlock(r->lock);
}

/* ---- writing ---- */

static dc_error write_version(const dc__residues *r, uint64_t version)
{
    const dc__encoder *e = r->encoder;
    const size_t n = (size_t)floats_of(e) * sizeof(float);
    const float *const parts[] = {e->kept[version & 1], e->velocity[version & 1]};
    char path[PATH_MAX];
    uint8_t head[HEAD_BYTES], sum[8];
    dc__file file;
    XXH3_state_t hash;
    if (!path_of(r, version, path)) return dc__fail(DC_EFILE, "%s: the path is too long", r->dir);
    dc_error err = dc__file_begin(&file, path);
    if (err) return err;
    head_of(e, version, head);
    XXH3_64bits_reset(&hash);
    XXH3_64bits_update(&hash, head, sizeof head);
    (void)dc__file_write(&file, head, sizeof head);
    for (int k = 0; k < 2; k++) {
        if (!parts[k]) continue;
        XXH3_64bits_update(&hash, parts[k], n);
        (void)dc__file_write(&file, parts[k], n);
    }
    dc__bytes out = dc__bytes_over(sum, sizeof sum);
    dc__put_uint(&out, XXH3_64bits_digest(&hash), 8);
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

/* Deletes this worker's files of versions that are so. */
static void delete_those(const dc__residues *r, uint64_t last,
                         bool (*are)(const dc__residues *r, uint64_t version, uint64_t last))
{
    char prefix[DC__NAME_BYTES + 32], path[PATH_MAX];
    const int n = snprintf(prefix, sizeof prefix, "%s.kept-%d-", r->encoder->model->name, r->rank);
    DIR *dir = opendir(r->dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        char *end;
        if (strncmp(entry->d_name, prefix, (size_t)n) != 0) continue;
        const unsigned long long version = strtoull(entry->d_name + n, &end, 10);
        if (*end == 0 && are(r, version, last) && path_of(r, version, path)) (void)unlink(path);
    }
    if (dir) (void)closedir(dir);
}

/* The server may be at `oldest`, or at a later one. */
static void keep(const dc__residues *r, uint64_t version, uint64_t oldest)
{
    if (version == r->lost) return;
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

void dc__residues_end(dc__residues *r, uint64_t round)
{
    wait_for_writer(r);
    if (!r->dir || round == UINT64_MAX) return;
    keep(r, round, round);
    keep(r, round + 1, round);
}

/* ---- reading ---- */

static bool read_all(const dc__residues *r, dc__encoder *e, uint64_t version)
{
    const size_t n = (size_t)floats_of(e);
    float *const parts[] = {e->kept[version & 1], e->velocity[version & 1]};
    char path[PATH_MAX];
    uint8_t head[HEAD_BYTES], expected[HEAD_BYTES], sum[8];
    XXH3_state_t hash;
    FILE *file = path_of(r, version, path) ? fopen(path, "rb") : NULL;
    if (!file) return false;
    head_of(e, version, expected);
    bool ok = fread(head, sizeof head, 1, file) == 1 && memcmp(head, expected, sizeof head) == 0;
    XXH3_64bits_reset(&hash);
    XXH3_64bits_update(&hash, head, sizeof head);
    for (int k = 0; k < 2; k++) {
        if (!parts[k]) continue;
        ok = ok && fread(parts[k], sizeof(float), n, file) == n;
        if (ok) XXH3_64bits_update(&hash, parts[k], n * sizeof(float));
    }
    ok = ok && fread(sum, sizeof sum, 1, file) == 1;
    dc__bytes in = dc__bytes_over(sum, sizeof sum);
    ok = ok && dc__get_uint(&in, 8) == XXH3_64bits_digest(&hash);
    (void)fclose(file);
    if (!ok) dc__encoder_forget(e, version);
    return ok;
}

bool dc__residues_begin(dc__residues *r, dc__encoder *e, uint64_t version, bool resumed, bool fresh)
{
    r->encoder = e;
    if (dc__encoder_exact(e)) r->dir = NULL;
    if (r->dir) delete_those(r, version, is_later);
    if (dc__encoder_exact(e) || !resumed || version == 0) return true;
    r->lost = version;
    if (fresh) return false;
    if (r->dir && read_all(r, e, version)) {
        dc__encoder_begin(e, version);
        r->lost = UINT64_MAX;
        return true;
    }
    dc__log_line(
        r->log,
        "no file here has what this worker had not sent by round %llu: it is lost, and the run goes on without",
        (unsigned long long)version);
    return false;
}
