/* check.c - what must be true when a run is over: the server's last weights are those of the replay of its log, byte for byte;
 * if nobody was passed over or came late, those of a run that nothing happens to; every worker that trained to the
 * end has them, too; and no file is left over. */
#include <dirent.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynacomm_replay.h"
#include "server/run_log_read.h"
#include "sim/run.h"

#define HEADER_BYTES 20 /* of a .weights file */
#define SIM_MEMBERS 64  /* who ever take part: numbers are given once */

static char *reason;
static size_t reason_size;

static bool wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool wrong(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, reason_size, format, args);
    va_end(args);
    return false;
}

/* ---- files ---- */

/* Its bytes after the first `skip`; NULL if it cannot be read. The caller's to free. */
static uint8_t *read_file(const char *path, size_t skip, size_t *n)
{
    FILE *f = fopen(path, "rb");
    if (!f) return NULL;
    (void)fseek(f, 0, SEEK_END);
    *n = (size_t)ftell(f);
    *n = *n < skip ? 0 : *n - skip;
    (void)fseek(f, (long)skip, SEEK_SET);
    uint8_t *bytes = malloc(*n + 1);
    if (!bytes || fread(bytes, 1, *n, f) != *n) abort();
    (void)fclose(f);
    return bytes;
}

static bool are_same(const char *a, const char *b, size_t skip)
{
    size_t n = 0, m = 0;
    uint8_t *x = read_file(a, skip, &n), *y = read_file(b, skip, &m);
    const bool same = x && y && n == m && memcmp(x, y, n) == 0;
    free(x);
    free(y);
    return same;
}

static bool may_be_there(const char *name, const sim_plan *p)
{
    static const char *const names[] = {".", "..", "sim_final.weights", "sim.backup", "sim.log", "sim.state"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (strcmp(name, names[k]) == 0) return true;
    const char *digits = name + strlen("sim.state-");
    return (strncmp(name, "sim.state-", 10) == 0 && digits[strspn(digits, "0123456789")] == 0) ||
           (p->average > 0 && strcmp(name, "sim_ema.weights") == 0) || strncmp(name, "worker-", 7) == 0;
}

static bool check_files(const sim_run_state *r)
{
    DIR *dir = opendir(r->dir);
    int states = 0;
    bool ok = dir != NULL;
    for (const struct dirent *e; dir && ok && (e = readdir(dir));) {
        states += strncmp(e->d_name, "sim.state", 9) == 0;
        if (!may_be_there(e->d_name, r->plan)) ok = wrong("%s is left over", e->d_name);
    }
    if (dir) (void)closedir(dir);
    return ok && (states <= 3 || wrong("%d states are left", states));
}

/* ---- replay ---- */

static void compute(sim_toy *t, int number, uint64_t batch, int subdivisions)
{
    const sim_plan *p = t->plan;
    for (int s = 0; s < subdivisions; s++) {
        sim_remember(t, number, batch, s);
        for (int i = 0; i < p->layers; i++)
            sim_forward(t, i, number, batch);
        for (int i = p->layers - 1; i >= p->frozen; i--)
            sim_backward(t, t, i, number, batch, s);
    }
}

/* What the layers of each who takes part remember. */
static float memories[SIM_MEMBERS][SIM_MEMORY];

static void replay_pass(dc_replay *replay, sim_toy *t, const dc_replay_round_info *round, int k)
{
    const int who = dc_replay_place(replay, k), steps = round->steps;
    const dc_replay_member m = dc_replay_member_get(replay, who);
    if (who >= SIM_MEMBERS) abort();
    if (dc_replay_afresh(replay, k)) memset(memories[who], 0, sizeof memories[who]);
    memcpy(t->memory, memories[who], sizeof t->memory);
    for (int i = 0; i < steps; i++) {
        const uint64_t batch = round->batch + (uint64_t)i;
        compute(t, m.number, batch, (int)m.images / SIM_IMAGES);
        if (i < steps - 1) dc_replay_step_alone(replay, sim_rate(batch));
    }
    memcpy(memories[who], t->memory, sizeof t->memory);
    if (dc_replay_take(replay, k)) abort();
}

/* The weights that the replay ends with are the server's; and so is their moving average. */
static bool compare(const sim_run_state *r, dc_replay *replay)
{
    char mine[128], its[128];
    (void)snprintf(mine, sizeof mine, "%s/replayed.weights", r->dir);
    (void)snprintf(its, sizeof its, "%s/sim_final.weights", r->dir);
    if (dc_replay_save(replay, mine)) return wrong("no replay: %s", dc_last_error());
    if (!are_same(mine, its, 0)) return wrong("the replay makes other weights");
    if (!dc_replay_averaged(replay)) return true;
    (void)snprintf(its, sizeof its, "%s/sim_ema.weights", r->dir);
    if (dc_replay_save_average(replay, mine)) return wrong("no replay: %s", dc_last_error());
    return are_same(mine, its, 0) || wrong("the replay makes another average");
}

/* *rounds, *batch: that the last of them begins with, *steps: that it has. */
static bool replay(const sim_run_state *state, const char *log, uint64_t *rounds, uint64_t *batch, int *steps)
{
    const sim_plan *p = state->plan;
    sim_toy *t = sim_toy_new(p, 1);
    dc_replay *r;
    dc_replay_round_info round;
    if (dc_replay_open(&r, log) || dc_replay_begin(r, t->model))
        return wrong("no replay: %s", dc_last_error());
    if (dc_replay_info_get(r).first_round != 0) return wrong("the log begins in the middle");
    for (*rounds = 0;; ++*rounds) {
        if (dc_replay_round(r, &round)) return wrong("no replay: %s", dc_last_error());
        if (round.passes == 0) break;
        *batch = round.batch;
        *steps = round.steps;
        for (int k = 0; k < round.passes; k++)
            replay_pass(r, t, &round, k);
        if (dc_replay_step(r)) return wrong("no replay: %s", dc_last_error());
    }
    const bool same = compare(state, r);
    dc_replay_close(r);
    sim_toy_free(t);
    return same;
}

/* ---- as if nothing had happened ---- */

/* Who begins in a round has nothing kept, also when the run goes on from there once more; nobody else begins with nothing, but where
 * there is no checkpoint of which it has kept something. begins: 1 + the round that each began with last. */
static bool may_forget(const sim_run_state *r, const uint64_t *begins, int number, uint64_t round)
{
    for (int k = 0; k < r->n_losses; k++)
        if (r->losses[k].number == number && r->losses[k].round == round && r->losses[k].had)
            return number >= SIM_MEMBERS || begins[number] == round + 1;
    return true;
}

/* Whether everybody took part in all rounds, with all blocks. *partial: somebody only with some. *lost: 1 + who had lost what it had
 * kept, 0 = nobody. */
static bool is_whole(const sim_run_state *r, const char *log, bool *partial, int *lost)
{
    const sim_plan *p = r->plan;
    uint64_t begins[SIM_MEMBERS] = {0};
    dc__log_reader *reader;
    dc__log_record record;
    bool whole = true;
    *lost = 0;
    if (dc__log_reader_open(&reader, log, &record)) abort();
    for (*partial = false; record.type != DC__LOG_END;) {
        for (int k = 0; record.type == DC__LOG_ROSTER && k < record.n; k++)
            if (record.members[k].statistics != DC__LOG_OWN && record.members[k].number < SIM_MEMBERS)
                begins[record.members[k].number] = record.round + 1;
        if (record.type == DC__LOG_FORGOT && !may_forget(r, begins, record.number, record.round))
            *lost = 1 + record.number;
        if (record.type == DC__LOG_ROSTER) whole &= record.n == p->workers;
        for (int k = 0; record.type == DC__LOG_ROSTER && k < record.n; k++)
            whole &= record.members[k].number == k &&
                     record.members[k].images == (uint32_t)(p->subdivisions * SIM_IMAGES);
        *partial |= record.type == DC__LOG_PARTIAL;
        whole &= record.type != DC__LOG_PARTIAL && record.type != DC__LOG_FORGOT;
        if (dc__log_reader_next(reader, &record)) abort();
    }
    dc__log_reader_close(reader);
    return whole;
}

/* A worker's gradients of a round, onto those of `to`, of the values of `all`. */
static void add_worker(sim_toy *to, sim_toy *all, int number, uint64_t round)
{
    const sim_plan *p = all->plan;
    for (int s = 0; s < p->subdivisions; s++) {
        sim_remember(all, number, round, s);
        for (int i = p->layers - 1; i >= p->frozen; i--)
            sim_backward(to, all, i, number, round, s);
    }
}

static void step_all(sim_toy *all, sim_toy *part, uint64_t round)
{
    const sim_plan *p = all->plan;
    sim_toy *to = p->workers == 1 ? all : part; /* onto the momentum, as one machine does */
    for (int number = 0; number < p->workers; number++) {
        for (int i = p->frozen; i < p->layers; i++)
            if (p->count[i]) memset(part->gradient[i], 0, p->count[i] * sizeof(float));
        memcpy(all->memory, memories[number], sizeof all->memory);
        add_worker(to, all, number, round);
        memcpy(memories[number], all->memory, sizeof all->memory);
        for (int i = p->frozen; to == part && i < p->layers; i++)
            for (size_t j = 0; j < p->count[i]; j++)
                all->gradient[i][j] += part->gradient[i][j];
    }
    if (dc_model_update(all->model, sim_rate(round), round + 1)) abort();
}

/* Trained values of a run that nothing happens to, against the server's. */
static bool check_undisturbed(const sim_plan *p, const char *final)
{
    size_t n, at = 0;
    bool same = true;
    uint8_t *bytes = read_file(final, HEADER_BYTES, &n);
    sim_toy *all = sim_toy_new(p, p->workers), *part = sim_toy_new(p, 1);
    memset(memories, 0, sizeof memories);
    for (uint64_t round = 0; round < (uint64_t)p->rounds; round++)
        step_all(all, part, round);
    for (int i = 0; i < p->layers; i++) {
        const size_t values = p->count[i] * sizeof(float), all_of_it = values + p->stats[i] * sizeof(float);
        if (at + all_of_it > n) abort();
        if (values) same &= memcmp(bytes + at, all->value[i], values) == 0;
        at += all_of_it;
    }
    sim_toy_free(all);
    sim_toy_free(part);
    free(bytes);
    return same ||
           wrong("everybody took part in all rounds, but the weights are not those of an undisturbed run");
}

bool sim_check(sim_run_state *r, char *why, size_t size)
{
    const sim_plan *p = r->plan;
    char log[128], final[128];
    reason = why;
    reason_size = size;
    if (!check_files(r)) return false;
    (void)snprintf(log, sizeof log, "%s/sim.log", r->dir);
    (void)snprintf(final, sizeof final, "%s/sim_final.weights", r->dir);
    uint64_t rounds = 0, batch = 0;
    int steps = 0;
    if (!replay(r, log, &rounds, &batch, &steps)) return false;
    if (batch >= (uint64_t)p->rounds || batch + (uint64_t)steps < (uint64_t)p->rounds)
        return wrong("the log has %llu rounds, the last of %d batches after %llu", (unsigned long long)rounds,
                     steps, (unsigned long long)batch);
    for (int k = 1; k <= p->workers; k++) {
        const sim_node *node = &r->nodes[k];
        if (node->done && !are_same(final, node->saved, HEADER_BYTES))
            return wrong("worker-%d has other weights than the server", k);
    }
    if (r->twin.done && !are_same(final, r->twin.saved, HEADER_BYTES))
        return wrong("the twin of worker-%d has other weights than the server", r->twin.machine);
    bool partial;
    int lost;
    const bool whole = is_whole(r, log, &partial, &lost);
    if (lost) return wrong("worker %d began with nothing, and had kept what a checkpoint needs", lost - 1);
    r->count.partial += partial;
    r->count.rounds += rounds;
    const bool plain = !p->bad && !p->codec && p->local_steps == 1 && !p->local_auto &&
                       !p->server.bounds.trim && p->server.bounds.clip_norm <= 0;
    if (!whole || !plain) return true;
    r->count.undisturbed++;
    return check_undisturbed(p, final);
}
