/* activations.h - activation functions by name. */
#ifndef DK_ACTIVATIONS_H
#define DK_ACTIVATIONS_H

#include <darknet.h>
#include <stdbool.h>

#include "cfg/keys.h"

typedef struct dk_activation {
    const char *name;
    int value;      /* ACTIVATION, or one of kernels/activation.h beyond it */
    dk_key_use use; /* as of a key */
    const char *note;
} dk_activation;

/* dk_activation_find - by name, or NULL. dk_activation_nearest - the name that is carried out and is spelt
 * most like this one. */
const dk_activation *dk_activation_find(const char *name);
const char *dk_activation_nearest(const char *name);

/* get_activation - the library's function: our table in its place. Ends the program with a line for a name
 * that is not carried out, where the library's takes ReLU. */
ACTIVATION get_activation(char *name);

#endif
