/* parts.c - making a worker's parts, one for each server of the run. See worker.h. */
#include <stdlib.h>

#include "worker/worker.h"

static void begin(dc_worker *w, dc__part *p, dc_model *model)
{
    p->worker = w;
    p->model = model;
    p->download.incoming = UINT64_MAX;
    dc__endpoint_init(&p->endpoint, &dc__worker_role, p, &w->lock);
}

dc_error dc__parts_begin(dc_worker *w)
{
    w->parts = calloc(DC__PARTS_MOST, sizeof *w->parts);
    if (!w->parts) return dc__fail(DC_ENOMEM, "out of memory for a worker");
    begin(w, &w->parts[0], w->model);
    w->n_parts = 1;
    return DC_OK;
}

dc_error dc__parts_spread(dc_worker *w, const dc__shares *shares)
{
    dc_error err = DC_OK;
    for (int k = 0; !err && k < shares->n; k++) {
        dc__part *p = &w->parts[k];
        err = dc__shard_init(&p->shard, w->model, k, shares);
        if (err) break;
        if (k > 0) begin(w, p, p->shard.model);
        p->model = p->shard.model;
        p->inside = w->host && w->host->shard == k + 1;
        p->endpoint.acks_first = !w->host && shares->n > 1;
        if (!w->host && shares->n > 1) p->endpoint.account = &w->account;
        if (w->host && k > 0 && !p->inside) p->endpoint.account = w->host->account;
        w->n_parts = k + 1;
    }
    return err;
}
