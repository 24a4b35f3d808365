/* validate_open.c - what the validating commands share: command line, data file, network, images, result
 * files. */
#include "evaluate/validate.h"

#include "cli/cli.h"
#include "check/datafile.h"
#include "replace/fatal.h"
#include "cli/forks.h"
#include "kernels/conv_plan.h"
#include "kernels/kernels.h"
#include "check/preflight.h"
#include "network/keys.h"
#include "replace/repair.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AHEAD = 4 };

static float number(const char *flag, const char *text, double least, double most)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most))
        dk_die("%s takes a number from %g to %g, not '%s'", flag, least, most, text);
    return (float)value;
}

/* Takes one flag with its value; ends the program for one that is not known. Returns how many words it used.
 */
static int take_flag(dk_eval *e, char **argv, int left)
{
    const char *flag = argv[0], *value = left > 1 ? argv[1] : NULL;
    const dk_fork_flag *other = dk_fork_flag_find(flag);
    if (strncmp(flag, "-dont", 5) == 0 || strcmp(flag, "-noshow") == 0) e->show = false;
    if (strcmp(flag, "-allow-unused") == 0) {
        dk_keys_allow_unused(true);
        return 1;
    }
    if (other != NULL && !other->value) {
        if (strcmp(flag, "-fullscreen") != 0) dk_fork_flag_note(other);
        return 1;
    }
    if (value == NULL) dk_die("%s needs a value", flag);
    if (strcmp(flag, "-thresh") == 0)
        e->thresh = number(flag, value, 0, 1);
    else if (strcmp(flag, "-hier") == 0)
        e->hier = number(flag, value, 0, 1);
    else if (strcmp(flag, "-iou_thresh") == 0)
        e->iou = number(flag, value, 0, 1);
    else if (strcmp(flag, "-points") == 0)
        e->points = (int)number(flag, value, 0, 1001);
    else if (strcmp(flag, "-t") == 0)
        e->top = (int)number(flag, value, 1, 1e6);
    else if (strcmp(flag, "-out") == 0)
        e->out = value;
    else if (strcmp(flag, "-list") == 0)
        e->list = value;
    else if (strcmp(flag, "-threads") == 0)
        dk_threads_set((int)number(flag, value, 1, 4096));
    else if (strcmp(flag, "-memory") == 0 && (strcmp(value, "low") == 0 || strcmp(value, "high") == 0))
        dk_conv_memory_low(strcmp(value, "low") == 0);
    else if (strcmp(flag, "-memory") == 0)
        dk_die("-memory takes low or high, not '%s'", value);
    else if (strcmp(flag, "-kernels") == 0 && dk_kernels_select(value) != 0)
        dk_die("-kernels takes fast or stock, not '%s'", value);
    else if (other != NULL)
        dk_fork_flag_note(other);
    else if (strcmp(flag, "-kernels") != 0 && strcmp(flag, "-gpus") != 0)
        dk_die("%s is not a flag of this command; the nearest is %s", flag, dk_cli_nearest(flag, NULL));
    return 2;
}

static void take_words(dk_eval *e, int argc, char **argv, int skip, const char *words)
{
    int n = 0;
    for (int i = 1; i < argc;) {
        if (argv[i][0] == '-' && argv[i][1] != '\0') {
            i += take_flag(e, argv + i, argc - i);
            continue;
        }
        if (n >= skip) {
            switch (n - skip < (int)strlen(words) ? words[n - skip] : '\0') {
            case 'd':
                e->data = argv[i];
                break;
            case 'c':
                e->cfg = argv[i];
                break;
            case 'w':
                e->weights = argv[i];
                break;
            case 'i':
                e->image = argv[i];
                break;
            default:
                dk_die("'%s' is one argument too many", argv[i]);
            }
        }
        n++;
        i++;
    }
    if ((strchr(words, 'd') != NULL && e->data == NULL) || e->cfg == NULL || e->weights == NULL)
        dk_die("usage: darknet %s%s%s %sCFG WEIGHTS%s [flags]", argv[1], skip > 1 ? " " : "",
               skip > 1 && argc > 2 ? argv[2] : "", strchr(words, 'd') != NULL ? "DATA " : "",
               strchr(words, 'i') != NULL ? " [IMAGE]" : "");
}

void dk_eval_open(dk_eval *e, int argc, char **argv, int skip, const char *words, float thresh)
{
    const char *display = getenv("DISPLAY");
    *e = (dk_eval){.thresh = thresh, .hier = .5f, .iou = .5f, .show = display != NULL && display[0] != '\0'};
    take_words(e, argc, argv, skip, words);
    if (e->data != NULL) {
        dk_file_check(e->data, "data file");
        e->options = read_data_cfg((char *)e->data);
    }
    dk_file_check(e->cfg, "cfg");
    dk_file_check(e->weights, "weights file");
    dk_check_cfg(e->cfg);
    e->net = parse_network_cfg((char *)e->cfg);
    dk_repair_network(e->net);
    dk_check_weights(e->weights, e->net, false);
    load_weights(e->net, (char *)e->weights);
    set_batch_network(e->net, 1);
    e->classes = e->net->layers[e->net->n - 1].classes;
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

void dk_result_open(dk_result *r, const char *directory, const char *name, const char *suffix)
{
    if (asprintf(&r->path, "%s/%s%s", directory, name, suffix) < 0 ||
        asprintf(&r->temporary, "%s.tmp", r->path) < 0)
        dk_die("out of memory");
    r->file = fopen(r->temporary, "w");
    if (r->file == NULL)
        dk_die(
            "cannot write %s: %s; make the directory, or name another with 'results = ...' in the data file",
            r->temporary, strerror(errno));
}

void dk_result_close(dk_result *r)
{
    const bool failed = ferror(r->file) != 0;
    if (fclose(r->file) != 0 || failed || rename(r->temporary, r->path) != 0) {
        const int reason = errno;
        unlink(r->temporary);
        dk_die("cannot write %s: %s", r->path, strerror(reason));
    }
    free(r->path);
    free(r->temporary);
}
