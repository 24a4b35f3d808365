/* retrain.c - `darknet detector retrain DATA CFG WEIGHTS -from SOURCE
 * (-teacher CFG WEIGHTS | -labels DIR)`: see retrain.h. Collects and labels
 * frames, then trains on them as `detector train` does with the same flags. */
#include "retrain/retrain.h"

#include "replace/fatal.h"
#include "check/preflight.h"
#include "train/train.h"

#include <limits.h>
#include <stdlib.h>

static const dc_option table[] = {
    {"from", DC_OPTION_TEXT, DC_INTO(dk_retrain, source), .value = "SOURCE",
     .help = "a video file, a camera's number, a stream's URL, or a folder of images"},
    {"teacher", DC_OPTION_PAIR, DC_INTO(dk_retrain, teacher), .value = "CFG WEIGHTS",
     .help = "a stronger network finds the boxes"},
    {"teacher-names", DC_OPTION_TEXT, DC_INTO(dk_retrain, teacher_names), .value = "FILE",
     .help = "its classes (default: those of the data file)"},
    {"labels", DC_OPTION_TEXT, DC_INTO(dk_retrain, labels), .value = "DIR",
     .help = "or the boxes are there: frame_000012.txt, 12.txt; for a folder NAME.txt"},
    {"out", DC_OPTION_TEXT, DC_INTO(dk_retrain, out), .value = "DIR",
     .help = "where images, labels and lists go (default: retrain)"},
    {"every", DC_OPTION_WHOLE, DC_INTO(dk_retrain, every), .value = "N", .least = 1, .most = INT_MAX,
     .help = "take each N-th frame (default 1)"},
    {"frames", DC_OPTION_WHOLE, DC_INTO(dk_retrain, frames), .value = "N", .least = 1, .most = INT_MAX,
     .help = "take at most N frames (default: 1000 of a camera or stream)"},
    {"thresh", DC_OPTION_NUMBER, DC_INTO(dk_retrain, thresh), .value = "T", .above_low = true, .high = 1,
     .help = "the teacher's least score (default 0.5)"},
    {"empty", DC_OPTION_SWITCH, DC_INTO(dk_retrain, empty), .help = "keep frames without boxes"},
    {"format", DC_OPTION_CHOICE, DC_INTO(dk_retrain, png), .choices = "jpg|png",
     .help = "of the images (default jpg)"},
    {"relabel", DC_OPTION_SWITCH, DC_INTO(dk_retrain, relabel), .help = "label again what -out has"},
    {"only-list", DC_OPTION_SWITCH, DC_INTO(dk_retrain, only_list), .help = "stop before training"},
};

void dk_retrain_help(FILE *out)
{
    dc_options_help(out, table, sizeof table / sizeof *table, "-");
}

void dk_retrain_options(int argc, char **argv, dk_retrain *r, dk_cli *cli)
{
    *r = (dk_retrain){.out = "retrain", .every = 1, .thresh = .5f};
    const dc_option_group own = DC_GROUP(table, r, NULL);
    dk_cli_parse(argc, argv, &own, cli);
    if (cli->n_words < 4 || cli->n_words > 5 || !r->source || !r->labels == !r->teacher[0])
        dk_die(
            "usage: darknet detector retrain DATA CFG [WEIGHTS] -from VIDEO|CAMERA|URL|FOLDER (-teacher CFG "
            "WEIGHTS | -labels DIR) [flags]");
    if (r->teacher_names && !r->teacher[0]) dk_die("-teacher-names goes with -teacher");
}

int dk_cmd_detector_retrain(int argc, char **argv)
{
    dk_retrain r;
    dk_cli cli;
    dk_retrain_options(argc, argv, &r, &cli);
    const char *cfg = cli.words[3];
    dk_datafile file;
    dk_datafile_read(cli.words[2], DK_FOR_DETECTOR, &file);
    const dk_detector_head head = dk_check_detector_cfg(cfg);
    if (cli.n_words > 4) dk_file_check(cli.words[4], "weights file");
    if (!head.max_batches && !cli.rounds && !r.only_list)
        dk_die("%s has no max_batches= in [net]: set it, or give -rounds N", cfg);
    if (!file.names)
        dk_die("%s has no 'names' line: the file of the classes' names, needed to label", file.path);
    dk_lines names;
    dk_names_read(file.names, "class names", &names);
    if (names.n < head.classes)
        dk_die("%s has %d names, but %s has %d classes", file.names, names.n, cfg, head.classes);
    r.names = names.line;
    r.classes = head.classes;

    char *data = dk_retrain_collect(&r, &file);
    int status = 0;
    if (!r.only_list) {
        cli.words[1] = "train";
        cli.words[2] = data;
        status = dk_detector_train(&cli);
    }
    free(data);
    dk_lines_free(&names);
    return status;
}
