/* choices.c - what other codecs would make of the costs that were measured: one line for the user, who decides. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/steps.h"
#include "worker/worker.h"

/* What the run could have: local steps are for SGD that keeps no average. In a mesh one link carries what goes up and what comes
 * down, and its measured rate is of both together: it says nothing of a codec whose ways differ. */
static const char *const choices[] = {
    "exact", "bf16", "int8", "int3", "topk:0.01", "topk5:0.05+local:3", "int8+local:8", "int8+local:auto"};
#define CHOICES (sizeof choices / sizeof *choices)

/* What is asked of each. The worker may join a server anew meanwhile, so what may change is here. */
typedef struct question {
    const dc_worker *w;
    const dc_profile *measured;
    uint32_t batches; /* of the measured rounds */
    int workers;
    dc_layer_cost *costs; /* [measured->n_layers] room */
} question;

static bool is_possible(const dc_worker *w, const dc__coding *c)
{
    const dc_optimizer *o = &w->model->optimizer;
    if (w->host && (c->up.codec != c->down.codec || c->follows)) return false;
    return !dc__coding_local(c) || (o->algorithm == DC_SGD && o->average <= 0);
}

/* Seconds of a batch with this coding; *steps: of a round. 0 = nobody knows. */
static double predict(const question *q, const dc__coding *coding, uint32_t *steps)
{
    const dc_worker *w = q->w;
    dc_layer_cost *costs = q->costs;
    dc_plan plan = {0};
    dc_profile p = *q->measured;
    double round_s = 0, layers_s = 0;
    for (int i = 0; i < p.n_layers; i++) {
        costs[i] = q->measured->layers[i];
        costs[i].up_bytes = costs[i].down_bytes = w->model->layers[i].count * sizeof(float);
        layers_s += costs[i].fc_s + costs[i].bc_s;
    }
    dc__coding_costs(coding, costs, p.n_layers, q->workers, costs);
    p.layers = costs;
    const double batch_s = (p.middle_s + layers_s) / q->batches;
    p.middle_s = fmax(0, batch_s * coding->local_steps -
                             layers_s); /* the first batch may have taken longer than the others */
    if (dc_plan_init(&plan, p.n_layers) == DC_OK && dc_plan_make(&plan, &p, w->options.strategy) == DC_OK)
        round_s = plan.round_s;
    const dc__step_load load = {.batch_s = batch_s, .added_s = plan.wait_s};
    dc_plan_free(&plan);
    *steps = coding->local_auto && batch_s > 0 ? dc__steps_choose(&load, 1, 0) : coding->local_steps;
    return (round_s + (*steps - coding->local_steps) * batch_s) / *steps;
}

/* Characters put into line[room]. */
static size_t put(const question *q, const char *text, bool own, char *line, size_t room, bool first)
{
    dc__coding coding;
    uint32_t steps;
    char found[24] = "";
    if (dc__coding_parse(text, &coding) || !is_possible(q->w, &coding)) return 0;
    const double batch_s = predict(q, &coding, &steps);
    if (batch_s <= 0) return 0;
    if (coding.local_auto) (void)snprintf(found, sizeof found, " (%u)", steps);
    const int n = snprintf(line, room, "%s%s%s%s %.3g%s", first ? "" : "; ", text, found,
                           own ? " (this run)" : "", batch_s, first ? " s per batch" : "");
    return n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
}

void dc__worker_choices(void *worker, const dc_profile *measured)
{
    dc_worker *w = worker;
    char own[DC__CODING_BYTES], line[DC__LINE_BYTES] = "";
    size_t used = 0;
    question q = {
        .w = w, .measured = measured, .costs = calloc((size_t)measured->n_layers, sizeof(dc_layer_cost))};
    if (!q.costs) return; /* a line less */
    pthread_mutex_lock(&w->lock);
    q.batches = dc__batches_of(&w->announced.batches, w->info.round).n;
    q.workers = w->info.workers;
    dc__coding_text(&w->coding, own);
    pthread_mutex_unlock(&w->lock);
    bool listed = false;
    for (size_t k = 0; k <= CHOICES; k++) {
        if (k == CHOICES && listed) break;
        const char *text = k < CHOICES ? choices[k] : own;
        const bool ours = strcmp(text, own) == 0;
        used += put(&q, text, ours, line + used, sizeof line - used, used == 0);
        listed |= ours;
    }
    free(q.costs);
    dc__log_line(&w->log, "predicted by codec: %s", line);
}
