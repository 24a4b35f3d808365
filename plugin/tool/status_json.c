/* status_json.c - a status as JSON. Curves and workers are written as text of our own: cJSON would give every
 * number 17 digits. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "tool/status_view.h"

const char *dc__run_state_name(dc_run_state state)
{
    static const char *const names[] = {[DC_RUN_WAITING] = "waiting",
                                        [DC_RUN_TRAINING] = "training",
                                        [DC_RUN_FINISHED] = "finished",
                                        [DC_RUN_FAILED] = "failed"};
    return names[state];
}

const char *dc__worker_state_name(dc_worker_state state)
{
    static const char *const names[] = {
        [DC_WORKER_AWAITED] = "awaited",   [DC_WORKER_JOINING] = "joining", [DC_WORKER_ENTERING] = "entering",
        [DC_WORKER_TRAINING] = "training", [DC_WORKER_DONE] = "done",       [DC_WORKER_LOST] = "lost",
        [DC_WORKER_LEFT] = "left",         [DC_WORKER_DROPPED] = "dropped"};
    return names[state];
}

static void put_number(FILE *out, const char *name, double value)
{
    if (isfinite(value))
        (void)fprintf(out, "\"%s\":%.9g,", name, value);
    else
        (void)fprintf(out, "\"%s\":null,", name);
}

static void put_bool(FILE *out, const char *name, bool value)
{
    (void)fprintf(out, "\"%s\":%s,", name, value ? "true" : "false");
}

static void put_count(FILE *out, const char *name, uint64_t value)
{
    (void)fprintf(out, "\"%s\":%llu,", name, (unsigned long long)value);
}

/* cJSON knows how to quote. */
static void put_quoted(FILE *out, const char *text)
{
    cJSON *string = cJSON_CreateString(text);
    char *quoted = string ? cJSON_PrintUnformatted(string) : NULL;
    (void)fputs(quoted ? quoted : "\"\"", out);
    cJSON_free(quoted);
    cJSON_Delete(string);
}

static void put_text(FILE *out, const char *name, const char *text)
{
    (void)fprintf(out, "\"%s\":", name);
    put_quoted(out, text);
    (void)fputc(',', out);
}

static void put_worker(FILE *out, const dc_status_worker *w)
{
    (void)fputc('{', out);
    put_text(out, "state", dc__worker_state_name(w->state));
    put_text(out, "name", w->name);
    (void)fprintf(out, "\"id\":\"%016llx\",", (unsigned long long)w->id);
    put_number(out, "since_s", w->since_s);
    put_number(out, "lost_s", w->state == DC_WORKER_LOST ? w->lost_s : NAN);
    put_number(out, "wait_left_s", w->state == DC_WORKER_LOST ? w->wait_left_s : NAN);
    put_count(out, "losses", w->losses);
    put_count(out, "images", w->images);
    put_count(out, "round", w->round);
    put_count(out, "age", w->age);
    put_number(out, "silent_s", w->silent_s);
    put_number(out, "reported_s", w->reported_s);
    put_number(out, "loss", w->loss);
    put_number(out, "map", w->map);
    put_number(out, "images_per_s", w->images_per_s);
    put_number(out, "round_s", w->round_s);
    put_number(out, "compute_s", w->compute_s);
    put_number(out, "wait_s", w->wait_s);
    put_number(out, "wait_share", w->round_s > 0 ? w->wait_s / w->round_s : NAN);
    put_count(out, "up_bytes", w->up_bytes);
    put_count(out, "down_bytes", w->down_bytes);
    put_number(out, "up_Bps", w->up_Bps);
    put_number(out, "down_Bps", w->down_Bps);
    put_number(out, "rtt_s", w->rtt_s);
    put_number(out, "overhead_s", w->overhead_s);
    put_number(out, "predicted_s", w->predicted_s);
    put_number(out, "floor_s", w->floor_s);
    put_text(out, "asked", dc_strategy_name(w->asked));
    put_text(out, "strategy", dc_strategy_name(w->strategy));
    put_count(out, "plans", w->plans);
    put_count(out, "pull_segments", (uint64_t)w->n_pull);
    put_count(out, "push_segments", (uint64_t)w->n_push);
    put_count(out, "slice_bytes", w->slice_bytes);
    (void)fprintf(out, "\"rank\":%d}", w->rank);
}

static void put_curve(FILE *out, const char *name, const dc_curve_point *points, int n)
{
    (void)fprintf(
        out, "\"%s\":{\"columns\":[\"round\",\"elapsed_s\",\"mean\",\"least\",\"most\"],\"points\":[", name);
    for (int k = 0; k < n; k++) {
        const dc_curve_point *p = &points[k];
        (void)fprintf(out, "%s[%llu,%.6g,%.5g,%.5g,%.5g]", k ? "," : "", (unsigned long long)p->round,
                      p->elapsed_s, p->mean, p->least, p->most);
    }
    (void)fputs("]},", out);
}

static void put_straggler(FILE *out, const dc_status *s)
{
    if (s->straggler < 0) {
        (void)fputs("\"held_up_by\":null,", out);
        return;
    }
    const dc_status_worker *w = &s->workers[s->straggler];
    (void)fputs("\"held_up_by\":{", out);
    put_text(out, "name", w->name);
    put_number(out, "seconds", s->straggler_s);
    put_text(out, "cause", dc_cause_name(s->cause));
    put_number(out, "own_s", s->own_s);
    put_number(out, "others_s", s->usual_s);
    (void)fprintf(out, "\"rank\":%d},", w->rank);
}

static void put_run(FILE *out, const dc_status *s)
{
    const bool ends = s->state == DC_RUN_TRAINING && s->last_round > s->round && s->round_s > 0;
    put_text(out, "version", dc_version());
    put_text(out, "model", s->model);
    put_text(out, "state", dc__run_state_name(s->state));
    put_text(out, "line", s->line);
    put_count(out, "layers", (uint64_t)s->layers);
    put_count(out, "trained_bytes", s->trained_bytes);
    put_count(out, "images_per_round", s->images_per_round);
    put_count(out, "first_round", s->first_round);
    put_count(out, "round", s->round);
    put_count(out, "last_round", s->last_round);
    put_count(out, "saved_round", s->saved_round);
    put_count(out, "batches", s->batches);
    put_count(out, "local_steps", s->local_steps);
    put_bool(out, "local_steps_auto", s->local_auto);
    put_number(out, "elapsed_s", s->elapsed_s);
    put_number(out, "stalled_s", s->stalled_s);
    put_number(out, "round_s", s->round_s);
    put_number(out, "eta_s", ends ? (double)(s->last_round - s->round) * s->round_s : NAN);
    put_number(out, "rate", s->rate);
    put_number(out, "loss", s->loss);
    put_count(out, "workers_wanted", (uint64_t)s->wanted);
    put_count(out, "workers_least", (uint64_t)s->least);
    put_count(out, "workers_here", (uint64_t)s->here);
    put_count(out, "joins", s->joins);
    put_count(out, "losses", s->losses);
    put_count(out, "rejoins", s->rejoins);
    put_count(out, "drops", s->drops);
    put_count(out, "restarts", (uint64_t)s->restarts);
    put_count(out, "rounds_held_up", s->rounds_held);
    put_straggler(out, s);
    put_bool(out, "sealed", s->sealed);
    put_bool(out, "insecure", s->insecure);
    put_bool(out, "resumed", s->resumed);
}

dc_error dc__status_json(const dc_status *s, const char *const *lines, int n, char **text)
{
    size_t size = 0;
    *text = NULL;
    FILE *out = open_memstream(text, &size);
    if (!out) return dc__fail(DC_ENOMEM, "out of memory for a status");
    (void)fputc('{', out);
    put_run(out, s);
    put_curve(out, "loss_curve", s->loss_curve, s->n_loss);
    put_curve(out, "map_curve", s->map_curve, s->n_map);
    (void)fputs("\"events\":[", out);
    for (int k = 0; k < n; k++) {
        if (k) (void)fputc(',', out);
        put_quoted(out, lines[k]);
    }
    (void)fputs("],\"workers\":[", out);
    for (int i = 0; i < s->n_workers; i++) {
        if (i) (void)fputc(',', out);
        put_worker(out, &s->workers[i]);
    }
    (void)fputs("]}\n", out);
    const bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed) return DC_OK;
    free(*text);
    *text = NULL;
    return dc__fail(DC_ENOMEM, "out of memory for a status");
}
