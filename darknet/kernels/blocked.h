/* blocked.h - activations in the layout that vector convolutions want, and the way there and back.
 *
 * DESIGN
 *   Plain is Darknet's own NCHW: [batch][channels][pixels]. Blocked is
 * [batch][channels/block][pixels][block], the last block padded with zeros: one pixel's block of channels is
 * one vector. Batch norm, activation and their gradients work on blocked data, and each is fused with the
 * transposition that has to be done anyway. Work is cut into items of at most DK_CHUNK pixels of one block of
 * channels of one image. Sums are made per item and then over items in order: no result depends on the number
 * of threads. */
#ifndef DK_BLOCKED_H
#define DK_BLOCKED_H

#include <darknet.h>
#include <stdbool.h>
#include <stddef.h>

enum { DK_CHUNK = 512 };

typedef struct dk_blocked {
    int batch, channels, pixels;
    int block; /* 8 or 16 */
} dk_blocked;

/* What a channel's values go through:
 * activation((x - center) * gain + bias).
 * Arrays of dk_blocked_padded() floats. */
typedef struct dk_affine {
    float *center, *gain, *bias;
} dk_affine;

/* dk_blocked_padded - channels rounded up to whole blocks. dk_blocked_floats - floats of a blocked array. */
size_t dk_blocked_padded(const dk_blocked *s);
size_t dk_blocked_floats(const dk_blocked *s);

/* dk_fused - true for the activations that the functions below take: those whose gradient is a matter of
 * sign, and those of activation.h. */
bool dk_fused(ACTIVATION a);

/* dk_from_plain - blocked <- plain. */
void dk_from_plain(const dk_blocked *s, const float *plain, float *blocked);

/* dk_to_plain - plain <- activation(affine(blocked)), and the same, blocked, to keep unless it is NULL (it
 * may be blocked itself). */
void dk_to_plain(const dk_blocked *s, const float *blocked, const dk_affine *f, ACTIVATION a, float *plain,
                 float *keep);

/* dk_add_plain - plain += blocked. */
void dk_add_plain(const dk_blocked *s, const float *blocked, float *plain);

/* dk_moments - mean and sum of squared distances from it of each
 * channel, over batch and pixels. mean, m2: [dk_blocked_padded()]. */
void dk_moments(const dk_blocked *s, const float *blocked, float *mean, float *m2);

/* dk_bias_gradient - blocked <- delta * activation'(output), both plain, and sums[channel] += its sum. output
 * may be NULL for LINEAR; for an activation that dk_needs_before it is what went into it. */
void dk_bias_gradient(const dk_blocked *s, const float *delta, const float *output, ACTIVATION a,
                      float *blocked, float *sums);

/* What batch norm's backward needs and gives, per channel; arrays of dk_blocked_padded() floats.
 * In: f, as the forward pass applied it. Out, from fn below: the gradient of x is a * d + b * (x - center) +
 * c where d is the gradient of f's output before the activation. */
typedef struct dk_norm_gradient {
    dk_affine f;
    float *a, *b, *c;
    /* called per block of channels with sum_d = sum of d and sum_dx = sum of d * (x - center); fills a, b, c
     * from channel on. May be called from any thread, once per block. */
    void (*coefficients)(void *context, int channel, int count, const float *sum_d, const float *sum_dx);
    void *context;
} dk_norm_gradient;

/* dk_norm_backward - dx (blocked, may be nothing else) <- gradient of x (blocked), given delta (plain), the
 * gradient of activation(f(x)). */
void dk_norm_backward(const dk_blocked *s, const float *delta, const float *x, ACTIVATION a,
                      const dk_norm_gradient *g, float *dx);

#endif
