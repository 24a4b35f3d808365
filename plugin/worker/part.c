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
        if (w->parts[k].inside) continue;
        bytes += up ? link->sent_bytes : link->received_bytes;
    }
    return bytes;
}

/* ---- the link ---- */

/* Of a round, over the network. */
static double network_bytes(const dc_worker *w, bool up)
{
    double bytes = 0;
    for (int k = 0; k < w->n_parts; k++)
        if (!w->parts[k].inside) bytes += w->parts[k].way_bytes[up];
    return bytes;
}

/* Of a round, what all workers but this one move to and from the shard in this process, on the same link: each moves what this one does
 * over the pair of sockets. */
static double host_bytes(const dc_worker *w, bool up)
{
    return w->host ? w->parts[w->host->shard - 1].way_bytes[!up] * (w->info.workers - 1) : 0;
}

/* What all connections of the link have moved so far. */
static void moved(const dc_worker *w, uint64_t *given, uint64_t *acked, uint64_t *taken)
{
    *given = *acked = *taken = 0;
    if (w->host) {
        dc__account_moved(w->host->account, given, acked, taken);
        return;
    }
    for (int k = 0; k < w->n_parts; k++) {
        const dc__link *link = &w->parts[k].endpoint.link;
        *acked += link->acked_bytes;
        *given += link->given_bytes;
        *taken += link->taken_bytes;
    }
}

void dc__joint_restart(dc_worker *w)
{
    uint64_t given;
    dc__joint *j = &w->joint;
    j->acked = j->flying = j->taken = 0; /* its own links count anew, */
    if (w->host)
        dc__account_moved(w->host->account, &given, &j->acked, &j->taken); /* and perhaps not its shard's */
}

void dc__joint_down(dc__part *p, bool busy)
{
    dc_worker *w = p->worker;
    dc__joint *j = &w->joint;
    uint64_t given, acked, taken;
    if (w->n_parts == 1 || p->inside) return;
    moved(w, &given, &acked, &taken);
    if (taken <=
        j->taken) { /* it was counted with another's, which came a moment later; or another worker's link to this shard has ended */
        j->taken = taken;
        return;
    }
    j->down.memory_bytes = network_bytes(w, false) + host_bytes(w, false);
    dc__meter_frame(&j->down, dc__now_ns(), taken - j->taken, busy);
    j->taken = taken;
    j->Bps[0] = dc__meter_Bps(&j->down);
}

/* Of what was on its way at the last look so much is still: the link was busy in between. */
#define BUSY_SLICES 3

void dc__joint_up(dc_worker *w)
{
    uint64_t given, acked, taken;
    dc__joint *j = &w->joint;
    if (w->n_parts == 1) return;
    moved(w, &given, &acked, &taken);
    const uint64_t arrived = acked > j->acked ? acked - j->acked : 0;
    const bool busy = j->flying >= arrived + (uint64_t)BUSY_SLICES * w->planner.plan.slice_bytes;
    j->up.memory_bytes = network_bytes(w, true) + host_bytes(w, true);
    dc__meter_frame(&j->up, dc__now_ns(), arrived, busy && arrived > 0);
    j->acked = acked;
    j->flying = given - acked;
    j->Bps[1] = dc__meter_Bps(&j->up);
}

double dc__worker_Bps(const dc_worker *w, bool up)
{
    const dc__link *link = &w->parts[0].endpoint.link;
    if (w->n_parts == 1) return up ? link->out_Bps : link->in_Bps;
    double bytes = 0, network = network_bytes(w, up) + host_bytes(w, up);
    for (int k = 0; k < w->n_parts; k++)
        bytes += w->parts[k].way_bytes[up];
    return network > 0 ? w->joint.Bps[up] * bytes / network : 0;
}

double dc__worker_link_up_Bps(const dc_worker *w)
{
    const dc__link *link = &w->parts[0].endpoint.link;
    if (w->n_parts == 1) return link->out_Bps > 0 ? link->out_Bps : link->in_Bps;
    return w->joint.Bps[1] > 0 ? w->joint.Bps[1] : w->joint.Bps[0];
}

/* Of a mesh: where every process sends to all others, what queues for one link comes from all of them. Each has little under way to any
 * one, so that no link's queue overflows, which TCP answers with pauses; and enough to all together that its own link does not run dry. */
static uint64_t mesh_window(const dc__part *p, bool up)
{
    const dc_worker *w = p->worker;
    const double Bps = dc__measured(w->joint.Bps[up], DC__GUESS_BPS);
    const double share = p->way_bytes[up] / (network_bytes(w, up) + host_bytes(w, up));
    return dc__mesh_credit_bytes(&w->planner.plan, Bps, share, p->endpoint.rtt_s);
}

static uint64_t shard_window(const dc__part *p, bool up)
{
    const dc_worker *w = p->worker;
    const double Bps = dc__measured(w->joint.Bps[up], DC__GUESS_BPS);
    return dc__shard_credit_bytes(&w->planner.plan, Bps, p->way_bytes[up] / network_bytes(w, up),
                                  p->endpoint.rtt_s, w->info.workers);
}

uint64_t dc__part_window(const dc__part *p, bool up)
{
    const dc_worker *w = p->worker;
    const dc__link *link = &p->endpoint.link;
    double down_Bps = link->in_Bps, known_Bps = link->out_Bps;
    if (w->host && p->endpoint.account && p->endpoint.account->window_bytes > 0) return mesh_window(p, up);
    if (w->n_parts > 1 && !w->host) return shard_window(p, up);
    if (w->n_parts > 1 && !p->inside) { /* its part of the link that all share */
        down_Bps = w->joint.Bps[0] * p->way_bytes[0] / (network_bytes(w, false) + host_bytes(w, false));
        known_Bps = w->joint.Bps[1] * p->way_bytes[1] / (network_bytes(w, true) + host_bytes(w, true));
    }
    const double up_Bps = known_Bps > 0 ? known_Bps : down_Bps;
    return dc__credit_bytes(&w->planner.plan, up ? up_Bps : down_Bps, fmin(up_Bps, down_Bps),
                            p->endpoint.rtt_s, p->way_bytes[up], w->n_parts == 1 ? w->info.workers : 1);
}

void dc__worker_windows(dc_worker *w)
{
    double rtt_s = 0;
    for (int k = 0; k < w->n_parts; k++)
        rtt_s = fmax(rtt_s, w->parts[k].endpoint.rtt_s);
    if (w->host) {
        const double Bps = dc__measured(dc__worker_link_up_Bps(w), DC__GUESS_BPS);
        w->host->account->window_bytes = dc__account_credit_bytes(&w->planner.plan, Bps, rtt_s);
    }
    if (!w->host && w->n_parts > 1) {
        const double down_Bps = w->joint.Bps[0], up_Bps = w->joint.Bps[1];
        w->account.window_bytes = dc__credit_bytes(&w->planner.plan, up_Bps, fmin(up_Bps, down_Bps), rtt_s,
                                                   network_bytes(w, true), 1);
    }
    for (int k = 0; k < w->n_parts; k++)
        w->parts[k].endpoint.link.window_bytes = dc__part_window(&w->parts[k], true);
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
