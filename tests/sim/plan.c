/* plan.c - what a seed draws. See plan.h. */
#include "sim/plan.h"

#include <stdio.h>

#include "net/link.h"

static uint64_t state;

static int draw(int n)
{
    return (int)(sim_random(&state) % (uint64_t)n);
}

static bool one_in(int n)
{
    return draw(n) == 0;
}

/* From least to most, in ms. */
static int64_t ms(int least, int most)
{
    return (least * INT64_C(1000) + (int64_t)(sim_random(&state) % (uint64_t)((most - least) * 1000 + 1))) *
           1000;
}

static double seconds(int64_t ns)
{
    return (double)ns * 1e-9;
}

static void draw_model(sim_plan *p)
{
    static const size_t sizes[] = {0, 1, 40, 300, 1000, 1024, 1025, 2500};
    p->layers = 2 + draw(SIM_LAYERS - 1);
    for (int i = 0; i < p->layers; i++) {
        p->count[i] = sizes[draw(8)];
        p->stats[i] = p->count[i] && one_in(2) ? (size_t)(1 + draw(20)) : 0;
    }
    p->count[p->layers - 1] +=
        one_in(16) ? 40000 : 10; /* trained; or more than a frame of one who is not known yet */
    p->frozen = one_in(4) ? draw(p->layers) : 0;
    p->algorithm = one_in(4) ? DC_ADAM : DC_SGD;
}

/* Lossy, or steps alone: a worker has what it has not sent yet. */
static void draw_codec(sim_plan *p)
{
    static const char *const codecs[] = {"bf16",          "int8",       "topk:0.1",
                                         "topk:0.1/int8", "topk:0.1:3", "topk5:0.1"};
    if (one_in(3)) p->local_steps = 2 + draw(2);
    if (p->local_steps > 1 && one_in(2)) {
        p->local_auto = true;
        p->local_steps = 1;
        p->rounds += 20 + draw(60); /* it takes reports of a second */
    }
    const bool local = p->local_steps > 1 || p->local_auto;
    if (!local || one_in(2)) p->codec = codecs[draw(6)];
    if (local) p->algorithm = DC_SGD;
    p->rounds = (p->rounds + p->local_steps - 1) / p->local_steps * p->local_steps;
}

static void draw_server(sim_plan *p)
{
    dc_server_options *o = &p->server;
    o->workers = p->workers;
    o->min_workers = one_in(2) ? p->workers : 1 + draw(p->workers);
    o->start_after_s = seconds(ms(200, 3000));
    o->on_loss = one_in(4) ? DC_ON_LOSS_DROP : one_in(12) ? DC_ON_LOSS_END : DC_ON_LOSS_WAIT;
    o->loss_wait_s = seconds(one_in(3) ? ms(500, 3000) : ms(8000, 20000));
    if (!one_in(8)) o->backup_every.rounds = (uint64_t)(1 + draw(4));
    if (o->backup_every.rounds == 0 || one_in(4)) o->backup_every.seconds = seconds(ms(50, 1000));
    o->timeout_s = seconds(ms(4000, 12000));
    const bool plain = !p->codec && p->local_steps == 1 && !p->local_auto;
    p->bad = plain && p->workers > 1 && o->min_workers == p->workers && one_in(6);
    if (plain && p->workers > 1 && one_in(5)) {
        o->balance = true;
        p->subdivisions = 3 + draw(4);
    }
    if (!plain || o->balance) return;
    if (p->workers > 2 && one_in(6)) o->bounds.trim = one_in(2) ? 1 : DC_TRIM_MEDIAN;
    if (p->workers > 1 && one_in(8)) o->bounds.clip_norm = .98;
}

static void draw_world(sim_plan *p)
{
    p->weather = (sim_weather){.latency_ns = ms(0, 20) + 20000,
                               .jitter_ns = one_in(2) ? 0 : ms(0, 20),
                               .Bps = one_in(2) ? 1e9 : 1e5 * (1 + draw(100)),
                               .buffer_bytes = one_in(2) ? 1u << 18 : 1u << (10 + draw(6)),
                               .late_connections = one_in(3) ? 300 : 0,
                               .pieces = one_in(2) ? 0 : (unsigned)draw(300)};
    p->disk_ns = one_in(2) ? ms(0, 2) : ms(1, 200);
    p->preempt = one_in(3) ? 0 : one_in(2) ? 20 : 200;
    p->hold_ns = one_in(3) ? ms(1, 100) : 0;
    for (int k = 1; k <= p->workers; k++)
        p->layer_ns[k] = one_in(3) ? 0 : ms(0, one_in(3) ? 100 : 10);
}

/* When: most within the rounds; for how long: most within what is waited for. */
static void draw_deed(sim_plan *p, int64_t length_ns)
{
    static const sim_what of_worker[] = {SIM_KILL, SIM_KILL,  SIM_POWER,     SIM_STOP,     SIM_CUT,
                                         SIM_CUT,  SIM_LEAVE, SIM_SLOW_DISK, SIM_FULL_DISK};
    static const sim_what of_server[] = {SIM_KILL,      SIM_KILL,      SIM_POWER, SIM_STOP,
                                         SIM_SLOW_DISK, SIM_FULL_DISK, SIM_LEAVE};
    sim_deed *d = &p->deeds[p->n_deeds++];
    d->machine = draw(p->workers + 2) % (p->workers + 1);
    d->what = d->machine ? of_worker[draw(9)] : of_server[draw(7)];
    d->at_ns = SIM_S + (int64_t)(sim_random(&state) % (uint64_t)length_ns);
    d->for_ns = one_in(3) ? ms(1, 100) : one_in(6) ? ms(3000, 25000) : ms(100, 4000);
    if (d->what == SIM_LEAVE && d->machine && p->server.min_workers < p->workers && one_in(2))
        d->what = SIM_AWAY;
}

/* Everybody comes once; some late. */
static void draw_beginnings(sim_plan *p, int64_t length_ns)
{
    for (int k = 0; k <= p->workers; k++) {
        const bool late = k > 0 && one_in(6);
        p->deeds[p->n_deeds++] = (sim_deed){
            .at_ns = SIM_S + (late ? (int64_t)(sim_random(&state) % (uint64_t)length_ns) : ms(0, 300)),
            .what = SIM_BEGIN,
            .machine = k};
    }
}

/* At the end: for less than the server stays, or more. */
static void draw_late(sim_plan *p)
{
    p->late = 1 + draw(p->workers);
    p->late_what = one_in(2) ? SIM_CUT : one_in(2) ? SIM_KILL : SIM_POWER;
    p->late_ns = one_in(3) ? ms(10, 1000) : one_in(2) ? ms(1000, 8000) : ms(8000, 60000);
}

/* Somebody has forgotten the process that is there, or a service manager took it for dead. */
static void draw_twin(sim_plan *p, int64_t length_ns)
{
    p->twin = 1 + draw(p->workers);
    p->twin_at = SIM_S + (int64_t)(sim_random(&state) % (uint64_t)length_ns);
    p->twin_ns = one_in(3) ? 0 : one_in(2) ? ms(10, 3000) : ms(3000, 20000);
}

void sim_plan_draw(sim_plan *p, uint64_t seed)
{
    *p = (sim_plan){.local_steps = 1};
    state = seed * 0x2545f4914f6cdd1du + 1;
    p->workers = one_in(8) ? 1 : 2 + draw(SIM_WORKERS - 1);
    p->rounds = 5 + draw(16);
    p->subdivisions = 1 + draw(2);
    draw_model(p);
    if (one_in(4)) draw_codec(p);
    p->remembers = one_in(5);
    if (p->local_steps == 1 && !p->local_auto && one_in(6)) p->average = .9f;
    draw_server(p);
    draw_world(p);
    for (int k = 1; k <= p->workers; k++)
        p->strategy[k] = (dc_strategy)draw(DC_STRATEGY_COUNT);
    p->ranked = one_in(3);
    p->patience_s = seconds(ms(40000, 60000));
    /* about how long the rounds take */
    int64_t slowest_ns = 0;
    for (int k = 1; k <= p->workers; k++)
        if (p->layer_ns[k] > slowest_ns) slowest_ns = p->layer_ns[k];
    const int64_t round_ns =
        4 * p->weather.latency_ns + 2 * p->layers * p->subdivisions * slowest_ns + 2 * SIM_MS;
    const int64_t length_ns = 300 * SIM_MS + p->rounds * round_ns;
    draw_beginnings(p, length_ns);
    if (one_in(3)) {
        p->torn = 1 + draw(p->workers);
        p->torn_layer = p->frozen + draw(2);
        p->torn_batch = (uint64_t)draw(p->rounds);
        p->torn_ns = ms(50, 2000);
    }
    p->last_ns = one_in(8) ? ms(100, 2000) : 0;
    for (int left = one_in(8) ? 0 : 1 + draw(one_in(4) ? 14 : 6); left > 0; left--)
        draw_deed(p, length_ns);
    for (int k = 0, away = 0; k < p->n_deeds; k++) /* so many may stay away */
        if (p->deeds[k].what == SIM_AWAY && ++away > p->workers - p->server.min_workers)
            p->deeds[k].what = SIM_LEAVE;
    if (one_in(3)) draw_late(p);
    const bool keeps = p->codec || p->local_steps > 1 || p->local_auto || p->remembers;
    if (one_in(4) && !keeps) draw_twin(p, length_ns); /* two directories have two stories of what was kept */
    p->look_ms = one_in(2) ? DC__POLL_MS : 1 + draw(one_in(2) ? 20 : 200);
}

void sim_plan_text(const sim_plan *p, char *text, size_t size)
{
    static const char *const names[] = {"begin", "kill", "power",     "stop",     "cut",
                                        "leave", "away", "slow disk", "full disk"};
    const dc_server_options *o = &p->server;
    int n = snprintf(
        text, size,
        "%d workers (at least %d), %d rounds, %d layers, %s%s%s%s%s, codec %s, local %d%s, on loss %s %.1f s, backup %d "
        "rounds %.2f s, timeout %.1f s, latency %.1f ms, looks every %d ms;",
        p->workers, o->min_workers, p->rounds, p->layers, p->algorithm == DC_ADAM ? "adam" : "sgd",
        p->frozen ? " frozen" : "", p->remembers ? " remembers" : "", o->balance ? " balance" : "",
        p->bad ? " nan" : "", p->codec ? p->codec : "exact", p->local_steps, p->local_auto ? " (auto)" : "",
        o->on_loss == DC_ON_LOSS_DROP  ? "drop"
        : o->on_loss == DC_ON_LOSS_END ? "end"
                                       : "wait",
        o->loss_wait_s, (int)o->backup_every.rounds, o->backup_every.seconds, o->timeout_s,
        (double)p->weather.latency_ns * 1e-6, p->look_ms);
    if (p->torn && n > 0 && (size_t)n < size)
        n += snprintf(text + n, size - (size_t)n, " worker-%d killed in batch %d at layer %d for %.2f;",
                      p->torn, (int)p->torn_batch, p->torn_layer, (double)p->torn_ns * 1e-9);
    if (p->last_ns && n > 0 && (size_t)n < size)
        n += snprintf(text + n, size - (size_t)n, " dark at the end for %.2f;", (double)p->last_ns * 1e-9);
    if (p->twin && n > 0 && (size_t)n < size)
        n += snprintf(text + n, size - (size_t)n, " twin of %d at %.2f, which is stopped for %.2f;", p->twin,
                      (double)p->twin_at * 1e-9, (double)p->twin_ns * 1e-9);
    if (p->late && n > 0 && (size_t)n < size)
        n += snprintf(text + n, size - (size_t)n, " at the end %s %d for %.2f;", names[p->late_what], p->late,
                      (double)p->late_ns * 1e-9);
    for (int k = 0; k < p->n_deeds && n > 0 && (size_t)n < size; k++)
        n += snprintf(text + n, size - (size_t)n, " %s %d at %.2f for %.2f;", names[p->deeds[k].what],
                      p->deeds[k].machine, (double)p->deeds[k].at_ns * 1e-9,
                      (double)p->deeds[k].for_ns * 1e-9);
}
