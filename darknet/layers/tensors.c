/* tensors.c - see tensors.h.
 *
 * What Darknet's CPU path trains: the layers that have an update. A [batchnorm] layer has none there: its
 * scales stay as they are. Layers at and below the last stopbackward get no gradient, but their update still
 * lets them decay; in the forks' dialect those below do not change at all. */
#include "layers/tensors.h"

#include "layers/extra.h"

typedef struct builder {
    dc_model *model;
    dc_role role; /* of the current layer's trainable tensors */
    bool saved, averaged;
    float clip; /* 0 unless clipping is on */
    int err;
} builder;

static void add(builder *b, const char *name, dc_role role, bool is_weights, int count, float *value,
                float *gradient, float rate_scale)
{
    if (b->err || count == 0) return;
    const dc_tensor tensor = {
        .name = name,
        .role = role,
        .is_weights = is_weights,
        .saved = b->saved,
        .averaged = role == DC_TRAINED && b->averaged,
        .count = (size_t)count,
        .value = value,
        .gradient = role == DC_TRAINED || role == DC_FROZEN ? gradient : NULL,
        .rate_scale = rate_scale,
        .clip = is_weights ? b->clip : 0,
    };
    b->err = dc_model_add_tensor(b->model, &tensor);
}

/* Scales and rolling statistics of a layer's batch normalization, over n channels. */
static void add_normalization(builder *b, const layer *l, int n)
{
    add(b, "scales", b->role, false, n, l->scales, l->scale_updates, l->learning_rate_scale);
    add(b, "rolling_mean", DC_STATISTIC, false, n, l->rolling_mean, NULL, 1);
    add(b, "rolling_variance", DC_STATISTIC, false, n, l->rolling_variance, NULL, 1);
}

/* [convolutional] and [deconvolutional]. */
static void add_convolution(builder *b, const layer *l)
{
    add(b, "biases", b->role, false, l->n, l->biases, l->bias_updates, l->learning_rate_scale);
    if (l->batch_normalize) add_normalization(b, l, l->n);
    add(b, "weights", b->role, true, l->nweights, l->weights, l->weight_updates, l->learning_rate_scale);
}

static void add_connected(builder *b, const layer *l)
{
    add(b, "biases", b->role, false, l->outputs, l->biases, l->bias_updates, l->learning_rate_scale);
    add(b, "weights", b->role, true, l->inputs * l->outputs, l->weights, l->weight_updates,
        l->learning_rate_scale);
    if (l->batch_normalize) add_normalization(b, l, l->outputs);
}

static void add_local(builder *b, const layer *l)
{
    const int weights = l->size * l->size * l->c * l->n * l->out_w * l->out_h;
    add(b, "biases", b->role, false, l->outputs, l->biases, l->bias_updates, l->learning_rate_scale);
    add(b, "weights", b->role, true, weights, l->weights, l->weight_updates, l->learning_rate_scale);
}

/* The forks train it, and save its biases. */
static void add_batchnorm(builder *b, const layer *l)
{
    if (dk_is_forks(l))
        add(b, "biases", b->role, false, l->c, l->biases, l->bias_updates, l->learning_rate_scale);
    else
        b->role = DC_FIXED;
    add_normalization(b, l, l->c);
}

static void add_layer(builder *b, const layer *l)
{
    switch (l->type) {
    case CONVOLUTIONAL:
    case DECONVOLUTIONAL:
        if (!dk_shares(l)) add_convolution(b, l);
        break;
    case CONNECTED:
        add_connected(b, l);
        break;
    case LOCAL:
        add_local(b, l);
        break;
    case BATCHNORM:
        add_batchnorm(b, l);
        break;
    case SHORTCUT:
        add(b, "weights", b->role, true, l->nweights, l->weights, l->weight_updates, l->learning_rate_scale);
        break;
    case RNN:
        add_connected(b, l->input_layer);
        add_connected(b, l->self_layer);
        add_connected(b, l->output_layer);
        break;
    case CRNN:
        add_convolution(b, l->input_layer);
        add_convolution(b, l->self_layer);
        add_convolution(b, l->output_layer);
        break;
    case LSTM: {
        layer *packaged[] = {l->wi, l->wf, l->wo, l->wg, l->ui, l->uf, l->uo, l->ug};
        layer *forks[] = {l->wf, l->wi, l->wg, l->wo, l->uf, l->ui, l->ug, l->uo};
        layer **parts = dk_is_forks(l) ? forks : packaged;
        for (int i = 0; i < 8; i++)
            add_connected(b, parts[i]);
        break;
    }
    case GRU: {
        layer *parts[] = {l->wz, l->wr, l->wh, l->uz, l->ur, l->uh};
        for (int i = 0; i < 6; i++)
            add_connected(b, parts[i]);
        break;
    }
    default:
        break;
    }
}

const char *dk_layer_type_name(LAYER_TYPE type)
{
    static const char *const names[] = {[CONVOLUTIONAL] = "convolutional",
                                        [DECONVOLUTIONAL] = "deconvolutional",
                                        [CONNECTED] = "connected",
                                        [MAXPOOL] = "maxpool",
                                        [SOFTMAX] = "softmax",
                                        [DETECTION] = "detection",
                                        [DROPOUT] = "dropout",
                                        [CROP] = "crop",
                                        [ROUTE] = "route",
                                        [COST] = "cost",
                                        [NORMALIZATION] = "normalization",
                                        [AVGPOOL] = "avgpool",
                                        [LOCAL] = "local",
                                        [SHORTCUT] = "shortcut",
                                        [ACTIVE] = "activation",
                                        [RNN] = "rnn",
                                        [GRU] = "gru",
                                        [LSTM] = "lstm",
                                        [CRNN] = "crnn",
                                        [BATCHNORM] = "batchnorm",
                                        [REGION] = "region",
                                        [YOLO] = "yolo",
                                        [ISEG] = "iseg",
                                        [REORG] = "reorg",
                                        [UPSAMPLE] = "upsample",
                                        [LOGXENT] = "logxent",
                                        [L2NORM] = "l2norm",
                                        [BLANK] = "blank"};
    if ((int)type == DK_SCALE_CHANNELS) return "scale_channels";
    if ((int)type == DK_SAM) return "sam";
    if ((int)type == DK_GAUSSIAN_YOLO) return "Gaussian_yolo";
    const size_t i = (size_t)type;
    return i < sizeof names / sizeof *names && names[i] ? names[i] : "layer";
}

/* The last layer whose backward Darknet leaves out; -1 if none. */
static int last_frozen(const network *net)
{
    int last = -1;
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].stopbackward) last = i;
    return last;
}

/* The forks average weights (ema_alpha) from half of the rounds on, and train these last ones from the
 * average. */
#define LAST_ROUNDS 1000

int dk_model_of(network *net, const char *name, bool exact_gpu, dc_model **model)
{
    const dc_optimizer optimizer = {
        .algorithm = exact_gpu && net->adam ? DC_ADAM : DC_SGD,
        .momentum = net->momentum,
        .decay = net->decay,
        .b1 = net->B1,
        .b2 = net->B2,
        .eps = net->eps,
        .average = dk_network_extra_of(net)->ema_alpha,
        .average_from = (uint64_t)(net->max_batches > 0 ? net->max_batches : 0) / 2,
        .average_until = (uint64_t)(net->max_batches > LAST_ROUNDS ? net->max_batches - LAST_ROUNDS : 0),
    };
    builder b = {.err = dc_model_new(model, name, &optimizer, (uint32_t)(net->batch * net->subdivisions))};
    b.model = *model;
    const int frozen = last_frozen(net);
    for (int i = 0; i < net->n && !b.err; i++) {
        const layer *l = &net->layers[i];
        b.role = dk_is_frozen(l) ? DC_FIXED : i <= frozen ? DC_FROZEN : DC_TRAINED;
        b.saved = !l->dontsave;
        b.averaged = optimizer.average > 0 && l->type == CONVOLUTIONAL; /* the forks average no other */
        b.clip = exact_gpu && l->type == CONVOLUTIONAL ? l->clip : 0;   /* the only type that obeys it */
        b.err = dc_model_add_layer(b.model, dk_layer_type_name(l->type));
        add_layer(&b, l);
    }
    if (b.err) {
        dc_model_free(b.model);
        *model = NULL;
    }
    return b.err;
}

int dk_refuse_untrainable(const network *net)
{
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].binary || net->layers[i].xnor)
            return dc_error_set(
                DC_EMODEL,
                "layer %d has %s=1, which cannot be trained over a server: remove it from the cfg, or train "
                "without -dynacomm",
                i, net->layers[i].xnor ? "xnor" : "binary");
    return DC_OK;
}
