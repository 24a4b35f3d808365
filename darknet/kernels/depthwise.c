/* depthwise.c - see depthwise.h. */
#include "kernels/depthwise.h"

#include "kernels/extra.h"
#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/scratch.h"

#include <stddef.h>
#include <string.h>

enum { MOST_TAPS = 121 }; /* filters of up to 11x11 */

/* A channel's padded image: [rows][across][run] floats. Rows of outputs are out_run floats apart. */
typedef struct shape {
    int rows, run, out_run;
    int across, down, border; /* border: pixels of zeros on each side */
    int taps;
    size_t start[MOST_TAPS]; /* of a tap's inputs to the first output; the next row's lie row floats on */
    size_t row, picture, outputs; /* floats: of an output row's step, of an image, of padded outputs */
} shape;

bool dk_depthwise_takes(const layer *l)
{
    return l->groups > 1 && l->groups == l->c && l->c == l->n && l->size * l->size <= MOST_TAPS;
}

static int rounded_up(int n)
{
    return (n + DK_LANES - 1) / DK_LANES * DK_LANES;
}

static shape shape_of(const layer *l)
{
    const int apart = dk_dilation(l), reach = (l->size - 1) * apart;
    shape s = {.across = dk_stride_x(l), .down = dk_stride_y(l), .border = l->pad * apart};
    s.out_run = rounded_up(l->out_w);
    s.rows = l->h + 2 * s.border;
    if ((l->out_h - 1) * s.down + reach + 1 > s.rows) s.rows = (l->out_h - 1) * s.down + reach + 1;
    s.run = (l->w + 2 * s.border) / s.across + 1;
    if (s.out_run + reach / s.across + 1 > s.run) s.run = s.out_run + reach / s.across + 1;
    s.row = (size_t)s.down * (size_t)s.across * (size_t)s.run;
    s.picture = (size_t)s.rows * (size_t)s.across * (size_t)s.run;
    s.outputs = (size_t)l->out_h * (size_t)s.out_run;
    for (int y = 0; y < l->size; y++)
        for (int x = 0; x < l->size; x++) {
            const int column = x * apart;
            s.start[s.taps++] =
                ((size_t)(y * apart) * (size_t)s.across + (size_t)(column % s.across)) * (size_t)s.run +
                (size_t)(column / s.across);
        }
    return s;
}

/* Where pixel (y, x) of a channel lies in its padded image. */
static size_t place(const shape *s, int y, int x)
{
    const int column = x + s->border;
    return ((size_t)(y + s->border) * (size_t)s->across + (size_t)(column % s->across)) * (size_t)s->run +
           (size_t)(column / s->across);
}

static void deal_out(const layer *l, const shape *s, const float *in, float *picture)
{
    memset(picture, 0, s->picture * sizeof *picture);
    for (int y = 0; y < l->h; y++, in += l->w)
        for (int first = 0; first < s->across && first < l->w; first++) {
            float *run = picture + place(s, y, first);
            for (int x = first, k = 0; x < l->w; x += s->across, k++)
                run[k] = in[x];
        }
}

static void collect(const layer *l, const shape *s, const float *picture, float *to)
{
    for (int y = 0; y < l->h; y++, to += l->w)
        for (int first = 0; first < s->across && first < l->w; first++) {
            const float *run = picture + place(s, y, first);
            for (int x = first, k = 0; x < l->w; x += s->across, k++)
                to[x] += run[k];
        }
}

/* One row of outputs, n of them; from: the inputs of its first tap's start. */
DK_CLONES static void forward_row(const shape *s, const float *w, const float *from, int n, float *out)
{
    for (int x = 0; x < n; x += DK_LANES) {
        dk_v16 sum = {0};
        for (int t = 0; t < s->taps; t++)
            sum += w[t] * *(const dk_v16 *)(from + s->start[t] + x);
        if (n - x >= DK_LANES)
            *(dk_v16 *)(out + x) = sum;
        else
            memcpy(out + x, &sum, (size_t)(n - x) * sizeof *out);
    }
}

/* The gradient of one tap's weight: delta's rows times its inputs. */
DK_CLONES static float tap_gradient(const shape *s, const float *from, const float *delta, int rows)
{
    dk_v16 sum = {0};
    float lanes[DK_LANES];
    for (int y = 0; y < rows; y++)
        for (int x = 0; x < s->out_run; x += DK_LANES)
            sum += *(const dk_v16 *)(delta + y * s->out_run + x) *
                   *(const dk_v16 *)(from + (size_t)y * s->row + x);
    memcpy(lanes, &sum, sizeof lanes);
    return dk_sum_lanes(lanes);
}

/* A row's gradient to the inputs of all taps. */
DK_CLONES static void spread_row(const shape *s, const float *w, const float *delta, float *to)
{
    for (int t = 0; t < s->taps; t++)
        for (int x = 0; x < s->out_run; x += DK_LANES)
            *(dk_v16 *)(to + s->start[t] + x) += w[t] * *(const dk_v16 *)(delta + x);
}

/* ---- channels --------------------------------------------------------------------------------------- */

static int threads_for(const layer *l)
{
    return (size_t)l->batch * (size_t)l->outputs < 4096 ? 1 : dk_threads();
}

static void forward_plane(const layer *l, const shape *s, const float *in, float *out, int plane)
{
    float *picture = dk_scratch(DK_SCRATCH_DATA, s->picture * sizeof *picture);
    const float *w = l->weights + plane % l->n * s->taps;
    deal_out(l, s, in + (size_t)plane * (size_t)(l->h * l->w), picture);
    for (int y = 0; y < l->out_h; y++)
        forward_row(s, w, picture + (size_t)y * s->row, l->out_w,
                    out + ((size_t)plane * (size_t)l->out_h + (size_t)y) * (size_t)l->out_w);
}

void dk_depthwise_forward(const layer *l, const float *in, float *out)
{
    const shape s = shape_of(l);
    const int threads = threads_for(l);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int plane = 0; plane < l->batch * l->n; plane++)
        forward_plane(l, &s, in, out, plane);
}

static void backward_plane(const layer *l, const shape *s, const float *in, const float *delta, float *to,
                           int plane)
{
    float *picture = dk_scratch(DK_SCRATCH_DATA, (s->picture + s->outputs) * sizeof *picture);
    float *rows = picture + s->picture;
    const float *w = l->weights + plane % l->n * s->taps;
    float *dw = l->weight_updates + plane % l->n * s->taps;
    const size_t pixels = (size_t)(l->h * l->w), outputs = (size_t)(l->out_h * l->out_w);
    memset(rows, 0, s->outputs * sizeof *rows);
    for (int y = 0; y < l->out_h; y++)
        memcpy(rows + y * s->out_run, delta + (size_t)plane * outputs + y * l->out_w,
               (size_t)l->out_w * sizeof *rows);
    deal_out(l, s, in + (size_t)plane * pixels, picture);
    for (int t = 0; t < s->taps; t++)
        dw[t] += tap_gradient(s, picture + s->start[t], rows, l->out_h);
    if (to == NULL) return;
    memset(picture, 0, s->picture * sizeof *picture);
    for (int y = 0; y < l->out_h; y++)
        spread_row(s, w, rows + y * s->out_run, picture + (size_t)y * s->row);
    collect(l, s, picture, to + (size_t)plane * pixels);
}

void dk_depthwise_backward(const layer *l, const float *in, const float *delta, float *to)
{
    const shape s = shape_of(l);
    const int threads = threads_for(l);
#pragma omp parallel for num_threads(threads) schedule(static) if (threads > 1)
    for (int channel = 0; channel < l->n; channel++)
        for (int b = 0; b < l->batch; b++)
            backward_plane(l, &s, in, delta, to, b * l->n + channel);
}
