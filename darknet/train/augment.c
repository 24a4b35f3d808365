/* augment.c - see augment.h. */
#include "train/augment.h"

#include "check/labels.h"
#include "check/preflight.h"
#include "replace/random.h"
#include "train/picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_QUARTER .2f /* share of a mosaic's width and height that each quarter has */

/* In the library, not in its header. */
void randomize_boxes(box_label *b, int n);
void correct_boxes(box_label *boxes, int n, float dx, float dy, float sx, float sy, int flip);

/* Pixels of an image that are cut off at each edge; negative: added. */
typedef struct edges {
    int left, right, top, bottom;
} edges;

/* Where the four images of a mosaic meet, in pixels of the network's input. */
typedef struct cross {
    int x, y;
} cross;

/* ---- numbers ---------------------------------------------------------------------------------------- */

static float unit(void)
{
    return (float)dk_random_below(1u << 24) / (float)(1u << 24);
}

static float between(float least, float most, float share)
{
    return least + (most - least) * share;
}

static bool toss(void)
{
    return dk_random_below(2) == 1;
}

/* A factor of 1 to most, or of 1 / most to 1. */
static float factor(float most)
{
    const float f = between(1, most, unit());
    return toss() ? f : 1 / f;
}

/* ---- one image ------------------------------------------------------------------------------------ */

/* Moves an axis' two edges apart or together: by jitter each, and by the change of size. */
static void draw_axis(const dk_augmentation *a, int length, const float r[2], const float q[2], int *first,
                      int *second)
{
    const float size = (float)length, moved = (float)(int)(size * a->jitter);
    const float down = a->resize > 1 ? 1 / a->resize : a->resize, up = 1 / down;
    const float least = (float)(int)(size * (1 - 1 / down) / 2);
    const float most = a->resize < 1 ? 0 : (float)(int)(size * (1 - 1 / up) / 2);
    *first = (int)between(-moved, moved, r[0]) + (int)between(least, most, q[0]);
    *second = (int)between(-moved, moved, r[1]) + (int)between(least, most, q[1]);
}

static edges draw_edges(const dk_augmentation *a, int w, int h)
{
    edges e;
    const float q[2] = {unit(), unit()}; /* the same for both axes */
    const float across[2] = {unit(), unit()}, down[2] = {unit(), unit()};
    draw_axis(a, w, across, q, &e.left, &e.right);
    draw_axis(a, h, down, q, &e.top, &e.bottom);
    return e;
}

/* Adds what the network's proportions want beyond the image's. */
static void keep_proportions(const dk_augmentation *a, int w, int h, edges *e)
{
    const float net = (float)a->w / (float)a->h;
    if ((float)w > net * (float)h) {
        const int more = (int)(((float)w / net - (float)h) / 2);
        e->top -= more;
        e->bottom -= more;
    } else {
        const int more = (int)(((float)h * net - (float)w) / 2);
        e->left -= more;
        e->right -= more;
    }
}

/* Moves the image into the outer corner of its quarter, or cuts it at the other side instead, so that most
 * of it shows. A mirrored one's edges are exchanged. */
static void push_to_corner(int quarter, bool flip, edges *e)
{
    const bool at_left = (quarter % 2 == 0) != flip, at_top = quarter < 2;
    int *const outer_x = at_left ? &e->left : &e->right, *const inner_x = at_left ? &e->right : &e->left;
    int *const outer_y = at_top ? &e->top : &e->bottom, *const inner_y = at_top ? &e->bottom : &e->top;
    *inner_x += *outer_x;
    *inner_y += *outer_y;
    *outer_x = *outer_y = 0;
}

static void draw_view(const dk_augmentation *a, int w, int h, int quarter, edges *e, dk_view *view)
{
    *e = draw_edges(a, w, h);
    *view = (dk_view){.flip = a->flip && toss(),
                      .hue = between(-a->hue, a->hue, unit()),
                      .hue_stops = true,
                      .saturation = factor(a->saturation),
                      .exposure = factor(a->exposure)};
    if (a->blur) {
        const int kind = (int)dk_random_below(3); /* none, background, all */
        view->blur = kind == 2 ? a->blur : kind;
    }
    if (a->noise && toss()) view->noise = a->noise;
    if (view->noise) view->noise_seed = dk_random_below(UINT64_C(1) << 62);
    if (a->letter_box) keep_proportions(a, w, h, e);
    if (quarter >= 0 && toss()) push_to_corner(quarter, view->flip, e);
    view->width = w - e->left - e->right;
    view->height = h - e->top - e->bottom;
    if (view->width <= 0 || view->height <= 0 || e->left >= w || e->top >= h) {
        *e = (edges){0};
        view->width = w;
        view->height = h;
    }
    view->left = e->left;
    view->top = e->top;
}

/* The boxes that the view shows, in random order. Returns the least side of any, in pixels of the input; 0 =
 * there is none. */
static int draw_truth(const dk_augmentation *a, const char *path, int w, int h, const dk_view *view, float *y)
{
    dk_labels labels = dk_labels_of(path, a->classes);
    const float sx = (float)view->width / (float)w, sy = (float)view->height / (float)h;
    const float dx = (float)view->left / (float)w / sx, dy = (float)view->top / (float)h / sy;
    float least = 0;
    randomize_boxes(labels.box, labels.n);
    correct_boxes(labels.box, labels.n, dx, dy, 1 / sx, 1 / sy, view->flip);
    for (int i = 0, n = 0; i < labels.n && n < a->boxes; i++) {
        const box_label *b = &labels.box[i];
        const float wide = b->w * (float)a->w, high = b->h * (float)a->h;
        if (wide < 1 || high < 1 || !(b->x > 0 && b->x <= 1 && b->y > 0 && b->y <= 1)) continue;
        const float row[5] = {b->x, b->y, b->w, b->h, (float)b->id};
        memcpy(y + 5 * (size_t)n++, row, sizeof row);
        const float side = wide < high ? wide : high;
        if (least <= 0 || side < least) least = side;
    }
    free(labels.box);
    return (int)least;
}

/* Draws one image and looks at it: x and y become the view and its boxes. */
static int draw_picture(const dk_augmentation *a, char **paths, int m, int quarter, edges *e, dk_view *view,
                        float *x, float *y, char *text, size_t room)
{
    const char *path = paths[dk_random_below((uint64_t)m)];
    char problem[4096];
    if (dk_check_truth(path, DETECTION_DATA, a->classes, problem, sizeof problem) != 0) {
        snprintf(text, room, "image %.1000s: %.1000s", path, problem);
        return -1;
    }
    dk_picture *picture = dk_picture_read(path, a->c);
    if (!picture) {
        snprintf(text, room, "cannot read image %.1000s", path);
        return -1;
    }
    const int w = dk_picture_width(picture), h = dk_picture_height(picture);
    draw_view(a, w, h, quarter, e, view);
    const int least = draw_truth(a, path, w, h, view, y);
    if (view->blur > 1 && least / 8 < view->blur) view->blur = least / 8; /* small things stay visible */
    view->kept = y;
    view->n_kept = a->boxes;
    dk_picture_view(picture, view, a->w, a->h, x);
    dk_picture_free(picture);
    return 0;
}

/* ---- several images ------------------------------------------------------------------------------- */

static int count_truth(const dk_augmentation *a, const float *y)
{
    int n = 0;
    while (n < a->boxes && y[5 * n] > 0)
        n++;
    return n;
}

/* A clipped box is added to y if something of it is left. from and to: what it may span, in shares. */
static void add_clipped(const dk_augmentation *a, const float row[5], const float from[2], const float to[2],
                        float *y)
{
    const int n = count_truth(a, y);
    float low[2], high[2];
    for (int k = 0; k < 2; k++) {
        low[k] = fmaxf(from[k], row[k] - row[2 + k] / 2);
        high[k] = fminf(to[k], row[k] + row[2 + k] / 2);
        const float side = (float)(k == 0 ? a->w : a->h);
        if ((high[k] - low[k]) * side <= 1) return;
    }
    if (n == a->boxes) return;
    const float clipped[5] = {(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, high[0] - low[0],
                              high[1] - low[1], row[4]};
    memcpy(y + 5 * (size_t)n, clipped, sizeof clipped);
}

/* What of one axis of a view goes into a quarter: `at` in the mosaic, length
 * pixels, `from` in the view. The view's border (before, after: pixels of
 * the view that are no image) stays out where there is enough image. */
typedef struct band {
    int at, length, from;
} band;

static int least_of(int a, int b)
{
    return a < b ? a : b;
}

static band band_of(bool second, int cross_at, int size, int before, int after)
{
    const int length = second ? size - cross_at : cross_at;
    return (band){.at = second ? cross_at : 0,
                  .length = length,
                  .from =
                      second ? least_of(cross_at, before) : size - length - least_of(size - length, after)};
}

/* What is added at an edge, in pixels of the view, which shows `of` pixels of the image as size. */
static int border(int edge, int size, int of)
{
    return edge < 0 ? (int)((long long)-edge * size / of) : 0;
}

/* Puts a view into its quarter of the mosaic x, y. */
static void put_quarter(const dk_augmentation *a, cross meet, int quarter, const edges *e,
                        const dk_view *view, const float *view_x, const float *view_y, float *x, float *y)
{
    const int left = view->flip ? e->right : e->left, right = view->flip ? e->left : e->right;
    const band across = band_of(quarter % 2 == 1, meet.x, a->w, border(left, a->w, view->width),
                                border(right, a->w, view->width));
    const band down = band_of(quarter >= 2, meet.y, a->h, border(e->top, a->h, view->height),
                              border(e->bottom, a->h, view->height));
    for (int k = 0; k < a->c; k++)
        for (int row = 0; row < down.length; row++) {
            const size_t plane = (size_t)k * (size_t)a->w * (size_t)a->h;
            memcpy(x + plane + (size_t)(down.at + row) * (size_t)a->w + (size_t)across.at,
                   view_x + plane + (size_t)(down.from + row) * (size_t)a->w + (size_t)across.from,
                   (size_t)across.length * sizeof *x);
        }
    const float w = (float)a->w, h = (float)a->h;
    float from[2] = {0, 0}, to[2] = {1, 1};
    if (a->mosaic_bound) {
        from[0] = (float)across.at / w;
        to[0] = (float)(across.at + across.length) / w;
        from[1] = (float)down.at / h;
        to[1] = (float)(down.at + down.length) / h;
    }
    for (int i = 0; i < count_truth(a, view_y); i++) {
        float row[5];
        memcpy(row, view_y + 5 * (size_t)i, sizeof row);
        row[0] += (float)(across.at - across.from) / w;
        row[1] += (float)(down.at - down.from) / h;
        add_clipped(a, row, from, to, y);
    }
}

static void blend(const dk_augmentation *a, const float *view_x, const float *view_y, float *x, float *y)
{
    const size_t values = (size_t)a->w * (size_t)a->h * (size_t)a->c;
    for (size_t i = 0; i < values; i++)
        x[i] = .5f * x[i] + .5f * view_x[i];
    int n = count_truth(a, y);
    for (int i = 0; i < count_truth(a, view_y) && n < a->boxes; i++)
        memcpy(y + 5 * (size_t)n++, view_y + 5 * (size_t)i, 5 * sizeof *y);
}

static int draw_mixed(const dk_augmentation *a, char **paths, int m, float *x, float *y, float *view_x,
                      char *text, size_t size)
{
    const bool mosaic = a->mix == DK_MIX_FOUR;
    const cross meet = {(int)between((float)a->w * LEAST_QUARTER, (float)a->w * (1 - LEAST_QUARTER), unit()),
                        (int)between((float)a->h * LEAST_QUARTER, (float)a->h * (1 - LEAST_QUARTER), unit())};
    const size_t values = (size_t)a->w * (size_t)a->h * (size_t)a->c, rows = 5 * (size_t)a->boxes;
    float *const view_y = view_x + values;
    for (int part = 0; part < (mosaic ? 4 : 2); part++) {
        edges e;
        dk_view view;
        memset(view_y, 0, rows * sizeof *view_y);
        if (draw_picture(a, paths, m, mosaic ? part : -1, &e, &view, view_x, view_y, text, size) != 0)
            return -1;
        if (mosaic) {
            put_quarter(a, meet, part, &e, &view, view_x, view_y, x, y);
        } else if (part == 0) {
            memcpy(x, view_x, values * sizeof *x);
            memcpy(y, view_y, rows * sizeof *y);
        } else {
            blend(a, view_x, view_y, x, y);
        }
    }
    return 0;
}

int dk_augment_draw(const dk_augmentation *a, char **paths, int m, float *x, float *y, char *text,
                    size_t size)
{
    if (a->mix == DK_MIX_NONE || !toss()) {
        edges e;
        dk_view view;
        return draw_picture(a, paths, m, -1, &e, &view, x, y, text, size);
    }
    const size_t values = (size_t)a->w * (size_t)a->h * (size_t)a->c;
    float *view_x = malloc((values + 5 * (size_t)a->boxes) * sizeof *view_x);
    if (!view_x) {
        snprintf(text, size, "out of memory for an image of %d x %d", a->w, a->h);
        return -1;
    }
    const int result = draw_mixed(a, paths, m, x, y, view_x, text, size);
    free(view_x);
    return result;
}
