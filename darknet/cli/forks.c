/* forks.c - see flags.h. What works here is in the commands' own tables (flags.c, evaluate/flags.c). */
#include "cli/flags.h"

#include "network/dialect.h"
#include "replace/fatal.h"

#include <string.h>

#define WINDOW "training opens no window"
#define CAMERA "it is for detector demo"
#define GPU "this program computes on the processor"

static const dc_option table[] = {
    {"i", DC_OPTION_IGNORED, .value = "X", .help = NULL}, /* a GPU's number */
    {"nogpu", DC_OPTION_IGNORED, .help = NULL},
    {"dont_show", DC_OPTION_IGNORED, .help = NULL},
    {"dontshow", DC_OPTION_IGNORED, .help = NULL},
    {"dont-show", DC_OPTION_IGNORED, .help = NULL},
    {"noshow", DC_OPTION_IGNORED, .help = NULL},
    {"cuda_debug_sync", DC_OPTION_IGNORED, .help = GPU},
    {"benchmark_layers", DC_OPTION_IGNORED, .help = "darknet profile CFG measures layers"},
    {"benchmark", DC_OPTION_IGNORED, .help = "darknet profile CFG measures layers"},
    {"show_imgs", DC_OPTION_IGNORED, .help = WINDOW},
    {"show", DC_OPTION_IGNORED, .help = WINDOW},
    {"fullscreen", DC_OPTION_IGNORED, .help = WINDOW},
    {"mjpeg_port", DC_OPTION_IGNORED, .value = "X", .help = "no images are streamed"},
    {"http_port", DC_OPTION_IGNORED, .value = "X", .help = WINDOW},
    {"mAP_clear", DC_OPTION_IGNORED, .help = "the best mAP is that of NAME_best.weights, measured anew"},
    {"check_mistakes", DC_OPTION_IGNORED, .help = "mistakes are not drawn"},
    {"log_memory", DC_OPTION_IGNORED, .help = "memory is not logged"},
    {"random", DC_OPTION_IGNORED, .help = "random= in the cfg's [yolo] decides"},
    {"verbose", DC_OPTION_IGNORED, .help = "there is no more to say"},
    {"trace", DC_OPTION_IGNORED, .help = "-dynacomm-trace FILE records a timeline"},
    {"nocolour", DC_OPTION_IGNORED, .help = NULL},
    {"fuse", DC_OPTION_IGNORED, .help = NULL}, /* batch normalization goes with its convolution anyway */
    {"dontfuse", DC_OPTION_IGNORED, .help = NULL},
    {"colour", DC_OPTION_IGNORED, .help = "the log is plain text"},
    {"color", DC_OPTION_IGNORED, .help = "the log is plain text"},
    {"swag", DC_OPTION_IGNORED, .help = GPU},
    {"json_port", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"json_file_output", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"http_post_host", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"time_limit_sec", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"avgframes", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"avg", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"out_filename", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"dontdraw_bbox", DC_OPTION_IGNORED, .help = CAMERA},
    {"prefix", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"fps", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"c", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"s", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"w", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"h", DC_OPTION_IGNORED, .value = "X", .help = CAMERA},
    {"ext_output", DC_OPTION_IGNORED, .help = "coordinates of boxes are not printed"},
    {"save_labels", DC_OPTION_IGNORED, .help = "darknet detector retrain -teacher writes label files"},
    {"out", DC_OPTION_IGNORED, .value = "X", .help = "training writes weights"},
    {"hier", DC_OPTION_IGNORED, .value = "X", .help = "training looks at every class"},
    {"t", DC_OPTION_IGNORED, .value = "X", .help = "it is for classifier predict"},
    {"top", DC_OPTION_IGNORED, .value = "X", .help = "it is for classifier predict"},
    {"topk", DC_OPTION_IGNORED, .help = "darknet classifier valid measures it"},
    {"num_of_clusters", DC_OPTION_IGNORED, .value = "X", .help = "it is for detector calc_anchors"},
    {"width", DC_OPTION_IGNORED, .value = "X", .help = "it is for detector calc_anchors"},
    {"height", DC_OPTION_IGNORED, .value = "X", .help = "it is for detector calc_anchors"},
};

dc_option_group dk_fork_flags(void)
{
    return (dc_option_group)DC_GROUP(table, NULL, NULL);
}

/* Flags of the table that the packaged Darknet has, too, say nothing of whose meaning a cfg has. */
static bool only_forks(const dc_option *flag)
{
    static const char *const both[] = {"i", "nogpu", "fullscreen", "avg", "prefix", "fps", "c",
                                       "s", "w",     "h",          "out", "hier",   "t"};
    static const char *const more[] = {"ext_output",     "save_labels",  "letter_box",       "dont_show",
                                       "dontdraw_bbox",  "out_filename", "json_file_output", "json_port",
                                       "time_limit_sec", "map",          "mAP_epochs",       "chart",
                                       "iou_thresh",     "points",       "saveweights"};
    for (size_t i = 0; i < sizeof both / sizeof *both; i++)
        if (strcmp(flag->name, both[i]) == 0) return false;
    for (size_t i = 0; i < sizeof more / sizeof *more; i++)
        if (strcmp(flag->name, more[i]) == 0) return true;
    return flag->kind == DC_OPTION_IGNORED;
}

void dk_fork_flags_note(const dc_parsed *parsed)
{
    for (size_t k = 0; k < parsed->n_given; k++) {
        const dc_option *flag = parsed->given[k];
        if (only_forks(flag)) dk_dialect_flag(flag->name);
        if (flag->kind == DC_OPTION_IGNORED && flag->help)
            dk_note("-%s has no effect here: %s", flag->name, flag->help);
    }
}
