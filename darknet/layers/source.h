/* source.h - what a layer is made from: a section of a cfg and the layers before it. */
#ifndef DK_SOURCE_H
#define DK_SOURCE_H

#include <darknet.h>

#include "cfg/cfg.h"
#include "kernels/extra.h"
#include "layers/library.h"

typedef struct dk_source {
    const dk_cfg *cfg;
    const dk_cfg_section *section;
    list *options; /* the section's, for the library's parsers */
    dk_place at;
    dk_extra *extra; /* of the layer to be: the kind fills in what it needs */
} dk_source;

#endif
