/* main.c - the darknet program: our commands, and the packaged program for every other.
 *
 * A new command is a line in `commands` and a function `int dk_cmd_NAME(int argc, char **argv)`, which gets
 * the whole command line and returns the exit status. */
#include "cli/cli.h"
#include "main/packaged.h"
#include "main/spelling.h"
#include "detect/detect.h"
#include "replace/fatal.h"
#include "replace/logfile.h"
#include "kernels/wait.h"
#include "evaluate/profile_cmd.h"
#include "retrain/retrain.h"
#include "train/train.h"
#include "evaluate/flags.h"
#include "evaluate/validate.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct {
    const char *command, *subcommand; /* subcommand NULL: any */
    int (*run)(int argc, char **argv);
    const char *usage; /* NULL: another spelling of the one before */
} commands[] = {
    {"classifier", "train", dk_cmd_classifier_train, "classifier train DATA CFG [WEIGHTS]"},
    {"detector", "train", dk_cmd_detector_train, "detector train DATA CFG [WEIGHTS]"},
    {"detector", "retrain", dk_cmd_detector_retrain, "detector retrain DATA CFG [WEIGHTS] -from SOURCE ..."},
    {"regressor", "train", dk_cmd_regressor_train, "regressor train DATA CFG [WEIGHTS]"},
    {"detector", "test", dk_cmd_detector_test, "detector test DATA CFG WEIGHTS [IMAGE]"},
    {"detector", "valid", dk_cmd_detector_valid, "detector valid DATA CFG WEIGHTS"},
    {"detector", "recall", dk_cmd_detector_recall, "detector recall DATA CFG WEIGHTS"},
    {"detector", "map", dk_cmd_detector_map, "detector map DATA CFG WEIGHTS"},
    {"detector", "demo", dk_cmd_detector_demo, "detector demo DATA CFG WEIGHTS [VIDEO]"},
    {"detector", "calc_anchors", dk_cmd_detector_calc_anchors,
     "detector calc_anchors DATA -num_of_clusters N -width W -height H"},
    {"detector", "calcanchors", dk_cmd_detector_calc_anchors, NULL}, /* hank-ai spells it so */
    {"detect", NULL, dk_cmd_detect, "detect CFG WEIGHTS [IMAGE]"},
    {"yolo", "test", dk_cmd_yolo_test, "yolo test CFG WEIGHTS [IMAGE]"},
    {"yolo", "valid", dk_cmd_yolo_valid, "yolo valid CFG WEIGHTS -list FILE"},
    {"classifier", "valid", dk_cmd_classifier_valid, "classifier valid DATA CFG WEIGHTS"},
    {"classifier", "predict", dk_cmd_classifier_predict, "classifier predict DATA CFG WEIGHTS [IMAGE]"},
    {"classify", NULL, dk_cmd_classify, "classify CFG WEIGHTS [IMAGE]"},
    {"partial", NULL, dk_cmd_partial, "partial CFG WEIGHTS OUT LAYERS"},
    {"profile", NULL, dk_cmd_profile, "profile CFG [-batch B] [-o FILE]"},
    {"help", NULL, cmd_help, "help"},
    {"version", NULL, cmd_version, "version"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *out)
{
    fprintf(out, "usage: darknet COMMAND ... [flags]\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        if (commands[i].usage) fprintf(out, "  darknet %s\n", commands[i].usage);
    fprintf(out, "\nEvery other command is the packaged program's (%s).\n\nflags for training:\n",
            DK_PACKAGED_PATH);
    dk_cli_help(out);
    fprintf(out, "\nflags for detector retrain, besides:\n");
    dk_retrain_help(out);
    const dc_option_group replay = dk_replay_flags(NULL, NULL);
    fprintf(out, "\nflags to train a run again from its log:\n");
    dc_options_help(out, replay.list, replay.n, "-");
    fprintf(out, "\nflags for commands that use a trained network:\n");
    dk_eval_help(out);
    fprintf(out, "\nflags for profile:\n");
    dk_profile_help(out);
}

static void no_arguments(int argc, char **argv)
{
    if (argc > 2) dk_die("'%s' takes no arguments, and so no '%s'", argv[1], argv[2]);
}

static int cmd_help(int argc, char **argv)
{
    no_arguments(argc, argv);
    print_help(stdout);
    return 0;
}

static int cmd_version(int argc, char **argv)
{
    no_arguments(argc, argv);
    printf("darknet with DynaComm %s\n", DC_VERSION_STRING);
    return 0;
}

/* The subcommands that this program has of command, separated by blanks; "" if it has none. */
static void own_subcommands(const char *command, char *text, size_t size)
{
    text[0] = '\0';
    for (int i = 0; i < N_COMMANDS; i++) {
        const size_t used = strlen(text);
        if (strcmp(command, commands[i].command) == 0 && commands[i].subcommand)
            snprintf(text + used, size - used, "%s%s", used ? " " : "", commands[i].subcommand);
    }
}

/* A command that is in no table: one line. */
static _Noreturn void unknown(const char *command)
{
    const char *nearest = commands[0].command, *name;
    int least = INT_MAX;
    for (int i = 0; i < N_COMMANDS; i++)
        if (dc_word_distance(command, commands[i].command) < least)
            least = dc_word_distance(command, nearest = commands[i].command);
    for (size_t k = 0; (name = dk_packaged_at(k)) != NULL; k++)
        if (dc_word_distance(command, name) < least) least = dc_word_distance(command, nearest = name);
    dk_die("there is no command '%s'; the nearest is %s (`darknet help` lists them)", command, nearest);
}

/* Commands of the forks that nobody here has. */
static const char *const left_out[][3] = {
    {"detector", "draw", "it would paint an object into an image until the network sees another"},
};

/* The command is ours or nobody's, the subcommand is not among ours. */
static _Noreturn void refuse(const char *command, const char *subcommand)
{
    char ours[512];
    own_subcommands(command, ours, sizeof ours);
    for (size_t k = 0; subcommand && k < sizeof left_out / sizeof *left_out; k++)
        if (strcmp(command, left_out[k][0]) == 0 && left_out[k][1] && strcmp(subcommand, left_out[k][1]) == 0)
            dk_die("'%s %s' of the darknet forks is not carried out here: %s", command, subcommand,
                   left_out[k][2]);
    if (ours[0] == '\0') unknown(command);
    const char *theirs = dk_packaged_subcommands(command);
    if (!subcommand)
        dk_die("'%s' needs one of its commands: %s%s%s", command, ours, theirs ? " " : "",
               theirs ? theirs : "");
    dk_die("'%s' has no command '%s'; it has %s%s%s", command, subcommand, ours, theirs ? " " : "",
           theirs ? theirs : "");
}

/* True if the packaged program has this command and, where ours has subcommands too, this subcommand. */
static bool is_packaged(const char *command, const char *subcommand)
{
    char ours[512];
    own_subcommands(command, ours, sizeof ours);
    return dk_packaged_has(command) && (ours[0] == '\0' || dk_packaged_has_subcommand(command, subcommand));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 1;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-help") == 0) return cmd_help(2, argv);
    if (strcmp(argv[1], "--version") == 0) return cmd_version(2, argv);
    const char *command, *subcommand, *log;
    char **args = dk_spelling_args(&argc, argv, &log);
    dk_cli_words(argc, args, &command, &subcommand);
    if (!command) dk_die("a command is missing: `darknet help` lists them");
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(command, commands[i].command) != 0) continue;
        if (commands[i].subcommand && (!subcommand || strcmp(subcommand, commands[i].subcommand) != 0))
            continue;
        if (commands[i].run != cmd_help && commands[i].run != cmd_version) dk_wait_briefly(argv);
        const int wrong = log ? dk_logfile_open(log) : 0;
        if (wrong) dk_die("-log: cannot write %s: %s", log, strerror(wrong));
        return commands[i].run(argc, args);
    }
    if (is_packaged(command, subcommand)) dk_packaged_run(argv, command);
    refuse(command, subcommand);
}
