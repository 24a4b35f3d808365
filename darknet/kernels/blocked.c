/* blocked.c - the fused loops of blocked.h: one item each in blocked_tile.h, their order and threads here. */
#include "kernels/blocked.h"

#include "kernels/activation.h"
#include "kernels/curves.h"
#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/scratch.h"

#include <string.h>

/* out[4][4] <- the transpose of in[4][4], rows in_stride and out_stride floats apart. */
DK_INLINE void transpose4(const float *in, size_t in_stride, float *out, size_t out_stride)
{
    const dk_v4 a = *(const dk_v4 *)in, b = *(const dk_v4 *)(in + in_stride);
    const dk_v4 c = *(const dk_v4 *)(in + 2 * in_stride), d = *(const dk_v4 *)(in + 3 * in_stride);
    const dk_v4 ab_lo = __builtin_shufflevector(a, b, 0, 4, 1, 5),
                ab_hi = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const dk_v4 cd_lo = __builtin_shufflevector(c, d, 0, 4, 1, 5),
                cd_hi = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(dk_v4 *)out = __builtin_shufflevector(ab_lo, cd_lo, 0, 1, 4, 5);
    *(dk_v4 *)(out + out_stride) = __builtin_shufflevector(ab_lo, cd_lo, 2, 3, 6, 7);
    *(dk_v4 *)(out + 2 * out_stride) = __builtin_shufflevector(ab_hi, cd_hi, 0, 1, 4, 5);
    *(dk_v4 *)(out + 3 * out_stride) = __builtin_shufflevector(ab_hi, cd_hi, 2, 3, 6, 7);
}

#define DK_B 16
#include "kernels/blocked_tile.h"
#define DK_B 8
#include "kernels/blocked_tile.h"

/* One operation on a whole array, as the item functions see it. */
typedef struct job job;
typedef void item_fn(const job *j, int block, size_t plain, size_t blocked, size_t pixels, float *part);
struct job {
    const dk_blocked *s;
    item_fn *first;                           /* may be NULL */
    void (*combine)(const job *j, int block); /* may be NULL: after first, before second, once per block */
    item_fn *second;                          /* may be NULL */
    const float *x, *from, *from2;
    float *to, *keep;
    const dk_affine *f;
    const dk_norm_gradient *g;
    ACTIVATION a;
    float *parts; /* [blocks][items][2 * block] */
    float *out, *out2;
};

size_t dk_blocked_padded(const dk_blocked *s)
{
    return (size_t)(s->channels + s->block - 1) / (size_t)s->block * (size_t)s->block;
}

size_t dk_blocked_floats(const dk_blocked *s)
{
    return (size_t)s->batch * dk_blocked_padded(s) * (size_t)s->pixels;
}

bool dk_fused(ACTIVATION a)
{
    return a == LINEAR || a == LEAKY || a == RELU || a == RELIE || dk_is_curve(a);
}

static int blocks_of(const dk_blocked *s)
{
    return (s->channels + s->block - 1) / s->block;
}

static int chunks_of(const dk_blocked *s)
{
    return (s->pixels + DK_CHUNK - 1) / DK_CHUNK;
}

static int items_of(const dk_blocked *s)
{
    return s->batch * chunks_of(s);
}

static int rows_of(const dk_blocked *s, int block)
{
    const int left = s->channels - block * s->block;
    return left < s->block ? left : s->block;
}

/* Pixels of an item. */
static size_t item_pixels(const dk_blocked *s, int item)
{
    const int from = item % chunks_of(s) * DK_CHUNK;
    return (size_t)(s->pixels - from < DK_CHUNK ? s->pixels - from : DK_CHUNK);
}

static void run_item(const job *j, item_fn *fn, int block, int item)
{
    const dk_blocked *s = j->s;
    const size_t image = (size_t)(item / chunks_of(s)), from = (size_t)(item % chunks_of(s)) * DK_CHUNK;
    const size_t plain =
        (image * (size_t)s->channels + (size_t)(block * s->block)) * (size_t)s->pixels + from;
    const size_t blocked =
        ((image * (size_t)blocks_of(s) + (size_t)block) * (size_t)s->pixels + from) * (size_t)s->block;
    float *part = j->parts == NULL ? NULL
                                   : j->parts + ((size_t)block * (size_t)items_of(s) + (size_t)item) * 2 *
                                                    (size_t)s->block;
    fn(j, block, plain, blocked, item_pixels(s, item), part);
}

static void run_all(const job *j, item_fn *fn, int threads)
{
    const int blocks = blocks_of(j->s), items = items_of(j->s);
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2) if (threads > 1)
    for (int item = 0; item < items; item++)
        for (int block = 0; block < blocks; block++)
            run_item(j, fn, block, item);
}

/* Where blocks divide well over threads, a thread takes a
 * block through both passes while it is in its cache. */
static void run(const job *j)
{
    const int blocks = blocks_of(j->s), items = items_of(j->s);
    const int threads = dk_blocked_floats(j->s) < 16384 ? 1 : dk_threads();
    if (j->first != NULL && (blocks % threads == 0 || blocks >= 4 * threads)) {
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
        for (int block = 0; block < blocks; block++) {
            for (int item = 0; item < items; item++)
                run_item(j, j->first, block, item);
            if (j->combine != NULL) j->combine(j, block);
            for (int item = 0; item < items && j->second != NULL; item++)
                run_item(j, j->second, block, item);
        }
        return;
    }
    if (j->first != NULL) run_all(j, j->first, threads);
    for (int block = 0; block < blocks && j->combine != NULL; block++)
        j->combine(j, block);
    if (j->second != NULL) run_all(j, j->second, threads);
}

static float *parts_for(const dk_blocked *s)
{
    return dk_scratch(DK_SCRATCH_SUMS,
                      (size_t)blocks_of(s) * (size_t)items_of(s) * 2 * (size_t)s->block * sizeof(float));
}

/* ---- layout ----------------------------------------------------------------------------------------- */

DK_CLONES static void from_plain_item(const job *j, int block, size_t plain, size_t blocked, size_t pixels,
                                      float *part)
{
    (void)part;
    const int rows = rows_of(j->s, block);
    if (j->s->block == 16)
        from_plain_16(j->from + plain, (size_t)j->s->pixels, rows, pixels, j->to + blocked);
    else
        from_plain_8(j->from + plain, (size_t)j->s->pixels, rows, pixels, j->to + blocked);
}

void dk_from_plain(const dk_blocked *s, const float *plain, float *blocked)
{
    run(&(job){.s = s, .second = from_plain_item, .from = plain, .to = blocked});
}

#define DK_TO_PLAIN(B, act, keep)                                                                        \
    to_plain_##B(j->x + blocked, j->f->center + at, j->f->gain + at, j->f->bias + at, (ACTIVATION)(act), \
                 false, j->to + plain, stride, rows, pixels, keep)
#define DK_TO_PLAIN_KEEP(B, act) \
    (j->keep != NULL ? DK_TO_PLAIN(B, act, j->keep + blocked) : DK_TO_PLAIN(B, act, NULL))
#define DK_BY_ACTIVATION(what, B)  \
    do {                           \
        switch ((int)j->a) {       \
        case LEAKY:                \
            what(B, LEAKY);        \
            break;                 \
        case RELU:                 \
            what(B, RELU);         \
            break;                 \
        case RELIE:                \
            what(B, RELIE);        \
            break;                 \
        case DK_MISH:              \
            what(B, DK_MISH);      \
            break;                 \
        case DK_SWISH:             \
            what(B, DK_SWISH);     \
            break;                 \
        case DK_HARD_MISH:         \
            what(B, DK_HARD_MISH); \
            break;                 \
        case DK_RELU6:             \
            what(B, DK_RELU6);     \
            break;                 \
        case DK_GELU:              \
            what(B, DK_GELU);      \
            break;                 \
        default:                   \
            what(B, LINEAR);       \
        }                          \
    } while (0)

DK_CLONES static void to_plain_item(const job *j, int block, size_t plain, size_t blocked, size_t pixels,
                                    float *part)
{
    (void)part;
    const int rows = rows_of(j->s, block);
    const size_t at = (size_t)(block * j->s->block), stride = (size_t)j->s->pixels;
    if (j->s->block == 16)
        DK_BY_ACTIVATION(DK_TO_PLAIN_KEEP, 16);
    else
        DK_BY_ACTIVATION(DK_TO_PLAIN_KEEP, 8);
}

void dk_to_plain(const dk_blocked *s, const float *blocked, const dk_affine *f, ACTIVATION a, float *plain,
                 float *keep)
{
    run(&(job){.s = s, .second = to_plain_item, .x = blocked, .f = f, .a = a, .to = plain, .keep = keep});
}

DK_CLONES static void add_plain_item(const job *j, int block, size_t plain, size_t blocked, size_t pixels,
                                     float *part)
{
    (void)part;
    static const float none[16];
    const int rows = rows_of(j->s, block);
    const size_t stride = (size_t)j->s->pixels;
    if (j->s->block == 16)
        to_plain_16(j->x + blocked, none, none, none, LINEAR, true, j->to + plain, stride, rows, pixels,
                    NULL);
    else
        to_plain_8(j->x + blocked, none, none, none, LINEAR, true, j->to + plain, stride, rows, pixels, NULL);
}

void dk_add_plain(const dk_blocked *s, const float *blocked, float *plain)
{
    run(&(job){.s = s, .second = add_plain_item, .x = blocked, .to = plain});
}

/* ---- batch norm ------------------------------------------------------------------------------------- */

DK_CLONES static void moments_item(const job *j, int block, size_t plain, size_t blocked, size_t pixels,
                                   float *part)
{
    (void)block, (void)plain;
    if (j->s->block == 16)
        moments_16(j->x + blocked, pixels, part);
    else
        moments_8(j->x + blocked, pixels, part);
}

/* Chan, Golub, LeVeque, "Updating formulae and a pairwise
 * algorithm for computing sample variances" (1979). */
static void moments_combine(const job *j, int block)
{
    const int B = j->s->block, items = items_of(j->s);
    const float *parts = j->parts + (size_t)block * (size_t)items * 2 * (size_t)B;
    const double count = (double)j->s->batch * j->s->pixels;
    for (int l = 0; l < B; l++) {
        double sum = 0, m2 = 0;
        for (int i = 0; i < items; i++)
            sum += (double)parts[2 * i * B + l] * (double)item_pixels(j->s, i);
        const double mean = sum / count;
        for (int i = 0; i < items; i++) {
            const double away = parts[2 * i * B + l] - mean;
            m2 += parts[(2 * i + 1) * B + l] + away * away * (double)item_pixels(j->s, i);
        }
        j->out[block * B + l] = (float)mean;
        j->out2[block * B + l] = (float)m2;
    }
}

void dk_moments(const dk_blocked *s, const float *blocked, float *mean, float *m2)
{
    run(&(job){.s = s,
               .first = moments_item,
               .combine = moments_combine,
               .x = blocked,
               .parts = parts_for(s),
               .out = mean,
               .out2 = m2});
}

#define DK_NORM_SUMS(B, act)                                                               \
    norm_sums_##B(j->from + plain, j->x + blocked, j->g->f.center + at, j->g->f.gain + at, \
                  j->g->f.bias + at, (ACTIVATION)(act), stride, rows, pixels, j->to + blocked, part)

DK_CLONES static void norm_sums_item(const job *j, int block, size_t plain, size_t blocked, size_t pixels,
                                     float *part)
{
    const int rows = rows_of(j->s, block);
    const size_t at = (size_t)(block * j->s->block), stride = (size_t)j->s->pixels;
    if (j->s->block == 16)
        DK_BY_ACTIVATION(DK_NORM_SUMS, 16);
    else
        DK_BY_ACTIVATION(DK_NORM_SUMS, 8);
}

static void norm_combine(const job *j, int block)
{
    const int B = j->s->block, items = items_of(j->s);
    const float *parts = j->parts + (size_t)block * (size_t)items * 2 * (size_t)B;
    float sum_d[16], sum_dx[16];
    for (int l = 0; l < B; l++) {
        double d = 0, dx = 0;
        for (int i = 0; i < items; i++) {
            d += parts[2 * i * B + l];
            dx += parts[(2 * i + 1) * B + l];
        }
        sum_d[l] = (float)d;
        sum_dx[l] = (float)dx;
    }
    j->g->coefficients(j->g->context, block * B, rows_of(j->s, block), sum_d, sum_dx);
}

DK_CLONES static void norm_apply_item(const job *j, int block, size_t plain, size_t blocked, size_t pixels,
                                      float *part)
{
    (void)plain, (void)part;
    const size_t at = (size_t)(block * j->s->block);
    const dk_norm_gradient *g = j->g;
    if (j->s->block == 16)
        norm_apply_16(j->x + blocked, g->f.center + at, g->a + at, g->b + at, g->c + at, pixels,
                      j->to + blocked);
    else
        norm_apply_8(j->x + blocked, g->f.center + at, g->a + at, g->b + at, g->c + at, pixels,
                     j->to + blocked);
}

void dk_norm_backward(const dk_blocked *s, const float *delta, const float *x, ACTIVATION a,
                      const dk_norm_gradient *g, float *dx)
{
    run(&(job){.s = s,
               .first = norm_sums_item,
               .combine = norm_combine,
               .second = norm_apply_item,
               .from = delta,
               .x = x,
               .a = a,
               .g = g,
               .to = dx,
               .parts = parts_for(s)});
}

/* ---- bias ------------------------------------------------------------------------------------------- */

#define DK_BIAS_GRADIENT(B, act)                                                                          \
    bias_gradient_##B(j->from + plain, (int)(act) == LINEAR ? NULL : j->from2 + plain, (ACTIVATION)(act), \
                      stride, rows, pixels, j->to + blocked, part)

DK_CLONES static void bias_gradient_item(const job *j, int block, size_t plain, size_t blocked, size_t pixels,
                                         float *part)
{
    const int rows = rows_of(j->s, block);
    const size_t stride = (size_t)j->s->pixels;
    if (j->s->block == 16)
        DK_BY_ACTIVATION(DK_BIAS_GRADIENT, 16);
    else
        DK_BY_ACTIVATION(DK_BIAS_GRADIENT, 8);
}

static void bias_combine(const job *j, int block)
{
    const int B = j->s->block, items = items_of(j->s), rows = rows_of(j->s, block);
    const float *parts = j->parts + (size_t)block * (size_t)items * 2 * (size_t)B;
    for (int l = 0; l < rows; l++) {
        double sum = 0;
        for (int i = 0; i < items; i++)
            sum += parts[2 * i * B + l];
        j->out[block * B + l] += (float)sum;
    }
}

void dk_bias_gradient(const dk_blocked *s, const float *delta, const float *output, ACTIVATION a,
                      float *blocked, float *sums)
{
    run(&(job){.s = s,
               .first = bias_gradient_item,
               .combine = bias_combine,
               .from = delta,
               .from2 = output,
               .a = a,
               .to = blocked,
               .parts = parts_for(s),
               .out = sums});
}
