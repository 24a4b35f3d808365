/* side_fork.c - see side.h: AlexeyAB's Darknet. Compiled by scripts/fork-vectors only. */
#include "side.h"

#include <stdlib.h>
#include <string.h>

/* What the fork's darknet.h leaves out. */
network parse_network_cfg(char *filename);
void forward_network(network net, network_state state);
float train_network_datum(network net, float *x, float *y);
void update_network(network net);
void save_weights(network net, char *filename);

network *side_parse(char *cfg)
{
    network *net = calloc(1, sizeof *net);
    *net = parse_network_cfg(cfg);
    return net;
}

void side_save(network *net, char *weights)
{
    save_weights(*net, weights);
}

void side_load(network *net, char *weights)
{
    load_weights(net, weights);
    *net->seen = 0;
    *net->cur_iteration = 0;
}

static void forward(network *net, float *x, float *y, int train)
{
    network_state state = {0};
    state.net = *net;
    state.input = x;
    state.truth = y;
    state.train = train;
    forward_network(*net, state);
}

void side_train_forward(network *net, float *x, float *y)
{
    forward(net, x, y, 1);
}

void side_predict(network *net, float *x)
{
    forward(net, x, NULL, 0);
}

/* Its CPU path leaves the gradients of routes, upsamplings and the like as they were, and adds to them. */
static void clear_gradients(network *net)
{
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->delta) memset(l->delta, 0, (size_t)l->outputs * (size_t)l->batch * sizeof *l->delta);
    }
}

float side_step(network *net, float *x, float *y, int subdivision)
{
    clear_gradients(net);
    net->current_subdivision = subdivision;
    const float loss = train_network_datum(*net, x, y);
    if (subdivision + 1 == net->subdivisions) {
        *net->cur_iteration += 1;
        update_network(*net);
    }
    return loss;
}

int side_truths(const network *net)
{
    const layer *last = &net->layers[net->n - 1];
    return last->truths ? last->truths : net->outputs;
}

int side_stride(const network *net)
{
    const layer *last = &net->layers[net->n - 1];
    return last->truth_size ? last->truth_size : 5;
}

detection *side_boxes(network *net, float thresh, int *n)
{
    const layer *last = &net->layers[net->n - 1];
    detection *dets = get_network_boxes(net, net->w, net->h, thresh, .5f, NULL, 1, n, 0);
    if (last->nms_kind == DEFAULT_NMS)
        do_nms_sort(dets, *n, last->classes, .45f);
    else
        diounms_sort(dets, *n, last->classes, .45f, last->nms_kind, last->beta_nms);
    return dets;
}

bool side_is_head(const network *net, int i)
{
    const LAYER_TYPE t = net->layers[i].type;
    return t == YOLO || t == GAUSSIAN_YOLO || t == SOFTMAX;
}

bool side_shares(const layer *l)
{
    return l->share_layer != NULL;
}
