/* kinds_library.c - see kinds_library.h. */
#include "layers/kinds_library.h"

void resize_avgpool_layer(layer *l, int w, int h);
void resize_cost_layer(layer *l, int inputs);
void resize_crop_layer(layer *l, int w, int h);
void resize_normalization_layer(layer *l, int w, int h);
void resize_region_layer(layer *l, int w, int h);
void resize_reorg_layer(layer *l, int w, int h);
void resize_upsample_layer(layer *l, int w, int h);

#define PARSED(name)                            \
    layer dk_library_##name(const dk_source *s) \
    {                                           \
        return parse_##name(s->options, s->at); \
    }

PARSED(activation)
PARSED(avgpool)
PARSED(batchnorm)
PARSED(connected)
PARSED(cost)
PARSED(crnn)
PARSED(crop)
PARSED(deconvolutional)
PARSED(detection)
PARSED(gru)
PARSED(iseg)
PARSED(l2norm)
PARSED(local)
PARSED(logistic)
PARSED(lstm)
PARSED(normalization)
PARSED(region)
PARSED(reorg)
PARSED(rnn)
PARSED(softmax)

layer dk_library_upsample(const dk_source *s)
{
    return parse_upsample(s->options, s->at, s->at.net);
}

#define RESIZED(name)                                                               \
    void dk_library_resize_##name(layer *l, int w, int h, int inputs, network *net) \
    {                                                                               \
        (void)inputs, (void)net;                                                    \
        resize_##name##_layer(l, w, h);                                             \
    }

RESIZED(avgpool)
RESIZED(crop)
RESIZED(normalization)
RESIZED(region)
RESIZED(reorg)
RESIZED(upsample)

void dk_library_resize_cost(layer *l, int w, int h, int inputs, network *net)
{
    (void)w, (void)h, (void)net;
    resize_cost_layer(l, inputs);
}
