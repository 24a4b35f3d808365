/* trace.c - dynacomm trace: one measured round of each trace as a chart, in the same form as dynacomm plan's,
 * so that plan and measurement can be compared. */
#include "tool/trace.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "tool/command.h"

#define FILES_MOST 64
#define ROUND_MOST 2000000000

typedef struct options {
    const char *svg;
    int round; /* -1 = the default */
    bool help;
} options;

/* Where a round begins and ends for one worker: from its first computation, or wait, to the next round's. */
typedef struct window {
    double start_s, end_s, wait_s;
    bool whole; /* the next round begins in the trace too */
} window;

static window window_of(const dc__trace_file *t, uint64_t round)
{
    window w = {.start_s = INFINITY, .end_s = -INFINITY};
    double next_s = INFINITY;
    for (int k = 0; k < t->n_spans; k++) {
        const dc__span *s = &t->spans[k];
        if (s->bar.lane != DC_LANE_COMPUTE) continue;
        if (s->round == round + 1) next_s = fmin(next_s, s->bar.start_s);
        if (s->round != round) continue;
        w.start_s = fmin(w.start_s, s->bar.start_s);
        w.end_s = fmax(w.end_s, s->bar.end_s);
        if (s->bar.kind == DC_EVENT_WAIT) w.wait_s += s->bar.end_s - s->bar.start_s;
    }
    w.whole = isfinite(next_s);
    if (w.whole) w.end_s = next_s;
    return w;
}

/* The last round whose end is in every trace; of a single round, that one. */
static uint64_t default_round(const dc__trace_file *traces, int n)
{
    uint64_t first = 0, last = UINT64_MAX;
    for (int k = 0; k < n; k++) {
        if (traces[k].first_round > first) first = traces[k].first_round;
        if (traces[k].last_round < last) last = traces[k].last_round;
    }
    return last > first ? last - 1 : last;
}

static dc_error take_bars(const dc__trace_file *t, const window *w, dc__bar **bars, int *n)
{
    *n = 0;
    *bars = calloc((size_t)t->n_spans + 1, sizeof **bars);
    if (!*bars) return dc__fail(DC_ENOMEM, "out of memory for the chart");
    for (int k = 0; k < t->n_spans; k++) {
        dc__bar bar = t->spans[k].bar;
        bar.start_s -= w->start_s;
        bar.end_s -= w->start_s;
        if (bar.end_s > 0 && bar.start_s < w->end_s - w->start_s) (*bars)[(*n)++] = bar;
    }
    return DC_OK;
}

static dc_error make_group(const dc__trace_file *t, uint64_t round, char title[200], dc__gantt_group *group)
{
    static const char *const lanes[] = {
        [DC_LANE_COMPUTE] = "compute", [DC_LANE_UP] = "up", [DC_LANE_DOWN] = "down"};
    const window w = window_of(t, round);
    if (!(w.end_s > w.start_s))
        return dc__fail(DC_EINVAL, "%s has no round %llu: it holds %llu to %llu", t->path,
                        (unsigned long long)round, (unsigned long long)t->first_round,
                        (unsigned long long)t->last_round);
    const double span_s = w.end_s - w.start_s;
    (void)snprintf(title, 200, "%s: round %llu measured, %.4g s, %.1f %% of it waiting%s%s", t->name,
                   (unsigned long long)round, span_s, 100 * w.wait_s / span_s,
                   w.whole ? "" : "; the next round is not in the trace",
                   t->dropped ? "; the trace has gaps" : "");
    dc__bar *bars;
    int n;
    dc_error err = take_bars(t, &w, &bars, &n);
    *group = (dc__gantt_group){title, lanes, DC_LANE_COUNT, bars, n, span_s};
    return err;
}

static dc_error draw(const dc__trace_file *traces, int n, uint64_t round, const char *path)
{
    dc__gantt_group groups[FILES_MOST] = {{0}};
    char titles[FILES_MOST][200], title[64];
    dc_error err = DC_OK;
    for (int k = 0; k < n && !err; k++)
        err = make_group(&traces[k], round, titles[k], &groups[k]);
    (void)snprintf(title, sizeof title, "Round %llu as measured", (unsigned long long)round);
    dc__file file;
    if (!err) err = dc__file_begin(&file, path);
    if (!err) {
        err = dc__gantt_svg(file.stream, title, groups, n);
        if (err)
            dc__file_abandon(&file);
        else
            err = dc__file_commit(&file);
    }
    for (int k = 0; k < n; k++)
        free((void *)(uintptr_t)groups[k].bars);
    return err;
}

static const dc_option table[] = {
    {"svg", DC_OPTION_TEXT, DC_INTO(options, svg), .value = "OUT", .help = "the chart"},
    {"round", DC_OPTION_WHOLE, DC_INTO(options, round), .value = "N", .most = ROUND_MOST,
     .help = "the round, from 0 (default: the last but one that all traces hold)"},
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static dc_error take_options(options *o, int argc, char **argv, int *files)
{
    *o = (options){.round = -1};
    const dc_error err = dc__command_parse(&dc__trace_command, o, argc, argv, files);
    if (err || o->help) return err;
    if (*files == 0) return dc__fail(DC_EINVAL, "give a trace; see dynacomm trace --help");
    if (*files > FILES_MOST)
        return dc__fail(DC_EINVAL, "%d traces: a chart takes up to %d", *files, FILES_MOST);
    if (!o->svg) return dc__fail(DC_EINVAL, "give the chart's file: --svg round.svg");
    return DC_OK;
}

static int run_trace(int argc, char **argv)
{
    options o;
    dc__trace_file traces[FILES_MOST] = {{0}};
    int files = 0;
    dc_error err = take_options(&o, argc, argv, &files);
    if (!err && o.help) return dc__command_help(&dc__trace_command);
    const int n = err ? 0 : files;
    for (int k = 0; k < n && !err; k++)
        err = dc__trace_read(argv[1 + k], &traces[k]);
    const uint64_t round = o.round >= 0 ? (uint64_t)o.round : default_round(traces, n);
    if (!err) err = draw(traces, n, round, o.svg);
    if (err) (void)fprintf(stderr, "dynacomm trace: %s\n", dc_last_error());
    for (int k = 0; k < n; k++)
        dc__trace_file_free(&traces[k]);
    return err ? 1 : 0;
}

const dc__command dc__trace_command = {
    .name = "trace",
    .does = "draw a measured round from a trace",
    .usage =
        "trace FILE ... --svg OUT [--round N]\n"
        "Draws one measured round of each trace (one per worker), written by darknet's -dynacomm-trace or by\n"
        "dynacomm bench --trace.",
    .notes = "",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_trace};
