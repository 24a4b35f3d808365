#include "layers/memory.h"

#include <string.h>

#define ARRAYS 6

/* A layer's arrays, each as long as its outputs of a time step; how many. [rnn] and [crnn] begin each pass in training with
 * zeros. */
static int arrays_of(const layer *l, float *arrays[ARRAYS])
{
    if (l->type == GRU) {
        arrays[0] = l->state;
        arrays[1] = l->prev_state;
        return 2;
    }
    if (l->type != LSTM) return 0;
    arrays[0] = l->h_cpu;
    arrays[1] = l->c_cpu;
    arrays[2] = l->prev_state_cpu;
    arrays[3] = l->prev_cell_cpu;
    arrays[4] = l->dc_cpu;
    arrays[5] = l->dh_cpu;
    return 6;
}

static size_t length_of(const layer *l)
{
    return (size_t)l->batch * (size_t)l->outputs;
}

size_t dk_memory_floats(const network *net)
{
    float *arrays[ARRAYS];
    size_t n = 0;
    for (int i = 0; i < net->n; i++)
        n += (size_t)arrays_of(&net->layers[i], arrays) * length_of(&net->layers[i]);
    return n;
}

void dk_memory_save(const network *net, float *to)
{
    float *arrays[ARRAYS];
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const int k = arrays_of(l, arrays);
        for (int a = 0; a < k; a++, to += length_of(l))
            memcpy(to, arrays[a], length_of(l) * sizeof *to);
    }
}

void dk_memory_load(network *net, const float *from)
{
    float *arrays[ARRAYS];
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const int k = arrays_of(l, arrays);
        for (int a = 0; a < k; a++, from += length_of(l))
            memcpy(arrays[a], from, length_of(l) * sizeof *from);
    }
}
