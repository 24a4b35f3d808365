/* flags.c - see flags.h. One line of the table for each flag. */
#include "evaluate/flags.h"

#include "cli/cli.h"
#include "cli/forks.h"
#include "kernels/conv_plan.h"
#include "kernels/kernels.h"
#include "network/keys.h"
#include "replace/fatal.h"

#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { TRUE, FALSE, SHARE, WHOLE, TEXT, CALL } kind;

static void set_kernels(const char *value)
{
    if (dk_kernels_select(value) != 0) dk_die("-kernels takes fast or stock, not '%s'", value);
}

static void set_memory(const char *value)
{
    if (strcmp(value, "low") != 0 && strcmp(value, "high") != 0)
        dk_die("-memory takes low or high, not '%s'", value);
    dk_conv_memory_low(strcmp(value, "low") == 0);
}

static void set_threads(const char *value)
{
    dk_threads_set(atoi(value));
}

static void ignore(const char *value)
{
    (void)value;
}

#define DETECT (DK_EVAL_TEST | DK_EVAL_DEMO)
#define SHOWS (DETECT | DK_EVAL_ANCHORS)
#define AT(field) offsetof(dk_eval, field), NULL

static const struct eval_flag {
    const char *name;
    kind kind;
    size_t at;                       /* TRUE ... TEXT: of the field */
    void (*call)(const char *value); /* CALL */
    double least, most;              /* of a number */
    unsigned uses;                   /* DK_EVAL_...: who reads it */
    const char *who;                 /* the same in words, for others; NULL: nothing is missed */
} flags[] = {
    {"-thresh", SHARE, AT(thresh), 0, 1, DK_EVAL_ALL & ~DK_EVAL_PREDICT, "detectors"},
    {"-hier", SHARE, AT(hier), 0, 1, DETECT, "detector test"},
    {"-iou_thresh", SHARE, AT(iou), 0, 1, DK_EVAL_MAP | DK_EVAL_RECALL, "detector map"},
    {"-points", WHOLE, AT(points), 0, 1001, DK_EVAL_MAP, "detector map"},
    {"-t", WHOLE, AT(top), 1, 1e6, DK_EVAL_PREDICT, "classifier predict"},
    {"-top", WHOLE, AT(top), 1, 1e6, DK_EVAL_PREDICT, "classifier predict"},
    {"-out", TEXT, AT(out), 0, 0, DK_EVAL_TEST | DK_EVAL_VALID, "detector test and valid"},
    {"-list", TEXT, AT(list), 0, 0, DK_EVAL_VALID, "yolo valid"},
    {"-dont_show", FALSE, AT(want_show), 0, 0, SHOWS, NULL},
    {"-dontshow", FALSE, AT(want_show), 0, 0, SHOWS, NULL},
    {"-dont-show", FALSE, AT(want_show), 0, 0, SHOWS, NULL},
    {"-noshow", FALSE, AT(want_show), 0, 0, SHOWS, NULL},
    {"-ext_output", TRUE, AT(ext_output), 0, 0, DETECT, "detector test"},
    {"-save_labels", TRUE, AT(save_labels), 0, 0, DK_EVAL_TEST, "detector test"},
    {"-out_filename", TEXT, AT(film), 0, 0, DK_EVAL_DEMO, "detector demo"},
    {"-prefix", TEXT, AT(prefix), 0, 0, DK_EVAL_DEMO, "detector demo"},
    {"-json_file_output", TEXT, AT(json), 0, 0, DK_EVAL_DEMO, "detector demo"},
    {"-json_port", TEXT, AT(json_port), 0, 0, DK_EVAL_DEMO, "detector demo"},
    {"-dontdraw_bbox", TRUE, AT(no_boxes), 0, 0, DK_EVAL_DEMO, "detector demo"},
    {"-time_limit_sec", WHOLE, AT(seconds), 0, 1e6, DK_EVAL_DEMO, "detector demo"},
    {"-c", WHOLE, AT(camera), 0, 9999, DK_EVAL_DEMO, "detector demo"},
    {"-num_of_clusters", WHOLE, AT(clusters), 1, 10000, DK_EVAL_ANCHORS, "detector calc_anchors"},
    {"-width", WHOLE, AT(width), 1, 65536, DK_EVAL_ANCHORS, "detector calc_anchors"},
    {"-height", WHOLE, AT(height), 1, 65536, DK_EVAL_ANCHORS, "detector calc_anchors"},
    {"-seed", WHOLE, AT(seed), 0, INT_MAX, DK_EVAL_ANCHORS, "detector calc_anchors and training"},
    {"-threads", CALL, 0, set_threads, 1, 1024, DK_EVAL_ALL, NULL},
    {"-memory", CALL, 0, set_memory, 0, 0, DK_EVAL_ALL, NULL},
    {"-kernels", CALL, 0, set_kernels, 0, 0, DK_EVAL_ALL, NULL},
    {"-gpus", CALL, 0, ignore, 0, 0, DK_EVAL_ALL, NULL},
};

static double number(const char *flag, const char *text, double least, double most, bool whole)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= least && value <= most) || (whole && value != floor(value)))
        dk_die("%s takes a %snumber from %.0f to %.0f, not '%s'", flag, whole ? "whole " : "", least, most,
               text);
    return value;
}

static void set(dk_eval *e, const struct eval_flag *flag, const char *value)
{
    void *field = (char *)e + flag->at;
    double n = 0;
    if (flag->kind == SHARE || flag->kind == WHOLE || (flag->kind == CALL && flag->most > 0))
        n = number(flag->name, value, flag->least, flag->most, flag->kind != SHARE);
    if (flag->kind == TRUE || flag->kind == FALSE)
        *(bool *)field = flag->kind == TRUE;
    else if (flag->kind == SHARE)
        *(float *)field = (float)n;
    else if (flag->kind == WHOLE)
        *(int *)field = (int)n;
    else if (flag->kind == TEXT)
        *(const char **)field = value;
    else
        flag->call(value);
}

/* A flag that the forks or the training commands have. */
static int take_other(const char *flag, const char *value)
{
    const dk_fork_flag *other = dk_fork_flag_find(flag);
    if (other == NULL)
        dk_die("%s is not a flag of this command; the nearest is %s", flag, dk_cli_nearest(flag, NULL));
    if (other->value && value == NULL) dk_die("%s needs a value", flag);
    dk_fork_flag_note(other);
    return other->value ? 2 : 1;
}

int dk_eval_flag(dk_eval *e, char **argv, int left)
{
    const char *name = argv[0], *value = left > 1 ? argv[1] : NULL;
    if (strcmp(name, "-allow-unused") == 0) {
        dk_keys_allow_unused(true);
        return 1;
    }
    for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
        const struct eval_flag *flag = &flags[k];
        if (strcmp(name, flag->name) != 0) continue;
        const bool takes_value = flag->kind != TRUE && flag->kind != FALSE;
        if (takes_value && value == NULL) dk_die("%s needs a value", name);
        set(e, flag, value);
        if ((flag->uses & e->use) == 0 && flag->who != NULL)
            dk_note("%s has no effect here: it is for %s", name, flag->who);
        return takes_value ? 2 : 1;
    }
    return take_other(name, value);
}
