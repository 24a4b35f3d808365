/* bench_report.c - what dynacomm bench prints. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tool/bench.h"

static dc_error flushed(void)
{
    if (fflush(stdout) || ferror(stdout))
        return dc__fail(DC_EFILE, "cannot write to standard output: %s", strerror(errno));
    return DC_OK;
}

dc_error dc__bench_head(void)
{
    (void)puts("round\tmeasured\tseconds\tpredicted\tfloor\tbound\tcompute\twaiting\tsent\treceived\t"
               "down_mbit\tup_mbit\trtt_ms\tstrategy\tpulls\tpushes\tslice");
    return flushed();
}

dc_error dc__bench_line(int round, bool measured, const dc__bench_round *l)
{
    const dc_round_report *r = &l->report;
    (void)printf("%d\t%d\t%.6f\t%.6f\t%.6f\t%.6f\t%.6f\t%.6f\t%llu\t%llu\t%.3f\t%.3f\t%.3f\t%s\t%d\t%d\t%u\n",
                 round, measured, r->round_s, r->predicted_s, l->floor_s, l->bound_s, r->compute_s, r->wait_s,
                 (unsigned long long)r->sent_bytes, (unsigned long long)r->received_bytes, l->down_Bps * 8e-6,
                 l->up_Bps * 8e-6, l->rtt_s * 1e3, dc_strategy_name(l->strategy), l->n_pull, l->n_push,
                 l->slice_bytes);
    return flushed();
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef double value_fn(const dc__bench_round *l);

static double seconds(const dc__bench_round *l)
{
    return l->report.round_s;
}
static double predicted(const dc__bench_round *l)
{
    return l->report.predicted_s;
}
static double floor_of(const dc__bench_round *l)
{
    return l->floor_s;
}
static double bound_of(const dc__bench_round *l)
{
    return l->bound_s;
}
static double waiting(const dc__bench_round *l)
{
    return l->report.wait_s;
}

static double median(const dc__bench *b, value_fn *value, double *room)
{
    const int n = b->options.rounds;
    for (int k = 0; k < n; k++)
        room[k] = value(&b->rounds[k]);
    qsort(room, (size_t)n, sizeof *room, ascending);
    return (room[(n - 1) / 2] + room[n / 2]) / 2;
}

dc_error dc__bench_summary(const dc__bench *b)
{
    const int n = b->options.rounds;
    double *room = calloc((size_t)n, sizeof *room);
    if (!room) return dc__fail(DC_ENOMEM, "out of memory for %d rounds", n);
    uint64_t bytes = 0;
    for (int k = 0; k < n; k++)
        bytes += b->rounds[k].report.sent_bytes + b->rounds[k].report.received_bytes;
    const double s = median(b, seconds, room), floor_s = median(b, floor_of, room),
                 bound_s = median(b, bound_of, room), all_MB = (double)bytes * 1e-6;
    (void)printf("summary\tstrategy=%s\trounds=%d\tseconds=%.6f\tpredicted=%.6f\tfloor=%.6f\tbound=%.6f\t"
                 "efficiency=%.4f\tof_bound=%.4f\twaiting=%.4f\tcompute=%.6f\tmodel_MB=%.6f\tmoved_MB=%.6f\t"
                 "cpu_s_per_MB=%.6f\n",
                 dc_strategy_name(b->options.worker.strategy), n, s, median(b, predicted, room), floor_s,
                 bound_s, floor_s / s, bound_s / s, median(b, waiting, room) / s, b->compute_s,
                 (double)dc_model_trained_bytes(b->model, -1) * 1e-6, all_MB, b->cpu_s / all_MB);
    free(room);
    return flushed();
}
