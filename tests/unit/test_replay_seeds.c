/* test_replay_seeds.c - runs drawn from a seed, each made again from its log: workers that send their blocks in any order and
 * in any pieces, values that are not finite, links that are cut in the middle of a round, which ends the run or goes on
 * without, servers that are started again with other workers and other bounds. The server's last .weights are the replay's, byte for byte; a seed that fails is
 * printed.
 *
 *   test_replay_seeds [SEED [N]]    N seeds from SEED on (1, 40). Which blocks wait for whom also depends on the server's
 *                                   threads: that is what the log is there for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/floatmode.h"
#include "dynacomm_replay.h"
#include "fault/box.h"
#include "fault/fake.h"
#include "server/run_log_read.h"
#include "test_url.h"

#define WORKERS_MOST 4
#define BLOCKS 3

static uint64_t first_seed = 1, seeds = 40, drawn, seed;
static char dir[] = "/tmp/dynacomm-test-XXXXXX";
static fake_model *m;

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdu;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53u;
    return x ^ x >> 33;
}

/* Below n; the run's course. */
static unsigned draw(unsigned n)
{
    return (unsigned)(mix(seed * 1000003u + ++drawn) % n);
}

/* ---- what workers compute: of the seed, their number and the round ---- */

static uint64_t hash(int number, uint64_t round, uint64_t i)
{
    return mix(mix(seed * 31u + (uint64_t)number) + round * 1000033u + i);
}

static float value_at(int number, uint64_t round, uint64_t i)
{
    return (float)(hash(number, round, i) % 4001u) / 1000.f - 2.f;
}

/* Of two neighbours in number one is honest in each round, and so is everybody in every third. */
static bool is_bad(int number, uint64_t round)
{
    return (uint64_t)number % 2 != round % 2 && round % 3 != 2 && hash(number, round, 1u << 20) % 2;
}

static void gradient_of(int number, uint64_t round, float *gradient)
{
    for (uint64_t i = 0; i < FAKE_TRAINED; i++)
        gradient[i] = value_at(number, round, i);
    if (is_bad(number, round)) gradient[hash(number, round, 1u << 21) % FAKE_TRAINED] = NAN;
}

static void statistics_of(int number, uint64_t round, float *statistics)
{
    for (uint64_t i = 0; i < FAKE_STATS; i++)
        statistics[i] = value_at(number, round, FAKE_TRAINED + i);
    if (is_bad(number, round) && hash(number, round, 1u << 22) % 4 == 0) statistics[3] = INFINITY;
}

/* ---- a server's run ---- */

/* What one worker still has to send in a round: statistics, then pieces of blocks in any order. */
typedef struct turn {
    bool statistics;
    bool sent[BLOCKS];
} turn;

static dc_error send_statistics(fake *f, int number, uint64_t round)
{
    float values[FAKE_STATS];
    statistics_of(number, round, values);
    return fake_send(f,
                     (dc__header){.type = DC__STAT,
                                  .flags = DC__LAST,
                                  .round = round + 1,
                                  .offset = FAKE_TRAINED,
                                  .count = FAKE_STATS},
                     values, sizeof values);
}

/* A block that is not sent yet, and with luck those behind it. */
static dc_error send_piece(fake *f, int number, uint64_t round, turn *t)
{
    float gradient[FAKE_TRAINED];
    const uint64_t *offset = m->model->block_offset;
    uint32_t first = draw(BLOCKS), end;
    while (t->sent[first])
        first = (first + 1) % BLOCKS;
    for (end = first; end < BLOCKS && !t->sent[end] && (end == first || draw(2)); end++)
        t->sent[end] = true;
    gradient_of(number, round, gradient);
    const dc__header header = {.type = DC__GRAD,
                               .round = round,
                               .offset = offset[first],
                               .count = (uint32_t)(offset[end] - offset[first]),
                               .rate = .05f / (float)(1 + round / 2)};
    return fake_send(f, header, gradient + offset[first], header.count * sizeof(float));
}

static bool is_done(const turn *t)
{
    return t->statistics && t->sent[0] && t->sent[1] && t->sent[2];
}

/* A run's workers; the last may be dropped, and the run goes on. */
typedef struct crew {
    fake f[WORKERS_MOST];
    int n;
    bool drops, dropped;
} crew;

/* A round of all, in any order. After `cut` frames a link is cut: false if that is the run's end. */
static bool play_round(crew *c, uint64_t round, int cut)
{
    turn turns[WORKERS_MOST] = {0};
    fake *f = c->f;
    const int n = c->n - c->dropped;
    for (int k = 0; k < n; k++)
        assert_int_equal(fake_pull(&f[k], round), DC_OK);
    for (int k = 0; k < n; k++)
        assert_int_equal(fake_take(&f[k], round), DC_OK);
    for (int left = n; left > 0;) {
        const int k = (int)draw((unsigned)n);
        if (cut-- == 0) {
            if (!c->drops) return false;
            fake_close(&f[n - 1]);
            c->dropped = true;
            left -= !is_done(&turns[n - 1]);
        }
        if (is_done(&turns[k]) || (c->dropped && k == c->n - 1)) continue;
        if (!turns[k].statistics)
            assert_int_equal(send_statistics(&f[k], k, round), DC_OK);
        else
            assert_int_equal(send_piece(&f[k], k, round, &turns[k]), DC_OK);
        turns[k].statistics = true;
        left -= is_done(&turns[k]);
    }
    return true;
}

static dc_bounds any_bounds(int workers)
{
    dc_bounds bounds = {0};
    if (workers > 2 && draw(2)) bounds.trim = draw(2) ? 1 : DC_TRIM_MEDIAN;
    if (draw(3) == 0) bounds.clip_norm = .98;
    return bounds;
}

static void say_goodbye(fake *f, int n, uint64_t rounds)
{
    dc__frame frame;
    for (int k = 0; k < n; k++)
        assert_int_equal(fake_bye(&f[k], rounds, true), DC_OK);
    for (int k = 0; k < n; k++) {
        assert_int_equal(fake_expect(&f[k], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
    }
}

/* Some rounds; ended as planned, or cut. */
static void play(bool to_its_end)
{
    const int n = 2 + (int)draw(WORKERS_MOST - 1), rounds = 1 + (int)draw(6);
    const int cut_round = to_its_end || draw(2) ? rounds : (int)draw((unsigned)rounds), cut = (int)draw(8);
    const char *url = test_url("seeds");
    crew c = {.n = n, .drops = n > 2 && seed % 5 == 0};
    fake *f = c.f;
    box *b = box_open((dc_server_options){.url = url,
                                          .workers = n,
                                          .min_workers = c.drops ? 1 : 0,
                                          .on_loss = c.drops ? DC_ON_LOSS_DROP : DC_ON_LOSS_END,
                                          .backup_dir = dir,
                                          .backup_every.rounds = draw(3),
                                          .bounds = any_bounds(n)});
    if (!b) fail_msg("%s", dc_last_error());
    for (int k = 0; k < n; k++)
        assert_int_equal(fake_enter(&f[k], url, k, m), DC_OK);
    for (int k = 0; k < n; k++)
        assert_int_equal(fake_wait_start(&f[k]), DC_OK);
    const uint64_t first = f[0].round;
    bool whole = true;
    for (int r = 0; whole && r < rounds; r++)
        whole = play_round(&c, first + (uint64_t)r, r == cut_round ? cut : -1);
    if (whole) say_goodbye(f, n - c.dropped, first + (uint64_t)rounds);
    for (int k = 0; k < n; k++)
        fake_close(&f[k]);
    box_wait_end(b);
    if (whole && b->err) fail_msg("%s", b->line);
    box_close(b);
}

/* ---- the same from its log ---- */

static void replay(const char *log, const char *to)
{
    dc_replay *r;
    dc_replay_round_info round;
    if (dc_replay_open(&r, log) || dc_replay_begin(r, m->model)) fail_msg("%s", dc_last_error());
    for (;;) {
        if (dc_replay_round(r, &round)) fail_msg("%s", dc_last_error());
        if (round.passes == 0) break;
        for (int k = 0; k < round.passes; k++) {
            const int number = dc_replay_member_get(r, dc_replay_place(r, k)).number;
            gradient_of(number, round.round, m->gradient);
            statistics_of(number, round.round, m->value + FAKE_TRAINED);
            assert_int_equal(dc_replay_take(r, k), DC_OK);
        }
        if (dc_replay_step(r)) fail_msg("%s", dc_last_error());
    }
    assert_int_equal(dc_replay_save(r, to), DC_OK);
    dc_replay_close(r);
}

/* Records of this type. */
static int count(const char *log, dc__log_type type)
{
    dc__log_reader *reader;
    dc__log_record record;
    int n = 0;
    assert_int_equal(dc__log_reader_open(&reader, log, &record), DC_OK);
    for (; record.type != DC__LOG_END; n += record.type == type)
        assert_int_equal(dc__log_reader_next(reader, &record), DC_OK);
    dc__log_reader_close(reader);
    return n;
}

static void each_seed_is_replayed(void **state)
{
    (void)state;
    char log[64], to[64], command[160];
    int partial = 0, servers = 0;
    (void)snprintf(log, sizeof log, "%s/fake.log", dir);
    (void)snprintf(to, sizeof to, "%s/replayed.weights", dir);
    (void)snprintf(command, sizeof command, "cmp %s/fake_final.weights %s && rm %s/*", dir, to, dir);
    for (seed = first_seed; seed < first_seed + seeds; seed++) {
        drawn = 0;
        m = fake_model_new("fake", true);
        print_message("# seed %llu\n", (unsigned long long)seed);
        for (unsigned left = draw(4); left > 0; left--)
            play(false);
        play(true);
        partial += count(log, DC__LOG_PARTIAL);
        servers += count(log, DC__LOG_SERVER);
        replay(log, to);
        if (system(command) != 0) fail_msg("seed %llu: another model", (unsigned long long)seed);
        fake_model_free(m);
    }
    /* It is not for nothing. */
    if (seeds >= 20) assert_true(partial > (int)seeds && servers > (int)seeds * 3 / 2);
}

int main(int argc, char **argv)
{
    if (argc > 1) first_seed = strtoull(argv[1], NULL, 10);
    if (argc > 1) seeds = 1;
    if (argc > 2) seeds = strtoull(argv[2], NULL, 10);
    dc__flush_denormals();
    if (!mkdtemp(dir)) return 1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_seed_is_replayed)};
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(dir);
    return failed;
}
