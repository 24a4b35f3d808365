/* side_ours.c - see side.h: this project's front end, kernels and network parts over the packaged library. */
#include "side.h"

#include "kernels/extra.h"
#include "layers/yolo_head.h"
#include "network/boxes.h"
#include "network/dialect.h"
#include "layers/extra.h"

#include <string.h>

network *side_parse(char *cfg)
{
    dk_dialect_select(DK_DIALECT_FORKS);
    return parse_network_cfg(cfg);
}

void side_save(network *net, char *weights)
{
    save_weights(net, weights);
}

void side_load(network *net, char *weights)
{
    load_weights(net, weights);
    *net->seen = 0;
}

void side_train_forward(network *net, float *x, float *y)
{
    memcpy(net->input, x, (size_t)net->inputs * (size_t)net->batch * sizeof *x);
    memcpy(net->truth, y, (size_t)net->truths * (size_t)net->batch * sizeof *y);
    net->train = 1;
    forward_network(net);
}

void side_predict(network *net, float *x)
{
    network_predict(net, x);
}

/* The library's train_network_datum updates after the last subdivision. */
float side_step(network *net, float *x, float *y, int subdivision)
{
    (void)subdivision;
    memcpy(net->input, x, (size_t)net->inputs * (size_t)net->batch * sizeof *x);
    memcpy(net->truth, y, (size_t)net->truths * (size_t)net->batch * sizeof *y);
    return train_network_datum(net);
}

int side_truths(const network *net)
{
    return net->truths;
}

int side_stride(const network *net)
{
    (void)net;
    return 5;
}

detection *side_boxes(network *net, float thresh, int *n)
{
    detection *dets = get_network_boxes(net, net->w, net->h, thresh, .5f, NULL, 1, n);
    dk_suppress(net, dets, *n, net->layers[net->n - 1].classes, .45f);
    return dets;
}

bool side_is_head(const network *net, int i)
{
    const int t = (int)net->layers[i].type;
    return t == YOLO || t == DK_GAUSSIAN_YOLO || t == SOFTMAX;
}

bool side_shares(const layer *l)
{
    return dk_shares(l);
}
