/* feed.c - see feed.h. */
#include "exact/feed.h"

#include <string.h>

#define MAPPED_CLASSES 80 /* a [region] with map= takes class numbers of the map's, not of its own */
#define BOXES 3
#define PATTERN 4

typedef struct draw {
    uint64_t state;
} draw;

static uint64_t bits(draw *d)
{
    d->state ^= d->state << 13; /* xorshift64 (Marsaglia, "Xorshift RNGs", 2003) */
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return d->state;
}

static int below(draw *d, int n)
{
    return (int)((bits(d) >> 20) % (uint64_t)n);
}

static float unit(draw *d)
{
    return (float)(bits(d) >> 40) / (float)(1 << 24);
}

/* Noise alone would look alike to deep layers, and batch normalisation would blow up what is left: a picture
 * is a coarse pattern of its own under the noise. */
static void picture(draw *d, int w, int h, int c, float *row)
{
    for (int k = 0; k < c; k++) {
        float pattern[PATTERN][PATTERN];
        for (int i = 0; i < PATTERN * PATTERN; i++)
            pattern[i / PATTERN][i % PATTERN] = unit(d);
        for (int y = 0; y < h; y++)
            for (int x = 0; x < w; x++)
                *row++ = .7f * pattern[y * PATTERN / h][x * PATTERN / w] + .3f * unit(d);
    }
}

/* A box well inside the picture: x, y, w, h. */
static void box_truth(draw *d, float *to)
{
    to[0] = .2f + .6f * unit(d);
    to[1] = .2f + .6f * unit(d);
    to[2] = .1f + .4f * unit(d);
    to[3] = .1f + .4f * unit(d);
}

/* [yolo] and [region]: coords numbers and a class per box; the first box of zeros ends the list. */
static void boxes(draw *d, const layer *l, float *row)
{
    const int coords = l->type == REGION ? l->coords : 4;
    const int classes = l->map && l->classes > MAPPED_CLASSES ? MAPPED_CLASSES : l->classes;
    for (int i = 0; i < BOXES; i++, row += coords + 1) {
        box_truth(d, row);
        row[coords] = (float)below(d, classes);
    }
}

/* [detection]: per cell: is there an object, its class one-hot, its box. */
static void cells(draw *d, const layer *l, float *row)
{
    const int wide = 1 + l->coords + l->classes;
    for (int i = 0; i < BOXES; i++) {
        float *cell = row + (size_t)below(d, l->side * l->side) * (size_t)wide;
        memset(cell, 0, (size_t)wide * sizeof *cell);
        cell[0] = 1;
        cell[1 + below(d, l->classes)] = 1;
        box_truth(d, cell + 1 + l->classes);
    }
}

static void truth(draw *d, const layer *last, float *row, int n)
{
    if (last->type == YOLO || last->type == REGION)
        boxes(d, last, row);
    else if (last->type == DETECTION)
        cells(d, last, row);
    else if (last->type == SOFTMAX)
        row[below(d, n)] = 1;
    else if (last->type == LOGXENT)
        for (int i = 0; i < n; i++)
            row[i] = (float)below(d, 2);
    else
        for (int i = 0; i < n; i++)
            row[i] = unit(d);
}

static void input(draw *d, const network *net, float *row)
{
    const LAYER_TYPE first = net->layers[0].type;
    if (first == RNN || first == GRU || first == LSTM)
        row[below(d, net->inputs)] = 1; /* one character */
    else if (net->inputs == net->w * net->h * net->c)
        picture(d, net->w, net->h, net->c, row);
    else
        for (int i = 0; i < net->inputs; i++)
            row[i] = unit(d);
}

data ex_feed(const network *net, uint64_t seed, int rank, int round)
{
    const int rows = net->batch * net->subdivisions;
    draw d = {.state = seed * 1000003 + (uint64_t)rank * 10007 + (uint64_t)round * 101 + 1};
    for (int i = 0; i < 16; i++)
        (void)bits(&d);
    data made = {.X = make_matrix(rows, net->inputs), .y = make_matrix(rows, net->truths)};
    for (int i = 0; i < rows; i++) {
        input(&d, net, made.X.vals[i]);
        truth(&d, &net->layers[net->n - 1], made.y.vals[i], net->truths);
    }
    return made;
}
