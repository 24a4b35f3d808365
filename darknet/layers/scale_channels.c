/* scale_channels.c - [scale_channels]: weighs another layer's channels by one value per channel (or, with
 * scale_wh=1, its pixels by one value per pixel), and [sam]: its values by as many. */
#include "kernels/scaled.h"
#include "layers/make.h"
#include "layers/extra.h"

#include <stdio.h>

static layer make(const dk_source *s, LAYER_TYPE type)
{
    int n;
    int *layers = dk_option_layers(s, "from", &n);
    if (n != 1) dk_wrong(s, "from= names %d layers, it takes one", n);
    const layer *from = &s->at.net->layers[layers[0]];
    layer l = {.type = type,
               .batch = s->at.batch,
               .w = s->at.w,
               .h = s->at.h,
               .c = s->at.c,
               .out_w = from->out_w,
               .out_h = from->out_h,
               .out_c = from->out_c,
               .outputs = from->outputs,
               .inputs = s->at.inputs,
               .index = layers[0]};
    free(layers);
    l.activation = dk_option_activation(s, "linear");
    l.output = dk_room(dk_values(&l), sizeof(float));
    l.delta = dk_room(dk_values(&l), sizeof(float));
    fprintf(stderr, "%-5s %4d                %4d x%4d x%4d   ->  %4d x%4d x%4d\n",
            type == (LAYER_TYPE)DK_SAM ? "sam" : "scale", l.index, l.w, l.h, l.c, l.out_w, l.out_h, l.out_c);
    return l;
}

layer dk_parse_scale_channels(const dk_source *s)
{
    layer l = make(s, (LAYER_TYPE)DK_SCALE_CHANNELS);
    const int pixels = dk_option_int(s, "scale_wh", 0);
    if (pixels && (l.c != 1 || l.w != l.out_w || l.h != l.out_h))
        dk_wrong(s, "scale_wh=1 takes one channel of %d x %d pixels, here are %d of %d x %d", l.out_w,
                 l.out_h, l.c, l.w, l.h);
    if (!pixels && (l.w != 1 || l.h != 1 || l.c != l.out_c))
        dk_wrong(s, "it takes %d channels of one pixel, here are %d of %d x %d", l.out_c, l.c, l.w, l.h);
    l.forward = pixels ? dk_forward_scale_pixels : dk_forward_scale_channels;
    l.backward = pixels ? dk_backward_scale_pixels : dk_backward_scale_channels;
    return l;
}

layer dk_parse_sam(const dk_source *s)
{
    layer l = make(s, (LAYER_TYPE)DK_SAM);
    if (l.w != l.out_w || l.h != l.out_h || l.c != l.out_c)
        dk_wrong(s, "it takes %d x %d x %d values, here are %d x %d x %d", l.out_w, l.out_h, l.out_c, l.w,
                 l.h, l.c);
    l.forward = dk_forward_sam;
    l.backward = dk_backward_sam;
    return l;
}

static void follow(layer *l, int w, int h, int inputs, const network *net)
{
    const layer *from = &net->layers[l->index];
    l->w = w;
    l->h = h;
    l->inputs = inputs;
    l->out_w = from->out_w;
    l->out_h = from->out_h;
    l->outputs = from->outputs;
    l->output = dk_resized(l->output, dk_values(l));
    l->delta = dk_resized(l->delta, dk_values(l));
}

void dk_resize_scale_channels(layer *l, int w, int h, int inputs, network *net)
{
    follow(l, w, h, inputs, net);
}

void dk_resize_sam(layer *l, int w, int h, int inputs, network *net)
{
    follow(l, w, h, inputs, net);
}
