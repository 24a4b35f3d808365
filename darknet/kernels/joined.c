/* joined.c - see joined.h. A plane (one channel of one image) is independent of all others: planes are split
 * over threads; sums over planes are made in order afterwards. */
#include "kernels/joined.h"

#include "kernels/activation.h"
#include "kernels/extra.h"
#include "kernels/isa.h"
#include "kernels/kernels.h"
#include "kernels/layers.h"
#include "kernels/scratch.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const float share_floor = .0001f; /* the forks' guard against a sum of nothing */

static const dk_join *join_of(const layer *l)
{
    return dk_extra_of(l)->own;
}

/* ---- weights ---------------------------------------------------------------------------------------- */

/* share <- what each weight weighs. */
static void take_shares(const layer *l, const dk_join *j)
{
    const int n = l->n + 1;
    if (j->norm == DK_JOIN_PLAIN && j->steps > 0)
        memcpy(j->share, l->weights, (size_t)(n * j->steps) * sizeof(float));
    for (int c = 0; c < j->steps && j->norm != DK_JOIN_PLAIN; c++) {
        float most = l->weights[c], sum = share_floor;
        for (int i = 1; i < n; i++)
            most = fmaxf(most, l->weights[i * j->steps + c]);
        for (int i = 0; i < n; i++) {
            const float w = l->weights[i * j->steps + c];
            sum += j->share[i * j->steps + c] = j->norm == DK_JOIN_RELU ? (w > 0 ? w : 0) : expf(w - most);
        }
        for (int i = 0; i < n; i++)
            j->share[i * j->steps + c] /= sum;
    }
}

/* l.weight_updates += the weights' gradient, from slope, that of their shares. */
static void add_updates(const layer *l, const dk_join *j)
{
    for (int c = 0; c < j->steps; c++) {
        double all = 0, sum = (double)share_floor;
        for (int i = 0; i <= l->n; i++) {
            all += (double)j->share[i * j->steps + c] * (double)j->slope[i * j->steps + c];
            sum += fmax((double)l->weights[i * j->steps + c], 0);
        }
        for (int i = 0; i <= l->n; i++) {
            const int at = i * j->steps + c;
            const double slope = (double)j->slope[at];
            if (j->norm == DK_JOIN_PLAIN)
                l->weight_updates[at] += (float)slope;
            else if (j->norm == DK_JOIN_SOFTMAX)
                l->weight_updates[at] += (float)((double)j->share[at] * (slope - all));
            else if (l->weights[at] > 0)
                l->weight_updates[at] += (float)((slope - all) / sum);
        }
    }
}

/* ---- planes ----------------------------------------------------------------------------------------- */

DK_CLONES static void scale_run(const float *restrict x, float w, size_t n, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = w * x[i];
}

DK_CLONES static void add_run(const float *x, float w, size_t n, float *to)
{
    for (size_t i = 0; i < n; i++)
        to[i] += w * x[i];
}

DK_CLONES static float dot_run(const float *a, const float *b, size_t n)
{
    dk_v16 sum = {0};
    float lanes[DK_LANES], tail = 0;
    size_t i = 0;
    for (; i + DK_LANES <= n; i += DK_LANES)
        sum += *(const dk_v16 *)(a + i) * *(const dk_v16 *)(b + i);
    for (; i < n; i++)
        tail += a[i] * b[i];
    memcpy(lanes, &sum, sizeof lanes);
    return dk_sum_lanes(lanes) + tail;
}

static float share_of(const dk_join *j, int input, int channel)
{
    return j->steps == 0 ? 1 : j->share[input * j->steps + (j->steps > 1 ? channel : 0)];
}

/* Where plane (b, c) of input i > 0 starts in that layer's arrays; false if it has no such channel. */
static bool plane_of(const layer *l, const network *net, int i, int b, int c, size_t *at)
{
    const layer *from = &net->layers[l->input_layers[i - 1]];
    const size_t pixels = (size_t)l->out_w * (size_t)l->out_h;
    *at = ((size_t)b * (size_t)from->out_c + (size_t)c) * pixels;
    return c < from->out_c;
}

static int threads_for(const layer *l)
{
    return (size_t)l->batch * (size_t)l->outputs < 16384 ? 1 : dk_threads();
}

static void forward_plane(const layer *l, const network *net, const dk_join *j, int b, int c)
{
    const size_t pixels = (size_t)l->out_w * (size_t)l->out_h;
    const size_t own = ((size_t)b * (size_t)l->out_c + (size_t)c) * pixels;
    size_t at;
    scale_run(net->input + own, share_of(j, 0, c), pixels, l->output + own);
    for (int i = 1; i <= l->n; i++)
        if (plane_of(l, net, i, b, c, &at))
            add_run(net->layers[l->input_layers[i - 1]].output + at, share_of(j, i, c), pixels,
                    l->output + own);
}

void dk_forward_join(const layer l, network net)
{
    const dk_join *j = join_of(&l);
    const size_t all = (size_t)l.batch * (size_t)l.outputs;
    const int threads = threads_for(&l);
    take_shares(&l, j);
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2) if (threads > 1)
    for (int b = 0; b < l.batch; b++)
        for (int c = 0; c < l.out_c; c++)
            forward_plane(&l, &net, j, b, c);
    float *before = dk_extra_of(&l)->before;
    if (before != NULL && net.train) memcpy(before, l.output, all * sizeof *before);
    activate_array(l.output, (int)all, l.activation);
}

/* part: [l.n + 1] sums of the plane's gradient times each input; NULL without weights. */
static void backward_plane(const layer *l, const network *net, const dk_join *j, int b, int c, float *part)
{
    const size_t pixels = (size_t)l->out_w * (size_t)l->out_h;
    const size_t own = ((size_t)b * (size_t)l->out_c + (size_t)c) * pixels;
    const float *d = l->delta + own;
    size_t at;
    if (part != NULL) part[0] = dot_run(d, net->input + own, pixels);
    if (net->delta != NULL) add_run(d, share_of(j, 0, c), pixels, net->delta + own);
    for (int i = 1; i <= l->n; i++) {
        const layer *from = &net->layers[l->input_layers[i - 1]];
        const bool there = plane_of(l, net, i, b, c, &at);
        if (part != NULL) part[i] = there ? dot_run(d, from->output + at, pixels) : 0;
        if (there && from->delta != NULL) add_run(d, share_of(j, i, c), pixels, from->delta + at);
    }
}

/* slope <- sums of parts [batch][channels][l.n + 1] over images, and over channels if they share weights. */
static void sum_parts(const layer *l, const dk_join *j, const float *parts)
{
    const int n = l->n + 1, channels = l->out_c;
    for (int i = 0; i < n; i++)
        for (int step = 0; step < j->steps; step++) {
            double sum = 0;
            for (int b = 0; b < l->batch; b++)
                for (int c = j->steps > 1 ? step : 0; c < (j->steps > 1 ? step + 1 : channels); c++)
                    sum += (double)parts[((size_t)b * (size_t)channels + (size_t)c) * (size_t)n + (size_t)i];
            j->slope[i * j->steps + step] = (float)sum;
        }
}

void dk_backward_join(const layer l, network net)
{
    const dk_join *j = join_of(&l);
    const float *before = dk_extra_of(&l)->before;
    const size_t all = (size_t)l.batch * (size_t)l.outputs, n = (size_t)l.n + 1;
    const int threads = threads_for(&l);
    if (before != NULL)
        dk_gradient_before(before, all, l.activation, l.delta);
    else
        gradient_array(l.output, (int)all, l.activation, l.delta);
    float *parts = j->steps == 0
                       ? NULL
                       : dk_scratch(DK_SCRATCH_SUMS, (size_t)l.batch * (size_t)l.out_c * n * sizeof *parts);
#pragma omp parallel for num_threads(threads) schedule(static) collapse(2) if (threads > 1)
    for (int b = 0; b < l.batch; b++)
        for (int c = 0; c < l.out_c; c++)
            backward_plane(&l, &net, j, b, c,
                           parts == NULL ? NULL : parts + ((size_t)b * (size_t)l.out_c + (size_t)c) * n);
    if (parts == NULL) return;
    sum_parts(&l, j, parts);
    add_updates(&l, j);
}

void dk_update_join(layer l, update_args a)
{
    const float rate = a.learning_rate * l.learning_rate_scale / (float)a.batch;
    for (int i = 0; i < l.nweights; i++) {
        l.weight_updates[i] += -a.decay * (float)a.batch * l.weights[i];
        l.weights[i] += rate * l.weight_updates[i];
        l.weight_updates[i] *= a.momentum;
    }
}
