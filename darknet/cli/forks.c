/* forks.c - see forks.h. What works here is in the commands' own tables (cli.c, validate_open.c). */
#include "cli/forks.h"

#include "replace/fatal.h"

#include <string.h>

#define WINDOW "training opens no window"
#define CAMERA "it is for detector demo"
#define GPU "this program computes on the processor"

static const dk_fork_flag flags[] = {
    {"-i", true, NULL}, /* a GPU's number */
    {"-nogpu", false, NULL},
    {"-dont_show", false, NULL},
    {"-dontshow", false, NULL},
    {"-dont-show", false, NULL},
    {"-noshow", false, NULL},
    {"-letter_box", false, NULL}, /* detectors' pictures are, always */
    {"-cuda_debug_sync", false, GPU},
    {"-benchmark_layers", false, "darknet profile CFG measures layers"},
    {"-benchmark", false, "darknet profile CFG measures layers"},
    {"-show_imgs", false, WINDOW},
    {"-show", false, WINDOW},
    {"-fullscreen", false, WINDOW},
    {"-mjpeg_port", true, "no pictures are streamed"},
    {"-http_port", true, WINDOW},
    {"-mAP_clear", false, "the best mAP is that of NAME_best.weights, measured anew"},
    {"-check_mistakes", false, "mistakes are not drawn"},
    {"-log", true, NULL}, /* spelling.c takes it */
    {"-log_memory", false, "memory is not logged"},
    {"-random", false, "random= in the cfg's [yolo] decides"},
    {"-verbose", false, "there is no more to say"},
    {"-trace", false, "-dynacomm-trace FILE records a timeline"},
    {"-nocolour", false, NULL},
    {"-fuse", false, NULL}, /* batch normalization goes with its convolution anyway */
    {"-dontfuse", false, NULL},
    {"-colour", false, "the log is plain text"},
    {"-color", false, "the log is plain text"},
    {"-swag", false, GPU},
    {"-json_port", true, CAMERA},
    {"-json_file_output", true, CAMERA},
    {"-http_post_host", true, CAMERA},
    {"-time_limit_sec", true, CAMERA},
    {"-avgframes", true, CAMERA},
    {"-avg", true, CAMERA},
    {"-out_filename", true, CAMERA},
    {"-dontdraw_bbox", false, CAMERA},
    {"-prefix", true, CAMERA},
    {"-fps", true, CAMERA},
    {"-c", true, CAMERA},
    {"-s", true, CAMERA},
    {"-w", true, CAMERA},
    {"-h", true, CAMERA},
    {"-ext_output", false, "coordinates of boxes are not printed"},
    {"-save_labels", false, "darknet detector retrain -teacher writes label files"},
    {"-out", true, "training writes weights"},
    {"-hier", true, "training looks at every class"},
    {"-t", true, "it is for classifier predict"},
    {"-top", true, "it is for classifier predict"},
    {"-topk", false, "darknet classifier valid measures it"},
    {"-num_of_clusters", true, "it is for detector calc_anchors"},
    {"-width", true, "it is for detector calc_anchors"},
    {"-height", true, "it is for detector calc_anchors"},
};

const dk_fork_flag *dk_fork_flag_find(const char *arg)
{
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (strcmp(arg, flags[i].name) == 0) return &flags[i];
    return NULL;
}

const char *dk_fork_flag_at(size_t k)
{
    return k < sizeof flags / sizeof *flags ? flags[k].name : NULL;
}

void dk_fork_flag_note(const dk_fork_flag *flag)
{
    if (flag->why) dk_note("%s has no effect here: %s", flag->name, flag->why);
}

int dk_spelling(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    int row[LONGEST + 1];
    const int n = (int)strnlen(b, LONGEST);
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            const int replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            const int shorter = row[j - 1] < row[j] ? row[j - 1] : row[j];
            row[j] = replaced < shorter + 1 ? replaced : shorter + 1;
        }
    }
    return row[n];
}
