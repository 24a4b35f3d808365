/* detector_map.c - see detector_map.h.
 *
 * DESIGN
 *   Every image's detections (score above .005, non-maximum suppression at .45) are matched to its objects of
 * the same class, each to the one it overlaps most, if by more than -iou_thresh. Then, per class, detections
 * of all images are ranked by score. Precision, recall, F1 and mean IoU are those of detections above the
 * threshold (.25), counted as the darknet forks do: an object is found by the first detection of it in the
 * order that suppression left, whatever its score. */
#include "evaluate/detector_map.h"

#include "network/boxes.h"
#include "replace/fatal.h"
#include "check/labels.h"
#include "evaluate/validate.h"

#include <stdlib.h>
#include <string.h>

static const float least_score = .005f, suppression = .45f;

/* One class's detections and objects over all images. */
typedef struct tally {
    dk_scored *scored;
    int n, room, objects;
} tally;

static void *grown(void *at, size_t n, size_t size)
{
    at = realloc(at, n * size);
    if (at == NULL) dk_die("out of memory for the detections");
    return at;
}

static void note(tally *t, dk_scored s)
{
    if (t->n == t->room) {
        t->room = t->room > 0 ? 2 * t->room : 256;
        t->scored = grown(t->scored, (size_t)t->room, sizeof *t->scored);
    }
    t->scored[t->n++] = s;
}

static int best_first(const void *a, const void *b)
{
    const dk_scored *x = a, *y = b;
    return (x->score < y->score) - (x->score > y->score);
}

/* qsort is not stable: ties must not fall by the C library's choice. */
static void merge_sort(dk_scored *s, dk_scored *room, int n)
{
    if (n < 2) return;
    const int half = n / 2;
    merge_sort(s, room, half);
    merge_sort(s + half, room, n - half);
    for (int i = 0, a = 0, b = half; i < n; i++)
        room[i] = b >= n || (a < half && best_first(&s[a], &s[b]) <= 0) ? s[a++] : s[b++];
    memcpy(s, room, (size_t)n * sizeof *s);
}

double dk_average_precision(dk_scored *scored, int n, int objects, bool *found, int points,
                            int *true_positives, int *false_positives)
{
    *true_positives = *false_positives = 0;
    dk_scored *room = grown(NULL, (size_t)n + 1, sizeof *room);
    merge_sort(scored, room, n);
    free(room);
    double *precision = grown(NULL, (size_t)n + 1, sizeof *precision),
           *recall = grown(NULL, (size_t)n + 1, sizeof *recall);
    for (int i = 0; i < n; i++) {
        const bool hit = scored[i].truth >= 0 && !found[scored[i].truth];
        if (hit) found[scored[i].truth] = true;
        *true_positives += hit;
        *false_positives += !hit;
        precision[i] = (double)*true_positives / (i + 1);
        recall[i] = objects > 0 ? (double)*true_positives / objects : 0;
    }
    for (int i = n - 2; i >= 0; i--)
        if (precision[i] < precision[i + 1]) precision[i] = precision[i + 1];
    double sum = 0;
    if (points == 0) {
        for (int i = 0; i < n; i++)
            sum += precision[i] * (recall[i] - (i > 0 ? recall[i - 1] : 0));
    } else {
        /* Multiples of the step, as the forks and PASCAL VOC's
         * own program take it: 3 of 10 is a hair above .3. */
        const double step = points > 1 ? 1. / (points - 1) : 0;
        for (int p = 0, i = 0; p < points; p++) {
            while (i < n && recall[i] < p * step)
                i++;
            sum += i < n ? precision[i] / points : 0;
        }
    }
    free(precision);
    free(recall);
    return sum;
}

/* ---- a network's, over a list of images ------------------------------------------------------------- */

/* Objects of all images, in one numbering. */
typedef struct objects {
    box_label *at;
    int n;
} objects;

/* The object of class c that b overlaps most, by more than least; -1 if there is none. */
static int best_object(box b, int c, const box_label *truth, int count, float least, float *iou)
{
    int best = -1;
    *iou = 0;
    for (int k = 0; k < count; k++) {
        const box t = {truth[k].x, truth[k].y, truth[k].w, truth[k].h};
        const float here = box_iou(b, t);
        if (truth[k].id != c || here <= least || here <= *iou) continue;
        *iou = here;
        best = k;
    }
    return best;
}

/* Counts a detection of class c above the threshold; first: of its object. */
static void count(dk_map *map, int c, bool first, float iou)
{
    if (first) {
        map->hits++;
        map->class[c].hits++;
        map->iou_sum += (double)iou;
    } else {
        map->misses++;
        map->class[c].misses++;
    }
}

/* One image's objects, and those that need not be found. */
typedef struct scene {
    const box_label *object;
    int n, first; /* first: its place among all images' objects */
    dk_labels difficult;
} scene;

/* Matches one image's detections of every class to its objects. */
static void match_image(tally *classes, dk_map *map, const detection *dets, int n, const scene *here,
                        const dk_map_settings *settings)
{
    bool *found = calloc((size_t)here->n + 1, sizeof *found);
    if (found == NULL) dk_die("out of memory for the detections");
    for (int i = 0; i < n; i++)
        for (int c = 0; c < map->n; c++) {
            dk_scored s = {.score = dets[i].prob[c], .truth = -1};
            if (s.score <= 0) continue;
            float ignored;
            const int k = best_object(dets[i].bbox, c, here->object, here->n, settings->iou, &s.iou);
            if (k >= 0) s.truth = here->first + k;
            if (k >= 0 || best_object(dets[i].bbox, c, here->difficult.box, here->difficult.n, settings->iou,
                                      &ignored) < 0)
                note(&classes[c], s);
            if (s.score > settings->thresh) count(map, c, k >= 0 && !found[k], s.iou);
            if (k >= 0) found[k] = true;
        }
    free(found);
}

/* Appends an image's objects; returns how many. */
static int read_objects(const char *image, objects *all, tally *classes, int n_classes)
{
    dk_labels labels = dk_labels_of(image, n_classes);
    all->at = grown(all->at, (size_t)(all->n + labels.n + 1), sizeof *all->at);
    for (int i = 0; i < labels.n; i++) {
        all->at[all->n + i] = labels.box[i];
        classes[labels.box[i].id].objects++;
    }
    all->n += labels.n;
    free(labels.box);
    return labels.n;
}

static void rank(tally *classes, int all_objects, const dk_map_settings *settings, dk_map *map)
{
    bool *found = grown(NULL, (size_t)all_objects + 1, sizeof *found);
    for (int c = 0; c < map->n; c++) {
        dk_map_class *class = &map->class[c];
        memset(found, 0, (size_t)all_objects * sizeof *found);
        int hits, misses; /* over all scores */
        class->ap = dk_average_precision(classes[c].scored, classes[c].n, classes[c].objects, found,
                                         settings->points, &hits, &misses);
        map->mean += class->ap / map->n;
        map->detections += classes[c].n;
    }
    free(found);
}

bool dk_map_measure(network *net, const dk_lines *images, const dk_map_settings *settings, dk_map *map)
{
    const int n_classes = net->layers[net->n - 1].classes;
    *map = (dk_map){.n = n_classes, .class = calloc((size_t)n_classes, sizeof *map->class)};
    tally *classes = calloc((size_t)n_classes, sizeof *classes);
    if (classes == NULL || map->class == NULL) dk_die("out of memory for the detections");
    objects all = {0};
    dk_ahead *ahead = dk_ahead_open(images->line, images->n, dk_picture_data(net), net->w, net->h);
    image original, sized;
    bool stopped = false;
    for (int i = 0; dk_ahead_next(ahead, &original, &sized); i++) {
        stopped = stopped || (settings->stop != NULL && *settings->stop != 0);
        if (!stopped) {
            scene here = {.first = all.n};
            here.n = read_objects(images->line[i], &all, classes, n_classes);
            here.object = all.at + here.first;
            if (settings->difficult != NULL)
                here.difficult = dk_labels_of(settings->difficult->line[i], n_classes);
            network_predict(net, sized.data);
            int n = 0;
            detection *dets = get_network_boxes(net, original.w, original.h, least_score, .5f, NULL, 1, &n);
            dk_suppress(net, dets, n, n_classes, suppression);
            match_image(classes, map, dets, n, &here, settings);
            free(here.difficult.box);
            free_detections(dets, n);
        } else {
            dk_ahead_stop(ahead);
        }
        free_image(original);
        free_image(sized);
    }
    dk_ahead_close(ahead);
    map->objects = all.n;
    if (!stopped) rank(classes, all.n, settings, map);
    for (int c = 0; c < n_classes; c++)
        free(classes[c].scored);
    free(classes);
    free(all.at);
    return !stopped;
}

void dk_map_free(dk_map *map)
{
    free(map->class);
    *map = (dk_map){0};
}
