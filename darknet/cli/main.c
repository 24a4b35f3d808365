/* main.c - the darknet program: our commands, and the packaged program for every other.
 *
 * A new command is a line in `commands` and a function `int dk_cmd_NAME(int argc, char **argv)`, which gets
 * the whole command line and returns the exit status. */
#include "cli/cli.h"
#include "replace/fatal.h"
#include "kernels/wait.h"
#include "evaluate/profile_cmd.h"
#include "retrain/retrain.h"
#include "train/train.h"
#include "evaluate/validate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PACKAGED "/usr/bin/darknet"

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct {
    const char *command, *subcommand; /* subcommand NULL: any */
    int (*run)(int argc, char **argv);
    const char *usage;
} commands[] = {
    {"classifier", "train", dk_cmd_classifier_train, "classifier train DATA CFG [WEIGHTS]"},
    {"detector", "train", dk_cmd_detector_train, "detector train DATA CFG [WEIGHTS]"},
    {"detector", "retrain", dk_cmd_detector_retrain, "detector retrain DATA CFG [WEIGHTS] -from SOURCE ..."},
    {"regressor", "train", dk_cmd_regressor_train, "regressor train DATA CFG [WEIGHTS]"},
    {"detector", "test", dk_cmd_detector_test, "detector test DATA CFG WEIGHTS [IMAGE]"},
    {"detector", "valid", dk_cmd_detector_valid, "detector valid DATA CFG WEIGHTS"},
    {"detector", "recall", dk_cmd_detector_recall, "detector recall DATA CFG WEIGHTS"},
    {"detector", "map", dk_cmd_detector_map, "detector map DATA CFG WEIGHTS"},
    {"detect", NULL, dk_cmd_detect, "detect CFG WEIGHTS [IMAGE]"},
    {"yolo", "test", dk_cmd_yolo_test, "yolo test CFG WEIGHTS [IMAGE]"},
    {"yolo", "valid", dk_cmd_yolo_valid, "yolo valid CFG WEIGHTS -list FILE"},
    {"classifier", "valid", dk_cmd_classifier_valid, "classifier valid DATA CFG WEIGHTS"},
    {"classifier", "predict", dk_cmd_classifier_predict, "classifier predict DATA CFG WEIGHTS [IMAGE]"},
    {"classify", NULL, dk_cmd_classify, "classify CFG WEIGHTS [IMAGE]"},
    {"profile", NULL, dk_cmd_profile, "profile CFG [-batch B] [-o FILE]"},
    {"help", NULL, cmd_help, "help"},
    {"version", NULL, cmd_version, "version"},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

static void print_help(FILE *out)
{
    fprintf(out, "usage: darknet COMMAND ... [flags]\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  darknet %s\n", commands[i].usage);
    fprintf(out,
            "\nEvery other command is the packaged program's (%s).\n\nflags for training:\n%s"
            "\nflags for detector retrain, besides:\n%s",
            PACKAGED, dk_cli_help(), dk_retrain_usage());
}

static int cmd_help(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    print_help(stdout);
    return 0;
}

static int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("darknet with DynaComm %s\n", DC_VERSION_STRING);
    return 0;
}

/* Hands the command line to the packaged program, as it is. Does not return. That program ignores flags it
 * does not know: one of ours would be lost without a word. */
static _Noreturn void pass_on(char **argv)
{
    for (char **arg = argv + 1; *arg; arg++)
        if (strncmp(*arg, "-dynacomm", 9) == 0)
            dk_die(
                "%s: '%s' is run by the packaged program, which trains alone; `darknet help` lists what can",
                *arg, argv[1]);
    const char *path = getenv("DARKNET_PACKAGED");
    if (!path || !*path) path = PACKAGED;
    struct stat self, other;
    if (stat(path, &other) != 0)
        dk_die("'%s' is a command of the packaged program, and %s is missing: apt-get install darknet",
               argv[1] ? argv[1] : "", path);
    if (stat("/proc/self/exe", &self) == 0 && self.st_dev == other.st_dev && self.st_ino == other.st_ino)
        dk_die("'%s' is a command of the packaged program, but this program stands in its place at %s: "
               "install it "
               "elsewhere, such as /usr/local/bin",
               argv[1], path);
    execv(path, argv);
    dk_die("cannot run %s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return 1;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-help") == 0) return cmd_help(argc, argv);
    if (strcmp(argv[1], "--version") == 0) return cmd_version(argc, argv);
    const char *command, *subcommand;
    dk_cli_words(argc, argv, &command, &subcommand);
    for (int i = 0; i < N_COMMANDS && command; i++) {
        if (strcmp(command, commands[i].command) != 0) continue;
        if (commands[i].subcommand && (!subcommand || strcmp(subcommand, commands[i].subcommand) != 0))
            continue;
        if (commands[i].run != cmd_help && commands[i].run != cmd_version) dk_wait_briefly(argv);
        return commands[i].run(argc, argv);
    }
    pass_on(argv);
}
