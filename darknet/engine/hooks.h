/* hooks.h - the pointers through which Darknet calls a layer, replaced by ones that tell the plugin.
 *
 * After parse_network_cfg a network's layers hold forward, backward and update; forward_network and its like
 * copy each layer and call those. Ours find the worker by the network they are handed, and call the plugin
 * before and after the layer's own; update does nothing, for the server does it. resize_network keeps the
 * pointers. One thread per network; up to DK_MAX_HOOKED networks in a process. */
#ifndef DK_HOOKS_H
#define DK_HOOKS_H

#include <darknet.h>

#include "dynacomm.h"

#define DK_MAX_HOOKED 16

typedef struct dk_hooks {
    network *net;
    dc_worker *worker;
    void (**forward)(layer, network); /* [net->n] the layers' own */
    void (**backward)(layer, network);
    void (**update)(layer, update_args);
    int err; /* first failure of the plugin; layers are skipped from then on */
} dk_hooks;

/* dk_hooks_attach - replaces the pointers; hooks must outlive the attachment. Returns 0 or a dc_error. */
int dk_hooks_attach(dk_hooks *hooks, network *net, dc_worker *worker);

/* dk_hooks_detach - puts the layers' own pointers back. */
void dk_hooks_detach(dk_hooks *hooks);

#endif
