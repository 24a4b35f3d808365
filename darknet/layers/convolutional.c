/* convolutional.c - [convolutional]: the library makes it; steps that differ across and down, dilation,
 * activations beyond the library's and the forks' initial weights come after. */
#include "layers/blur.h"
#include "layers/make.h"

#include "kernels/activation.h"

#include <math.h>
#include <stdlib.h>

void resize_convolutional_layer(layer *l, int w, int h);

/* What the library sizes by stride alone, by the layer's own steps and dilation. */
static void fit(layer *l, const dk_extra *e)
{
    const int reach = e->dilation > 1 ? e->dilation * (l->size - 1) + 1 : l->size;
    const int pad = e->dilation > 1 ? e->dilation * l->pad : l->pad;
    const int across = e->stride_x ? e->stride_x : l->stride, down = e->stride_y ? e->stride_y : l->stride;
    const int out_w = (l->w + 2 * pad - reach) / across + 1, out_h = (l->h + 2 * pad - reach) / down + 1;
    if (out_w == l->out_w && out_h == l->out_h) return;
    l->out_w = out_w;
    l->out_h = out_h;
    l->outputs = out_w * out_h * l->out_c;
    l->output = dk_resized(l->output, dk_values(l));
    l->delta = dk_resized(l->delta, dk_values(l));
    if (!l->batch_normalize) return;
    l->x = dk_resized(l->x, dk_values(l));
    l->x_norm = dk_resized(l->x_norm, dk_values(l));
}

/* With batch norm, its input is kept anyway, and the value before the activation follows from it. */
static bool keeps_before(const layer *l)
{
    return dk_needs_before(l->activation) && !l->batch_normalize;
}

static void take_steps(const dk_source *s, const layer *l)
{
    dk_extra *e = s->extra;
    const int across = dk_option_int(s, "stride_x", 0), down = dk_option_int(s, "stride_y", 0);
    if (across < 0 || down < 0) dk_wrong(s, "stride_x=%d, stride_y=%d must be positive", across, down);
    if (across && across != l->stride) e->stride_x = across;
    if (down && down != l->stride) e->stride_y = down;
}

static void take_dilation(const dk_source *s, layer *l)
{
    dk_extra *e = s->extra;
    const int dilation = l->size == 1 ? 1 : dk_option_int(s, "dilation", 1);
    if (dilation < 1) dk_wrong(s, "dilation=%d must be at least 1", dilation);
    if (dilation > 1 && (l->size % 2 == 0 || l->pad != l->size / 2))
        dk_wrong(s, "dilation=%d needs pad=1 and an odd size=", dilation);
    if (dilation > 1) e->dilation = dilation;
    fit(l, e);
}

/* The filters of an earlier layer in the place of l's own: one set of arrays, to which both add their gradients and
 * which is stepped once, with that layer. */
static void share(const dk_source *s, layer *l)
{
    const int given = dk_option_int(s, "share_index", 0), index = given < 0 ? s->at.index + given : given;
    if (index < 0 || index >= s->at.index)
        dk_wrong(s, "share_index=%d does not name a layer before this one (layer %d)", given, s->at.index);
    const layer *from = &s->at.net->layers[index];
    if (from->type != CONVOLUTIONAL || from->size != l->size || from->nweights != l->nweights ||
        from->c != l->c || from->n != l->n || from->batch_normalize != l->batch_normalize)
        dk_wrong(s, "share_index=%d: layer %d has no filters of this size, number and batch_normalize", given,
                 index);
    float **const own[] = {&l->weights, &l->weight_updates, &l->biases,       &l->bias_updates,
                           &l->scales,  &l->scale_updates,  &l->rolling_mean, &l->rolling_variance};
    float *const theirs[] = {from->weights, from->weight_updates, from->biases,       from->bias_updates,
                             from->scales,  from->scale_updates,  from->rolling_mean, from->rolling_variance};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        free(*own[i]);
        *own[i] = theirs[i];
    }
    l->update = NULL;
    s->extra->shares = true;
}

void dk_forget_shared(layer *l)
{
    if (!dk_shares(l)) return;
    l->weights = l->weight_updates = l->biases = l->bias_updates = NULL;
    l->scales = l->scale_updates = l->rolling_mean = l->rolling_variance = NULL;
}

layer dk_parse_convolutional(const dk_source *s)
{
    const dk_place *at = &s->at;
    const int filters = dk_option_int(s, "filters", 1), size = dk_option_int(s, "size", 1);
    const int xnor = dk_option_int(s, "xnor", 0), forks_xnor = xnor && s->extra->forks;
    const int groups = forks_xnor ? 1 : dk_option_int(s, "groups", 1);
    const int pad = dk_option_int(s, "pad", 0) ? size / 2 : dk_option_int(s, "padding", 0);
    const int stride = dk_option_int(s, "stride", 1), blur = dk_blur_option(s);
    dk_need_picture(s);
    if (groups < 1 || at->c % groups != 0 || filters % groups != 0)
        dk_wrong(s, "groups=%d does not divide %d channels and filters=%d", groups, at->c, filters);
    layer l = make_convolutional_layer(at->batch, at->h, at->w, at->c, filters, groups, size,
                                       blur ? 1 : stride, pad, dk_option_activation(s, "logistic"),
                                       dk_option_int(s, "batch_normalize", 0), dk_option_int(s, "binary", 0),
                                       xnor, at->net->adam);
    l.flipped = dk_option_int(s, "flipped", 0);
    l.dot = dk_option_float(s, "dot", 0);
    if (dk_option_text(s, "share_index", NULL) != NULL) {
        share(s, &l);
    } else if (s->extra->forks) {
        const float scale = sqrtf(2.f / (float)(size * size * at->c / groups));
        for (int i = 0; i < l.nweights; i++)
            l.weights[i] = scale * rand_uniform(-1, 1);
    }
    if (!blur) take_steps(s, &l);
    take_dilation(s, &l);
    if (keeps_before(&l)) s->extra->before = dk_room(dk_values(&l), sizeof(float));
    if (blur)
        dk_blur_hang(s, &l, blur, dk_option_int(s, "stride_x", stride), dk_option_int(s, "stride_y", stride));
    return l;
}

void dk_resize_convolutional(layer *l, int w, int h, int inputs, network *net)
{
    (void)inputs, (void)net;
    dk_extra *e = dk_extra_of(l);
    resize_convolutional_layer(l, w, h);
    if (l->xnor) l->binary_input = dk_resized(l->binary_input, (size_t)l->inputs * (size_t)l->batch);
    fit(l, e);
    if (keeps_before(l)) e->before = dk_resized(e->before, dk_values(l));
    dk_blur_fit(l);
}
