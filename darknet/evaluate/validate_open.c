/* validate_open.c - what the validating commands share:
 * command line, data file, network, images, result files. */
#include "evaluate/validate.h"

#include "check/datafile.h"
#include "check/labels.h"
#include "check/preflight.h"
#include "evaluate/flags.h"
#include "network/dialect.h"
#include "layers/extra.h"
#include "replace/fatal.h"
#include "replace/repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AHEAD = 4, MOST_WORDS = 8 };

/* The field that a letter of `words` stands for. */
static const char **field(dk_eval *e, char letter)
{
    switch (letter) {
    case 'd':
        return &e->data;
    case 'c':
        return &e->cfg;
    case 'w':
        return &e->weights;
    case 'i':
        return &e->image;
    case 'o':
        return &e->to;
    default:
        return &e->number;
    }
}

static _Noreturn void usage(char **argv, int argc, int skip, const char *words)
{
    static const char *const names[][2] = {{"d", " DATA"},    {"c", " CFG"}, {"w", " WEIGHTS"},
                                           {"i", " [IMAGE]"}, {"o", " OUT"}, {"n", " LAYERS"}};
    char line[128] = "";
    for (const char *word = words; *word; word++)
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (*word == names[k][0][0]) strcat(line, names[k][1]);
    dk_die("usage: darknet %s%s%s%s [flags]", argv[1], skip > 1 ? " " : "",
           skip > 1 && argc > 2 ? argv[2] : "", line);
}

static void take_words(dk_eval *e, int argc, char **argv, int skip, const char *words)
{
    const char *given[MOST_WORDS];
    const int n = dk_eval_flags(e, argc, argv, given, skip + (int)strlen(words));
    for (int i = skip; i < n; i++)
        *field(e, words[i - skip]) = given[i];
    for (const char *word = words; *word; word++)
        if (*word != 'i' && *field(e, *word) == NULL) usage(argv, argc, skip, words);
}

bool dk_has_display(void)
{
    static const char *const displays[] = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"};
    for (size_t k = 0; k < sizeof displays / sizeof *displays; k++) {
        const char *value = getenv(displays[k]);
        if (value && *value) return true;
    }
    return false;
}

void dk_eval_words(dk_eval *e, dk_eval_use use, int argc, char **argv, int skip, const char *words)
{
    *e = (dk_eval){.use = use, .thresh = -1, .hier = .5f, .iou = .5f, .want_show = true};
    take_words(e, argc, argv, skip, words);
    e->show = e->want_show && dk_has_display();
    if (e->data != NULL) {
        dk_file_check(e->data, "data file");
        e->options = read_data_cfg((char *)e->data);
    }
}

void dk_eval_open(dk_eval *e, dk_eval_use use, int argc, char **argv, int skip, const char *words)
{
    dk_eval_words(e, use, argc, argv, skip, words);
    if (use == DK_EVAL_MAP) dk_dialect_flag("detector map"); /* the packaged Darknet has none */
    dk_file_check(e->cfg, "cfg");
    dk_file_check(e->weights, "weights file");
    dk_check_cfg(e->cfg);
    e->net = parse_network_cfg((char *)e->cfg);
    dk_repair_network(e->net);
    dk_check_weights(e->weights, e->net, false);
    load_weights(e->net, (char *)e->weights);
    set_batch_network(e->net, 1);
    e->classes = e->net->layers[e->net->n - 1].classes;
    e->forks = e->ext_output || e->save_labels || dk_network_extra_of(e->net)->forks;
    dk_labels_beside_first(dk_network_extra_of(e->net)->forks);
    dk_dialect_tell(e->net, e->cfg);
}

float dk_eval_choose(const dk_eval *e, float packaged, float forks)
{
    return e->forks ? forks : packaged;
}

void dk_eval_thresh(dk_eval *e, float packaged, float forks)
{
    if (e->thresh < 0) e->thresh = dk_eval_choose(e, packaged, forks);
}

const char *const dk_voc_names[20] = {"aeroplane",   "bicycle", "bird",  "boat",      "bottle",
                                      "bus",         "car",     "cat",   "chair",     "cow",
                                      "diningtable", "dog",     "horse", "motorbike", "person",
                                      "pottedplant", "sheep",   "sofa",  "train",     "tvmonitor"};

void dk_eval_need_detector(const dk_eval *e)
{
    const LAYER_TYPE type = e->net->layers[e->net->n - 1].type;
    if (type != YOLO && (int)type != DK_GAUSSIAN_YOLO && type != REGION && type != DETECTION)
        dk_die("%s does not end in [yolo], [region] or [detection]: it detects nothing", e->cfg);
}

void dk_eval_need_voc(const dk_eval *e)
{
    dk_eval_need_detector(e);
    if (e->classes != (int)(sizeof dk_voc_names / sizeof *dk_voc_names))
        dk_die("yolo takes networks of PASCAL VOC's 20 classes; %s has %d: use darknet detector", e->cfg,
               e->classes);
}

const char *dk_eval_option(const dk_eval *e, const char *key, const char *fallback)
{
    const char *value = e->options != NULL ? option_find_str(e->options, (char *)key, NULL) : NULL;
    if (value == NULL && fallback == NULL) dk_die("%s has no line '%s = ...'", e->data, key);
    return value != NULL ? value : fallback;
}

char **dk_eval_names(const dk_eval *e, const char *path)
{
    static dk_lines names; /* kept until the program ends */
    const int classes = e->classes > 0 ? e->classes : e->net->outputs;
    dk_names_read(path, "class names", &names);
    if (names.n < classes) dk_die("%s has %d names, but %s has %d classes", path, names.n, e->cfg, classes);
    return names.line;
}

const char *dk_eval_next_image(const dk_eval *e, char *line, size_t size)
{
    if (e->image != NULL) {
        const bool again = line[0] != '\0';
        snprintf(line, size, "%s", e->image);
        return again ? NULL : e->image;
    }
    do {
        printf("Enter Image Path: ");
        fflush(stdout);
        if (fgets(line, (int)size, stdin) == NULL) return NULL;
        line[strcspn(line, "\r\n")] = '\0';
    } while (line[0] == '\0');
    return line;
}

/* ---- images ahead ----------------------------------------------------------------------------------- */

struct dk_ahead {
    char **paths;
    int n, next, started;
    load_args args;
    struct {
        pthread_t thread;
        image original, sized;
    } slot[AHEAD];
};

static void start_one(dk_ahead *a)
{
    const int at = a->started % AHEAD;
    if (a->started >= a->n) return;
    a->args.path = a->paths[a->started++];
    a->args.im = &a->slot[at].original;
    a->args.resized = &a->slot[at].sized;
    a->slot[at].thread = load_data_in_thread(a->args);
}

dk_ahead *dk_ahead_open(char **paths, int n, data_type type, int w, int h)
{
    dk_ahead *a = calloc(1, sizeof *a);
    if (a == NULL) dk_die("out of memory");
    a->paths = paths;
    a->n = n;
    a->args.w = w;
    a->args.h = h;
    a->args.type = type;
    for (int i = 0; i < AHEAD; i++)
        start_one(a);
    return a;
}

bool dk_ahead_next(dk_ahead *a, image *original, image *sized)
{
    const int at = a->next % AHEAD;
    if (a->next >= a->n) return false;
    pthread_join(a->slot[at].thread, NULL);
    *original = a->slot[at].original;
    *sized = a->slot[at].sized;
    a->next++;
    start_one(a);
    return true;
}

void dk_ahead_stop(dk_ahead *a)
{
    a->n = a->started;
}

void dk_ahead_close(dk_ahead *a)
{
    free(a);
}

/* ---- result files ----------------------------------------------------------------------------------- */

static void open_beside(dk_result *r, const char *path, const char *remedy)
{
    if (dc_output_begin(&r->output, path)) dk_die("%s%s", dc_last_error(), remedy);
    r->file = dc_output_stream(r->output);
}

void dk_result_open(dk_result *r, const char *directory, const char *name, const char *suffix)
{
    char *path;
    if (asprintf(&path, "%s/%s%s", directory, name, suffix) < 0) dk_die("out of memory");
    open_beside(r, path, "; make the directory, or name another with 'results = ...' in the data file");
    free(path);
}

void dk_result_at(dk_result *r, const char *path)
{
    open_beside(r, path, "");
}

void dk_result_close(dk_result *r)
{
    if (dc_output_commit(r->output)) dk_die("%s", dc_last_error());
}
