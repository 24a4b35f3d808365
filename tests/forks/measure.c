/* measure.c - what a network computes, as numbers: fork_vectors CFG WEIGHTS TSV [ROUNDS].
 *
 * DESIGN
 *   Compiled twice: with side_ours.c for this project and with side_fork.c for AlexeyAB's Darknet. Both make
 * weights, pictures and boxes by formula.h, so only numbers have to be carried from one to the other.
 *   1. Weights by formula, saved to WEIGHTS (row "file": floats, a checksum of their bytes), loaded again.
 *   2. One forward pass as in training over pictures 0..; its batch-norm statistics become the rolling ones, so
 *      that deep networks answer within range.
 *   3. Inference on other pictures: rows "layer" and "head" (sum, norm; for heads also values at fixed
 *      places), "boxes" and "box" (the surest after suppression).
 *   4. WEIGHTS loaded again and ROUNDS (3) of training: rows "loss".
 *   5. What changed in each layer: rows "change" with the norm and projections on vectors of +-1, which weigh
 *      every element. w: weights; b: biases and scales; s: rolling statistics. */
#include "formula.h"
#include "side.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 3, HEAD_VALUES = 24, BOXES = 30, PROJECTIONS_W = 6, PROJECTIONS_REST = 4 };
enum { WEIGHTS = 1, BIASES, SCALES, MEANS, VARIANCES, TENSORS };
enum { PLACE = 2001, SIGN };

typedef struct tensor {
    float *at;
    size_t n;
} tensor;

typedef struct tensors {
    tensor of[TENSORS];
} tensors;

static void *room(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p) {
        fprintf(stderr, "fork_vectors: no memory for %zu x %zu bytes\n", n, size);
        exit(1);
    }
    return p;
}

static tensors tensors_of(const layer *l)
{
    tensors t = {0};
    if (side_shares(l)) return t;
    const size_t n = (size_t)l->n;
    if (l->type == CONVOLUTIONAL) {
        t.of[WEIGHTS] = (tensor){l->weights, (size_t)l->nweights};
        t.of[BIASES] = (tensor){l->biases, n};
        if (l->batch_normalize) {
            t.of[SCALES] = (tensor){l->scales, n};
            t.of[MEANS] = (tensor){l->rolling_mean, n};
            t.of[VARIANCES] = (tensor){l->rolling_variance, n};
        }
    } else if (l->type == CONNECTED) {
        t.of[WEIGHTS] = (tensor){l->weights, (size_t)l->inputs * (size_t)l->outputs};
        t.of[BIASES] = (tensor){l->biases, (size_t)l->outputs};
    } else if (l->type == SHORTCUT && l->nweights > 0) {
        t.of[WEIGHTS] = (tensor){l->weights, (size_t)l->nweights};
    }
    return t;
}

/* Spread of a value in [0, 1) to the tensor's range: weights of variance 2 / inputs before an activation, 1 /
 * inputs before none; those of a shortcut .5 to 1.5. Batch norm adds about 1.5 deviations: a deep network that bends at
 * every layer is chaotic, and would magnify rounding errors past any tolerance. */
static float spread(const layer *l, int which, float unit)
{
    switch (which) {
    case WEIGHTS:
        if (l->type == SHORTCUT) return .5f + unit;
        const double fan = l->type == CONNECTED
                               ? l->inputs
                               : (double)l->size * l->size * l->c / (l->groups > 0 ? l->groups : 1);
        return (float)((2. * unit - 1) * sqrt((l->activation == LINEAR ? 3 : 6) / fan));
    case SCALES:
        return .8f + .4f * unit;
    case VARIANCES:
        return .5f + unit;
    case BIASES:
        if (l->batch_normalize) return 1.4f + .2f * unit;
        /* fall through */
    default:
        return .2f * unit - .1f;
    }
}

static void fill_weights(network *net)
{
    for (int i = 0; i < net->n; i++) {
        const tensors t = tensors_of(&net->layers[i]);
        for (int w = 0; w < TENSORS; w++)
            for (size_t k = 0; k < t.of[w].n; k++)
                t.of[w].at[k] = spread(&net->layers[i], w, formula_unit((uint64_t)(i + 1), (uint64_t)w, k));
    }
}

/* A file of weights: its header is 20 bytes, then floats. */
static void write_file_row(const char *weights, FILE *out)
{
    FILE *f = fopen(weights, "rb");
    if (!f) {
        fprintf(stderr, "fork_vectors: %s was not written\n", weights);
        exit(1);
    }
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */
    size_t bytes = 0;
    for (int c; (c = getc(f)) != EOF; bytes++)
        if (bytes >= 20) sum = (sum ^ (uint64_t)c) * 0x100000001b3u;
    fclose(f);
    fprintf(out, "file\t%zu\t%016llx\n", (bytes - 20) / 4, (unsigned long long)sum);
}

static void fill_batch(const network *net, int first, float *x, float *y)
{
    const layer *last = &net->layers[net->n - 1];
    const int truths = side_truths(net);
    const bool classifier = last->type == SOFTMAX || last->type == COST;
    for (int b = 0; b < net->batch; b++) {
        float *truth = y + (size_t)b * (size_t)truths;
        formula_picture(first + b, net->c, net->h, net->w, x + (size_t)b * (size_t)net->inputs);
        if (classifier) {
            memset(truth, 0, (size_t)truths * sizeof *truth);
            truth[formula_bits(PLACE, (uint64_t)(first + b), 0) % (uint64_t)truths] = 1;
        } else {
            formula_boxes(first + b, last->classes, side_stride(net), truths, truth);
        }
    }
}

/* The statistics of the forward pass just done become the rolling ones. Layers that computed none keep theirs. */
static void take_statistics(network *net)
{
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const tensors t = tensors_of(l);
        double sum = 0;
        for (size_t k = 0; l->variance && k < t.of[VARIANCES].n; k++)
            sum += l->variance[k];
        if (!(sum > 0)) continue;
        memcpy(l->rolling_mean, l->mean, t.of[MEANS].n * sizeof(float));
        memcpy(l->rolling_variance, l->variance, t.of[VARIANCES].n * sizeof(float));
    }
}

static void write_outputs(const network *net, FILE *out)
{
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const size_t n = (size_t)l->outputs * (size_t)l->batch;
        const bool head = side_is_head(net, i);
        double sum = 0, squares = 0;
        for (size_t k = 0; k < n; k++) {
            sum += l->output[k];
            squares += (double)l->output[k] * l->output[k];
        }
        fprintf(out, "%s\t%d\t%d\t%.7g\t%.7g", head ? "head" : "layer", i, l->outputs, sum, sqrt(squares));
        for (uint64_t k = 0; head && k < HEAD_VALUES; k++)
            fprintf(out, "\t%.7g", l->output[formula_bits(PLACE, (uint64_t)i, k) % n]);
        fputc('\n', out);
    }
}

typedef struct found {
    int class;
    float prob;
    box at;
} found;

static int surest(const void *pa, const void *pb)
{
    const found *a = pa, *b = pb;
    return (a->prob < b->prob) - (a->prob > b->prob);
}

static void write_boxes(network *net, FILE *out)
{
    const layer *last = &net->layers[net->n - 1];
    if (last->type == SOFTMAX || last->type == COST) return;
    int n = 0, kept = 0;
    detection *dets = side_boxes(net, .25f, &n);
    const int classes = last->classes;
    found *all = room((size_t)n * (size_t)classes, sizeof *all);
    for (int i = 0; i < n; i++)
        for (int c = 0; c < classes; c++)
            if (dets[i].prob[c] > 0) all[kept++] = (found){c, dets[i].prob[c], dets[i].bbox};
    if (kept > 0) qsort(all, (size_t)kept, sizeof *all, surest);
    fprintf(out, "boxes\t%d\n", kept);
    for (int i = 0; i < kept && i < BOXES; i++)
        fprintf(out, "box\t%d\t%.6g\t%.6g\t%.6g\t%.6g\t%.6g\n", all[i].class, all[i].prob, all[i].at.x,
                all[i].at.y, all[i].at.w, all[i].at.h);
    free(all);
    free_detections(dets, n);
}

static void write_losses(network *net, int rounds, float *x, float *y, FILE *out)
{
    for (int r = 0; r < rounds; r++) {
        double sum = 0;
        for (int s = 0; s < net->subdivisions; s++) {
            fill_batch(net, 200 + (r * net->subdivisions + s) * net->batch, x, y);
            sum += side_step(net, x, y, s);
        }
        fprintf(out, "loss\t%d\t%.7g", r, sum / net->subdivisions);
        for (int i = 0; i < net->n; i++)
            if (net->layers[i].cost) fprintf(out, "\t%.7g", *net->layers[i].cost);
        fputc('\n', out);
    }
}

/* One row about the changes of tensors first and second of layer i, its second after its first. */
static void write_change(const layer *l, int i, const char *name, int first, int second, int projections,
                         FILE *out)
{
    const tensors t = tensors_of(l);
    if (t.of[first].n + t.of[second].n == 0) return;
    double squares = 0, along[PROJECTIONS_W] = {0};
    const int which[] = {first, second};
    for (int p = 0; p < (first == second ? 1 : 2); p++)
        for (size_t k = 0; k < t.of[which[p]].n; k++) {
            const uint64_t place = (uint64_t)(i + 1), tensor_of = (uint64_t)which[p];
            const double d =
                (double)t.of[which[p]].at[k] - spread(l, which[p], formula_unit(place, tensor_of, k));
            const uint64_t signs = formula_bits(SIGN + place, tensor_of, k);
            squares += d * d;
            for (int j = 0; j < projections; j++)
                along[j] += signs >> j & 1 ? d : -d;
        }
    fprintf(out, "change\t%d\t%s\t%.4e", i, name, sqrt(squares));
    for (int j = 0; j < projections; j++)
        fprintf(out, "\t%.4e", along[j]);
    fputc('\n', out);
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: fork_vectors CFG WEIGHTS TSV [ROUNDS]\n");
        return 2;
    }
    FILE *out = fopen(argv[3], "w");
    if (!out) {
        perror(argv[3]);
        return 1;
    }
    network *net = side_parse(argv[1]);
    float *x = room((size_t)net->inputs * (size_t)net->batch, sizeof *x);
    float *y = room((size_t)side_truths(net) * (size_t)net->batch, sizeof *y);
    fill_weights(net);
    side_save(net, argv[2]);
    write_file_row(argv[2], out);
    side_load(net, argv[2]);
    fill_batch(net, 0, x, y);
    side_train_forward(net, x, y);
    take_statistics(net);
    fill_batch(net, 100, x, y);
    side_predict(net, x);
    write_outputs(net, out);
    write_boxes(net, out);
    fflush(out);
    side_load(net, argv[2]);
    write_losses(net, argc == 5 ? atoi(argv[4]) : ROUNDS, x, y, out);
    for (int i = 0; i < net->n; i++) {
        write_change(&net->layers[i], i, "w", WEIGHTS, WEIGHTS, PROJECTIONS_W, out);
        write_change(&net->layers[i], i, "b", BIASES, SCALES, PROJECTIONS_REST, out);
        write_change(&net->layers[i], i, "s", MEANS, VARIANCES, PROJECTIONS_REST, out);
    }
    return fclose(out) == 0 ? 0 : 1;
}
