/* test_forks_gradients.c - layers and activations that only the darknet forks have: the forward pass against one in
 * double, and every trained tensor's gradient against central differences of that; overlaps of boxes and their slopes
 * the same way. */
#include "kernel_test.h"

#include "kernels/activation.h"
#include "kernels/extra.h"
#include "kernels/joined.h"
#include "layers/overlap.h"
#include "network/dialect.h"
#include "layers/extra.h"

/* ---- a forward pass in double ----------------------------------------------------------------------- */

typedef struct reference {
    const network *net;
    double *out[16];         /* per layer, [batch][outputs] */
    const float *tensor;     /* what is moved, */
    const double *direction; /* by step times this */
    double step;
} reference;

/* Element i of a tensor, moved if it is the one. */
static double value(const reference *r, const float *tensor, int i)
{
    return (double)tensor[i] + (tensor == r->tensor ? r->step * r->direction[i] : 0);
}

static double softplus(double x)
{
    return x > 30 ? x : log1p(exp(x));
}

static double activated(double x, ACTIVATION a)
{
    switch ((int)a) {
    case DK_MISH:
        return x * tanh(softplus(x));
    case DK_SWISH:
        return x / (1 + exp(-x));
    case DK_HARD_MISH:
        return x > 0 ? x : x > -2 ? x * x / 2 + x : 0;
    case DK_RELU6:
        return x < 0 ? 0 : x > 6 ? 6 : x;
    case DK_GELU:
        return .5 * x * (1 + tanh(.797885 * x + .035677 * x * x * x));
    case LOGISTIC:
        return 1 / (1 + exp(-x));
    case LEAKY:
        return x > 0 ? x : .1 * x;
    default:
        assert_int_equal(a, LINEAR);
        return x;
    }
}

static void activate_all(const layer *l, double *out)
{
    for (int k = 0; k < l->outputs * l->batch; k++)
        out[k] = activated(out[k], l->activation);
}

/* One output value of a convolution with groups, steps and dilation. */
static double convolved(const reference *r, const layer *l, const double *in, int b, int f, int y, int x)
{
    const int channels = l->c / l->groups, apart = dk_dilation(l);
    double sum = 0;
    for (int c = 0; c < channels; c++)
        for (int e = 0; e < l->size * l->size; e++) {
            const int row = y * dk_stride_y(l) + (e / l->size - l->pad) * apart;
            const int column = x * dk_stride_x(l) + (e % l->size - l->pad) * apart;
            const int from = b * l->c + f / (l->n / l->groups) * channels + c;
            if (row >= 0 && column >= 0 && row < l->h && column < l->w)
                sum += value(r, l->weights, (f * channels + c) * l->size * l->size + e) *
                       in[(from * l->h + row) * l->w + column];
        }
    return sum;
}

static void normalize(const reference *r, const layer *l, double *out)
{
    const int plane = l->out_w * l->out_h, count = plane * l->batch;
    for (int f = 0; f < l->out_c; f++) {
        double mean = 0, variance = 0;
        for (int k = 0; k < count; k++)
            mean += out[(k / plane * l->out_c + f) * plane + k % plane] / count;
        for (int k = 0; k < count; k++)
            variance += pow(out[(k / plane * l->out_c + f) * plane + k % plane] - mean, 2) / (count - 1);
        for (int k = 0; k < count; k++) {
            double *x = &out[(k / plane * l->out_c + f) * plane + k % plane];
            if (l->batch_normalize) *x = (*x - mean) / sqrt(variance + 1e-5) * value(r, l->scales, f);
            *x += value(r, l->biases, f);
        }
    }
}

static void run_convolution(const reference *r, const layer *l, const double *in, double *out)
{
    const int plane = l->out_w * l->out_h;
    for (int k = 0; k < l->batch * l->n * plane; k++)
        out[k] = convolved(r, l, in, k / plane / l->n, k / plane % l->n, k % plane / l->out_w, k % l->out_w);
    normalize(r, l, out);
}

/* What input i of a shortcut weighs at a channel. */
static double share(const reference *r, const layer *l, int i, int channel)
{
    const dk_join *j = dk_extra_of(l)->own;
    if (j->steps == 0) return 1;
    const int at = j->steps > 1 ? channel : 0;
    double sum = 0, own = 0, most = -1e30;
    if (j->norm == DK_JOIN_PLAIN) return value(r, l->weights, i * j->steps + at);
    for (int k = 0; k <= l->n; k++)
        most = fmax(most, value(r, l->weights, k * j->steps + at));
    for (int k = 0; k <= l->n; k++) {
        const double w = value(r, l->weights, k * j->steps + at);
        const double part = j->norm == DK_JOIN_RELU ? fmax(w, 0) : exp(w - most);
        if (k == i) own = part;
        sum += part;
    }
    return own / (sum + .0001);
}

static void run_shortcut(const reference *r, const layer *l, const double *in, double *out)
{
    const int plane = l->out_w * l->out_h;
    for (int k = 0; k < l->batch * l->outputs; k++) {
        const int b = k / l->outputs, c = k / plane % l->out_c;
        out[k] = share(r, l, 0, c) * in[k];
        for (int i = 1; i <= l->n; i++) {
            const int from = l->input_layers[i - 1], channels = r->net->layers[from].out_c;
            if (c < channels)
                out[k] += share(r, l, i, c) * r->out[from][(b * channels + c) * plane + k % plane];
        }
    }
}

static void run_route(const reference *r, const layer *l, double *out)
{
    for (int b = 0, at = 0; b < l->batch; b++)
        for (int i = 0; i < l->n; i++) {
            const int n = l->input_sizes[i] / l->groups;
            memcpy(out + at, r->out[l->input_layers[i]] + b * l->input_sizes[i] + l->extra * n,
                   (size_t)n * sizeof *out);
            at += n;
        }
}

static void run_other(const reference *r, const layer *l, const double *in, double *out)
{
    const int plane = l->out_w * l->out_h;
    for (int k = 0; k < l->batch * l->outputs; k++) {
        const int b = k / l->outputs;
        if (l->type == AVGPOOL) {
            out[k] = 0;
            for (int p = 0; p < l->w * l->h; p++)
                out[k] += in[k * l->w * l->h + p] / (l->w * l->h);
        } else if ((int)l->type == DK_SAM) {
            out[k] = in[k] * r->out[l->index][k];
        } else {
            assert_int_equal(l->type, DK_SCALE_CHANNELS);
            const bool pixels = l->c == 1;
            out[k] = r->out[l->index][k] * in[pixels ? b * plane + k % plane : k / plane];
        }
    }
}

/* Sum over the last layer of weight times output; outputs of all layers to r->out. */
static double objective(reference *r, const float *weight)
{
    const network *net = r->net;
    double *input = malloc((size_t)(net->inputs * net->batch) * sizeof *input), sum = 0;
    assert_non_null(input);
    for (int k = 0; k < net->inputs * net->batch; k++)
        input[k] = (double)net->input[k];
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const double *in = i > 0 ? r->out[i - 1] : input;
        if (l->type == CONVOLUTIONAL)
            run_convolution(r, l, in, r->out[i]);
        else if (l->type == SHORTCUT)
            run_shortcut(r, l, in, r->out[i]);
        else if (l->type == ROUTE)
            run_route(r, l, r->out[i]);
        else
            run_other(r, l, in, r->out[i]);
        if (l->type != ROUTE && l->type != AVGPOOL) activate_all(l, r->out[i]);
    }
    const layer *last = &net->layers[net->n - 1];
    for (int k = 0; k < last->outputs * last->batch; k++)
        sum += (double)weight[k] * r->out[net->n - 1][k];
    free(input);
    return sum;
}

/* ---- gradients -------------------------------------------------------------------------------------- */

/* Darknet's batch norm divides by n - 1 forward and by n backward; n is 648 here. */
static const double gradient_most = 4e-3;

static void check_tensor(reference *r, const float *weight, const char *what, const float *tensor,
                         const float *updates, int n)
{
    const double epsilon = 1e-6;
    double *direction = malloc((size_t)n * sizeof *direction), sum[2], got = 0, size = 0;
    assert_non_null(direction);
    for (int k = 0; k < n; k++) {
        direction[k] = (double)test_float();
        got += direction[k] * (double)updates[k];
        size += pow((double)updates[k], 2) / 3;
    }
    assert_true(size > 0);
    r->tensor = tensor;
    r->direction = direction;
    for (int side = 0; side < 2; side++) {
        r->step = side ? epsilon : -epsilon;
        sum[side] = objective(r, weight);
    }
    r->tensor = NULL;
    test_within(what, fabs(got - (sum[1] - sum[0]) / (2 * epsilon)) / sqrt(size), gradient_most);
    free(direction);
}

static void train_pass(network *net, const float *weight)
{
    const layer *last = &net->layers[net->n - 1];
    net->train = 1;
    forward_network(net);
    memcpy(last->delta, weight, (size_t)(last->outputs * last->batch) * sizeof(float));
    backward_network(net);
}

/* net's forward pass and every tensor's gradient along one random direction. */
static void check(const char *name, const char *text)
{
    dk_dialect_select(DK_DIALECT_FORKS);
    network *net = test_network(text, 7);
    reference r = {.net = net};
    char what[128];
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        r.out[i] = malloc((size_t)(l->outputs * l->batch) * sizeof(double));
        for (int k = 0; l->type == SHORTCUT && k < l->nweights; k++)
            l->weights[k] = 1 + .5f * test_float();
    }
    const layer *last = &net->layers[net->n - 1];
    test_fill(net->input, (size_t)(net->inputs * net->batch));
    float *weight = test_random((size_t)(last->outputs * last->batch));
    train_pass(net, weight);
    objective(&r, weight);
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        snprintf(what, sizeof what, "%s: output of layer %d", name, i);
        test_within(what, test_error(l->output, r.out[i], (size_t)(l->outputs * l->batch)), 1e-4);
    }
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->weight_updates == NULL) continue;
        snprintf(what, sizeof what, "%s: weights of layer %d", name, i);
        check_tensor(&r, weight, what, l->weights, l->weight_updates, l->nweights);
        if (l->type != CONVOLUTIONAL) continue;
        snprintf(what, sizeof what, "%s: biases of layer %d", name, i);
        check_tensor(&r, weight, what, l->biases, l->bias_updates, l->n);
    }
    for (int i = 0; i < net->n; i++)
        free(r.out[i]);
    free(weight);
    free_network(net);
}

#define NET "[net]\nbatch=2\nheight=18\nwidth=18\nchannels=4\n"
#define CONV(size, more) \
    "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=" #size "\nstride=1\npad=1\n" more "\n"

static void test_activations(void **state)
{
    static const char *const names[] = {"mish", "swish", "hard_mish", "relu6", "gelu", "logistic"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 NET CONV(3, "activation=%s") CONV(1, "activation=%s")
                     CONV(3, "activation=%s") "[shortcut]\nfrom=-2\nactivation=%s\n"
                                              "[convolutional]\nfilters=3\nsize=1\nactivation=linear\n",
                 names[i], names[i], names[i], names[i]);
        check(names[i], text);
    }
}

/* Without batch norm, where n would be small or gradients would all but cancel. */
#define PLAIN(size, more) "[convolutional]\nfilters=8\nsize=" #size "\nstride=1\npad=1\n" more "\n"

static void test_convolutions(void **state)
{
    (void)state;
    check("strides", NET PLAIN(3, "activation=leaky\nstride_x=2") PLAIN(3, "activation=mish\nstride_y=3")
                         PLAIN(1, "activation=linear\nstride_x=2\nstride_y=1"));
    check("dilation", NET CONV(3, "activation=mish\ndilation=2") CONV(3, "activation=linear\ndilation=3"));
    check("one filter per channel, 5x5", NET CONV(5, "activation=swish\ngroups=4")
                                             PLAIN(5, "activation=mish\ngroups=8\nstride_x=2\nstride_y=3")
                                                 PLAIN(5, "activation=linear\ngroups=8\ndilation=2"));
    check("groups", NET CONV(3, "activation=swish\ngroups=4") CONV(3, "activation=mish\ngroups=8")
                        CONV(1, "activation=linear\ngroups=2"));
}

static void test_joined(void **state)
{
    (void)state;
    check("several layers", NET CONV(3, "activation=mish") CONV(3, "activation=leaky")
                                CONV(1, "activation=mish") "[shortcut]\nfrom=-2,-3\nactivation=mish\n");
    check("weights per layer",
          NET CONV(3, "activation=mish") CONV(3, "activation=leaky") CONV(
              1, "activation=mish") "[shortcut]\nfrom=-2,-3\nweights_type=per_feature\nactivation=linear\n");
    static const char *const norms[] = {"none", "relu", "softmax"};
    for (size_t i = 0; i < sizeof norms / sizeof *norms; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 NET CONV(3, "activation=mish") CONV(3, "activation=leaky")
                     CONV(1, "activation=mish") "%s%s\n",
                 "[shortcut]\nfrom=-2,-3\nactivation=swish\nweights_type=per_channel\nweights_normalization=",
                 norms[i]);
        check(norms[i], text);
    }
}

static void test_routes_and_scales(void **state)
{
    (void)state;
    check("groups of a route",
          NET CONV(3, "activation=mish") "[route]\nlayers=-1\ngroups=2\ngroup_id=1\n" CONV(
              3,
              "activation=leaky") "[route]\nlayers=-1,-3\ngroups=4\ngroup_id=2\n" PLAIN(1,
                                                                                        "activation=linear"));
    check(
        "scaled channels",
        NET CONV(3, "activation=mish") "[avgpool]\n[convolutional]\nfilters=8\nsize=1\nactivation=logistic\n"
                                       "[scale_channels]\nfrom=0\n" PLAIN(1, "activation=linear"));
    check("scaled pixels",
          NET CONV(3, "activation=mish") "[convolutional]\nfilters=1\nsize=1\nactivation=logistic\n"
                                         "[scale_channels]\nfrom=0\nscale_wh=1\n" PLAIN(1,
                                                                                        "activation=linear"));
    check("sam", NET CONV(3, "activation=mish")
                     CONV(1, "activation=logistic") "[sam]\nfrom=0\n" PLAIN(1, "activation=linear"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),
        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_routes_and_scales),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
