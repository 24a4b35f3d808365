/* test_forks_gradients.c - layers and activations that only the darknet forks have: the forward pass against one in
 * double, and every trained tensor's gradient against central differences of that; overlaps of boxes and their slopes
 * the same way. */
#include "forks_reference.h"

#include "layers/overlap.h"
#include "network/dialect.h"

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

static void test_products(void **state)
{
    (void)state;
    check("1x1 filters whose input is used again",
          NET CONV(3, "activation=leaky") CONV(1, "activation=leaky")
              CONV(1, "activation=leaky") "[route]\nlayers=-1,-3\ngroups=2\ngroup_id=1\n" CONV(
                  1, "activation=linear"));
}

static void test_shared_and_blurred(void **state)
{
    (void)state;
    check("filters of another layer",
          NET CONV(3, "activation=mish") CONV(3, "activation=leaky") CONV(3, "activation=mish\nshare_index=1")
              CONV(3, "activation=linear\nshare_index=-1"));
    check("filters of another layer, no batch norm",
          NET PLAIN(1, "activation=mish") PLAIN(3, "activation=mish")
              PLAIN(3, "activation=leaky\nshare_index=-1"));
    check("antialiasing=1", NET CONV(3, "activation=leaky\nantialiasing=1\nstride_x=2\nstride_y=2")
                                CONV(3, "activation=leaky") CONV(1, "activation=linear"));
    check("antialiasing=1, across only",
          NET PLAIN(3, "activation=mish\nantialiasing=1\nstride_x=2") PLAIN(3, "activation=linear"));
    check("antialiasing=2",
          NET CONV(3, "activation=mish") CONV(3, "activation=mish\nantialiasing=2\nstride_x=2\nstride_y=2")
              CONV(3, "activation=linear"));
    check("antialiasing of a maxpool",
          NET CONV(3, "activation=leaky") "[maxpool]\nsize=2\nstride=2\nantialiasing=1\n" CONV(
              3, "activation=linear"));
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
        cmocka_unit_test(test_activations),        cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_shared_and_blurred), cmocka_unit_test(test_joined),
        cmocka_unit_test(test_routes_and_scales),  cmocka_unit_test(test_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
