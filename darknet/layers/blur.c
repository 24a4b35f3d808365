/* blur.c - see blur.h. */
#include "layers/blur.h"

#include "layers/make.h"

#include <stdlib.h>
#include <string.h>

typedef struct blur {
    int size, across, down;
    int w, h;              /* before */
    float *output, *delta; /* before, [batch][channels][h][w] */
    void (*forward)(layer l, network net);
    void (*backward)(layer l, network net);
} blur;

static const float filters[2][3][3] = {
    {{1 / 16.f, 2 / 16.f, 1 / 16.f}, {2 / 16.f, 4 / 16.f, 2 / 16.f}, {1 / 16.f, 2 / 16.f, 1 / 16.f}},
    {{1 / 4.f, 1 / 4.f, 0}, {1 / 4.f, 1 / 4.f, 0}, {0, 0, 0}},
};

static blur *blur_of(const layer *l)
{
    return dk_is_blurred(l) ? dk_extra_of(l)->own : NULL;
}

float dk_blur_weight(const layer *l, int y, int x)
{
    return filters[blur_of(l)->size == 2][y][x];
}

layer dk_blur_inner(const layer *l)
{
    const blur *b = blur_of(l);
    layer inner = *l;
    inner.out_w = b->w;
    inner.out_h = b->h;
    inner.outputs = b->w * b->h * l->out_c;
    inner.output = b->output;
    inner.delta = b->delta;
    return inner;
}

/* One channel: out <- blurred in. */
static void blur_plane(const layer *l, const blur *b, const float *in, float *out)
{
    const int pad = b->size == 3;
    for (int y = 0; y < l->out_h; y++)
        for (int x = 0; x < l->out_w; x++) {
            float sum = 0;
            for (int i = 0; i < b->size; i++)
                for (int j = 0; j < b->size; j++) {
                    const int row = y * b->down + i - pad, column = x * b->across + j - pad;
                    if (row >= 0 && column >= 0 && row < b->h && column < b->w)
                        sum += filters[b->size == 2][i][j] * in[row * b->w + column];
                }
            out[y * l->out_w + x] = sum;
        }
}

/* What the gradient after says of that before. */
static void spread_plane(const layer *l, const blur *b, const float *delta, float *to)
{
    const int pad = b->size == 3;
    memset(to, 0, (size_t)(b->w * b->h) * sizeof *to);
    for (int y = 0; y < l->out_h; y++)
        for (int x = 0; x < l->out_w; x++)
            for (int i = 0; i < b->size; i++)
                for (int j = 0; j < b->size; j++) {
                    const int row = y * b->down + i - pad, column = x * b->across + j - pad;
                    if (row >= 0 && column >= 0 && row < b->h && column < b->w)
                        to[row * b->w + column] += filters[b->size == 2][i][j] * delta[y * l->out_w + x];
                }
}

static void forward(layer l, network net)
{
    const blur *b = blur_of(&l);
    const size_t before = (size_t)(b->w * b->h), after = (size_t)(l.out_w * l.out_h);
    const layer inner = dk_blur_inner(&l);
    memset(b->delta, 0, before * (size_t)(l.out_c * l.batch) * sizeof *b->delta);
    b->forward(inner, net);
    for (size_t k = 0; k < (size_t)(l.out_c * l.batch); k++)
        blur_plane(&l, b, b->output + k * before, l.output + k * after);
}

static void backward(layer l, network net)
{
    const blur *b = blur_of(&l);
    const size_t before = (size_t)(b->w * b->h), after = (size_t)(l.out_w * l.out_h);
    for (size_t k = 0; k < (size_t)(l.out_c * l.batch); k++)
        spread_plane(&l, b, l.delta + k * after, b->delta + k * before);
    b->backward(dk_blur_inner(&l), net);
}

int dk_blur_option(const dk_source *s)
{
    const int kind = dk_option_int(s, "antialiasing", 0);
    if (kind < 0 || kind > 2) dk_wrong(s, "antialiasing=%d is none of 0, 1 and 2", kind);
    return kind;
}

/* l's buffers become those before the blur. */
static void take_over(layer *l, blur *b)
{
    const int reach = b->size == 3 ? 1 : b->size;
    b->w = l->out_w;
    b->h = l->out_h;
    b->output = l->output;
    b->delta = l->delta;
    l->out_w = (b->w - reach) / b->across + 1;
    l->out_h = (b->h - reach) / b->down + 1;
    l->outputs = l->out_w * l->out_h * l->out_c;
    l->output = dk_resized(NULL, dk_values(l));
    l->delta = dk_resized(NULL, dk_values(l));
}

static void free_blur(layer *l)
{
    blur *b = blur_of(l);
    free(b->output);
    free(b->delta);
    free(b);
}

void dk_blur_hang(const dk_source *s, layer *l, int kind, int across, int down)
{
    if (across < 1 || down < 1) dk_wrong(s, "stride_x=%d, stride_y=%d must be positive", across, down);
    if (kind == 2 && (l->out_w < 2 || l->out_h < 2)) dk_wrong(s, "antialiasing=2 needs 2x2 pixels");
    blur *b = dk_room(1, sizeof *b);
    *b = (blur){.size = kind == 2 ? 2 : 3,
                .across = across,
                .down = down,
                .forward = l->forward,
                .backward = l->backward};
    l->forward = forward;
    l->backward = backward;
    s->extra->blurred = true;
    s->extra->own = b;
    s->extra->free_own = free_blur;
    take_over(l, b);
}

void dk_blur_fit(layer *l)
{
    blur *b = blur_of(l);
    if (b == NULL) return;
    free(b->output);
    free(b->delta);
    take_over(l, b);
}
