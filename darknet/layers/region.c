/* region.c - [region]: the packaged library's layer with as many boxes per image as the cfg says. In the forks'
 * dialect with their loss and a backward pass: the library's is empty on a processor, so that a cfg with
 * [region] trains nothing there but weight decay. */
#include "layers/make.h"

#include "kernels/extra.h"
#include "layers/region_loss.h"

#include <string.h>

void forward_region_layer(const layer l, network net);

/* Without softmax=1 the library takes the logistic function of classes; the forks leave them as they came in. */
static void keep_classes(const layer *l, const float *in)
{
    const size_t cells = (size_t)l->w * (size_t)l->h, others = (size_t)(l->coords + 1) * cells;
    const size_t classes = (size_t)l->classes * cells, anchors = (size_t)l->batch * (size_t)l->n;
    for (size_t a = 0; a < anchors; a++) {
        const size_t at = a * (others + classes) + others;
        memcpy(l->output + at, in + at, classes * sizeof *in);
    }
}

static void forward(const layer l, network net)
{
    network inference = net;
    inference.train = 0;
    forward_region_layer(l, inference); /* activations only */
    if (!l.softmax && !l.softmax_tree) keep_classes(&l, net.input);
    if (net.train) dk_region_loss(&l, &net);
}

static void backward(const layer l, network net)
{
    if (net.delta) axpy_cpu(l.batch * l.inputs, 1, l.delta, 1, net.delta, 1);
}

layer dk_parse_region(const dk_source *s)
{
    layer l = parse_region(s->options, s->at);
    l.max_boxes = dk_option_int(s, "max", s->extra->forks ? 200 : 30);
    if (l.max_boxes < 30 && !s->extra->forks)
        dk_wrong(s, "max=%d: the packaged library reads 30 boxes per image", l.max_boxes);
    l.truths = l.max_boxes * (l.coords + 1);
    l.random = dk_option_float(s, "random", 0) > 0;
    if (!s->extra->forks) return l;
    if (l.coords != 4) dk_wrong(s, "coords=%d: the forks' boxes have 4 coordinates", l.coords);
    l.forward = forward;
    l.backward = backward;
    return l;
}
