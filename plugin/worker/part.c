/* part.c - a worker's connection to one server, and what all of them have in common. See worker.h. */
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "worker/worker.h"

/* ---- memory ---- */

dc_error dc__part_allocate(dc__part *p)
{
    const dc_model *m = p->model;
    const size_t layers = (size_t)m->n_layers, blocks = m->n_blocks;
    const size_t stats = (size_t)(m->start[DC_ROLE_COUNT] - m->start[DC_STATISTIC]) + 1;
    dc__download *d = &p->download;
    bool ok = true;
    ok &= (d->missing = calloc(layers, sizeof *d->missing)) != NULL;
    ok &= (d->gate = calloc(layers, sizeof *d->gate)) != NULL;
    ok &= (d->gate_left = calloc(layers, sizeof *d->gate_left)) != NULL;
    ok &= (d->got = calloc(blocks / 64 + 1, sizeof *d->got)) != NULL;
    ok &= (d->ready = calloc(layers, sizeof *d->ready)) != NULL;
    ok &= (p->upload.pull_payload = calloc(blocks + 1, 8)) != NULL;
    ok &= (p->upload.stat_out = calloc(stats, sizeof(float))) != NULL;
    if (!ok) return dc__fail(DC_ENOMEM, "out of memory for a worker");
    dc_error err = dc__queue_init(&p->endpoint.queue, dc__pieces_of_model(m));
    if (!err) err = dc__encoder_init(&p->encoder, &p->worker->coding, p->model);
    if (!err && m->start[DC_FROZEN] < m->start[DC_FIXED]) err = dc__model_adam_allocate(p->model);
    return err;
}

void dc__part_free(dc__part *p)
{
    dc__encoder_free(&p->encoder);
    dc__shard_free(&p->shard);
    free(p->download.missing);
    free(p->download.gate);
    free(p->download.gate_left);
    free(p->download.got);
    free(p->download.ready);
    free(p->upload.pull_payload);
    free(p->upload.stat_out);
}

/* ---- all of them ---- */

void dc__worker_wake(dc_worker *w)
{
    for (int k = 0; k < w->n_parts; k++)
        dc__endpoint_wake(&w->parts[k].endpoint);
}

bool dc__worker_started(const dc_worker *w)
{
    bool started = w->n_parts > 0;
    for (int k = 0; k < w->n_parts; k++)
        started = started && w->parts[k].endpoint.threads;
    return started;
}

uint64_t dc__worker_moved(const dc_worker *w, bool up)
{
    uint64_t bytes = 0;
    for (int k = 0; k < w->n_parts; k++) {
        const dc__link *link = &w->parts[k].endpoint.link;
        bytes += up ? link->sent_bytes : link->received_bytes;
    }
    return bytes;
}

/* ---- the link ---- */

/* A mesh's meeting server has one block: of so few bytes nothing can be measured. What is inside the process is no link. */
static bool is_measured(const dc_worker *w, const dc__part *p)
{
    if (!w->host || w->n_parts < 3) return true;
    return !p->inside && p != w->parts;
}

/* Of all links together; *share: of the model's bytes, that they carry. 0 = not known. */
static double links_Bps(const dc_worker *w, bool up, double *share)
{
    double all_Bps = 0, all_bytes = 0, bytes = 0;
    for (int k = 0; k < w->n_parts; k++) {
        const dc__part *p = &w->parts[k];
        const dc__link *link = &p->endpoint.link;
        const double Bps = up ? link->out_Bps : link->in_Bps;
        all_bytes += p->way_bytes[up];
        if (!is_measured(w, p)) continue;
        if (!(Bps > 0)) return 0;
        all_Bps += Bps;
        bytes += p->way_bytes[up];
    }
    *share = bytes > 0 ? bytes / all_bytes : 1;
    return all_Bps;
}

double dc__worker_Bps(const dc_worker *w, bool up)
{
    double share = 1;
    const double Bps = links_Bps(w, up, &share);
    return w->host && Bps > 0 ? Bps / share : Bps;
}

double dc__worker_link_up_Bps(const dc_worker *w)
{
    double share;
    const double up_Bps = links_Bps(w, true, &share);
    return up_Bps > 0 ? up_Bps : links_Bps(w, false, &share);
}

uint64_t dc__part_window(const dc__part *p, bool up)
{
    const dc__link *link = &p->endpoint.link;
    const double down_Bps = link->in_Bps, known_Bps = link->out_Bps,
                 up_Bps = known_Bps > 0 ? known_Bps : down_Bps;
    return dc__credit_bytes(&p->worker->planner.plan, up ? up_Bps : down_Bps, fmin(up_Bps, down_Bps),
                            p->endpoint.rtt_s, p->way_bytes[up]);
}

void dc__worker_trace_slice(const dc__part *p, dc__track track, const char *name, int64_t begin_ns,
                            const dc__header *header)
{
    uint32_t first, end;
    dc__trace *trace = p->worker->trace;
    if (!trace || !dc__model_blocks(p->model, header->offset, header->count, &first, &end)) return;
    dc__trace_span(trace, track, name, begin_ns, dc__now_ns(), header->round, p->model->block_layer[first],
                   p->model->block_layer[end - 1], header->payload_bytes);
}
