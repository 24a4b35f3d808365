/* overlap.c - see overlap.h. */
#include "layers/overlap.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

typedef struct edges {
    float left, right, top, bottom;
} edges;

static edges edges_of(box b)
{
    return (edges){b.x - b.w / 2, b.x + b.w / 2, b.y - b.h / 2, b.y + b.h / 2};
}

/* The smallest box around both. */
static edges hull_of(edges a, edges b)
{
    return (edges){fminf(a.left, b.left), fmaxf(a.right, b.right), fminf(a.top, b.top),
                   fmaxf(a.bottom, b.bottom)};
}

int dk_overlap_parse(const char *name)
{
    static const char *const names[] = {"mse", "iou", "giou", "diou", "ciou"};
    for (int i = 0; i < (int)(sizeof names / sizeof *names); i++)
        if (strcmp(name, names[i]) == 0) return i;
    return -1;
}

static float intersection(edges a, edges b)
{
    const float w = fminf(a.right, b.right) - fmaxf(a.left, b.left);
    const float h = fminf(a.bottom, b.bottom) - fmaxf(a.top, b.top);
    return w < 0 || h < 0 ? 0 : w * h;
}

float dk_overlap_iou(box a, box b)
{
    const float common = intersection(edges_of(a), edges_of(b));
    const float all = a.w * a.h + b.w * b.h - common;
    return common > 0 && all > 0 ? common / all : 0;
}

static float giou(box a, box b)
{
    const edges hull = hull_of(edges_of(a), edges_of(b));
    const float area = (hull.right - hull.left) * (hull.bottom - hull.top);
    const float all = a.w * a.h + b.w * b.h - intersection(edges_of(a), edges_of(b));
    const float iou = dk_overlap_iou(a, b);
    return area > 0 ? iou - (area - all) / area : iou;
}

/* Squared distance of the centres in units of the hull's squared diagonal; -1 if there is no hull. */
static float distance(box a, box b)
{
    const edges hull = hull_of(edges_of(a), edges_of(b));
    const float w = hull.right - hull.left, h = hull.bottom - hull.top, diagonal = w * w + h * h;
    return diagonal > 0 ? ((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y)) / diagonal : -1;
}

float dk_overlap_diou(box a, box b, float power)
{
    const float d = distance(a, b), iou = dk_overlap_iou(a, b);
    return d < 0 ? iou : iou - powf(d, power);
}

/* The angle between the diagonals of b and a, as a share of a right one, squared; *turn: the angle itself. */
static float proportion(box a, box b, float *turn)
{
    *turn = atanf(b.w / b.h) - atanf(a.w / a.h);
    return (float)(4 / (M_PI * M_PI)) * *turn * *turn;
}

static float ciou(box a, box b)
{
    float turn;
    const float d = distance(a, b), iou = dk_overlap_iou(a, b), v = proportion(a, b, &turn);
    return d < 0 ? iou : iou - (d + v / (1 - iou + v + .000001f) * v);
}

float dk_overlap_of(box a, box b, dk_overlap kind)
{
    switch (kind) {
    case DK_OVERLAP_GIOU:
        return giou(a, b);
    case DK_OVERLAP_DIOU:
        return dk_overlap_diou(a, b, .6f);
    case DK_OVERLAP_CIOU:
        return ciou(a, b);
    default:
        return dk_overlap_iou(a, b);
    }
}

/* ---- slopes ----------------------------------------------------------------------------------------- */

/* How something changes when one edge of a moves. */
typedef struct pair {
    edges a, b;
    float w, h;        /* of the intersection; negative where they miss each other */
    edges common, all; /* slopes of intersection and union by a's edges */
    float common_area, all_area;
    edges hull;
    float hull_w, hull_h;
} pair;

static pair pair_of(box pa, box pb)
{
    pair p = {.a = edges_of(pa), .b = edges_of(pb)};
    p.w = fminf(p.a.right, p.b.right) - fmaxf(p.a.left, p.b.left);
    p.h = fminf(p.a.bottom, p.b.bottom) - fmaxf(p.a.top, p.b.top);
    const float a_w = p.a.right - p.a.left, a_h = p.a.bottom - p.a.top;
    p.common_area = p.w * p.h;
    p.all_area = a_w * a_h + (p.b.right - p.b.left) * (p.b.bottom - p.b.top) - p.common_area;
    p.common.left = p.a.left > p.b.left ? -p.h : 0;
    p.common.right = p.a.right < p.b.right ? p.h : 0;
    p.common.top = p.a.top > p.b.top ? -p.w : 0;
    p.common.bottom = p.a.bottom < p.b.bottom ? p.w : 0;
    p.all.left = -a_h - p.common.left;
    p.all.right = a_h - p.common.right;
    p.all.top = -a_w - p.common.top;
    p.all.bottom = a_w - p.common.bottom;
    p.hull = hull_of(p.a, p.b);
    p.hull_w = p.hull.right - p.hull.left;
    p.hull_h = p.hull.bottom - p.hull.top;
    return p;
}

static float quotient_slope(float top, float top_slope, float bottom, float bottom_slope)
{
    return (bottom * top_slope - top * bottom_slope) / (bottom * bottom);
}

static edges iou_slope(const pair *p)
{
    if (!(p->all_area > 0)) return (edges){0, 0, 0, 0};
    return (edges){quotient_slope(p->common_area, p->common.left, p->all_area, p->all.left),
                   quotient_slope(p->common_area, p->common.right, p->all_area, p->all.right),
                   quotient_slope(p->common_area, p->common.top, p->all_area, p->all.top),
                   quotient_slope(p->common_area, p->common.bottom, p->all_area, p->all.bottom)};
}

/* Of union / hull. */
static edges giou_slope(const pair *p)
{
    const float area = p->hull_w * p->hull_h;
    const float left = p->a.left < p->b.left ? -p->hull_h : 0,
                right = p->a.right > p->b.right ? p->hull_h : 0;
    const float top = p->a.top < p->b.top ? -p->hull_w : 0,
                bottom = p->a.bottom > p->b.bottom ? p->hull_w : 0;
    return (edges){quotient_slope(p->all_area, p->all.left, area, left),
                   quotient_slope(p->all_area, p->all.right, area, right),
                   quotient_slope(p->all_area, p->all.top, area, top),
                   quotient_slope(p->all_area, p->all.bottom, area, bottom)};
}

/* The forks' terms of the centres' distance and, for ciou, of the proportions. */
static box distance_slope(const pair *p, box a, box b, dk_overlap kind)
{
    const float x = b.x - a.x, y = b.y - a.y, apart = x * x + y * y;
    const float diagonal = p->hull_w * p->hull_w + p->hull_h * p->hull_h;
    const float left = p->a.left<p->b.left, right = p->a.right> p->b.right;
    const float top = p->a.top<p->b.top, bottom = p->a.bottom> p->b.bottom;
    const float unit = diagonal * diagonal;
    box s = {.x = (2 * x * diagonal - 2 * p->hull_w * (right - left) * apart) / unit,
             .y = (2 * y * diagonal - 2 * p->hull_h * (bottom - top) * apart) / unit,
             .w = p->hull_w * (right + left) * apart / unit,
             .h = p->hull_h * (bottom + top) * apart / unit};
    if (kind != DK_OVERLAP_CIOU) return s;
    float turn;
    const float v = proportion(a, b, &turn);
    const float alpha = v / (1 - p->common_area / p->all_area + v + .000001f);
    const float strength = alpha * (float)(8 / (M_PI * M_PI)) * turn;
    s.w += strength * a.h;
    s.h -= strength * a.w;
    return s;
}

box dk_overlap_slope(box a, box b, dk_overlap kind)
{
    const pair p = pair_of(a, b);
    const bool meet = p.w > 0 && p.h > 0;
    /* Beside each other in both directions, extents of the intersection are negative, their product is not: it is
     * no area. Taken for one, as the forks do, it pushes the boxes apart, without bound where "union" nears 0. */
    if (kind == DK_OVERLAP_IOU && p.w < 0 && p.h < 0) return (box){0, 0, 0, 0};
    edges e = iou_slope(&p);
    if (kind == DK_OVERLAP_GIOU && p.hull_w * p.hull_h > 0) {
        const edges g = giou_slope(&p);
        e = meet ? (edges){e.left + g.left, e.right + g.right, e.top + g.top, e.bottom + g.bottom} : g;
    }
    box s = {.x = e.left + e.right, .y = e.top + e.bottom, .w = e.right - e.left, .h = e.bottom - e.top};
    if (kind != DK_OVERLAP_DIOU && kind != DK_OVERLAP_CIOU) return s;
    if (!(p.hull_w * p.hull_w + p.hull_h * p.hull_h > 0)) return s;
    const box d = distance_slope(&p, a, b, kind);
    return meet ? (box){s.x + d.x, s.y + d.y, s.w + d.w, s.h + d.h} : d;
}
