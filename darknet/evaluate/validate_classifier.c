/* validate_classifier.c - `darknet classifier valid`, `classifier predict` and `classify`. */
#include "evaluate/validate.h"

#include "check/datafile.h"
#include "replace/fatal.h"
#include "check/preflight.h"

#include <stdlib.h>
#include <string.h>

/* The class of an image, as the library finds it: the first label that its path contains; -1 if none. */
static int class_of(const char *path, char **labels, int classes)
{
    for (int i = 0; i < classes; i++)
        if (strstr(path, labels[i]) != NULL) return i;
    return -1;
}

/* The middle of an image, as large as the network: first cut and then resized, or, by the forks, the other
 * way round. */
static image middle(const dk_eval *e, image im)
{
    if (!e->forks) return center_crop_image(im, e->net->w, e->net->h);
    image small = resize_min(im, e->net->w);
    image out = crop_image(small, (small.w - e->net->w) / 2, (small.h - e->net->h) / 2, e->net->w, e->net->h);
    if (small.data != im.data) free_image(small);
    return out;
}

static float *predict(network *net, float *input)
{
    float *out = network_predict(net, input);
    if (net->hierarchy != NULL) hierarchy_predictions(out, net->outputs, net->hierarchy, 1, 1);
    return out;
}

static int number_of(const dk_eval *e, const char *key, int fallback, int most)
{
    const char *text = dk_eval_option(e, key, "");
    if (text[0] == '\0') return fallback < most ? fallback : most;
    char *end;
    const long n = strtol(text, &end, 10);
    if (*end != '\0' || n < 1 || n > most)
        dk_die("%s: %s takes a number from 1 to %d, not '%s'", e->data, key, most, text);
    return (int)n;
}

int dk_cmd_classifier_valid(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_PREDICT, argc, argv, 2, "dcw");
    const int classes = number_of(&e, "classes", e.net->outputs, e.net->outputs);
    const int top = number_of(&e, "top", 1, classes);
    const char *leaves = dk_eval_option(&e, "leaves", "");
    if (leaves[0] != '\0' && e.net->hierarchy != NULL) change_leaves(e.net->hierarchy, (char *)leaves);
    dk_lines labels, images;
    dk_names_read(dk_eval_option(&e, "labels", NULL), "labels", &labels);
    if (labels.n < classes)
        dk_die("%s has %d labels, but there are %d classes", labels.path, labels.n, classes);
    dk_lines_read(dk_eval_option(&e, "valid", NULL), "validation list", &images);
    dk_check_images(&images);
    int *best = calloc((size_t)top, sizeof *best);
    int first = 0, among = 0;
    for (int i = 0; i < images.n; i++) {
        image im = load_image_color(images.line[i], 0, 0);
        image crop = middle(&e, im);
        const int class = class_of(images.line[i], labels.line, classes);
        float *out = predict(e.net, crop.data);
        top_k(out, classes, top, best);
        first += best[0] == class;
        for (int k = 0; k < top; k++)
            among += best[k] == class;
        printf("%s, %d, %f, %f, \n", images.line[i], class, (double)out[0], (double)out[classes > 1 ? 1 : 0]);
        printf("%d: top 1: %f, top %d: %f\n", i, (double)first / (i + 1), top, (double)among / (i + 1));
        free_image(crop);
        free_image(im);
    }
    free(best);
    dk_lines_free(&labels);
    dk_lines_free(&images);
    free_network(e.net);
    return 0;
}

static int predict_images(dk_eval *e, char **names, int top)
{
    char line[4096] = "";
    int *best = calloc((size_t)top, sizeof *best);
    for (const char *path; (path = dk_eval_next_image(e, line, sizeof line)) != NULL;) {
        dk_file_check(path, "image");
        image im = load_image_color((char *)path, 0, 0);
        image sized = e->forks ? middle(e, im) : letterbox_image(im, e->net->w, e->net->h);
        const double start = what_time_is_it_now();
        float *out = predict(e->net, sized.data);
        const double took = what_time_is_it_now() - start;
        if (e->forks)
            printf("%s: Predicted in %f milli-seconds.\n", path, took * 1000);
        else
            fprintf(stderr, "%s: Predicted in %f seconds.\n", path, took);
        top_k(out, e->net->outputs, top, best);
        for (int i = 0; i < top; i++)
            if (e->forks)
                printf("%s: %f\n", names[best[i]], (double)out[best[i]]);
            else
                printf("%5.2f%%: %s\n", (double)out[best[i]] * 100, names[best[i]]);
        free_image(sized);
        free_image(im);
    }
    free(best);
    free_network(e->net);
    return 0;
}

int dk_cmd_classifier_predict(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_PREDICT, argc, argv, 2, "dcwi");
    e.classes = e.net->outputs;
    const char *labels = dk_eval_option(&e, "names", "");
    if (labels[0] == '\0') labels = dk_eval_option(&e, "labels", NULL);
    const int top = e.top > 0 ? e.top : number_of(&e, "top", 1, e.net->outputs);
    return predict_images(&e, dk_eval_names(&e, labels), top < e.net->outputs ? top : e.net->outputs);
}

int dk_cmd_classify(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_PREDICT, argc, argv, 1, "cwi");
    e.data = "cfg/imagenet1k.data";
    dk_file_check(e.data, "data file");
    e.options = read_data_cfg((char *)e.data);
    e.classes = e.net->outputs;
    return predict_images(&e, dk_eval_names(&e, dk_eval_option(&e, "names", NULL)),
                          e.net->outputs < 5 ? e.net->outputs : 5);
}
