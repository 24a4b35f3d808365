#include "engine/hooks.h"

#include "replace/fatal.h"

#include <stdlib.h>

static dk_hooks *hooked[DK_MAX_HOOKED];

/* The hooks of the network that a layer is called for. Layers are called one at a time, a handful of networks
 * at most exist: a look through the list costs nothing beside a layer. */
static dk_hooks *hooks_of(const layer *layers)
{
    for (int i = 0; i < DK_MAX_HOOKED; i++)
        if (hooked[i] && hooked[i]->net->layers == layers) return hooked[i];
    dk_assert(!"a hooked layer belongs to a hooked network");
    return NULL;
}

static void forward(layer l, network net)
{
    dk_hooks *h = hooks_of(net.layers);
    if (!h->err) h->err = dc_worker_forward_begin(h->worker, net.index);
    if (h->err) return;
    h->forward[net.index](l, net);
    h->err = dc_worker_forward_end(h->worker, net.index);
}

static void backward(layer l, network net)
{
    dk_hooks *h = hooks_of(net.layers);
    if (!h->err) h->err = dc_worker_backward_begin(h->worker, net.index);
    if (h->err) return;
    h->backward[net.index](l, net);
    h->err = dc_worker_backward_end(h->worker, net.index);
}

/* The server updates; the values come back with the next pull. */
static void update(layer l, update_args args)
{
    (void)l;
    (void)args;
}

int dk_hooks_attach(dk_hooks *hooks, network *net, dc_worker *worker)
{
    const size_t n = (size_t)net->n;
    *hooks = (dk_hooks){.net = net, .worker = worker};
    int slot = 0;
    while (slot < DK_MAX_HOOKED && hooked[slot])
        slot++;
    if (slot == DK_MAX_HOOKED)
        return dc_error_set(DC_EINVAL, "more than %d networks in training at once", DK_MAX_HOOKED);
    hooks->forward = calloc(n, sizeof *hooks->forward);
    hooks->backward = calloc(n, sizeof *hooks->backward);
    hooks->update = calloc(n, sizeof *hooks->update);
    if (!hooks->forward || !hooks->backward || !hooks->update) {
        free(hooks->forward);
        free(hooks->backward);
        free(hooks->update);
        return dc_error_set(DC_ENOMEM, "out of memory for hooks");
    }
    for (size_t i = 0; i < n; i++) {
        layer *l = &net->layers[i];
        hooks->forward[i] = l->forward;
        hooks->backward[i] = l->backward;
        hooks->update[i] = l->update;
        l->forward = forward;
        if (l->backward) l->backward = backward;
        if (l->update) l->update = update;
    }
    hooked[slot] = hooks;
    return DC_OK;
}

void dk_hooks_detach(dk_hooks *hooks)
{
    for (int slot = 0; slot < DK_MAX_HOOKED; slot++)
        if (hooked[slot] == hooks) hooked[slot] = NULL;
    for (int i = 0; i < hooks->net->n; i++) {
        layer *l = &hooks->net->layers[i];
        l->forward = hooks->forward[i];
        l->backward = hooks->backward[i];
        l->update = hooks->update[i];
    }
    free(hooks->forward);
    free(hooks->backward);
    free(hooks->update);
}
