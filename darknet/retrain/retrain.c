/* retrain.c - `darknet detector retrain DATA CFG WEIGHTS -from SOURCE (-teacher CFG WEIGHTS | -labels DIR)`:
 * see retrain.h. Collects and labels frames, then trains on them as `detector train` does with the same
 * flags. */
#include "retrain/retrain.h"

#include "replace/fatal.h"
#include "check/preflight.h"
#include "train/train.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char *const own_flags[] = {
    "-from",   "-teacher", "-teacher-names", "-labels",  "-out",       "-every", "-frames",
    "-thresh", "-empty",   "-format",        "-relabel", "-only-list", NULL};

const char *dk_retrain_usage(void)
{
    return "  -from SOURCE           a video file, a camera's number, a stream's URL, or a folder of images\n"
           "  -teacher CFG WEIGHTS   a stronger network finds the boxes; -teacher-names FILE: its classes\n"
           "  -labels DIR            or they are there: frame_000012.txt, 12.txt; for a folder NAME.txt\n"
           "  -out DIR               where images, labels and lists go (retrain)\n"
           "  -every N, -frames N    take each N-th frame (1); at most N (1000 of a camera or stream)\n"
           "  -thresh T              the teacher's least score (0.5); -empty: keep frames without boxes\n"
           "  -format jpg|png        of the images (jpg)\n"
           "  -relabel, -only-list   label again what -out has; stop before training\n";
}

static bool is_own(const char *arg)
{
    for (int i = 0; own_flags[i]; i++)
        if (strcmp(arg, own_flags[i]) == 0) return true;
    return false;
}

static int count(const char *flag, const char *text)
{
    char *end;
    const long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < 1 || n > INT_MAX)
        dk_die("%s takes a whole number from 1 up, not '%s'", flag, text);
    return (int)n;
}

/* Takes one flag and its values; returns how many arguments it used. */
static int take(dk_retrain *r, char **argv)
{
    const char *flag = argv[0], *value = argv[1];
    if (strcmp(flag, "-empty") == 0) return (r->empty = true);
    if (strcmp(flag, "-only-list") == 0) return (r->only_list = true);
    if (strcmp(flag, "-relabel") == 0) return (r->relabel = true);
    if (!value) dk_die("%s needs a value", flag);
    if (strcmp(flag, "-teacher") == 0) {
        if (!argv[2]) dk_die("-teacher needs two files: its cfg and its weights");
        r->teacher_cfg = value;
        r->teacher_weights = argv[2];
        return 3;
    }
    if (strcmp(flag, "-from") == 0) r->source = value;
    if (strcmp(flag, "-teacher-names") == 0) r->teacher_names = value;
    if (strcmp(flag, "-labels") == 0) r->labels = value;
    if (strcmp(flag, "-out") == 0) r->out = value;
    if (strcmp(flag, "-every") == 0) r->every = count(flag, value);
    if (strcmp(flag, "-frames") == 0) r->frames = count(flag, value);
    if (strcmp(flag, "-thresh") == 0) {
        char *end;
        r->thresh = strtof(value, &end);
        if (end == value || *end != '\0' || !(r->thresh > 0 && r->thresh <= 1))
            dk_die("-thresh takes a number above 0, up to 1, not '%s'", value);
    }
    if (strcmp(flag, "-format") == 0) {
        if (strcmp(value, "jpg") != 0 && strcmp(value, "png") != 0)
            dk_die("-format takes jpg or png, not '%s'", value);
        r->suffix = strcmp(value, "png") == 0 ? ".png" : ".jpg";
    }
    return 2;
}

void dk_retrain_options(int argc, char **argv, dk_retrain *r, dk_cli *cli)
{
    *r = (dk_retrain){.out = "retrain", .suffix = ".jpg", .every = 1, .thresh = .5f};
    char **rest = calloc((size_t)argc + 1, sizeof *rest);
    if (!rest) dk_die("out of memory");
    int n = 0;
    for (int i = 0; i < argc;) {
        if (is_own(argv[i]))
            i += take(r, argv + i);
        else
            rest[n++] = argv[i++];
    }
    dk_cli_parse(n, rest, own_flags, cli);
    free(rest);
    if (cli->n_words < 4 || cli->n_words > 5 || !r->source || !r->labels == !r->teacher_cfg)
        dk_die(
            "usage: darknet detector retrain DATA CFG [WEIGHTS] -from VIDEO|CAMERA|URL|FOLDER (-teacher CFG "
            "WEIGHTS | -labels DIR) [flags]");
    if (r->teacher_names && !r->teacher_cfg) dk_die("-teacher-names goes with -teacher");
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
