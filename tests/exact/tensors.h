/* tensors.h - every array of a network that training changes, found without the code under test.
 *
 * darknet/layers/tensors.c describes a network to the plugin; this is a second, independent walk over the
 * library's structures, so that a tensor which the first forgets is still compared. */
#ifndef EXACT_TENSORS_H
#define EXACT_TENSORS_H

#include <darknet.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum ex_kind { EX_WEIGHTS, EX_BIASES, EX_SCALES, EX_STATISTIC } ex_kind;

typedef struct ex_tensor {
    char name[32]; /* "weights", "input.biases", ... */
    int layer;     /* in the network */
    ex_kind kind;
    bool updated; /* the library's update step acts on it */
    bool frozen;  /* no gradient reaches it: at or below the last stopbackward */
    bool blind;   /* the library's backward computes no gradient for it: [gru] on a CPU */
    bool clipped; /* the library's GPU path limits its magnitude (clip=) */
    bool adam;    /* ... and steps it with Adam where the cfg asks for that */
    size_t count; /* floats */
    float *value; /* [count] */
    float
        *velocity; /* [count] the library's gradient buffer, which carries momentum between rounds; or NULL */
    float rate_scale; /* factor on the learning rate */
    size_t terms;     /* products or deltas summed into one gradient element per subdivision */
} ex_tensor;

typedef struct ex_tensors {
    int n;
    ex_tensor *tensor; /* [n] */
    size_t floats;     /* of a snapshot: every value, then every velocity */
} ex_tensors;

/* ex_tensors_of - walks net. The arrays are the network's. ex_tensors_free frees the list. */
ex_tensors ex_tensors_of(const network *net);
void ex_tensors_free(ex_tensors *list);

/* ex_snapshot - copies all values and velocities to `to` [list->floats]. */
void ex_snapshot(const ex_tensors *list, float *to);

/* ex_offset - where tensor i's values start in a snapshot; its velocities at ex_velocity_offset. */
size_t ex_offset(const ex_tensors *list, int i);
size_t ex_velocity_offset(const ex_tensors *list, int i);

enum { EX_VALUES = 1, EX_STATISTICS = 2, EX_VELOCITIES = 4 };

/* ex_same - true if two snapshots agree in every bit of what is asked for (a
 * sum of the above). Otherwise the first difference is written to text:
 * layer, tensor, index, both values. a_name and b_name say whose they are. */
bool ex_same(const ex_tensors *list, int what, const float *a, const char *a_name, const float *b,
             const char *b_name, char *text, size_t size);

/* ex_meaningful - true if all of the snapshot is finite and every trained tensor of weights differs from
 * `before`: otherwise a comparison would prove nothing, and text says where. */
bool ex_meaningful(const ex_tensors *list, const float *before, const float *after, char *text, size_t size);

#endif
