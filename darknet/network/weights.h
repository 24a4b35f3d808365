/* weights.h - a layer's arrays in the order of a .weights file. */
#ifndef DK_NETWORK_WEIGHTS_H
#define DK_NETWORK_WEIGHTS_H

#include <darknet.h>
#include <stdbool.h>

enum { DK_MOST_ARRAYS = 48 };

typedef struct dk_array {
    float *at;
    size_t n;
    int rows; /* > 0: the matrix stands transposed in old files ([n / rows][rows]) */
} dk_array;

typedef struct dk_arrays {
    dk_array array[DK_MOST_ARRAYS];
    int n;
} dk_arrays;

/* dk_arrays_of - what a .weights file holds of l. reading: what load_weights takes from one (dontloadscales,
 * numload). None for layers that compute with another's weights. */
dk_arrays dk_arrays_of(const layer *l, bool reading);

/* dk_weights_seen_bytes - how long the images seen are in a file of this version (major, minor): 8, or 4 in old ones. */
size_t dk_weights_seen_bytes(const int version[2]);

/* dk_weights_count - floats that layer reads from a .weights file. */
size_t dk_weights_count(const layer *l);

#endif
