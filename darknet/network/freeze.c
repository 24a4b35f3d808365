/* freeze.c - see freeze.h. */
#include "network/freeze.h"

#include "layers/extra.h"

/* A layer's backward until its round comes. */
static void backward_later(layer l, network net)
{
    const dk_extra *e = dk_extra_of(&l);
    if (dk_iteration(&net) >= e->thaws) e->backward(l, net);
}

void dk_freeze(network *net)
{
    int thaws = 0;
    bool before = false; /* the layer that stops for ever */
    for (int i = net->n - 1; i >= 0; i--) {
        layer *l = &net->layers[i];
        dk_extra *e = dk_extra_of(l);
        e->frozen = before;
        if (l->stopbackward == 1) before = true;
        if (l->stopbackward > 1) {
            if (l->stopbackward > thaws) thaws = l->stopbackward;
            l->stopbackward = 0;
        }
        if (thaws == 0 || !l->backward) continue;
        e->thaws = thaws;
        e->backward = l->backward;
        l->backward = backward_later;
    }
}
