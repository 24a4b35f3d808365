/* bench_plan.c - what planning costs, and how it grows with layers and workers: times of the optimum, of every strategy's plan, and of
 * one simulation.
 *
 *   bench_plan [PROFILE ...]     (default: synthetic models only)
 * Prints the median of REPEATS runs. Links: 20, 100, 1000 Mbit/s, 10 ms round trip. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "bench/median.h"
#include "schedule/segments.h"

#define REPEATS 15

static void give_up(const char *what)
{
    (void)fprintf(stderr, "bench_plan: %s: %s\n", what, dc_last_error());
    exit(1);
}

static double cut_ms(const dc_profile *p)
{
    double ms[REPEATS];
    for (int k = 0; k < REPEATS; k++) {
        dc_plan plan;
        if (dc_plan_init(&plan, p->n_layers)) give_up("plan");
        int64_t start = dc__now_ns();
        if (dc__plan_cut(&plan, p, DC_DYNACOMM, 0)) give_up("cut");
        ms[k] = dc__seconds(dc__now_ns() - start) * 1e3;
        dc_plan_free(&plan);
    }
    return median(ms, REPEATS);
}

static double make_ms(const dc_profile *p, dc_strategy strategy, dc_plan *plan)
{
    double ms[REPEATS];
    for (int k = 0; k < REPEATS; k++) {
        int64_t start = dc__now_ns();
        if (dc_plan_make(plan, p, strategy)) give_up("plan");
        ms[k] = dc__seconds(dc__now_ns() - start) * 1e3;
    }
    return median(ms, REPEATS);
}

static double simulate_ms(const dc_profile *p, const dc_plan *plan, int *rounds)
{
    double ms[REPEATS];
    for (int k = 0; k < REPEATS; k++) {
        dc_sim_worker worker = {p, plan, p->workers};
        dc_forecast forecast;
        int64_t start = dc__now_ns();
        if (dc_simulate(&worker, 1, NULL, NULL, &forecast)) give_up("simulate");
        ms[k] = dc__seconds(dc__now_ns() - start) * 1e3;
        *rounds = forecast.rounds;
    }
    return median(ms, REPEATS);
}

static void bench(const char *name, dc_profile p)
{
    static const double mbit[] = {20, 100, 1000};
    for (size_t k = 0; k < sizeof mbit / sizeof *mbit; k++) {
        p.up_Bps = p.down_Bps = mbit[k] * 1e6 / 8;
        for (int s = 0; s < DC_STRATEGY_COUNT; s++) {
            dc_plan plan;
            if (dc_plan_init(&plan, p.n_layers)) give_up("plan");
            double made_ms = make_ms(&p, (dc_strategy)s, &plan);
            int rounds;
            double one_ms = simulate_ms(&p, &plan, &rounds);
            (void)printf("%-28s %6d %6.0f %-11s %6d %9.3f %9.3f %6d %10.4f %8.4f%%\n", name, p.n_layers,
                         mbit[k], dc_strategy_name((dc_strategy)s), dc_plan_transmissions(&plan, &p, true),
                         made_ms, one_ms, rounds, plan.round_s, made_ms / plan.round_s / 10);
            dc_plan_free(&plan);
        }
    }
}

/* A model like the deep residual ones: bytes grow and computation falls with depth. */
static dc_layer_cost *synthetic(int n, double total_bytes, double total_s)
{
    dc_layer_cost *layers = calloc((size_t)n, sizeof *layers);
    if (!layers) exit(1);
    uint64_t state = 1;
    for (int i = 0; i < n; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        double noise = 0.5 + (double)(state >> 33) / 4294967296.0;
        double depth = (i + 0.5) / n;
        layers[i].up_bytes = layers[i].down_bytes =
            i % 4 == 3 ? 0 : (uint64_t)(total_bytes / n * 2 * depth * noise * 4 / 3);
        layers[i].fc_s = total_s / n / 3 * (1.5 - depth) * noise;
        layers[i].bc_s = 2 * layers[i].fc_s;
    }
    return layers;
}

#define KINDS_MOST 64

/* Workers that all differ share a server's link; and a thousand times as many that are alike cost no more than one. */
static void grow_workers(dc_profile p)
{
    static const int kinds[] = {1, 2, 4, 8, 16, 32, KINDS_MOST};
    (void)printf("\n%-28s %10s %9s\n", "one simulation, duplex", "workers", "ms");
    p.workers = 1;
    p.up_Bps = p.down_Bps = 100e6 / 8;
    p.server_Bps = 1e9 / 8;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        dc_plan plan;
        dc_profile each[KINDS_MOST];
        dc_sim_worker workers[KINDS_MOST];
        dc_forecast forecast[KINDS_MOST];
        double ms[REPEATS];
        if (dc_plan_init(&plan, p.n_layers) || dc_plan_make(&plan, &p, DC_DUPLEX)) give_up("plan");
        for (int i = 0; i < kinds[k]; i++) {
            each[i] = p;
            each[i].up_Bps *= 1 + 0.01 * i;
            workers[i] = (dc_sim_worker){&each[i], &plan, 1};
        }
        for (int r = 0; r < REPEATS; r++) {
            const int64_t start = dc__now_ns();
            if (dc_simulate(workers, kinds[k], NULL, NULL, forecast)) give_up("simulate");
            ms[r] = dc__seconds(dc__now_ns() - start) * 1e3;
        }
        (void)printf("%-28s %10d %9.3f\n", "all differ", kinds[k], median(ms, REPEATS));
        dc_plan_free(&plan);
    }
    for (int n = 10; n <= 10000; n *= 10) {
        dc_plan plan;
        int rounds;
        p.workers = n;
        if (dc_plan_init(&plan, p.n_layers) || dc_plan_make(&plan, &p, DC_DUPLEX)) give_up("plan");
        (void)printf("%-28s %10d %9.3f\n", "alike", n, simulate_ms(&p, &plan, &rounds));
        dc_plan_free(&plan);
    }
}

int main(int argc, char **argv)
{
    dc_profile p = {.overhead_s = 100e-6, .rtt_s = 10e-3, .workers = 1};
    (void)printf("the optimum's cut alone, both halves: overhead 100 us, 0, and 0 with all layers equal (the "
                 "most work):\n");
    static const int sizes[] = {50, 150, 500, 1000, 2000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        dc_layer_cost *layers = synthetic(sizes[k], 200e6, 10);
        dc_profile q = p;
        q.n_layers = sizes[k];
        q.layers = layers;
        q.up_Bps = q.down_Bps = 100e6 / 8;
        double with_ms = cut_ms(&q);
        q.overhead_s = 0;
        double without_ms = cut_ms(&q);
        for (int i = 0; i < sizes[k]; i++)
            layers[i] = (dc_layer_cost){1e-3, 1e-3, 12500, 12500};
        (void)printf("%6d layers: %8.3f ms %8.3f ms %8.3f ms\n", sizes[k], with_ms, without_ms, cut_ms(&q));
        free(layers);
    }
    (void)printf("\n%-28s %6s %6s %-11s %6s %9s %9s %6s %10s %9s\n", "model", "layers", "Mbit/s", "strategy",
                 "pushes", "make ms", "one sim", "rounds", "round s", "of round");
    static const int depths[] = {150, 1000};
    for (size_t k = 0; k < sizeof depths / sizeof *depths; k++) {
        dc_layer_cost *layers = synthetic(depths[k], 240e6, 14);
        p.n_layers = depths[k];
        p.layers = layers;
        bench("synthetic, 240 MB", p);
        free(layers);
    }
    dc_layer_cost *layers = synthetic(150, 240e6, 14);
    p.n_layers = 150;
    p.layers = layers;
    grow_workers(p);
    free(layers);
    for (int k = 1; k < argc; k++) {
        dc_profile_table table;
        if (dc_profile_read(argv[k], &table)) give_up("profile");
        p.n_layers = table.n_layers;
        p.layers = table.layers;
        bench(argv[k], p);
        dc_profile_table_free(&table);
    }
    return 0;
}
