/* test_kernel_layers.c - activations, pooling, upsampling, bias, batch
 * norm and element-wise functions against the packaged library's own, on
 * random shapes: the same call with `fast` and with `stock` kernels. */
#include "kernel_test.h"

#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "kernels/vector.h"
#include "test_few.h"

static void use(const char *kernels)
{
    assert_int_equal(dk_kernels_select(kernels), 0);
}

static float *copy_of(const float *x, size_t n)
{
    float *copy = malloc((n + 1) * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, x, n * sizeof *copy);
    return copy;
}

/* exp and tanh in float instead of double: a few units in the last place. */
static void test_activations(void **state)
{
    (void)state;
    const size_t n = 70001; /* more than one range, not a multiple of anything */
    for (int a = LOGISTIC; a <= SELU; a++) {
        float *x = test_random(n), *d = test_random(n);
        for (size_t i = 0; i < n; i++)
            x[i] *= 6;
        float *y = copy_of(x, n), *e = copy_of(d, n);
        char what[32];
        use("stock");
        activate_array(y, (int)n, (ACTIVATION)a);
        gradient_array(y, (int)n, (ACTIVATION)a, e);
        float *z = copy_of(y, n);
        use("fast");
        activate_array(x, (int)n, (ACTIVATION)a);
        gradient_array(z, (int)n, (ACTIVATION)a, d);
        snprintf(what, sizeof what, "activation %d", a);
        test_within(what, test_error_f(x, y, n), 2e-6);
        snprintf(what, sizeof what, "gradient %d", a);
        test_within(what, test_error_f(d, e, n), 2e-6);
        free(x);
        free(d);
        free(y);
        free(e);
        free(z);
    }
}

/* Runs one layer's forward and backward with both kernels. equals: of its inputs many are the same. */
static void compare_layer_on(const char *section, int c, int h, int w, int batch, double most, bool equals)
{
    char text[512];
    snprintf(text, sizeof text, "[net]\nbatch=%d\nheight=%d\nwidth=%d\nchannels=%d\n%s", batch, h, w, c,
             section);
    network *net = test_network(text, 3);
    layer *l = &net->layers[0];
    const size_t in = (size_t)(l->inputs * batch), out = (size_t)(l->outputs * batch);
    float *input = test_random(in), *incoming = test_random(out), *old = test_random(in);
    float *result[2], *gradient_of[2];
    for (size_t i = 0; i < in && equals; i++)
        input[i] = roundf(2 * input[i]);
    for (int fast = 0; fast < 2; fast++) {
        use(fast ? "fast" : "stock");
        network run = *net;
        run.train = 1;
        run.index = 0;
        run.input = input;
        l->forward(*l, run);
        result[fast] = copy_of(l->output, out);
        memcpy(l->delta, incoming, out * sizeof(float));
        gradient_of[fast] = run.delta = copy_of(old, in);
        l->backward(*l, run);
    }
    test_within(section, test_error_f(result[1], result[0], out), most);
    test_within(section, test_error_f(gradient_of[1], gradient_of[0], in), most);
    for (int fast = 0; fast < 2; fast++) {
        free(result[fast]);
        free(gradient_of[fast]);
    }
    free(input);
    free(incoming);
    free(old);
    free_network(net);
}

static void compare_layer(const char *section, int c, int h, int w, int batch, double most)
{
    compare_layer_on(section, c, h, w, batch, most, false);
}

/* Windows of stride 1: of equals the first gets the gradient. */
static void test_dense_pooling(void **state)
{
    (void)state;
    for (int i = 0; i < (int)test_few(40); i++) {
        char section[128];
        const int size = test_int(3, 40), padding = size <= 12 ? test_int(0, size - 1) : size - 1;
        snprintf(section, sizeof section, "[maxpool]\nsize=%d\nstride=1\npadding=%d\n", size, padding);
        compare_layer_on(section, test_int(1, 9), test_int(12, 40), test_int(12, 40), test_int(1, 3), 0,
                         i % 2 == 1);
    }
}

static void test_pooling(void **state)
{
    (void)state;
    for (int i = 0; i < 40; i++) {
        char section[128];
        const int size = test_int(1, 4), stride = test_int(1, 3);
        if (test_int(0, 1))
            snprintf(section, sizeof section, "[maxpool]\nsize=%d\nstride=%d\n", size, stride);
        else
            snprintf(section, sizeof section, "[maxpool]\nsize=%d\nstride=%d\npadding=%d\n", size, stride,
                     size / 2);
        compare_layer(section, test_int(1, 9), test_int(5, 20), test_int(5, 20), test_int(1, 3), 0);
    }
    compare_layer("[maxpool]\nsize=2\nstride=2\n", 5, 13, 27, 2, 0);
    compare_layer("[maxpool]\nsize=2\nstride=1\n", 5, 13, 13, 2, 0);
    compare_layer("[maxpool]\nsize=2\nstride=2\n", 3, 131, 130, 2,
                  0); /* rows long enough for a loop of their own */
    for (int i = 0; i < 10; i++)
        compare_layer("[avgpool]\n", test_int(1, 9), test_int(1, 20), test_int(1, 20), test_int(1, 3), 2e-6);
}

static void test_upsampling(void **state)
{
    (void)state;
    for (int i = 0; i < 10; i++)
        compare_layer("[upsample]\nstride=2\n", test_int(1, 9), test_int(1, 20), test_int(1, 20),
                      test_int(1, 3), 1e-6);
    compare_layer("[upsample]\nstride=3\n", 4, 5, 7, 2, 1e-6);
}

static void test_connected(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        char section[128];
        snprintf(section, sizeof section, "[connected]\noutput=%d\nactivation=%s\n%s", test_int(1, 200),
                 test_int(0, 1) ? "leaky" : "logistic", test_int(0, 1) ? "batch_normalize=1\n" : "");
        compare_layer(section, test_int(1, 9), test_int(1, 9), test_int(1, 9), test_int(4, 20), 5e-4);
    }
}

/* Both libraries add the same numbers in the same way. */
static void test_elementwise(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        const int n = test_int(1, 100000), step = test_int(0, 4) == 0 ? 2 : 1;
        const size_t room = (size_t)(n * step);
        float *x = test_random(room), *y = test_random(room), *z = copy_of(y, room);
        for (int fast = 0; fast < 2; fast++) {
            float *to = fast ? y : z;
            use(fast ? "fast" : "stock");
            axpy_cpu(n, .37f, x, step, to, step);
            scal_cpu(n, .9f, to, step);
            mul_cpu(n, x, step, to, step);
            axpy_cpu(n / 2, 1, x, step, to, step);
            copy_cpu(n / 3, x, step, to, step);
            fill_cpu(n / 4, .25f, to, step);
        }
        test_within("element-wise functions", test_error_f(y, z, room), test_same_sums);
        free(x);
        free(y);
        free(z);
    }
}

static void is_same(const char *what, const float *a, const float *b, size_t n)
{
    if (test_same_sums > 0)
        test_within(what, test_error_f(a, b, n), test_same_sums);
    else
        assert_memory_equal(a, b, n * sizeof *a);
}

/* One pass or three: the same sums. */
static void test_update(void **state)
{
    (void)state;
    network *nets[2];
    for (int fast = 0; fast < 2; fast++) {
        network *net = nets[fast] =
            test_network("[net]\nbatch=2\nheight=9\nwidth=9\nchannels=3\nlearning_rate=.01\n"
                         "momentum=.9\ndecay=.0005\npolicy=constant\nmax_batches=9\n"
                         "[convolutional]\nbatch_normalize=1\nfilters=40\nsize=3\nstride=1\n"
                         "activation=leaky\n[connected]\noutput=70\nactivation=leaky\n",
                         12);
        use(fast ? "fast" : "stock");
        for (int i = 0; i < 2; i++) {
            layer *l = &net->layers[i];
            const size_t weights = i == 0 ? (size_t)l->nweights : (size_t)(l->inputs * l->outputs);
            test_fill(l->weight_updates, weights);
            test_fill(l->bias_updates, 40);
            if (l->scale_updates != NULL) test_fill(l->scale_updates, 40);
        }
        for (int step = 0; step < 3; step++)
            update_network(net);
    }
    for (int i = 0; i < 2; i++) {
        const layer *a = &nets[0]->layers[i], *b = &nets[1]->layers[i];
        const size_t weights = i == 0 ? (size_t)a->nweights : (size_t)(a->inputs * a->outputs);
        is_same("updated weights", b->weights, a->weights, weights);
        is_same("momentum of weights", b->weight_updates, a->weight_updates, weights);
        is_same("updated biases", b->biases, a->biases, 40);
        is_same("momentum of biases", b->bias_updates, a->bias_updates, 40);
        if (a->scales != NULL) is_same("updated scales", b->scales, a->scales, 40);
    }
    free_network(nets[0]);
    free_network(nets[1]);
}

static void test_bias(void **state)
{
    (void)state;
    for (int i = 0; i < 30; i++) {
        const int batch = test_int(1, 4), n = test_int(1, 40), size = test_int(1, 300);
        const size_t all = (size_t)(batch * n * size);
        float *x = test_random(all), *b = test_random((size_t)n), *y = copy_of(x, all);
        float *sum = calloc((size_t)n, sizeof *sum), *other = calloc((size_t)n, sizeof *other);
        use("stock");
        add_bias(x, b, batch, n, size);
        scale_bias(x, b, batch, n, size);
        backward_bias(sum, x, batch, n, size);
        use("fast");
        add_bias(y, b, batch, n, size);
        scale_bias(y, b, batch, n, size);
        backward_bias(other, y, batch, n, size);
        test_within("bias and scale", test_error_f(y, x, all), 0);
        test_within("bias gradient", test_error_f(other, sum, (size_t)n), 1e-4);
        free(x);
        free(y);
        free(b);
        free(sum);
        free(other);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations),   cmocka_unit_test(test_pooling),
        cmocka_unit_test(test_dense_pooling), cmocka_unit_test(test_upsampling),
        cmocka_unit_test(test_connected),     cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_bias),          cmocka_unit_test(test_update),
    };
    return cmocka_run_group_tests_name("kernels: layers", tests, NULL, NULL);
}
