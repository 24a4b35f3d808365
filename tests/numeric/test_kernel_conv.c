/* test_kernel_conv.c - convolutional layers, forward and backward, on random
 * shapes against their definition in double: strides, padding (1x1 filters
 * too), groups, odd sizes, batch norm or bias, what is added to gradients. */
#include "kernel_test.h"

#include "kernels/kernels.h"
#include "kernels/layers.h"

/* A layer of one network, its random input and gradients, and what double arithmetic makes of them. */
typedef struct conv_case {
    int c, h, w, n, size, stride, pad, groups, batch, norm;
    const char *activation;
} conv_case;

static double activated(double x, ACTIVATION a)
{
    switch ((int)a) {
    case LEAKY:
        return x > 0 ? x : .1 * x;
    case RELU:
        return x > 0 ? x : 0;
    case LOGISTIC:
        return 1 / (1 + exp(-x));
    default:
        return x;
    }
}

static double slope(double y, ACTIVATION a)
{
    switch ((int)a) {
    case LEAKY:
        return y > 0 ? 1 : .1;
    case RELU:
        return y > 0;
    case LOGISTIC:
        return y * (1 - y);
    default:
        return 1;
    }
}

static double *zeros(size_t n)
{
    double *x = calloc(n + 1, sizeof *x);
    assert_non_null(x);
    return x;
}

/* Error allowed, as a share of a tensor's root mean square. Winograd's transforms cost two digits; batch norm
 * over few values divides by small variances. */
static const double forward_most = 5e-5, backward_most = 3e-4;

/* One case: the layer, what goes in, and in double what must come out. */
typedef struct run {
    const conv_case *k;
    char what[256];
    network *net;
    layer *l;
    size_t ins, outs;
    float *input, *incoming, *old_delta; /* incoming: the gradient of the output */
    double *x, *y, *d, *dw, *din, *db,
        *ds; /* product, output; gradients of x, weights, input, biases, scales */
} run;

static void open_run(run *r, const conv_case *k, unsigned seed)
{
    char text[1024];
    snprintf(
        text, sizeof text,
        "[net]\nbatch=%d\nheight=%d\nwidth=%d\nchannels=%d\n[convolutional]\n%sfilters=%d\nsize=%d\nstride=%d\n"
        "padding=%d\ngroups=%d\nactivation=%s\n",
        k->batch, k->h, k->w, k->c, k->norm ? "batch_normalize=1\n" : "", k->n, k->size, k->stride, k->pad,
        k->groups, k->activation);
    snprintf(r->what, sizeof r->what, "conv %dx%dx%d n%d %dx%d/%d pad %d groups %d batch %d%s %s", k->c, k->h,
             k->w, k->n, k->size, k->size, k->stride, k->pad, k->groups, k->batch, k->norm ? " norm" : "",
             k->activation);
    r->k = k;
    r->net = test_network(text, seed);
    layer *l = r->l = &r->net->layers[0];
    r->ins = (size_t)(l->inputs * l->batch);
    r->outs = (size_t)(l->outputs * l->batch);
    r->input = test_random(r->ins);
    r->old_delta = test_random(r->ins);
    r->incoming = test_random(r->outs);
    test_fill(l->weight_updates, (size_t)l->nweights); /* an earlier subdivision's */
    r->x = zeros(r->outs);
    r->y = zeros(r->outs);
    r->d = zeros(r->outs);
    r->dw = zeros((size_t)l->nweights);
    r->din = zeros(r->ins);
    r->db = zeros((size_t)l->n);
    r->ds = zeros((size_t)l->n);
}

static void close_run(run *r)
{
    free(r->input);
    free(r->old_delta);
    free(r->incoming);
    double *all[] = {r->x, r->y, r->d, r->dw, r->din, r->db, r->ds};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        free(all[i]);
    free_network(r->net);
}

/* Output of filter f from the products, and the gradients down to them. */
static void reference_filter(run *r, int f)
{
    const layer *l = r->l;
    const bool norm = r->k->norm;
    double *x = r->x, *y = r->y, *d = r->d;
    const int plane = l->out_h * l->out_w, count = plane * l->batch;
    double mean = 0, variance = 0, sum_d = 0, sum_dx = 0;
#define EACH(p, body)                                 \
    for (int b = 0; b < l->batch; b++)                \
        for (int q = 0; q < plane; q++) {             \
            const int p = (b * l->n + f) * plane + q; \
            body;                                     \
        }
    EACH(p, mean += x[p] / count);
    EACH(p, variance += (x[p] - mean) * (x[p] - mean) / (count - 1));
    const double bias = (double)l->biases[f], scale = norm ? (double)l->scales[f] : 1;
    EACH(p, {
        const double z = norm ? (x[p] - mean) / (sqrt(variance) + 1e-6) * scale + bias : x[p] + bias;
        y[p] = activated(z, l->activation);
        d[p] = (double)r->incoming[p] * slope(y[p], l->activation);
        sum_d += d[p];
        sum_dx += d[p] * (x[p] - mean);
    });
    r->db[f] = sum_d;
    r->ds[f] = sum_dx / (sqrt(variance) + 1e-6);
    const double inverse = 1 / sqrt(variance + 1e-5);
    if (norm)
        EACH(p,
             d[p] = scale * (d[p] * inverse - sum_dx * inverse * inverse * inverse * (x[p] - mean) / count -
                             sum_d * inverse / count));
}

/* y += a * x, n numbers of each, so far apart. */
static void add_products(int n, double a, const double *restrict x, int x_step, double *restrict y,
                         int y_step)
{
    for (int i = 0; i < n; i++)
        y[i * y_step] += a * x[i * x_step];
}

static double sum_of_products(int n, const double *x, const double *y, int y_step)
{
    double sum[2] = {0, 0};
    for (int i = 0; i < n; i++)
        sum[i % 2] += x[i] * y[i * y_step];
    return sum[0] + sum[1];
}

static void reference(run *r)
{
    const layer *l = r->l;
    const int step = l->stride;
    double *x = r->x, *d = r->d, *dw = r->dw, *din = r->din, *input = zeros(r->ins);
    for (size_t i = 0; i < r->ins; i++)
        input[i] = (double)r->input[i];
    for (int i = 0; i < l->nweights; i++)
        dw[i] = (double)l->weight_updates[i];
    EACH_RUN(l, add_products(n, (double)l->weights[wt], input + in, step, x + out, 1));
    for (int f = 0; f < l->n; f++)
        reference_filter(r, f);
    for (size_t i = 0; i < r->ins; i++)
        din[i] = (double)r->old_delta[i];
    EACH_RUN(l, {
        dw[wt] += sum_of_products(n, d + out, input + in, step);
        add_products(n, (double)l->weights[wt], d + out, 1, din + in, step);
    });
    free(input);
}

static void is_within(const run *r, const char *part, const float *ours, const double *right, size_t n,
                      double most)
{
    char text[320];
    snprintf(text, sizeof text, "%s: %s", r->what, part);
    test_within(text, test_error(ours, right, n), most);
}

static void check_case(const conv_case *k, unsigned seed)
{
    run r;
    open_run(&r, k, seed);
    reference(&r);
    layer *l = r.l;
    float *delta = malloc(r.ins * sizeof *delta);
    assert_non_null(delta);
    memcpy(delta, r.old_delta, r.ins * sizeof *delta);
    network net = *r.net;
    net.train = 1;
    net.index = 0;
    net.input = r.input;
    l->forward(*l, net);
    is_within(&r, "output", l->output, r.y, r.outs, forward_most);
    memcpy(l->delta, r.incoming, r.outs * sizeof *r.incoming);
    net.delta = delta;
    l->backward(*l, net);
    is_within(&r, "weight gradient", l->weight_updates, r.dw, (size_t)l->nweights, backward_most);
    is_within(&r, "input gradient", delta, r.din, r.ins, backward_most);
    is_within(&r, "bias gradient", l->bias_updates, r.db, (size_t)l->n, backward_most);
    if (k->norm) is_within(&r, "scale gradient", l->scale_updates, r.ds, (size_t)l->n, backward_most);
    /* A layer without a gradient to hand on: crop before it, or the first. */
    memcpy(l->delta, r.incoming, r.outs * sizeof *r.incoming);
    net.delta = NULL;
    l->backward(*l, net);
    free(delta);
    close_run(&r);
}

static void test_random_shapes(void **state)
{
    (void)state;
    static const char *activations[] = {"leaky", "relu", "linear", "logistic"};
    static const int channels[] = {1, 3, 5, 8, 16, 20, 32, 48};
    for (unsigned i = 0; i < 150; i++) {
        test_state = i;
        conv_case k = {.c = channels[test_int(0, 7)],
                       .h = test_int(5, 19),
                       .w = test_int(5, 19),
                       .n = channels[test_int(0, 7)],
                       .size = test_int(0, 1) ? 3 : test_int(1, 5),
                       .stride = test_int(1, 2),
                       .groups = 1,
                       .batch = test_int(1, 3),
                       .norm = test_int(0, 1),
                       .activation = activations[test_int(0, 3)]};
        k.pad = test_int(0, k.size == 1 ? 1 : k.size / 2);
        if (test_int(0, 4) == 0) {
            k.groups = test_int(0, 1) ? 2 : 4;
            k.c = k.groups * 4 * test_int(1, 8);
            k.n = k.groups * 4 * test_int(1, 8);
        }
        check_case(&k, i + 1);
    }
}

/* The shapes that networks are made of: Winograd's among them, and those whose weights dominate. */
static void test_common_shapes(void **state)
{
    (void)state;
    const conv_case cases[] = {
        {3, 32, 32, 32, 3, 1, 1, 1, 2, 1, "leaky"},    {32, 26, 26, 64, 3, 1, 1, 1, 2, 1, "leaky"},
        {64, 13, 13, 64, 3, 1, 1, 1, 3, 0, "relu"},    {64, 13, 13, 32, 1, 1, 0, 1, 2, 1, "leaky"},
        {64, 14, 14, 128, 1, 2, 0, 1, 2, 1, "linear"}, {128, 7, 7, 255, 1, 1, 0, 1, 1, 0, "linear"},
        {64, 8, 8, 64, 3, 2, 1, 1, 2, 1, "leaky"},     {3, 33, 33, 64, 7, 2, 3, 1, 2, 1, "leaky"},
        {32, 9, 9, 32, 3, 1, 1, 32, 2, 1, "leaky"},    {128, 6, 6, 128, 3, 1, 1, 32, 2, 1, "relu"},
        {128, 4, 4, 128, 3, 1, 1, 1, 1, 1, "leaky"},   {160, 3, 3, 128, 3, 2, 1, 1, 2, 0, "leaky"},
        {256, 4, 4, 256, 1, 1, 0, 1, 1, 1, "relu"},    {256, 4, 4, 256, 1, 2, 0, 1, 1, 1, "linear"},
        {64, 8, 8, 96, 3, 1, 1, 1, 1, 1, "leaky"},     {96, 7, 5, 64, 3, 1, 1, 1, 1, 0, "relu"},
        {128, 13, 13, 64, 3, 1, 1, 1, 1, 1, "leaky"},  {64, 26, 27, 64, 3, 1, 1, 1, 1, 1, "linear"},
        {64, 9, 9, 64, 3, 1, 1, 1, 3, 1, "logistic"},  {64, 49, 50, 64, 3, 1, 1, 1, 1, 1, "leaky"},
        {64, 4, 4, 64, 3, 1, 1, 1, 4, 1, "leaky"},     {64, 3, 9, 64, 3, 1, 1, 1, 3, 0, "leaky"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_case(&cases[i], (unsigned)i + 1000);
}

/* Two layers with a copy kept between them, against the
 * same two with a route in between, which keeps none. */
static void test_kept_copy_is_the_output(void **state)
{
    (void)state;
    const char *head =
        "[net]\nbatch=2\nheight=20\nwidth=20\nchannels=3\n[convolutional]\nbatch_normalize=1\nfilters=32\n"
        "size=3\nstride=1\npad=1\nactivation=leaky\n";
    const char *tail =
        "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=1\npad=1\nactivation=leaky\n";
    char direct[1024], routed[1024];
    snprintf(direct, sizeof direct, "%s%s", head, tail);
    snprintf(routed, sizeof routed, "%s[route]\nlayers=-1\n%s", head, tail);
    network *nets[] = {test_network(direct, 7), test_network(routed, 7)};
    for (int i = 0; i < 2; i++) {
        network *net = nets[i];
        layer *first = &net->layers[0], *last = &net->layers[net->n - 1];
        test_state = 99;
        test_fill(first->weights, (size_t)first->nweights);
        test_fill(first->biases, (size_t)first->n);
        test_fill(last->weights, (size_t)last->nweights);
        test_fill(last->biases, (size_t)last->n);
        for (int c = 0; c < last->n; c++)
            first->scales[c] = last->scales[c] = 1;
        for (int c = last->n; c < first->n; c++)
            first->scales[c] = 1;
        test_fill(net->input, (size_t)(net->inputs * net->batch));
        net->train = 1;
        forward_network(net);
        test_fill(last->delta, (size_t)(last->outputs * last->batch));
        backward_network(net);
    }
    const layer *a = &nets[0]->layers[0], *b = &nets[1]->layers[0];
    const layer *p = &nets[0]->layers[1], *q = &nets[1]->layers[2];
    assert_memory_equal(p->output, q->output, (size_t)(p->outputs * p->batch) * sizeof(float));
    assert_memory_equal(p->weight_updates, q->weight_updates, (size_t)p->nweights * sizeof(float));
    assert_memory_equal(a->weight_updates, b->weight_updates, (size_t)a->nweights * sizeof(float));
    free_network(nets[0]);
    free_network(nets[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_common_shapes),
        cmocka_unit_test(test_kept_copy_is_the_output),
    };
    return cmocka_run_group_tests_name("kernels: convolutional layers", tests, NULL, NULL);
}
