/* test_kernel_network.c - whole networks: gradients against finite differences of a forward pass in double;
 * ten training steps, a resized network and predictions against the packaged library; the same bits from run
 * to run. */
#include "kernel_test.h"

#include "kernels/conv_plan.h"
#include "kernels/kernels.h"
#include "test_few.h"

/* ---- a forward pass in double ----------------------------------------------------------------------- */

typedef struct reference {
    network *net;
    double *out[64];  /* per layer, [batch][outputs] */
    double *step[64]; /* per layer, what is added to its weights; NULL = nothing */
} reference;

static const double *input_of(const reference *r, int i, double *input)
{
    for (int k = 0; k < r->net->inputs * r->net->batch; k++)
        input[k] = (double)r->net->input[k];
    return i == 0 ? input : r->out[i - 1];
}

static void convolve(const layer *l, const double *in_all, const double *step, double *out_all)
{
    memset(out_all, 0, (size_t)(l->batch * l->outputs) * sizeof *out_all);
    EACH_RUN(l, {
        const double weight = (double)l->weights[wt] + (step != NULL ? step[wt] : 0);
        for (int p = 0; p < n; p++)
            out_all[out + p] += weight * in_all[in + p * l->stride];
    });
}

static void normalize(const layer *l, double *out)
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
            if (l->batch_normalize || l->type == BATCHNORM)
                *x = (*x - mean) / (sqrt(variance) + 1e-6) * (double)l->scales[f];
            *x += (double)l->biases[f];
        }
    }
}

static void activate_all(const layer *l, double *out)
{
    for (int k = 0; k < l->outputs * l->batch; k++) {
        if (l->activation == LEAKY)
            out[k] = out[k] > 0 ? out[k] : .1 * out[k];
        else if (l->activation == LOGISTIC)
            out[k] = 1 / (1 + exp(-out[k]));
        else
            assert_int_equal(l->activation, LINEAR);
    }
}

static void run_layer(reference *r, int i, const double *in)
{
    const layer *l = &r->net->layers[i];
    double *out = r->out[i];
    const int plane = l->out_w * l->out_h;
    if (l->type == CONVOLUTIONAL) {
        convolve(l, in, r->step[i], out);
        normalize(l, out);
        activate_all(l, out);
    } else if (l->type == BATCHNORM) {
        memcpy(out, in, (size_t)(l->outputs * l->batch) * sizeof *out);
        normalize(l, out);
    } else if (l->type == ACTIVE) {
        memcpy(out, in, (size_t)(l->outputs * l->batch) * sizeof *out);
        activate_all(l, out);
    } else if (l->type == SHORTCUT) {
        for (int k = 0; k < l->outputs * l->batch; k++)
            out[k] = (double)l->alpha * in[k] + (double)l->beta * r->out[l->index][k];
        activate_all(l, out);
    } else if (l->type == ROUTE) {
        for (int b = 0; b < l->batch; b++)
            for (int n = 0, at = b * l->outputs; n < l->n; at += l->input_sizes[n++])
                memcpy(out + at, r->out[l->input_layers[n]] + b * l->input_sizes[n],
                       (size_t)l->input_sizes[n] * sizeof *out);
    } else if (l->type == UPSAMPLE) {
        for (int k = 0; k < l->outputs * l->batch; k++) {
            const int y = k % plane / l->out_w / l->stride, x = k % l->out_w / l->stride;
            out[k] = in[k / plane * l->w * l->h + y * l->w + x];
        }
    } else {
        fail_msg("layer type %d is not in the reference", (int)l->type);
    }
}

/* Sum over the last layer of weight times output. */
static double objective(reference *r, const float *weight)
{
    double *input = malloc((size_t)(r->net->inputs * r->net->batch + 1) * sizeof *input), sum = 0;
    for (int i = 0; i < r->net->n; i++)
        run_layer(r, i, input_of(r, i, input));
    const layer *last = &r->net->layers[r->net->n - 1];
    for (int k = 0; k < last->outputs * last->batch; k++)
        sum += (double)weight[k] * r->out[r->net->n - 1][k];
    free(input);
    return sum;
}

/* ---- gradients -------------------------------------------------------------------------------------- */

static void train_pass(network *net, const float *weight)
{
    const layer *last = &net->layers[net->n - 1];
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].weight_updates != NULL)
            memset(net->layers[i].weight_updates, 0, (size_t)net->layers[i].nweights * sizeof(float));
    net->train = 1;
    forward_network(net);
    memcpy(last->delta, weight, (size_t)(last->outputs * last->batch) * sizeof(float));
    backward_network(net);
}

static double dot(const float *a, const double *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += (double)a[i] * b[i];
    return sum;
}

/* Darknet's batch norm divides by sqrt(v) + 1e-6 forward and by sqrt(v + 1e-5) backward: its gradient is off
 * by about 1e-5 / 2v, with variances here from .01 on. */
static const double gradient_most = 5e-3;

/* Each convolution's gradient along one random direction, against central differences. */
static void check_gradients(network *net, const char *name)
{
    reference r = {.net = net};
    for (int i = 0; i < net->n; i++)
        r.out[i] = malloc((size_t)(net->layers[i].outputs * net->layers[i].batch + 1) * sizeof(double));
    const layer *last = &net->layers[net->n - 1];
    test_fill(net->input, (size_t)(net->inputs * net->batch));
    float *weight = test_random((size_t)(last->outputs * last->batch));
    train_pass(net, weight);
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (l->type != CONVOLUTIONAL) continue;
        double *direction = malloc((size_t)l->nweights * sizeof *direction), sum[2], size = 0;
        double *step = malloc((size_t)l->nweights * sizeof *step);
        for (int k = 0; k < l->nweights; k++) {
            direction[k] = (double)test_float();
            size += pow((double)l->weight_updates[k], 2) / 3;
        }
        const double epsilon = 1e-6;
        r.step[i] = step;
        for (int side = 0; side < 2; side++) {
            for (int k = 0; k < l->nweights; k++)
                step[k] = (side ? epsilon : -epsilon) * direction[k];
            sum[side] = objective(&r, weight);
        }
        r.step[i] = NULL;
        char what[128];
        snprintf(what, sizeof what, "%s: gradient of layer %d", name, i);
        test_within(what,
                    fabs(dot(l->weight_updates, direction, l->nweights) - (sum[1] - sum[0]) / (2 * epsilon)) /
                        sqrt(size),
                    gradient_most);
        free(direction);
        free(step);
    }
    for (int i = 0; i < net->n; i++)
        free(r.out[i]);
    free(weight);
}

#define NET "[net]\nbatch=2\nheight=12\nwidth=12\nchannels=3\n"
#define CONV(n, size, act)                                                                                 \
    "[convolutional]\nbatch_normalize=1\nfilters=" #n "\nsize=" #size "\nstride=1\npad=1\nactivation=" act \
    "\n"

/* 1x1 filters whose input also feeds a shortcut or route:
 * the packaged library's CPU gradients are wrong here. */
static const char *bottleneck = NET CONV(16, 3, "leaky") CONV(16, 1, "leaky")
    CONV(16, 3, "linear") "[shortcut]\nfrom=-3\nactivation=leaky\n" CONV(32, 1, "leaky")
        CONV(16, 3, "leaky") "[route]\nlayers=-1,-2\n" CONV(
            16, 1, "linear") "[convolutional]\nfilters=5\nsize=1\nstride=1\npad=0\nactivation=linear\n";

static const char *mixed = NET CONV(
    8, 3,
    "leaky") "[convolutional]\nfilters=16\nsize=1\nstride=2\npad=0\nactivation=logistic\n"
             "[batchnorm]\n[activation]\nactivation=leaky\n" CONV(
                 16, 3,
                 "leaky") "[shortcut]\nfrom=-2\nactivation=linear\n"
                          "[upsample]\nstride=2\n" CONV(24, 1, "logistic") "[route]\nlayers=-1,0\n" CONV(
                              16, 3,
                              "leaky") "[convolutional]\nfilters=7\nsize=3\nstride=2\npad=1\nactivation=linear\n";

static void test_finite_differences(void **state)
{
    (void)state;
    network *net = test_network(bottleneck, 3);
    check_gradients(net, "bottleneck");
    assert_int_equal(resize_network(net, 16, 16), 0);
    if (test_few(2) > 1) check_gradients(net, "bottleneck, resized");
    assert_int_equal(resize_network(net, 9, 9), 0);
    check_gradients(net, "bottleneck, made smaller");
    free_network(net);
    net = test_network(mixed, 4);
    check_gradients(net, "mixed");
    free_network(net);
}

/* ---- against the packaged library ------------------------------------------------------------------- */

static const char *classifier =
    "[net]\nbatch=8\nsubdivisions=2\nheight=24\nwidth=24\nchannels=3\nlearning_rate=.01\nmomentum=.9\ndecay=.0005\n"
    "policy=constant\nmax_batches=100\n" CONV(16, 3, "leaky") "[maxpool]\nsize=2\nstride=2\n" CONV(
        32, 3, "leaky") "[maxpool]\nsize=2\nstride=2\n" CONV(48, 1, "leaky")
        CONV(
            32, 3,
            "relu") "[dropout]\nprobability=.2\n[connected]\noutput=40\nactivation=leaky\n[connected]\noutput=10\nactivation=linear\n"
                    "[softmax]\n";

static void steps(network *net, int n)
{
    for (int step = 0; step < n * net->subdivisions; step++) {
        test_state = (uint64_t)step + 50;
        test_fill(net->input, (size_t)(net->inputs * net->batch));
        memset(net->truth, 0, (size_t)(net->truths * net->batch) * sizeof(float));
        for (int b = 0; b < net->batch; b++)
            net->truth[b * net->truths + test_int(0, net->truths - 1)] = 1;
        train_network_datum(net);
    }
}

static void test_ten_steps(void **state)
{
    (void)state;
    const int n = 2 + (int)test_few(8);
    assert_int_equal(dk_kernels_select("stock"), 0);
    network *stock = test_network(classifier, 5);
    srand(9); /* dropout draws from it */
    steps(stock, n);
    assert_int_equal(dk_kernels_select("fast"), 0);
    network *fast = test_network(classifier, 5);
    srand(9);
    steps(fast, n);
    for (int i = 0; i < fast->n; i++) {
        const layer *a = &fast->layers[i], *b = &stock->layers[i];
        const size_t weights = a->type == CONNECTED ? (size_t)(a->inputs * a->outputs) : (size_t)a->nweights;
        char what[96];
        snprintf(what, sizeof what, "ten steps: weights of layer %d", i);
        if (a->weights != NULL) test_within(what, test_error_f(a->weights, b->weights, weights), 2e-3);
        if (a->rolling_mean != NULL) {
            test_within(what, test_error_f(a->rolling_mean, b->rolling_mean, (size_t)a->out_c), 2e-3);
            test_within(what, test_error_f(a->rolling_variance, b->rolling_variance, (size_t)a->out_c), 2e-3);
        }
    }
    assert_true(fabs((double)*fast->cost - (double)*stock->cost) < 1e-3 * fabs((double)*stock->cost) + 1e-6);
    free_network(fast);
    free_network(stock);
}

static void test_same_prediction(void **state)
{
    (void)state;
    network *net = test_network(classifier, 6);
    steps(net, (int)test_few(3));
    float *fast = malloc((size_t)(net->outputs * net->batch) * sizeof *fast);
    memcpy(fast, network_predict(net, net->input), (size_t)(net->outputs * net->batch) * sizeof *fast);
    assert_int_equal(dk_kernels_select("stock"), 0);
    const float *stock = network_predict(net, net->input);
    test_within("prediction", test_error_f(fast, stock, (size_t)(net->outputs * net->batch)), 1e-4);
    assert_int_equal(dk_kernels_select("fast"), 0);
    free(fast);
    free_network(net);
}

static void test_same_bits_again(void **state)
{
    (void)state;
    network *nets[2];
    for (int n = 0; n < 2; n++) {
        nets[n] = test_network(classifier, 8);
        void *shift = malloc(1000 + 17 * (size_t)n); /* the second network lies elsewhere in memory */
        srand(9);
        steps(nets[n], (int)test_few(4));
        free(shift);
    }
    for (int i = 0; i < nets[0]->n; i++)
        if (nets[0]->layers[i].type == CONVOLUTIONAL)
            assert_memory_equal(nets[0]->layers[i].weights, nets[1]->layers[i].weights,
                                (size_t)nets[0]->layers[i].nweights * sizeof(float));
    free_network(nets[0]);
    free_network(nets[1]);
}

/* ---- floating-point mode, NaN ----------------------------------------------------------------------- */

static void test_denormals_are_flushed(void **state)
{
    (void)state;
    volatile float tiny = 1e-38f;
    int kept = 0;
#pragma omp parallel reduction(+ : kept)
    kept += tiny * .01f != 0;
    assert_int_equal(kept, 0);
}

static void test_nan_stays(void **state)
{
    (void)state;
    network *net = test_network(bottleneck, 11);
    test_fill(net->input, (size_t)(net->inputs * net->batch));
    net->input[5] = NAN;
    net->train = 0;
    const float *out = network_predict(net, net->input);
    assert_true(isnan(out[5])); /* the same pixel */
    free_network(net);
}

static void test_low_memory(void **state)
{
    (void)state;
    network *net = test_network(bottleneck, 3);
    dk_conv_memory_low(true);
    check_gradients(net, "low memory");
    dk_conv_memory_low(false);
    free_network(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finite_differences),
        cmocka_unit_test(test_ten_steps),
        cmocka_unit_test(test_same_prediction),
        cmocka_unit_test(test_same_bits_again),
        cmocka_unit_test(test_denormals_are_flushed),
        cmocka_unit_test(test_nan_stays),
        cmocka_unit_test(test_low_memory),
    };
    return cmocka_run_group_tests_name("kernels: networks", tests, NULL, NULL);
}
