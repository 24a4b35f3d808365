/* activations.c - see activations.h. */
#include "cfg/activations.h"

#include "dynacomm_options.h"
#include "kernels/activation.h"
#include "replace/fatal.h"

#include <string.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

#define BOTH(name, value)              \
    {                                  \
        name, value, DK_KEY_BOTH, NULL \
    }
#define FORKS(name, value)              \
    {                                   \
        name, value, DK_KEY_FORKS, NULL \
    }
#define REFUSED(name, what)                \
    {                                      \
        name, LINEAR, DK_KEY_REFUSED, what \
    }

static const dk_activation table[] = {
    BOTH("linear", LINEAR),
    BOTH("leaky", LEAKY),
    BOTH("relu", RELU),
    BOTH("logistic", LOGISTIC),
    BOTH("relie", RELIE),
    BOTH("ramp", RAMP),
    BOTH("tanh", TANH),
    BOTH("plse", PLSE),
    BOTH("elu", ELU),
    BOTH("loggy", LOGGY),
    BOTH("stair", STAIR),
    BOTH("hardtan", HARDTAN),
    BOTH("lhtan", LHTAN),
    BOTH("selu", SELU),
    FORKS("mish", DK_MISH),
    FORKS("swish", DK_SWISH),
    FORKS("hard_mish", DK_HARD_MISH),
    FORKS("relu6", DK_RELU6),
    FORKS("gelu", DK_GELU),
    REFUSED("revleaky", "reverse the gradient of leaky"),
    REFUSED("normalize_channels", "divide by the sum over channels"),
    REFUSED("normalize_channels_softmax", "take a softmax over channels"),
    REFUSED("normalize_channels_softmax_maxval", "take a softmax over channels"),
};
enum { N = sizeof table / sizeof *table };

const dk_activation *dk_activation_find(const char *name)
{
    for (int i = 0; i < N; i++)
        if (strcmp(table[i].name, name) == 0) return &table[i];
    return NULL;
}

const char *dk_activation_nearest(const char *name)
{
    const char *nearest = NULL;
    int least = 1000;
    for (int i = 0; i < N; i++) {
        const int distance = dc_word_distance(name, table[i].name);
        if (distance >= least || table[i].use == DK_KEY_REFUSED) continue;
        least = distance;
        nearest = table[i].name;
    }
    return nearest;
}

LIBRARY_ENTRY ACTIVATION get_activation(char *name)
{
    const dk_activation *a = dk_activation_find(name);
    if (!a || a->use == DK_KEY_REFUSED)
        dk_die("activation=%s is not carried out here; the nearest is %s", name, dk_activation_nearest(name));
    return (ACTIVATION)a->value;
}
