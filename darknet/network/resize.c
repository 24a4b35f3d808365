/* resize.c - resize_network and free_network, in the place of the library's functions of those names: theirs
 * know neither our kinds of layer nor what hangs beside them. */
#include "layers/extra.h"
#include "layers/kinds.h"
#include "layers/make.h"
#include "network/net_options.h"

#include "replace/fatal.h"

#include <stdlib.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

LIBRARY_ENTRY int resize_network(network *net, int w, int h)
{
    int inputs = 0;
    net->w = w;
    net->h = h;
    for (int i = 0; i < net->n; i++) {
        layer *l = &net->layers[i];
        const dk_extra *e = dk_extra_of(l);
        if (e != NULL && e->kind->resize != NULL)
            e->kind->resize(l, w, h, inputs, net);
        else if (i == 0 || l->inputs != inputs)
            dk_die("layer %d, %s, has one size only: the network cannot take input of %d x %d", i,
                   e != NULL ? e->kind->names[0] : "of a kind that is not known", net->w, net->h);
        inputs = l->outputs;
        w = l->out_w;
        h = l->out_h;
    }
    net->inputs = net->layers[0].inputs;
    dk_network_rooms(net);
    return 0;
}

static void free_extra(layer *l)
{
    dk_extra *e = dk_extra_of(l);
    if (e == NULL) return;
    if (e->free_own != NULL) e->free_own(l);
    dk_forget_shared(l);
    free(e->before);
    free(e);
    l->dk_extra_slot = NULL;
}

LIBRARY_ENTRY void free_network(network *net)
{
    const dk_extra *first = net->n > 0 ? dk_extra_of(&net->layers[0]) : NULL;
    dk_network_extra *extra = first != NULL ? first->network : NULL;
    for (int i = 0; i < net->n; i++) {
        free_extra(&net->layers[i]);
        free_layer(net->layers[i]);
    }
    void *const parts[] = {extra,     net->layers, net->input, net->truth, net->workspace,
                           net->seen, net->t,      net->cost,  net->steps, net->scales};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        free(parts[i]);
    free(net);
}
