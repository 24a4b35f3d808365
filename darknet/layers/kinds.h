/* kinds.h - every kind of section that some Darknet has: its names, its keys, how it becomes a layer and how
 * it follows another input size. A new kind of layer is an entry of the table in kinds.c. */
#ifndef DK_KINDS_H
#define DK_KINDS_H

#include <darknet.h>

#include "cfg/keys.h"
#include "layers/source.h"

/* One kind of section. */
typedef struct dk_section_kind {
    const char *names[3]; /* with brackets; NULL after the last */
    const dk_key *keys;
    dk_key_use use;   /* FORKS: the packaged library has no such layer; REFUSED: nor has this program */
    const char *note; /* if refused: what such a layer would do */
    /* parse - makes the layer. NULL for [net] and for refused kinds. */
    layer (*parse)(const dk_source *source);
    /* resize - follows an input of w x h pixels and `inputs` values. NULL: the kind has one size only. */
    void (*resize)(layer *l, int w, int h, int inputs, network *net);
} dk_section_kind;

extern const dk_section_kind dk_section_net;
extern const dk_section_kind dk_section_kinds[]; /* layers; the last has no name */

/* dk_section_kind_of - the kind of that name, [net] included, or NULL. */
const dk_section_kind *dk_section_kind_of(const char *type);

#endif
