/* maxpool.c - [maxpool]: the library makes it; steps that differ across and down come after. */
#include "layers/blur.h"
#include "layers/make.h"

#include <stdlib.h>

void resize_maxpool_layer(layer *l, int w, int h);

static void fit(layer *l, const dk_extra *e)
{
    const int across = e->stride_x ? e->stride_x : l->stride, down = e->stride_y ? e->stride_y : l->stride;
    const int out_w = (l->w + l->pad - l->size) / across + 1, out_h = (l->h + l->pad - l->size) / down + 1;
    if (out_w == l->out_w && out_h == l->out_h) return;
    l->out_w = out_w;
    l->out_h = out_h;
    l->outputs = out_w * out_h * l->out_c;
    free(l->indexes);
    l->indexes = dk_room(dk_values(l), sizeof *l->indexes);
    l->output = dk_resized(l->output, dk_values(l));
    l->delta = dk_resized(l->delta, dk_values(l));
}

layer dk_parse_maxpool(const dk_source *s)
{
    const dk_place *at = &s->at;
    const int stride = dk_option_int(s, "stride", 1), size = dk_option_int(s, "size", stride);
    const int across = dk_option_int(s, "stride_x", stride), down = dk_option_int(s, "stride_y", stride);
    dk_need_picture(s);
    if (across < 1 || down < 1) dk_wrong(s, "stride_x=%d, stride_y=%d must be positive", across, down);
    const int blur = dk_blur_option(s);
    layer l = make_maxpool_layer(at->batch, at->h, at->w, at->c, size, blur ? 1 : stride,
                                 dk_option_int(s, "padding", size - 1));
    if (blur) {
        dk_blur_hang(s, &l, blur, across, down);
        return l;
    }
    if (across != stride) s->extra->stride_x = across;
    if (down != stride) s->extra->stride_y = down;
    fit(&l, s->extra);
    return l;
}

void dk_resize_maxpool(layer *l, int w, int h, int inputs, network *net)
{
    (void)inputs, (void)net;
    resize_maxpool_layer(l, w, h);
    if (dk_is_blurred(l))
        dk_blur_fit(l);
    else
        fit(l, dk_extra_of(l));
}
