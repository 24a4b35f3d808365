/* shortcut.c - [shortcut]: the layer before plus others. One layer of the same shape, without weights and
 * with an activation that its kernel fuses, is the library's; all else is kernels/joined.h's. */
#include "layers/make.h"

#include "kernels/activation.h"
#include "kernels/joined.h"

#include <stdlib.h>
#include <string.h>

void resize_shortcut_layer(layer *l, int w, int h);

static void free_join(layer *l)
{
    dk_join *j = dk_extra_of(l)->own;
    free(j->share);
    free(j->slope);
    free(j);
}

static int steps_of(const dk_source *s)
{
    const char *type = dk_option_text(s, "weights_type", "none");
    if (strcmp(type, "none") == 0) return 0;
    if (strcmp(type, "per_feature") == 0 || strcmp(type, "per_layer") == 0) return 1;
    if (strcmp(type, "per_channel") == 0) return s->at.c;
    dk_wrong(s, "weights_type=%s is none of none, per_feature and per_channel", type);
}

static dk_join_norm norm_of(const dk_source *s)
{
    const char *norm = dk_option_text(s, "weights_normalization", "none");
    if (strcmp(norm, "none") == 0) return DK_JOIN_PLAIN;
    if (strcmp(norm, "relu") == 0 || strcmp(norm, "avg_relu") == 0) return DK_JOIN_RELU;
    if (strcmp(norm, "softmax") == 0) return DK_JOIN_SOFTMAX;
    dk_wrong(s, "weights_normalization=%s is none of none, relu and softmax", norm);
}

static void take_weights(const dk_source *s, layer *l, int steps)
{
    dk_join *j = dk_room(1, sizeof *j);
    j->steps = steps;
    j->norm = norm_of(s);
    s->extra->own = j;
    s->extra->free_own = free_join;
    l->nweights = (l->n + 1) * steps;
    if (steps == 0) return;
    const size_t n = (size_t)l->nweights;
    j->share = dk_room(n, sizeof(float));
    j->slope = dk_room(n, sizeof(float));
    l->weights = dk_room(n, sizeof(float));
    l->weight_updates = dk_room(n, sizeof(float));
    for (size_t i = 0; i < n; i++)
        l->weights[i] = 1;
    l->update = dk_update_join;
}

static void check_shapes(const dk_source *s, const int *layers, int n)
{
    for (int i = 0; i < n; i++) {
        const layer *from = &s->at.net->layers[layers[i]];
        if (from->out_w != s->at.w || from->out_h != s->at.h)
            dk_wrong(s, "layer %d gives %d x %d pixels, the layer before %d x %d", layers[i], from->out_w,
                     from->out_h, s->at.w, s->at.h);
    }
}

layer dk_parse_shortcut(const dk_source *s)
{
    int n;
    int *layers = dk_option_layers(s, "from", &n);
    const int index = layers[0], steps = steps_of(s);
    const layer *from = &s->at.net->layers[index];
    layer l = make_shortcut_layer(s->at.batch, index, s->at.w, s->at.h, s->at.c, from->out_w, from->out_h,
                                  from->out_c);
    l.activation = dk_option_activation(s, "linear");
    l.alpha = dk_option_float(s, "alpha", 1);
    l.beta = dk_option_float(s, "beta", 1);
    const bool same = from->out_w == s->at.w && from->out_h == s->at.h && from->out_c == s->at.c;
    const bool fused = l.activation == LINEAR || l.activation == LEAKY || l.activation == RELU;
    const bool other_size = from->out_w != s->at.w || from->out_h != s->at.h; /* the library subsamples */
    const bool scaled = l.alpha < 1 || l.alpha > 1 || l.beta < 1 || l.beta > 1;
    if (n == 1 && steps == 0 && ((same && fused) || other_size || scaled) && l.activation <= SELU) {
        free(layers);
        return l;
    }
    check_shapes(s, layers, n);
    if (scaled) dk_wrong(s, "alpha= and beta= do not go with several layers, weights or activation");
    l.n = n;
    l.input_layers = layers;
    take_weights(s, &l, steps);
    l.forward = dk_forward_join;
    l.backward = dk_backward_join;
    if (dk_needs_before(l.activation)) s->extra->before = dk_room(dk_values(&l), sizeof(float));
    return l;
}

void dk_resize_shortcut(layer *l, int w, int h, int inputs, network *net)
{
    (void)inputs, (void)net;
    dk_extra *e = dk_extra_of(l);
    resize_shortcut_layer(l, w, h);
    if (e->before) e->before = dk_resized(e->before, dk_values(l));
}
