/* test_models.c - our cfgs of published networks: their parameter counts, and that they train.
 *
 * DESIGN
 *   Each test loads each model from cfg/, through a temporary copy with another batch in [net] and, for the
 *   last test, another input size and learning rate and no momentum (a few steps on a few images overshoot
 *   with it). No layer is changed.
 *   1. Full size: parameters are counted from the tensors that Darknet allocated. A square grouped kernel
 *      that stands for a rectangular one (inception-v4.cfg) is counted a second time as what it stands for;
 *      that sum must be the published number exactly, and the first one the number in the cfg's comment.
 *   2. Where branches meet, stock kernels add gradients up (see the test).
 *   3. Full size, one real image: one forward and one backward. Loss and gradients must be finite, and every
 *      trained tensor must get a gradient.
 *   4. Small input, a few real images as one batch: the mean loss of the last steps must be under half of the
 *      first. The structures hold at any size; VGG's first fully connected layer shrinks with the input.
 *   Run from the top of the tree. An argument picks tests by pattern, VERBOSE=1 prints every loss;
 *   DARKNET_DATA names another directory of images than the packaged one. */
#include <math.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <darknet.h>

#define CLASSES 1000
#define IMAGES 4
#define LAST_STEPS 3 /* their mean is judged: dropout makes single losses jump */

static const char *const image_names[IMAGES] = {"dog.jpg", "eagle.jpg", "giraffe.jpg", "horses.jpg"};

struct model {
    const char *cfg;
    int size;            /* of the input, square */
    long parameters;     /* as the cfg's comment says */
    long published;      /* as the literature has it */
    const char *why;     /* they differ; NULL if they don't */
    int small_size;      /* of the input in the training test */
    int steps;           /* of the training test */
    float learning_rate; /* of the training test */
};

static const struct model models[] = {
    {"cfg/vgg19.cfg", 224, 143667240, 143667240, NULL, 32, 40, 0.003f},
    {"cfg/googlenet.cfg", 224, 6998552, 6998552, NULL, 64, 40, 0.01f},
    {"cfg/inception-v4.cfg", 299, 42389512, 42679816, "square grouped kernels stand for 1x7, 7x1, 1x3, 3x1",
     75, 12, 0.02f},
};

/* What the copy of a cfg has in its [net] section instead. */
struct settings {
    int batch, size;
    float learning_rate;
};

/* True if line gives key, as "key=..." */
static bool gives(const char *line, const char *key)
{
    size_t n = strlen(key);
    return !strncmp(line, key, n) && line[n] == '=';
}

static void copy_cfg(const char *from, int to_fd, const struct settings *s)
{
    FILE *in = fopen(from, "r");
    FILE *out = fdopen(to_fd, "w");
    assert_non_null(in);
    assert_non_null(out);
    static const char *const replaced[] = {"batch",         "subdivisions", "width",   "height",
                                           "learning_rate", "policy",       "burn_in", "momentum"};
    char line[512];
    bool in_net = false;
    while (fgets(line, sizeof line, in)) {
        if (line[0] == '[') in_net = !strcmp(line, "[net]\n");
        bool skip = false;
        for (size_t i = 0; in_net && i < sizeof replaced / sizeof *replaced; i++)
            skip = skip || gives(line, replaced[i]);
        if (!skip) fputs(line, out);
        if (in_net && line[0] == '[')
            fprintf(out,
                    "batch=%d\nsubdivisions=1\nwidth=%d\nheight=%d\nlearning_rate=%g\npolicy="
                    "constant\nmomentum=0\n",
                    s->batch, s->size, s->size, (double)s->learning_rate);
    }
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static network *load(const char *cfg, const struct settings *s)
{
    char path[] = "/tmp/test_models-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    copy_cfg(cfg, fd, s);
    srand(1);
    network *net = parse_network_cfg(path);
    unlink(path);
    assert_non_null(net);
    assert_int_equal(net->w, s->size);
    assert_int_equal(net->batch, s->batch);
    return net;
}

/* The sum of the trained tensors' lengths; *published counts a grouped kernel as the rectangular one it
 * stands for. */
static long count_parameters(const network *net, long *published)
{
    long n = 0;
    *published = 0;
    for (int i = 0; i < net->n; i++) {
        layer l = net->layers[i];
        long weights = 0, rest = 0;
        if (l.type == CONVOLUTIONAL) {
            weights = l.nweights;
            rest = l.nbiases + (l.batch_normalize ? l.n : 0);
        } else if (l.type == CONNECTED) {
            weights = (long)l.inputs * l.outputs;
            rest = l.outputs + (l.batch_normalize ? l.outputs : 0);
        } else {
            assert_true(!l.weights && !l.biases && !l.scales); /* nothing trained that isn't counted */
        }
        n += weights + rest;
        *published += rest + (l.groups > 1 ? (long)l.c * l.n * l.size : weights);
    }
    return n;
}

static void test_parameter_count(void **state)
{
    const struct model *m = *state;
    network *net = load(m->cfg, &(struct settings){.batch = 1, .size = m->size, .learning_rate = 0.01f});
    long published, n = count_parameters(net, &published);
    print_message("%s: %ld parameters, published %ld (%+.2f %%)%s%s\n", m->cfg, n, m->published,
                  100.0 * (double)(n - m->published) / (double)m->published, m->why ? ": " : "",
                  m->why ? m->why : "");
    assert_int_equal(net->outputs, CLASSES);
    assert_int_equal(n, m->parameters);
    assert_int_equal(published, m->published);
    assert_true((n == m->published) == (m->why == NULL));
    free_network(net);
}

/* The packaged library's 1x1 convolution overwrites the gradient of its input. So nothing else may read that
 * input, or the stock kernels train a wrong gradient. */
static void test_gradients_meet_safely(void **state)
{
    const struct model *m = *state;
    network *net =
        load(m->cfg, &(struct settings){.batch = 1, .size = m->small_size, .learning_rate = 0.01f});
    for (int i = 0; i < net->n; i++) {
        layer l = net->layers[i];
        for (int k = 0; l.type == ROUTE && k < l.n; k++) {
            int next = l.input_layers[k] + 1; /* reads the same output, by standing behind it */
            if (next != i && net->layers[next].type == CONVOLUTIONAL && net->layers[next].size == 1)
                fail_msg("%s: layer %d routes what the 1x1 convolution %d reads", m->cfg, i, next);
        }
    }
    free_network(net);
}

/* Puts image k into row k of the network's input and truth,
 * for its whole batch. Image k is of class 100 k. */
static void feed(network *net)
{
    const char *directory = getenv("DARKNET_DATA");
    memset(net->truth, 0, (size_t)net->batch * CLASSES * sizeof *net->truth);
    for (int k = 0; k < net->batch; k++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", directory ? directory : "/usr/share/darknet/data",
                 image_names[k]);
        if (access(path, R_OK) != 0)
            fail_msg("%s can't be read: install the package darknet-data or set DARKNET_DATA", path);
        image im = load_image_color(path, net->w, net->h);
        assert_int_equal(im.w * im.h * im.c, net->inputs);
        memcpy(net->input + (size_t)k * (size_t)net->inputs, im.data, (size_t)net->inputs * sizeof *im.data);
        net->truth[k * CLASSES + 100 * k] = 1;
        free_image(im);
    }
}

/* True if all n values are finite and at least one is not 0. */
static bool is_gradient(const float *values, long n)
{
    bool any = false;
    for (long i = 0; i < n; i++) {
        if (!isfinite(values[i])) return false;
        any = any || values[i] != 0;
    }
    return any;
}

static void test_full_size_forward_backward(void **state)
{
    const struct model *m = *state;
    network *net = load(m->cfg, &(struct settings){.batch = 1, .size = m->size, .learning_rate = 0.01f});
    feed(net);
    net->train = 1;
    forward_network(net);
    backward_network(net);
    assert_true(isfinite(*net->cost));
    assert_true(*net->cost > 0);
    for (int i = 0; i < net->n; i++) {
        layer l = net->layers[i];
        long weights = l.type == CONVOLUTIONAL ? l.nweights
                       : l.type == CONNECTED   ? (long)l.inputs * l.outputs
                                               : 0;
        if (!weights) continue;
        if (!is_gradient(l.weight_updates, weights))
            fail_msg("%s: layer %d: the gradient of the weights is 0 or not finite", m->cfg, i);
        if (!is_gradient(l.bias_updates, l.type == CONVOLUTIONAL ? l.n : l.outputs))
            fail_msg("%s: layer %d: the gradient of the biases is 0 or not finite", m->cfg, i);
        if (l.batch_normalize && !is_gradient(l.scale_updates, l.n))
            fail_msg("%s: layer %d: the gradient of the scales is 0 or not finite", m->cfg, i);
    }
    free_network(net);
}

static void test_loss_falls(void **state)
{
    const struct model *m = *state;
    network *net =
        load(m->cfg,
             &(struct settings){.batch = IMAGES, .size = m->small_size, .learning_rate = m->learning_rate});
    feed(net);
    float first = 0, last = 0;
    for (int step = 0; step < m->steps; step++) {
        float loss = train_network_datum(net) / IMAGES;
        assert_true(isfinite(loss));
        if (getenv("VERBOSE")) print_message("step %d loss %.3f\n", step + 1, (double)loss);
        if (step == 0) first = loss;
        if (step >= m->steps - LAST_STEPS) last += loss / LAST_STEPS;
    }
    print_message("%s at %d x %d: loss %.3f in step 1, mean %.3f in the last %d of %d\n", m->cfg,
                  m->small_size, m->small_size, (double)first, (double)last, LAST_STEPS, m->steps);
    assert_true(last < first / 2);
    free_network(net);
}

int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]);
    struct CMUnitTest tests[4 * sizeof models / sizeof *models];
    static char names[sizeof tests / sizeof *tests][64];
    size_t n = 0;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        const struct {
            const char *what;
            CMUnitTestFunction run;
        } kinds[] = {{"parameter count", test_parameter_count},
                     {"gradients meet safely", test_gradients_meet_safely},
                     {"forward and backward at full size", test_full_size_forward_backward},
                     {"loss falls", test_loss_falls}};
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++, n++) {
            snprintf(names[n], sizeof names[n], "%s: %s", models[i].cfg, kinds[k].what);
            tests[n] = (struct CMUnitTest){
                .name = names[n], .test_func = kinds[k].run, .initial_state = (void *)(uintptr_t)&models[i]};
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
