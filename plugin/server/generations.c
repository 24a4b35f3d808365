#include "server/generations.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "server/state_file.h"

#define MOST_FOUND 64 /* that a start looks at; there are three */

static dc_error path_of(const dc__generations *g, const dc_model *m, uint64_t version, bool newest,
                        char path[PATH_MAX])
{
    const int n =
        newest ? snprintf(path, PATH_MAX, "%s/%s.state", g->dir, m->name)
               : snprintf(path, PATH_MAX, "%s/%s.state-%llu", g->dir, m->name, (unsigned long long)version);
    return n < PATH_MAX ? DC_OK : dc__fail(DC_EFILE, "the path of the backup directory is too long");
}

dc_error dc__generations_path(const dc__generations *g, const dc_model *m, char path[PATH_MAX])
{
    return path_of(g, m, 0, true, path);
}

/* ---- what is there ---- */

static int newer_first(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* Versions of the older ones, newest first; how many. */
static int find_older(const dc__generations *g, const dc_model *m, uint64_t found[MOST_FOUND])
{
    char prefix[DC__NAME_BYTES + 16];
    const int length = snprintf(prefix, sizeof prefix, "%s.state-", m->name);
    DIR *dir = opendir(g->dir);
    int n = 0;
    for (struct dirent *entry; dir && n < MOST_FOUND && (entry = readdir(dir));) {
        const char *digits = entry->d_name + length;
        if (strncmp(entry->d_name, prefix, (size_t)length) != 0) continue;
        const size_t count = strspn(digits, "0123456789");
        if (count == 0 || count > 10 || digits[count] != '\0') continue;
        if (digits[0] == '0' && count > 1) continue; /* not a name of ours; round 0 is */
        found[n++] = strtoull(digits, NULL, 10);
    }
    if (dir) (void)closedir(dir);
    qsort(found, (size_t)n, sizeof *found, newer_first);
    return n;
}

void dc__generations_none(dc__generations *g)
{
    g->n = 0;
    g->in_place = false;
}

/* ---- loading ---- */

/* What is kept of those found: two older than the version that was taken. */
static void adopt(dc__generations *g, uint64_t version, bool newest, const uint64_t *found, int n)
{
    uint64_t older[DC__GENERATIONS - 1];
    int kept = 0;
    for (int k = 0; k < n && kept < DC__GENERATIONS - 1; k++)
        if (found[k] < version) older[kept++] = found[k];
    g->n = 0;
    while (kept > 0)
        g->version[g->n++] = older[--kept];
    g->version[g->n++] = version;
    g->in_place = newest;
}

/* The newest, or an older one by its version. */
static dc_error load_one(const dc__generations *g, uint64_t version, bool newest, dc__versions *v,
                         dc__codes *codes, dc__statistics *statistics, dc__roster *roster, uint64_t *seed,
                         bool *found)
{
    char path[PATH_MAX];
    dc_error err = path_of(g, v->model, version, newest, path);
    if (!err) err = dc__state_load(path, v, codes, statistics, roster, seed, found);
    if (err || newest || !*found || v->round == version) return err;
    *found = false;
    return dc__fail(DC_EINVAL, "%s is of round %llu, other than its name says: move it away", path,
                    (unsigned long long)v->round);
}

dc_error dc__generations_load(dc__generations *g, dc__log *log, dc__versions *v, dc__codes *codes,
                              dc__statistics *statistics, dc__roster *roster, uint64_t *seed, bool *found)
{
    uint64_t older[MOST_FOUND];
    char why[DC__LINE_BYTES];
    dc__generations_none(g);
    const int n = find_older(g, v->model, older);
    dc_error err = DC_OK;
    for (int k = -1; k < n; k++) {
        const bool newest = k < 0;
        err = load_one(g, newest ? 0 : older[k], newest, v, codes, statistics, roster, seed, found);
        if (!err && *found) {
            adopt(g, v->round, newest, older, n);
            return DC_OK;
        }
        if (err && err != DC_EFORMAT) return err;
        (void)snprintf(why, sizeof why, "%.380s",
                       err ? dc_last_error() : "the newest checkpoint is not there");
        if (k + 1 < n) dc__log_line(log, "%s; the one before it is taken", why);
    }
    return err ? dc__fail(err, "%s; start the run anew, from the .weights beside it", why) : DC_OK;
}

/* ---- saving ---- */

static bool is_kept(const dc__generations *g, uint64_t version)
{
    for (int k = 0; k < g->n; k++)
        if (g->version[k] == version) return true;
    return false;
}

static void delete_older(const dc__generations *g, const dc_model *m, uint64_t version)
{
    char path[PATH_MAX];
    if (!path_of(g, m, version, false, path)) (void)unlink(path);
}

static void delete_others(const dc__generations *g, const dc_model *m)
{
    uint64_t found[MOST_FOUND];
    const int n = find_older(g, m, found);
    for (int k = 0; k < n; k++)
        if (!is_kept(g, found[k])) delete_older(g, m, found[k]);
}

static void forget_oldest(dc__generations *g, const dc_model *m)
{
    delete_older(g, m, g->version[0]);
    g->n--;
    memmove(g->version, g->version + 1, (size_t)g->n * sizeof *g->version);
}

static bool is_room(const dc__generations *g, uint64_t bytes)
{
    struct statvfs disk;
    return statvfs(g->dir, &disk) != 0 || (uint64_t)disk.f_bavail * disk.f_frsize >= bytes;
}

dc_error dc__generations_go_back(dc__generations *g, const dc_model *m, uint64_t version)
{
    char newest[PATH_MAX], older[PATH_MAX];
    dc_error err = path_of(g, m, 0, true, newest);
    if (!err) err = path_of(g, m, version, false, older);
    if (err || (g->in_place && g->version[g->n - 1] == version)) return err;
    if (rename(older, newest) != 0)
        return dc__fail(DC_EFILE, "cannot rename %s to %s: %s", older, newest, strerror(errno));
    for (int k = 0; k < g->n; k++)
        if (g->version[k] > version) delete_older(g, m, g->version[k]);
    dc__file_sync_name(newest);
    return DC_OK;
}

/* The newest gets the name of an older one, which it keeps once there is a newer one. */
static dc_error name_newest(dc__generations *g, const dc_model *m)
{
    char newest[PATH_MAX], older[PATH_MAX];
    dc_error err = path_of(g, m, 0, true, newest);
    if (!err) err = path_of(g, m, g->version[g->n - 1], false, older);
    if (!err) err = dc_second_name(newest, older);
    if (err || access(older, F_OK) == 0) return err;
    if (rename(newest, older) != 0)
        return dc__fail(DC_EFILE, "cannot rename %s to %s: %s", newest, older, strerror(errno));
    g->in_place = false;
    return DC_OK;
}

dc_error dc__generations_make_room(dc__generations *g, dc__log *log, const dc_model *m, uint64_t version,
                                   uint64_t bytes)
{
    delete_others(g, m);
    while (g->n > 1 && !is_room(g, bytes)) {
        dc__log_line(log, "the disk is nearly full: the checkpoint of round %llu makes room for round %llu",
                     (unsigned long long)g->version[0], (unsigned long long)version);
        forget_oldest(g, m);
    }
    return g->n > 0 && g->in_place && g->version[g->n - 1] != version ? name_newest(g, m) : DC_OK;
}

void dc__generations_saved(dc__generations *g, const dc_model *m, uint64_t version)
{
    const bool again = g->n > 0 && g->version[g->n - 1] == version;
    if (again && !g->in_place) delete_older(g, m, version);
    if (!again) g->version[g->n++] = version;
    g->in_place = true;
    if (g->n > DC__GENERATIONS) forget_oldest(g, m);
}
