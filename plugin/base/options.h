/* options.h - what options.c and options_text.c share; the interface is dynacomm_options.h. */
#ifndef DC__OPTIONS_H
#define DC__OPTIONS_H

#include "dynacomm_options.h"

/* dc__option_put - x into the option's member, which is a bool, int, unsigned or uint64_t. */
void dc__option_put(const dc_option *option, void *into, uint64_t x);

/* dc__option_pair - the option's member, which is a const char * or a const char *[2]. */
const char **dc__option_pair(const dc_option *option, void *into);

#endif
