/* choices.c - what other codecs would make of the costs that were measured: one line for the user, who decides. */
#include <stdlib.h>
#include <string.h>

#include "worker/worker.h"

static const char *const choices[] = {"exact", "bf16", "int8", "topk:0.01", "topk:0.01/int8", "int8+local:8"};
#define CHOICES (sizeof choices / sizeof *choices)

static double predict(const dc_worker *w, const dc_profile *measured, const char *text, dc_layer_cost *costs)
{
    dc__coding coding;
    dc_plan plan = {0};
    dc_profile p = *measured;
    double round_s = 0;
    for (int i = 0; i < p.n_layers; i++) {
        costs[i] = measured->layers[i];
        costs[i].up_bytes = costs[i].down_bytes = w->model->layers[i].count * sizeof(float);
    }
    if (dc__coding_parse(text, &coding)) return 0;
    dc__coding_costs(&coding, costs, p.n_layers, w->info.workers, costs);
    p.layers = costs;
    double layers_s = 0;
    for (int i = 0; i < p.n_layers; i++)
        layers_s += costs[i].fc_s + costs[i].bc_s;
    p.middle_s = (p.middle_s + layers_s) / w->coding.local_steps * coding.local_steps - layers_s;
    if (dc_plan_init(&plan, p.n_layers) == DC_OK && dc_plan_make(&plan, &p, w->options.strategy) == DC_OK)
        round_s = plan.round_s / coding.local_steps;
    dc_plan_free(&plan);
    return round_s;
}

void dc__worker_choices(void *worker, const dc_profile *measured)
{
    dc_worker *w = worker;
    if (w->n_parts > 1) return; /* shards take none of the others */
    char own[DC__CODING_BYTES], line[DC__LINE_BYTES] = "";
    size_t used = 0;
    dc_layer_cost *costs = calloc((size_t)measured->n_layers, sizeof *costs);
    if (!costs) return; /* a line less */
    dc__coding_text(&w->coding, own);
    bool listed = false;
    for (size_t k = 0; k <= CHOICES; k++) {
        if (k == CHOICES && listed) break;
        const char *text = k < CHOICES ? choices[k] : own;
        listed |= strcmp(text, own) == 0;
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s%s %.3g%s", used ? "; " : "", text,
                                 strcmp(text, own) == 0 ? " (this run)" : "",
                                 predict(w, measured, text, costs), used ? "" : " s per batch");
    }
    free(costs);
    dc__log_line(&w->log, "predicted by codec: %s", line);
}
