/* extra.h - what a layer has beside the library's struct, which has no room for it.
 *
 * DESIGN
 *   darknet/network/parse.c hangs a dk_extra onto every layer that it makes. A layer is copied by value
 * wherever it goes, so its extra hangs on a pointer that the struct has and the library never touches. Layers
 * that the library makes for itself (the convolutions inside [crnn], say) have none: absent means the
 * packaged library's arithmetic. Freed with the network. */
#ifndef DK_EXTRA_H
#define DK_EXTRA_H

#include <darknet.h>
#include <stdbool.h>

typedef struct dk_extra {
    struct dk_network_extra *network;   /* network/extra.h; never NULL */
    const struct dk_section_kind *kind; /* network/kinds.h; never NULL */
    bool forks;             /* the forks' arithmetic where it differs from the packaged library's */
    int stride_x, stride_y; /* of a convolution or maxpool, 0 = l.stride */
    int dilation;           /* of a convolution, 0 = 1 */
    float *before; /* [batch][outputs] values before the activation, if its gradient needs them and they
                    * cannot be had otherwise; else NULL */
    bool frozen;   /* computes as in inference, whatever the network does (network/freeze.h) */
    int thaws;     /* round until which it has no backward, and what it has then */
    void (*backward)(layer, network);
    bool blurred;               /* its output is blurred (layers/blur.h): own is the blur's */
    bool shares;                /* its weights and all that belongs to them are another layer's */
    void *own;                  /* what the layer's kind keeps */
    void (*free_own)(layer *l); /* before the library frees l; NULL: nothing to do */
} dk_extra;

/* dk_extra_slot - where a layer's extra hangs. dk_extra_of - the extra, or NULL. */
#define dk_extra_slot state_save_layer
static inline dk_extra *dk_extra_of(const layer *l)
{
    return (dk_extra *)(void *)l->dk_extra_slot;
}

static inline bool dk_shares(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    return e != NULL && e->shares;
}

static inline bool dk_is_blurred(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    return e != NULL && e->blurred;
}

static inline bool dk_is_frozen(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    return e != NULL && e->frozen;
}

static inline bool dk_is_forks(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    return e != NULL && e->forks;
}

static inline int dk_stride_x(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    return e != NULL && e->stride_x > 0 ? e->stride_x : l->stride;
}

static inline int dk_stride_y(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    return e != NULL && e->stride_y > 0 ? e->stride_y : l->stride;
}

static inline int dk_dilation(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    return e != NULL && e->dilation > 0 ? e->dilation : 1;
}

/* dk_before - the layer's values before its activation, or NULL if they are not kept. */
static inline float *dk_before(const layer *l)
{
    const dk_extra *e = dk_extra_of(l);
    return e != NULL ? e->before : NULL;
}

#endif
