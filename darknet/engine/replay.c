#include "engine/replay.h"

#include <stdlib.h>
#include <string.h>

#include "engine/rate.h"
#include "kernels/kernels.h"
#include "layers/memory.h"
#include "layers/tensors.h"
#include "replace/fatal.h"

struct dk_replay {
    network *net;
    dc_model *model;
    dc_replay *log;
    dc_replay_round_info round;
    int pass;       /* of the round, whose gradients are due */
    int worker;     /* of the run, whose pass it is */
    size_t carried; /* floats that recurrent layers carry on */
    float *memory;  /* [workers of the run][carried] */
};

static int workers(const dk_replay *r)
{
    return dc_replay_info_get(r->log).members;
}

static int allocate(dk_replay *r)
{
    r->carried = dk_memory_floats(r->net);
    r->memory = calloc((size_t)workers(r) * r->carried + 1, sizeof *r->memory);
    if (!r->memory) return dc_error_set(DC_ENOMEM, "out of memory for recurrent layers");
    return DC_OK;
}

static float *memory_of(const dk_replay *r, int worker)
{
    return r->memory + (size_t)worker * r->carried;
}

int dk_replay_open(network *net, const char *name, dc_replay *log, dk_replay **out)
{
    *out = NULL;
    dk_replay *r = calloc(1, sizeof *r);
    if (!r) return dc_error_set(DC_ENOMEM, "out of memory for a replay");
    r->net = net;
    r->log = log;
    int err = dk_refuse_untrainable(net);
    if (!err) err = dk_model_of(net, name, dk_kernels_fast(), &r->model);
    if (!err) err = dc_replay_begin(log, r->model);
    if (!err) err = allocate(r);
    if (err) {
        dk_replay_close(r);
        return err;
    }
    *out = r;
    return DC_OK;
}

void dk_replay_close(dk_replay *r)
{
    if (!r) return;
    dc_replay_close(r->log);
    dc_model_free(r->model);
    free(r->memory);
    free(r);
}

int dk_replay_round(dk_replay *r, dc_replay_round_info *round)
{
    const int err = dc_replay_round(r->log, round);
    r->round = *round;
    return err;
}

int dk_replay_pass(dk_replay *r, int k)
{
    r->pass = k;
    r->worker = dc_replay_place(r->log, k);
    if (dc_replay_afresh(r->log, k)) memset(memory_of(r, r->worker), 0, r->carried * sizeof *r->memory);
    dk_memory_load(r->net, memory_of(r, r->worker));
    return r->worker;
}

int dk_replay_compute(dk_replay *r, int i, const data *d, float *loss)
{
    network *net = r->net;
    const dc_replay_info info = dc_replay_info_get(r->log);
    const uint64_t batch = r->round.batch + (uint64_t)i;
    float sum = 0, rate = 0;
    const int n = d->X.rows / net->batch;
    const size_t seen = (size_t)(batch * (uint64_t)net->batch * (uint64_t)net->subdivisions);
    dk_assert(n > 0 && d->X.rows == n * net->batch);
    *net->t = (int)batch;
    for (int k = 0; k < n; k++) {
        get_next_batch(*d, net->batch, k * net->batch, net->input, net->truth);
        *net->seen = dk_seen_in_round(net, seen, k, n);
        net->train = 1;
        forward_network(net);
        if (k == n - 1) rate = dk_round_rate(net, info.seed, batch, r->round.workers);
        backward_network(net);
        sum += *net->cost;
    }
    *loss = sum / (float)(n * net->batch);
    if (i < r->round.steps - 1) {
        dc_replay_step_alone(r->log, rate);
        return DC_OK;
    }
    dk_memory_save(net, memory_of(r, r->worker));
    return dc_replay_take(r->log, r->pass);
}

int dk_replay_step(dk_replay *r)
{
    return dc_replay_step(r->log);
}

int dk_replay_save(dk_replay *r, const char *path)
{
    return dc_replay_save(r->log, path);
}

bool dk_replay_averaged(const dk_replay *r)
{
    return dc_replay_averaged(r->log);
}

int dk_replay_save_average(dk_replay *r, const char *path)
{
    return dc_replay_save_average(r->log, path);
}
