/* flags.c - see flags.h. One line of the table for each flag. */
#include "evaluate/flags.h"

#include "cli/cli.h"
#include "replace/fatal.h"

#include <limits.h>

#define DETECT (DK_EVAL_TEST | DK_EVAL_DEMO)

/* Which commands read a flag: a flag's tag is an index. */
enum {
    BY_ALL,
    BY_DETECTORS,
    BY_TEST,
    BY_LABELS,
    BY_DEMO,
    BY_MAP,
    BY_POINTS,
    BY_PREDICT,
    BY_OUT,
    BY_LIST,
    BY_ANCHORS,
    BY_SEED
};
static const struct {
    unsigned uses;   /* DK_EVAL_... */
    const char *who; /* in words, for those who give it to others; NULL: nothing is missed */
} readers[] = {[BY_ALL] = {DK_EVAL_ALL, NULL},
               [BY_DETECTORS] = {DK_EVAL_ALL & ~DK_EVAL_PREDICT, "detectors"},
               [BY_TEST] = {DETECT, "detector test"},
               [BY_LABELS] = {DK_EVAL_TEST, "detector test"},
               [BY_DEMO] = {DK_EVAL_DEMO, "detector demo"},
               [BY_MAP] = {DK_EVAL_MAP | DK_EVAL_RECALL, "detector map"},
               [BY_POINTS] = {DK_EVAL_MAP, "detector map"},
               [BY_PREDICT] = {DK_EVAL_PREDICT, "classifier predict"},
               [BY_OUT] = {DK_EVAL_TEST | DK_EVAL_VALID, "detector test and valid"},
               [BY_LIST] = {DK_EVAL_VALID, "yolo valid"},
               [BY_ANCHORS] = {DK_EVAL_ANCHORS, "detector calc_anchors"},
               [BY_SEED] = {DK_EVAL_ANCHORS, "detector calc_anchors and training"}};

#define NUMBER(name, member, by) \
    name, DC_OPTION_NUMBER, DC_INTO(dk_eval, member), .value = "T", .high = 1, .tag = by
#define WHOLE(name, member, from, to, by) \
    name, DC_OPTION_WHOLE, DC_INTO(dk_eval, member), .value = "N", .least = from, .most = to, .tag = by
#define TEXT(name, member, by) name, DC_OPTION_TEXT, DC_INTO(dk_eval, member), .value = "FILE", .tag = by
#define ON(name, member, by) name, DC_OPTION_SWITCH, DC_INTO(dk_eval, member), .tag = by
#define OFF(name, member) name, DC_OPTION_OFF, DC_INTO(dk_eval, member)

static const dc_option table[] = {
    {NUMBER("thresh", thresh, BY_DETECTORS), .help = "least score of a detection"},
    {NUMBER("hier", hier, BY_TEST), .help = "least score on the way down a tree of classes (default 0.5)"},
    {NUMBER("iou_thresh", iou, BY_MAP), .help = "least overlap with an object (default 0.5)"},
    {WHOLE("points", points, 0, 1001, BY_POINTS),
     .help = "recalls at which mAP takes the precision: 11 (VOC 2007), 101 (COCO); 0 (default): all"},
    {WHOLE("t", top, 1, 1000000, BY_PREDICT), .help = "how many classes are printed"},
    {WHOLE("top", top, 1, 1000000, BY_PREDICT)},
    {TEXT("out", out, BY_OUT),
     .help = "write what is found as FILE.json; of valid: name of its files, without the end"},
    {TEXT("list", list, BY_LIST), .help = "images to look at"},
    {OFF("dont_show", want_show), .help = "open no window"},
    {OFF("dontshow", want_show)},
    {OFF("dont-show", want_show)},
    {OFF("noshow", want_show)},
    {ON("ext_output", ext_output, BY_TEST), .help = "print the boxes' places too"},
    {ON("save_labels", save_labels, BY_LABELS),
     .help = "write what is found as label files beside the images"},
    {TEXT("out_filename", film, BY_DEMO), .help = "write the video with its boxes"},
    {TEXT("prefix", prefix, BY_DEMO), .help = "write each image of the video, with its boxes, as FILE_N.jpg"},
    {TEXT("json_file_output", json, BY_DEMO), .help = "write the video's boxes as JSON"},
    {TEXT("json_port", json_port, BY_DEMO)},
    {ON("dontdraw_bbox", no_boxes, BY_DEMO), .help = "draw no boxes"},
    {WHOLE("time_limit_sec", seconds, 0, 1000000, BY_DEMO),
     .help = "end after so many seconds; 0 (default): at its end"},
    {WHOLE("c", camera, 0, 9999, BY_DEMO), .help = "the camera's number, without a video"},
    {WHOLE("num_of_clusters", clusters, 1, 10000, BY_ANCHORS), .help = "anchors to find (default 5)"},
    {WHOLE("width", width, 1, 65536, BY_ANCHORS), .help = "the network's input"},
    {WHOLE("height", height, 1, 65536, BY_ANCHORS), .help = "the same"},
    {WHOLE("seed", seed, 0, INT_MAX, BY_SEED), .help = "repeat the search for anchors"},
};

void dk_eval_help(FILE *out)
{
    dc_options_help(out, table, sizeof table / sizeof *table, "-");
}

int dk_eval_flags(dk_eval *e, int argc, char **argv, const char **words, int most)
{
    dk_compute compute = {0};
    const dc_option_group groups[] = {DC_GROUP(table, e, NULL), dk_compute_flags(&compute, NULL),
                                      dk_fork_flags()};
    dc_parsed parsed;
    const int n = dk_cli_read(argc, argv, groups, 3, words, (size_t)most, &parsed);
    for (size_t k = 0; k < parsed.n_given; k++) {
        const dc_option *flag = parsed.given[k];
        if (flag < table || flag >= table + sizeof table / sizeof *table) continue;
        if ((readers[flag->tag].uses & e->use) == 0 && readers[flag->tag].who != NULL)
            dk_note("-%s has no effect here: it is for %s", flag->name, readers[flag->tag].who);
    }
    dk_fork_flags_note(&parsed);
    dk_compute_apply(&compute);
    return n;
}
