/* route.c - [route]: one or several layers' outputs side by
 * side, or with groups= one part of the channels of each. */
#include "layers/make.h"

#include "kernels/route.h"

#include <stdlib.h>

void resize_route_layer(layer *l, network *net);

/* Groups divide each input's channels; the library knows outputs as a whole only. */
static void take_group(layer *l, int groups)
{
    l->out_c /= groups;
    l->outputs /= groups;
    l->inputs = l->outputs;
    l->output = dk_resized(l->output, dk_values(l));
    l->delta = dk_resized(l->delta, dk_values(l));
}

static void take_shape(layer *l, const network *net)
{
    const layer *first = &net->layers[l->input_layers[0]];
    l->out_w = first->out_w;
    l->out_h = first->out_h;
    l->out_c = first->out_c;
    for (int i = 1; i < l->n; i++) {
        const layer *next = &net->layers[l->input_layers[i]];
        if (next->out_w == first->out_w && next->out_h == first->out_h)
            l->out_c += next->out_c;
        else
            l->out_w = l->out_h = l->out_c = 0;
    }
}

static void check_groups(const dk_source *s, int groups, int group, const int *layers, int n)
{
    if (groups < 1 || group < 0 || group >= groups)
        dk_wrong(s, "group_id=%d is none of groups=%d (0..%d)", group, groups, groups - 1);
    for (int i = 0; i < n; i++)
        if (s->at.net->layers[layers[i]].outputs % groups != 0)
            dk_wrong(s, "groups=%d does not divide the %d channels of layer %d", groups,
                     s->at.net->layers[layers[i]].out_c, layers[i]);
}

layer dk_parse_route(const dk_source *s)
{
    int n;
    int *layers = dk_option_layers(s, "layers", &n), *sizes = dk_room((size_t)n, sizeof *sizes);
    const int groups = dk_option_int(s, "groups", 1), group = dk_option_int(s, "group_id", 0);
    check_groups(s, groups, group, layers, n);
    for (int i = 0; i < n; i++)
        sizes[i] = s->at.net->layers[layers[i]].outputs;
    layer l = make_route_layer(s->at.batch, n, layers, sizes);
    take_shape(&l, s->at.net);
    if (groups == 1) return l;
    l.groups = groups;
    l.extra = group;
    take_group(&l, groups);
    l.forward = dk_forward_route_group;
    l.backward = dk_backward_route_group;
    return l;
}

void dk_resize_route(layer *l, int w, int h, int inputs, network *net)
{
    (void)w, (void)h, (void)inputs;
    resize_route_layer(l, net);
    if (l->groups > 1) take_group(l, l->groups);
}
