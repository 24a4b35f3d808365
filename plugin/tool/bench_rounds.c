/* bench_rounds.c - rounds of emulated computation.
 *
 * DESIGN: time
 *   A layer's computation is a wait until a deadline: the deadline before plus the layer's length. What one
 * wait oversleeps is thus taken back in the next, and errors don't add up over 150 layers. Time that the
 * engine's own calls take is real and moves the deadline: by their length; a call that blocked, which only
 * waiting for parameters does, restarts it at its return. */
#include <errno.h>
#include <math.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "schedule/rates.h"
#include "tool/bench.h"

#define BLOCKED_NS 50000 /* no call that does not block takes longer, unless the processor is taken away */

typedef struct emulation {
    dc__bench *bench;
    const volatile sig_atomic_t *stop;
    int64_t deadline_ns; /* when the computation before ended */
    int64_t call_ns;     /* when the engine was called */
    double stretch;      /* this round's computation is longer by this factor */
} emulation;

/* A number from 0 to 1, neither of them, from the worker's number and the round (Steele et al., SplitMix64, 2014). */
static double draw(uint64_t number, uint64_t round)
{
    uint64_t x = (number + 1) * 0x9e3779b97f4a7c15u + round * 0xd1b54a32d192ed03u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return ((double)((x ^ x >> 31) >> 12) + .5) / 4503599627370496.;
}

static dc_error compute(emulation *e, double seconds)
{
    e->deadline_ns += (int64_t)(e->stretch * seconds * 1e9);
    const struct timespec until = {.tv_sec = e->deadline_ns / 1000000000,
                                   .tv_nsec = e->deadline_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        if (*e->stop) return dc__fail(DC_ESTOPPED, "stopped on request");
    return DC_OK;
}

static void call(emulation *e)
{
    e->call_ns = dc__now_ns();
}

static dc_error returned(emulation *e, dc_error err)
{
    const int64_t now = dc__now_ns(), took = now - e->call_ns;
    e->deadline_ns = took > BLOCKED_NS ? now : e->deadline_ns + took;
    return err;
}

#define ENGINE(e, expression) (call(e), returned((e), (expression)))

static dc_error one_round(emulation *e, dc_round_report *report)
{
    dc_worker *w = e->bench->worker;
    const dc_layer_cost *cost = e->bench->table.layers;
    const int n = e->bench->table.n_layers;
    const dc_worker_info info = dc_worker_info_get(w);
    e->stretch = 1 - e->bench->options.jitter * log(draw((uint64_t)info.rank, info.round));
    dc_error err = ENGINE(e, dc_worker_round_begin(w));
    if (!err) err = ENGINE(e, dc_worker_subdivision(w, true));
    for (int i = 0; i < n && !err; i++) {
        err = ENGINE(e, dc_worker_forward_begin(w, i));
        if (!err) err = compute(e, cost[i].fc_s);
        if (!err) err = ENGINE(e, dc_worker_forward_end(w, i));
    }
    if (!err) err = ENGINE(e, dc_worker_rate(w, 1e-3f));
    for (int i = n - 1; i >= 0 && !err; i--) {
        err = ENGINE(e, dc_worker_backward_begin(w, i));
        if (!err) err = compute(e, cost[i].bc_s);
        if (!err) err = ENGINE(e, dc_worker_backward_end(w, i));
    }
    return err ? err : ENGINE(e, dc_worker_round_end(w, report));
}

/* What no schedule can beat, for the profile as it is and the link as it was measured. */
static void bounds(const dc__bench *b, dc__bench_round *line)
{
    const dc__bench_options *o = &b->options;
    dc_profile p;
    dc_worker_profile(b->worker, &p);
    line->down_Bps = p.down_Bps;
    line->up_Bps = p.up_Bps;
    line->rtt_s = p.rtt_s;
    p.layers = b->table.layers;
    p.middle_s = p.overhead_s = 0;
    if (o->down_Bps > 0) p.down_Bps = o->down_Bps;
    if (o->up_Bps > 0) p.up_Bps = o->up_Bps;
    if (o->rtt_s >= 0) p.rtt_s = o->rtt_s;
    line->floor_s = dc__floor_s(&p);
    line->bound_s = dc__bound_s(&p);
}

static double cpu_s(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static dc_error record(dc__bench *b, int round, const dc_round_report *report)
{
    const int at = round - b->options.warm_up;
    dc__bench_round line = {.report = *report};
    const dc_plan *plan = dc_worker_plan(b->worker);
    line.strategy = plan->strategy;
    line.n_pull = plan->n_pull;
    line.n_push = plan->n_push;
    line.slice_bytes = plan->slice_bytes;
    bounds(b, &line);
    if (at >= 0) {
        b->rounds[at] = line;
        b->measured_s += report->round_s;
    }
    return dc__bench_line(round, at >= 0, &line);
}

dc_error dc__bench_run(dc__bench *b, const volatile sig_atomic_t *stop)
{
    emulation e = {.bench = b, .stop = stop, .deadline_ns = dc__now_ns()};
    const int all = b->options.warm_up + b->options.rounds;
    double cpu_before_s = cpu_s();
    dc_error err = dc__bench_head();
    for (int round = 0; round < all && !err; round++) {
        dc_round_report report;
        if (round == b->options.warm_up) cpu_before_s = cpu_s();
        err = one_round(&e, &report);
        if (!err) err = record(b, round, &report); /* not a part of it: the next wait is that much shorter */
        const dc_report word = {.loss = NAN, .map = NAN, .last_round = (uint64_t)all};
        if (!err) dc_worker_report(b->worker, &word);
        b->done += !err;
    }
    b->cpu_s = cpu_s() - cpu_before_s;
    return err;
}
