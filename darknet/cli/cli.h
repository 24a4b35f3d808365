/* cli.h - the command line, Darknet style: words in order, "-flag" or "-flag value" anywhere between them. */
#ifndef DK_CLI_H
#define DK_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/flags.h"
#include "dynacomm.h"

enum { DK_CLI_MAX_WORDS = 16 };

typedef struct dk_cli {
    const char *words[DK_CLI_MAX_WORDS]; /* what is not a flag: command, subcommand, files */
    int n_words;

    dk_compute compute;
    uint64_t seed;         /* drawn from the system if not given */
    uint64_t rounds;       /* stop when the run has this many; 0 = the cfg's max_batches */
    uint64_t backup_every; /* rounds between .backup files; 0 = Darknet's habit */
    bool clear;
    bool force;      /* go on where a check would stop */
    int loaders;     /* threads that read images; 0 = as many as compute */
    bool quiet;      /* no line per round */
    const char *log; /* file into which all that is printed goes too, NULL = none */

    const char *dynacomm; /* server URL (auto is made one) or local:N; NULL = alone */
    dc_strategy strategy;
    const char *trace;
    int rank;           /* requested number among the workers, -1 = any */
    int timeout_s;      /* a silent server is given up after this long, 0 = the default */
    bool shared_backup; /* the server and all workers save into one directory: only rank 0 does, and
                         * leaves .backup to the server */
    int serve;          /* this process starts the server too, for so many workers; 0 = it does not */
    const char *listen; /* where that server listens */

    bool map;          /* measure mAP while training */
    int map_epochs;    /* passes over the list between measurements, 0 = the habit of the forks */
    float thresh, iou; /* of these measurements */
    int points;
    const char *chart; /* an earlier chart.png to draw on */
} dk_cli;

/* dk_cli_words - the first two words of argv (either may come out NULL), flags skipped. Accepts any flag: it
 * is used to find out whose command this is. */
void dk_cli_words(int argc, char **argv, const char **command, const char **subcommand);

/* dk_cli_read - reads argv into the groups, and up to `most` words into words; *parsed says what was given.
 * Ends the program with a line on bad input. Returns how many words there are. */
int dk_cli_read(int argc, char **argv, const dc_option_group *groups, size_t n_groups, const char **words,
                size_t most, dc_parsed *parsed);

/* dk_cli_parse - reads argv and the environment (DYNACOMM, DYNACOMM_STRATEGY, DYNACOMM_TRACE) into cli, which
 * borrows argv, and sets kernels and threads. own: flags that the command has besides those of training, or
 * NULL. Ends the program with a line on bad input. */
void dk_cli_parse(int argc, char **argv, const dc_option_group *own, dk_cli *cli);

/* dk_cli_argv - the arguments with which this program, in this process's environment, reads cli: its words,
 * then every flag whose member differs from what it is when no flag is given. Returns a NULL-terminated
 * array, the caller's to free(); the words are borrowed. */
char **dk_cli_argv(const dk_cli *cli);

/* dk_cli_help - the training flags, for a terminal. */
void dk_cli_help(FILE *out);

#endif
