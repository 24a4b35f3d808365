/* formula.c - see formula.h. */
#include "formula.h"

#include <stddef.h>
#include <string.h>

enum { PICTURE = 1001, BOX, BLOCK };

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t formula_bits(uint64_t a, uint64_t b, uint64_t c)
{
    return mix(mix(mix(a) + b) + c);
}

float formula_unit(uint64_t a, uint64_t b, uint64_t c)
{
    return (float)(formula_bits(a, b, c) >> 40) / (float)(1 << 24);
}

/* What a block of size x size pixels adds at (z, i, j). */
static float block(uint64_t picture, int size, int z, int i, int j)
{
    const uint64_t at = (uint64_t)((z * 4096 + i / size) * 4096 + j / size);
    return formula_unit(BLOCK + (uint64_t)size, picture, at);
}

void formula_picture(int which, int c, int h, int w, float *x)
{
    const uint64_t picture = (uint64_t)which;
    size_t k = 0;
    for (int z = 0; z < c; z++)
        for (int i = 0; i < h; i++)
            for (int j = 0; j < w; j++, k++)
                x[k] = .1f * formula_unit(PICTURE, picture, k) + .2f * block(picture, 8, z, i, j) +
                       .7f * block(picture, 32, z, i, j);
}

void formula_boxes(int which, int classes, int stride, int truths, float *truth)
{
    memset(truth, 0, (size_t)truths * sizeof *truth);
    for (int b = 0; b < FORMULA_BOXES; b++) {
        float *t = truth + (size_t)b * (size_t)stride;
        const uint64_t box = (uint64_t)(which * FORMULA_BOXES + b);
        t[0] = .2f + .6f * formula_unit(BOX, box, 0);
        t[1] = .2f + .6f * formula_unit(BOX, box, 1);
        t[2] = .08f + .3f * formula_unit(BOX, box, 2);
        t[3] = .08f + .3f * formula_unit(BOX, box, 3);
        t[4] = (float)(formula_bits(BOX, box, 4) % (uint64_t)classes);
    }
}
