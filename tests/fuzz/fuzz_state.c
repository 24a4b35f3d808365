/* fuzz_state.c - any bytes as a run's state file: loaded whole or refused with a line, and a server that
 * refused is as empty as before. */
#define FUZZ_ITERATIONS 1000 /* each writes and reads a file */
#define XXH_INLINE_ALL
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "fault/fake.h"
#include "fuzz.h"
#include "server/server.h"

/* As much of a server as its state needs: one worker, no socket, no thread. */
typedef struct shell {
    dc_server s;
    dc__peer peer;
    fake_model *m;
} shell;

static void open_shell(shell *x)
{
    static char dir[32];
    memset(x, 0, sizeof *x);
    if (!dir[0]) {
        (void)snprintf(dir, sizeof dir, "/tmp/dynacomm-fuzz-XXXXXX");
        dc__assert(mkdtemp(dir) != NULL);
    }
    x->m = fake_model_new("fake", true);
    x->s.workers = 1;
    x->s.peers = &x->peer;
    x->s.model = x->m->model;
    (void)snprintf(x->s.backup_dir, sizeof x->s.backup_dir, "%s", dir);
    dc__assert(dc__round_allocate(&x->s) == DC_OK);
}

static void close_shell(shell *x)
{
    dc__round_free(&x->s);
    fake_model_free(x->m);
}

static void clean(const shell *x)
{
    char path[PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/fake.state", x->s.backup_dir);
    (void)unlink(path);
    (void)rmdir(x->s.backup_dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    shell x;
    char path[PATH_MAX + 32];
    open_shell(&x);
    (void)snprintf(path, sizeof path, "%s/fake.state", x.s.backup_dir);
    FILE *file = fopen(path, "wb");
    dc__assert(file && fwrite(data, 1, n, file) == n && fclose(file) == 0);
    bool found;
    if (dc__state_load(&x.s, &found) == DC_OK) {
        dc__assert(found && x.s.state.round <= UINT32_MAX);
        dc__assert(dc__state_stats(&x.s, x.s.state.round) != NULL);
    } else {
        dc__assert(!found && strstr(dc_last_error(), "fake.state"));
    }
    clean(&x);
    dc__assert(access(x.s.backup_dir, F_OK) != 0 && mkdir(x.s.backup_dir, 0700) == 0);
    close_shell(&x);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    if (k > 0) return 0;
    shell x;
    char path[PATH_MAX + 32];
    open_shell(&x);
    float stats[FAKE_STATS] = {1, 2, 3};
    dc__assert(dc__state_save(&x.s, 0, stats) == DC_OK);
    (void)snprintf(path, sizeof path, "%s/fake.state", x.s.backup_dir);
    FILE *file = fopen(path, "rb");
    dc__assert(file);
    const size_t n = fread(to, 1, FUZZ_MOST, file);
    (void)fclose(file);
    close_shell(&x);
    return n;
}

void fuzz_repair(uint8_t *data, size_t n)
{
    if (n < 8) return;
    const uint64_t sum = XXH3_64bits(data, n - 8);
    memcpy(data + n - 8, &sum, 8);
}
