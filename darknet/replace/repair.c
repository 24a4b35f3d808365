/* repair.c - see repair.h. */
#include "replace/repair.h"

#include "replace/fatal.h"

#include <stdbool.h>
#include <stdlib.h>

/* In the library, not in its header. */
void backward_lstm_layer(layer l, network net);

static float *room(size_t floats)
{
    float *p = calloc(floats, sizeof *p);
    if (!p) dk_die("out of memory for a network");
    return p;
}

/* Floats that im2col unrolls one image of a layer into. */
static size_t unrolled(const layer *l)
{
    return (size_t)l->out_w * (size_t)l->out_h * (size_t)l->size * (size_t)l->size * (size_t)l->c;
}

static size_t workspace_floats(const layer *l)
{
    if (l->type == LOCAL) return unrolled(l);
    if (l->type != CRNN) return l->workspace_size / sizeof(float) + 1;
    const layer *parts[] = {l->input_layer, l->self_layer, l->output_layer};
    size_t most = 0;
    for (int i = 0; i < 3; i++)
        if (parts[i]->workspace_size / sizeof(float) + 1 > most)
            most = parts[i]->workspace_size / sizeof(float) + 1;
    return most;
}

void dk_repair_network(network *net)
{
    size_t most = 0;
    bool short_of = false;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        const size_t step = (size_t)l->batch * (size_t)l->outputs;
        if (l->type == RNN) {
            free(l->state);
            l->state = room(step * ((size_t)l->steps + 1));
        }
        if (l->type == LSTM) {
            if (!l->delta) l->delta = room(step * (size_t)l->steps);
            if (!l->dc_cpu) l->dc_cpu = room(step);
            if (!l->backward) l->backward = backward_lstm_layer;
        }
        if (l->type == DECONVOLUTIONAL && l->groups == 0) l->groups = 1;
        if (l->type == BATCHNORM) {
            if (!l->x) l->x = room(step);
            if (!l->x_norm) l->x_norm = room(step);
            if (!l->mean_delta) l->mean_delta = room((size_t)l->c);
            if (!l->variance_delta) l->variance_delta = room((size_t)l->c);
        }
        short_of |= l->type == LOCAL || l->type == CRNN;
        if (workspace_floats(l) > most) most = workspace_floats(l);
    }
    if (!short_of) return;
    free(net->workspace);
    net->workspace = room(most);
}
