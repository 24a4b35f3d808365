/* fuzz_state.c - any bytes as a run's state file: loaded whole or refused with a line, and a server that
 * refused is as empty as before. */
#define XXH_INLINE_ALL
#include <limits.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/error.h"
#include "fault/fake.h"
#include "fuzz.h"
#include "server/state_file.h"

/* As much of a server as its state needs: one worker, no socket, no thread. */
typedef struct shell {
    dc__versions versions;
    dc__statistics statistics;
    dc__codes codes;
    dc__roster roster;
    fake_model *m;
} shell;

static void open_shell(shell *x)
{
    memset(x, 0, sizeof *x);
    x->m = fake_model_new("fake", true);
    dc__versions_init(&x->versions);
    dc__statistics_init(&x->statistics);
    dc__assert(dc__versions_allocate(&x->versions, x->m->model) == DC_OK);
    dc__assert(dc__roster_init(&x->roster, 2, 2) == DC_OK);
    dc__assert(dc__statistics_allocate(&x->statistics, x->roster.n, FAKE_STATS) == DC_OK);
    dc__assert(dc__codes_init(&x->codes, "topk:0.1/int8", 1) == DC_OK);
    dc__assert(dc__codes_allocate(&x->codes, x->m->model) == DC_OK);
}

static void close_shell(shell *x)
{
    dc__codes_release(&x->codes);
    dc__statistics_destroy(&x->statistics);
    dc__roster_destroy(&x->roster);
    dc__versions_destroy(&x->versions);
    fake_model_free(x->m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    shell x;
    const char *path = fuzz_path(data, n);
    open_shell(&x);
    bool found;
    uint64_t seed;
    if (dc__state_load(path, &x.versions, &x.codes, &x.statistics, &x.roster, &seed, &found) == DC_OK) {
        dc__assert(found && x.versions.round <= UINT32_MAX);
        dc__crew all = {.n = x.roster.n};
        for (int i = 0; i < all.n; i++)
            all.member[i].slot = i;
        dc__assert(dc__statistics_copy(&x.statistics, &all, x.versions.round, NULL));
    } else {
        dc__assert(!found && strstr(dc_last_error(), path));
    }
    close_shell(&x);
    return 0;
}

static size_t write_state(uint8_t *to)
{
    shell x;
    char dir[] = "/tmp/dynacomm-fuzz-XXXXXX", path[PATH_MAX];
    open_shell(&x);
    float stats[FAKE_STATS] = {1, 2, 3};
    const dc__crew crew = {.n = 1, .images = 4, .member = {{.id = 7, .images = 4}}};
    const dc__state_head head = {.seed = 9, .next_number = 1, .crew = &crew};
    dc__file state;
    dc__assert(mkdtemp(dir) != NULL);
    (void)snprintf(path, sizeof path, "%s/fake.state", dir);
    dc__assert(dc__file_begin(&state, path) == DC_OK);
    dc__assert(dc__state_write(&state, &x.versions, &x.codes, 0, &head, FAKE_STATS, stats) == DC_OK);
    dc__assert(dc__file_commit(&state) == DC_OK);
    FILE *file = fopen(path, "rb");
    dc__assert(file);
    const size_t n = fread(to, 1, FUZZ_MOST, file);
    (void)fclose(file);
    dc__assert(unlink(path) == 0 && rmdir(dir) == 0);
    close_shell(&x);
    return n;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    static uint8_t state[FUZZ_MOST]; /* written once: it is asked for again and again */
    static size_t n;
    if (k > 0) return 0;
    if (n == 0) n = write_state(state);
    memcpy(to, state, n);
    return n;
}

void fuzz_repair(uint8_t *data, size_t n)
{
    if (n < 8) return;
    const uint64_t sum = XXH3_64bits(data, n - 8);
    memcpy(data + n - 8, &sum, 8);
}
