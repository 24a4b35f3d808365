/* test_forks_losses.c - the losses of [yolo] and [Gaussian_yolo] in the forks' dialect against central differences in double.
 *
 * A layer's delta is what its output should be moved by, before the activation for objectness and classes (the loss is
 * then a cross entropy), after it for boxes. Where the forks' code is no derivative the test says what it is instead:
 *   w and h      of iou and giou: twice the derivative (they do not halve what an edge moves), and not by the anchor
 *   diou, ciou   the hull's part in x and y has the other sign
 *   ciou         the weight of the proportions is held; their slope is not divided by w^2 + h^2 */
#include "kernel_test.h"

#include "layers/overlap.h"
#include "layers/yolo_head.h"
#include "network/dialect.h"

typedef struct boxd {
    double v[4]; /* x, y, w, h */
} boxd;

static boxd of_box(box b)
{
    return (boxd){{(double)b.x, (double)b.y, (double)b.w, (double)b.h}};
}

/* ---- overlaps in double ----------------------------------------------------------------------------- */

/* Along one axis (0 or 1): what two boxes have in common, or what they span. */
static double common(boxd a, boxd b, int axis)
{
    const double low = fmax(a.v[axis] - a.v[axis + 2] / 2, b.v[axis] - b.v[axis + 2] / 2);
    const double high = fmin(a.v[axis] + a.v[axis + 2] / 2, b.v[axis] + b.v[axis + 2] / 2);
    return high > low ? high - low : 0;
}

static double span(boxd a, boxd b, int axis)
{
    const double low = fmin(a.v[axis] - a.v[axis + 2] / 2, b.v[axis] - b.v[axis + 2] / 2);
    return fmax(a.v[axis] + a.v[axis + 2] / 2, b.v[axis] + b.v[axis + 2] / 2) - low;
}

typedef struct setting {
    boxd a, b, unmoved; /* unmoved: the a that a fixed hull and a fixed weight are of */
} setting;

static double iou(const setting *s)
{
    const double both = common(s->a, s->b, 0) * common(s->a, s->b, 1);
    return both / (s->a.v[2] * s->a.v[3] + s->b.v[2] * s->b.v[3] - both);
}

static double giou(const setting *s)
{
    const double both = common(s->a, s->b, 0) * common(s->a, s->b, 1),
                 hull = span(s->a, s->b, 0) * span(s->a, s->b, 1);
    return iou(s) - (hull - (s->a.v[2] * s->a.v[3] + s->b.v[2] * s->b.v[3] - both)) / hull;
}

static double away(const setting *s, boxd hull_of)
{
    const double x = s->a.v[0] - s->b.v[0], y = s->a.v[1] - s->b.v[1];
    const double w = span(hull_of, s->b, 0), h = span(hull_of, s->b, 1);
    return -(x * x + y * y) / (w * w + h * h);
}

static double distance(const setting *s)
{
    return away(s, s->a);
}

static double distance_in_a_fixed_hull(const setting *s)
{
    return away(s, s->unmoved);
}

static double turn_squared(boxd a, boxd b)
{
    const double turn = atan(b.v[2] / b.v[3]) - atan(a.v[2] / a.v[3]);
    return 4 / (M_PI * M_PI) * turn * turn;
}

static double proportions(const setting *s)
{
    const setting still = {s->unmoved, s->b, s->unmoved};
    const double v = turn_squared(s->unmoved, s->b);
    return -v / (1 - iou(&still) + v + 1e-6) * turn_squared(s->a, s->b);
}

static double slope(double (*f)(const setting *), boxd a, boxd b, int k)
{
    const double epsilon = 1e-6;
    setting s = {a, b, a};
    s.a.v[k] = a.v[k] + epsilon;
    const double after = f(&s);
    s.a.v[k] = a.v[k] - epsilon;
    return (after - f(&s)) / (2 * epsilon);
}

static void expected_slopes(boxd a, boxd b, dk_overlap kind, double *out)
{
    const double diagonal = a.v[2] * a.v[2] + a.v[3] * a.v[3];
    for (int k = 0; k < 4; k++) {
        const bool side = k >= 2;
        out[k] = (side ? 2 : 1) * slope(kind == DK_OVERLAP_GIOU ? giou : iou, a, b, k);
        if (kind != DK_OVERLAP_DIOU && kind != DK_OVERLAP_CIOU) continue;
        const double moved = slope(distance, a, b, k), held = slope(distance_in_a_fixed_hull, a, b, k);
        out[k] += side ? moved : held - (moved - held);
        if (kind == DK_OVERLAP_CIOU) out[k] += diagonal * slope(proportions, a, b, k);
    }
}

static const dk_overlap kinds[] = {DK_OVERLAP_IOU, DK_OVERLAP_GIOU, DK_OVERLAP_DIOU, DK_OVERLAP_CIOU};
static const char *const names[] = {"iou", "giou", "diou", "ciou"};

static void slopes_of_overlaps(void **state)
{
    (void)state;
    for (int k = 0; k < 400; k++) {
        const box a = {.5f + .1f * test_float(), .5f + .1f * test_float(), .3f + .1f * test_float(),
                       .3f + .1f * test_float()};
        const box b = {.5f + .1f * test_float(), .5f + .1f * test_float(), .3f + .1f * test_float(),
                       .3f + .1f * test_float()};
        const box s = dk_overlap_slope(a, b, kinds[k % 4]);
        double want[4];
        const float got[4] = {s.x, s.y, s.w, s.h};
        expected_slopes(of_box(a), of_box(b), kinds[k % 4], want);
        test_within(names[k % 4], test_error(got, want, 4), 2e-4);
    }
}

/* Boxes that miss each other in both directions overlap by nothing, and do so however little one is moved. The other
 * measures draw the centres together. */
static void slopes_of_boxes_that_miss_each_other(void **state)
{
    (void)state;
    for (int k = 0; k < 200; k++) {
        const float w = .12f + .05f * test_float(), h = .12f + .05f * test_float();
        const box b = {.5f, .5f, w, h};
        const box a = {.5f + (k & 1 ? 1 : -1) * (w + .01f), .5f + (k & 2 ? 1 : -1) * (h + .01f), w, h};
        const box none = dk_overlap_slope(a, b, DK_OVERLAP_IOU);
        for (int i = 0; i < 4; i++) {
            const double want = slope(iou, of_box(a), of_box(b), i);
            assert_true(want == 0);
        }
        assert_true(none.x == 0 && none.y == 0 && none.w == 0 && none.h == 0);
        for (int other = 1; other < 4; other++) {
            const box s = dk_overlap_slope(a, b, kinds[other]);
            assert_true(s.x * (b.x - a.x) > 0 && s.y * (b.y - a.y) > 0);
        }
        /* Beside each other in one direction only, iou draws them together, too. */
        const box beside = {a.x, .5f + .3f * h * (k & 4 ? 1 : -1), w, h};
        assert_true(dk_overlap_slope(beside, b, DK_OVERLAP_IOU).x * (b.x - a.x) > 0);
    }
}

/* ---- layers ----------------------------------------------------------------------------------------- */

/* One label, which anchor 1 fits best, in column 1 and row 2 of 4 x 4 cells. */
enum { CELLS = 16, CELL = 9, CLASSES = 3, CLASS = 2, ANCHOR = 1, NET = 64 };
static const float label[5] = {.4f, .6f, .42f, .31f, CLASS};
static const double anchor[2] = {30, 22};

typedef struct head {
    network *net;
    layer *l;
    int coords;
} head;

static head make_head(const char *type, const char *options)
{
    const int coords = strcmp(type, "yolo") == 0 ? 4 : 8;
    char text[1024];
    snprintf(
        text, sizeof text,
        "[net]\nbatch=1\nwidth=%d\nheight=%d\nchannels=3\n[convolutional]\nfilters=%d\nsize=1\nstride=16\n"
        "activation=linear\n[%s]\nclasses=%d\nnum=2\nmask=0,1\nanchors=10,14,30,22\nignore_thresh=.7\n%s\n",
        NET, NET, 2 * (coords + 1 + CLASSES), type, CLASSES, options);
    dk_dialect_select(DK_DIALECT_FORKS);
    head h = {.net = test_network(text, 3), .coords = coords};
    h.l = &h.net->layers[1];
    test_fill(h.net->layers[0].output, (size_t)h.l->outputs);
    memset(h.net->truth, 0, (size_t)h.net->truths * sizeof(float));
    memcpy(h.net->truth, label, sizeof label);
    network in = *h.net;
    in.input = h.net->layers[0].output;
    in.train = 1;
    in.index = 1;
    h.l->forward(*h.l, in);
    return h;
}

/* Value `entry` of the label's cell and anchor: before and after its activation, and what it is moved by. */
static double before(const head *h, int entry)
{
    return (double)h->net->layers[0].output[dk_yolo_at(h->l, h->coords, 0, ANCHOR, CELL, entry)];
}
static double after(const head *h, int entry)
{
    return (double)h->l->output[dk_yolo_at(h->l, h->coords, 0, ANCHOR, CELL, entry)];
}
static float moved(const head *h, int entry)
{
    return h->l->delta[dk_yolo_at(h->l, h->coords, 0, ANCHOR, CELL, entry)];
}

static double entropy_slope(double z, double target)
{
    const double epsilon = 1e-5;
    double sum[2];
    for (int side = 0; side < 2; side++) {
        const double p = 1 / (1 + exp(-(z + (side ? epsilon : -epsilon))));
        sum[side] = target * log(p) + (1 - target) * log(1 - p);
    }
    return (sum[1] - sum[0]) / (2 * epsilon);
}

/* Objectness and classes of the label's box, and of a box that no label claims. */
static void check_entropies(const char *what, const head *h, double object, double yes, double no)
{
    double want[1 + CLASSES] = {object * entropy_slope(before(h, h->coords), 1)};
    float got[1 + CLASSES] = {moved(h, h->coords)};
    for (int c = 0; c < CLASSES; c++) {
        want[c + 1] = entropy_slope(before(h, h->coords + 1 + c), c == CLASS ? yes : no);
        got[c + 1] = moved(h, h->coords + 1 + c);
    }
    test_within(what, test_error(got, want, 1 + CLASSES), 1e-5);
    const size_t other = dk_yolo_at(h->l, h->coords, 0, 0, 0, h->coords);
    const double none = object * entropy_slope((double)h->net->layers[0].output[other], 0);
    test_within("a box of nothing", fabs((double)h->l->delta[other] / none - 1), 1e-5);
    for (int c = 0; c < CLASSES; c++)
        assert_true(fabsf(h->l->delta[other + (size_t)(c + 1) * CELLS]) < 1e-30f);
}

static boxd predicted(const head *h, bool new_coords)
{
    const int apart = h->coords / 4;
    boxd b = {{(after(h, 0) + CELL % 4) / 4, (after(h, apart) + CELL / 4) / 4, 0, 0}};
    for (int k = 0; k < 2; k++) {
        const double x = after(h, (2 + k) * apart);
        b.v[2 + k] = (new_coords ? 4 * x * x : exp(x)) * anchor[k] / NET;
    }
    return b;
}

static void check_overlap(const char *what, const head *h, dk_overlap kind, double normalizer,
                          bool new_coords)
{
    const int apart = h->coords / 4;
    double want[4];
    float got[4];
    expected_slopes(predicted(h, new_coords), of_box((box){label[0], label[1], label[2], label[3]}), kind,
                    want);
    for (int k = 0; k < 4; k++) {
        want[k] *= normalizer * (k >= 2 && !new_coords ? exp(after(h, k * apart)) : 1);
        got[k] = moved(h, k * apart);
    }
    test_within(what, test_error(got, want, 4), 2e-4);
}

static void boxes_by_overlap(void **state)
{
    (void)state;
    for (int k = 0; k < 8; k++) {
        char options[256];
        const bool new_coords = k >= 4;
        snprintf(options, sizeof options,
                 "iou_loss=%s\niou_normalizer=.07\nscale_x_y=1.2\nobj_normalizer=.5\n%s", names[k % 4],
                 new_coords ? "new_coords=1" : "");
        head h = make_head("yolo", options);
        check_overlap(names[k % 4], &h, kinds[k % 4], (double).07f, new_coords);
        if (!new_coords) check_entropies(names[k % 4], &h, .5, 1, 0);
        free_network(h.net);
    }
}

/* Half the weighed squares of what a coordinate lacks. */
static double square_slope(double x, double target, double weight)
{
    const double epsilon = 1e-5, a = target - (x + epsilon), b = target - (x - epsilon);
    return -weight * (a * a - b * b) / 2 / (2 * epsilon);
}

static void wanted_coordinates(double *wanted)
{
    wanted[0] = (double)label[0] * 4 - CELL % 4;
    wanted[1] = (double)label[1] * 4 - CELL / 4;
    wanted[2] = log((double)label[2] * NET / anchor[0]);
    wanted[3] = log((double)label[3] * NET / anchor[1]);
}

static void boxes_by_squares(void **state)
{
    (void)state;
    head h = make_head("yolo", "iou_loss=mse\niou_normalizer=.6\nlabel_smooth_eps=.1");
    double wanted[4], want[4];
    float got[4];
    wanted_coordinates(wanted);
    for (int k = 0; k < 4; k++) {
        want[k] =
            square_slope(after(&h, k), wanted[k], (double).6f * (2 - (double)label[2] * (double)label[3]));
        got[k] = moved(&h, k);
    }
    test_within("mse", test_error(got, want, 4), 1e-5);
    check_entropies("smooth labels", &h, 1, .95, .05);
    free_network(h.net);
}

/* alpha .5, gamma 2, of a softmax's probability: its derivative by output c is p (own - p[c]). */
static void focal(void **state)
{
    (void)state;
    head h = make_head("yolo", "focal_loss=1");
    const double epsilon = 1e-6, p = after(&h, 5 + CLASS);
    double loss[2], want[CLASSES];
    float got[CLASSES];
    for (int side = 0; side < 2; side++) {
        const double q = p + (side ? epsilon : -epsilon);
        loss[side] = -.5 * (1 - q) * (1 - q) * log(q);
    }
    for (int c = 0; c < CLASSES; c++) {
        want[c] = -(loss[1] - loss[0]) / (2 * epsilon) * p * ((c == CLASS) - after(&h, 5 + c));
        got[c] = moved(&h, 5 + c);
    }
    test_within("focal loss", test_error(got, want, CLASSES), 1e-4);
    free_network(h.net);
}

/* Logarithm of the density that a coordinate's deviation u, .3 added in the divisor, gives the label's. */
static double likelihood(double lacks, double u)
{
    return -.5 * lacks * lacks / (u * u) - log(u + .3);
}

static void gaussian(void **state)
{
    (void)state;
    const double epsilon = 1e-5, scale = .5 * (2 - (double)label[2] * (double)label[3]);
    head h = make_head("Gaussian_yolo", "iou_normalizer=.8\nuc_normalizer=.9");
    double wanted[4], want[8];
    float got[8];
    wanted_coordinates(wanted);
    for (int k = 0; k < 4; k++) {
        const double x = after(&h, 2 * k), u = after(&h, 2 * k + 1), lacks = wanted[k] - x;
        want[2 * k] = (double).8f * scale *
                      (likelihood(lacks - epsilon, u) - likelihood(lacks + epsilon, u)) / (2 * epsilon);
        want[2 * k + 1] = (double).9f * scale *
                          (likelihood(lacks, u + epsilon) - likelihood(lacks, u - epsilon)) / (2 * epsilon);
        got[2 * k] = moved(&h, 2 * k);
        got[2 * k + 1] = moved(&h, 2 * k + 1);
    }
    test_within("Gaussian yolo", test_error(got, want, 8), 1e-4);
    check_entropies("Gaussian yolo", &h, 1, 1, 0);
    free_network(h.net);
    h = make_head("Gaussian_yolo", "iou_loss=ciou\niou_normalizer=.5\nscale_x_y=1.1");
    check_overlap("Gaussian yolo by ciou", &h, DK_OVERLAP_CIOU, .5, false);
    free_network(h.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(slopes_of_overlaps),
                                       cmocka_unit_test(slopes_of_boxes_that_miss_each_other),
                                       cmocka_unit_test(boxes_by_overlap),
                                       cmocka_unit_test(boxes_by_squares),
                                       cmocka_unit_test(focal),
                                       cmocka_unit_test(gaussian)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
