/* strategy.c - the strategies' names. */
#include <string.h>

#include "base/error.h"

static const char *const names[DC_STRATEGY_COUNT] = {
#define DC_X(name, text) text,
    DC_STRATEGIES(DC_X)
#undef DC_X
};

const char *dc_strategy_name(dc_strategy strategy)
{
    return (unsigned)strategy < DC_STRATEGY_COUNT ? names[strategy] : "?";
}

dc_error dc_strategy_parse(const char *name, dc_strategy *strategy)
{
    for (int i = 0; name && i < DC_STRATEGY_COUNT; i++) {
        if (strcmp(name, names[i]) == 0) {
            *strategy = (dc_strategy)i;
            return DC_OK;
        }
    }
    char list[128] = "";
    size_t used = 0;
    for (int i = 0; i < DC_STRATEGY_COUNT; i++) {
        int n = snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", names[i]);
        used += (size_t)n;
        dc__assert(used < sizeof list);
    }
    return dc__fail(DC_EINVAL, "no strategy is named '%s'; choose one of: %s", name ? name : "", list);
}
