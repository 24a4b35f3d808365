/* anchors_cmd.c - `darknet detector calc_anchors DATA -num_of_clusters N -width W -height H`: what the forks
 * print, and their files anchors.txt and counters_per_class.txt. */
#include "detect/detect.h"

#include "check/labels.h"
#include "check/preflight.h"
#include "detect/anchors.h"
#include "evaluate/validate.h"
#include "replace/fatal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The labelled boxes of all images. */
typedef struct boxes {
    dk_size *size; /* [n] */
    int n, room;
    int *count; /* [classes] boxes of each class */
    int classes;
} boxes;

static void *grown(void *at, size_t n, size_t size)
{
    at = realloc(at, n * size);
    if (at == NULL) dk_die("out of memory for the boxes");
    return at;
}

static void add(boxes *all, const box_label *label, const dk_eval *e)
{
    if (label->id >= all->classes) { /* the forks count classes beyond the data file's, too */
        all->count = grown(all->count, (size_t)label->id + 1, sizeof *all->count);
        while (all->classes <= label->id)
            all->count[all->classes++] = 0;
    }
    all->count[label->id]++;
    if (!(label->w > 0 && label->h > 0)) return;
    if (all->n == all->room) {
        all->room = all->room > 0 ? 2 * all->room : 1024;
        all->size = grown(all->size, (size_t)all->room, sizeof *all->size);
    }
    all->size[all->n++] = (dk_size){label->w * (float)e->width, label->h * (float)e->height};
}

static void read_all(const dk_eval *e, const dk_lines *images, boxes *all)
{
    printf(" read labels from %d images \n", images->n);
    for (int i = 0; i < images->n; i++) {
        const dk_labels labels = dk_labels_of(images->line[i], 0);
        for (int k = 0; k < labels.n; k++)
            add(all, &labels.box[k], e);
        free(labels.box);
    }
    printf("\r loaded \t image: %d \t box: %d\n all loaded. \n", images->n, all->n);
}

/* Writes one line to the file and to the terminal; the forks' files have no line end. */
static void save(const char *path, const char *before, const char *line)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) dk_die("cannot write %s: %s", path, strerror(errno));
    const bool wrong = fputs(line, file) < 0;
    if (fclose(file) != 0 || wrong) dk_die("cannot write %s: %s", path, strerror(errno));
    printf("%s%s\n", before, line);
}

static void save_counters(const boxes *all)
{
    char *line = NULL;
    size_t size;
    FILE *text = open_memstream(&line, &size);
    if (text == NULL) dk_die("out of memory");
    fprintf(text, "counters_per_class = ");
    for (int c = 0; c < all->classes; c++)
        fprintf(text, "%s%d", c > 0 ? ", " : "", all->count[c]);
    if (fclose(text) != 0) dk_die("out of memory");
    save("counters_per_class.txt", "\n", line);
    free(line);
}

static void save_anchors(const dk_eval *e, const dk_size *anchor)
{
    char *line = NULL;
    size_t size;
    FILE *text = open_memstream(&line, &size);
    if (text == NULL) dk_die("out of memory");
    for (int j = 0; j < e->clusters; j++) /* of networks measured in cells: version 2's */
        fprintf(text, e->width > 32 ? "%s%3.0f,%3.0f" : "%s%2.4f,%2.4f", j > 0 ? ", " : "",
                (double)anchor[j].w, (double)anchor[j].h);
    if (fclose(text) != 0) dk_die("out of memory");
    printf("\nSaving anchors to the file: anchors.txt \n");
    save("anchors.txt", "anchors = ", line);
    free(line);
}

int dk_cmd_detector_calc_anchors(int argc, char **argv)
{
    dk_eval e;
    dk_eval_words(&e, DK_EVAL_ANCHORS, argc, argv, 2, "d");
    if (e.width == 0 || e.height == 0)
        dk_die("calc_anchors needs the network's size: -num_of_clusters 9 -width 416 -height 416");
    if (e.clusters == 0) e.clusters = 5;
    dk_lines images;
    dk_lines_read(dk_eval_option(&e, "train", NULL), "training list", &images);
    dk_check_truths(&images, DETECTION_DATA, 0, DK_MISSING_MOST);
    const int classes = atoi(dk_eval_option(&e, "classes", "1"));
    boxes all = {.classes = classes > 0 ? classes : 1};
    all.count = calloc((size_t)all.classes, sizeof *all.count);
    if (all.count == NULL) dk_die("out of memory");
    printf("\n num_of_clusters = %d, width = %d, height = %d \n", e.clusters, e.width, e.height);
    read_all(&e, &images, &all);
    dk_size *anchor = grown(NULL, (size_t)e.clusters, sizeof *anchor);
    printf("\n calculating k-means++ ...\n");
    const int iterations =
        all.n >= e.clusters ? dk_anchors_find(all.size, all.n, anchor, e.clusters, (uint64_t)e.seed) : -1;
    if (iterations < 0)
        dk_die("%s: its %d boxes have fewer than %d different sizes: take fewer -num_of_clusters",
               images.path, all.n, e.clusters);
    printf("\n iterations = %d \n\n", iterations);
    save_counters(&all);
    printf("\n avg IoU = %2.2f %% \n", 100 * dk_anchors_fit(all.size, all.n, anchor, e.clusters));
    save_anchors(&e, anchor);
    free(anchor);
    free(all.size);
    free(all.count);
    dk_lines_free(&images);
    return 0;
}
