/* optimizer.h - the arithmetic of an update: the same float operations in the same order as Darknet's,
 * element by element, so that a server's result equals a single machine's bit for bit.
 *
 * Darknet adds gradients that already point downhill: its deltas are truth -
 * prediction, so an update is added. Its momentum lives inside the gradient buffer:
 * what an update leaves there is where the next gradient sum starts. For gradients
 * that point uphill, rate and decay are negative and positive (dc__model_step). */
#ifndef DC__OPTIMIZER_H
#define DC__OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>

/* The constants of one tensor's update in one round. */
typedef struct dc__step {
    bool adam;
    bool decays; /* weights decay; biases and scales do only under Adam */
    float rate;  /* SGD: rate * rate_scale / batch; Adam: rate * rate_scale */
    float decay; /* -decay * batch */
    float momentum;
    float b1, b2;  /* Adam */
    float eps;     /* Adam */
    float debias1; /* Adam: 1 - b1^t */
    float debias2; /* Adam: 1 - b2^t */
    float clip;    /* largest magnitude after the update, 0 = none */
} dc__step;

/* dc__add - sum[i] = sum[i] + addend[i]. */
void dc__add(size_t n, float *restrict sum, const float *restrict addend);

/* dc__add_to - sum[i] = a[i] + b[i]. */
void dc__add_to(size_t n, float *restrict sum, const float *restrict a, const float *restrict b);

/* dc__add_both - sum[i] = (start[i] + a[i]) + b[i]. */
void dc__add_both(size_t n, float *restrict sum, const float *restrict start, const float *restrict a,
                  const float *restrict b);

/* dc__sgd - one step of SGD with momentum and decay. sum is the velocity + the sum of gradients; velocity
 * becomes the new one. value_out may be value, velocity may be sum; where it is not it is written past the caches. */
void dc__sgd(size_t n, const dc__step *step, const float *value, float *value_out, const float *sum,
             float *velocity);

/* dc__sgd_carry - what dc__sgd leaves in velocity, given the value before the step; value is only read. A
 * worker that trains alone keeps its momentum so, without any bytes for it. */
void dc__sgd_carry(size_t n, const dc__step *step, const float *value, float *update);

/* dc__adam - one step of Adam (Kingma and Ba, arXiv 1412.6980) as Darknet's GPU path does it. gradient is the
 * sum over the batch and is only read; m and v are read and m_out, v_out written; value_out, m_out, v_out may
 * be their inputs. */
void dc__adam(size_t n, const dc__step *step, const float *value, float *value_out, const float *gradient,
              const float *m, const float *v, float *m_out, float *v_out);

#endif
