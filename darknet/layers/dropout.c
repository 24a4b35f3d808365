/* dropout.c - [dropout]: it works on the output of the layer before, in place. */
#include "layers/make.h"

void resize_dropout_layer(layer *l, int inputs);
layer make_dropout_layer(int batch, int inputs, float probability);

static void join(layer *l, const layer *before)
{
    l->output = before->output;
    l->delta = before->delta;
}

layer dk_parse_dropout(const dk_source *s)
{
    if (s->at.index == 0) dk_wrong(s, "it cannot be the first layer");
    const float probability = dk_option_float(s, "probability", s->extra->forks ? .2f : .5f);
    layer l = make_dropout_layer(s->at.batch, s->at.inputs, probability);
    l.out_w = s->at.w;
    l.out_h = s->at.h;
    l.out_c = s->at.c;
    join(&l, &s->at.net->layers[s->at.index - 1]);
    return l;
}

void dk_resize_dropout(layer *l, int w, int h, int inputs, network *net)
{
    (void)net;
    l->inputs = l->outputs = inputs;
    resize_dropout_layer(l, inputs);
    l->out_w = w;
    l->out_h = h;
    join(l, l - 1);
}
