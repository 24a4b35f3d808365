/* cli.h - the command line, Darknet style: words in order, "-flag" or "-flag value" anywhere between them. */
#ifndef DK_CLI_H
#define DK_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dynacomm.h"

enum { DK_CLI_MAX_WORDS = 16, DK_CLI_MAX_THREADS = 1024 };

typedef struct dk_cli {
    const char *words[DK_CLI_MAX_WORDS]; /* what is not a flag: command, subcommand, files */
    int n_words;

    bool seed_given;
    uint64_t seed;         /* drawn from the system if not given */
    uint64_t rounds;       /* stop when the run has this many; 0 = the cfg's max_batches */
    uint64_t backup_every; /* rounds between .backup files; 0 = Darknet's habit */
    bool clear;
    bool force; /* go on where a check would stop */
    const char *kernels;
    bool memory_low;   /* less memory for a slower convolution */
    bool allow_unused; /* keys of a cfg that no Darknet reads are passed over */
    int threads;       /* of computation; 0 = all cores */
    int loaders;       /* threads that read images; 0 = as many as compute */

    const char *dynacomm; /* server URL (auto is made one) or local:N; NULL = alone */
    dc_strategy strategy;
    const char *strategy_name; /* as given, NULL if not */
    const char *trace;
    int rank;           /* wished number among the workers, -1 = any */
    int timeout_s;      /* a silent server is given up after this long, 0 = the default */
    bool shared_backup; /* the server and all workers save into one directory: only rank 0 does, and
                         * leaves .backup to the server */
    bool quiet;         /* no line per round */
    const char *gpus;   /* as given; this program has none */
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

/* dk_cli_parse - reads argv and the environment (DYNACOMM, DYNACOMM_STRATEGY, DYNACOMM_TRACE) into cli, which
 * borrows argv. A flag that is unknown, lacks its value or has one that is no number ends the program with a
 * line; others: NULL-terminated names of flags that the command takes itself, to suggest, or NULL. */
void dk_cli_parse(int argc, char **argv, const char *const *others, dk_cli *cli);

/* dk_cli_whole - the flag's value as a whole number from least to most; ends the program with a line if it is
 * none. */
uint64_t dk_cli_whole(const char *flag, const char *text, uint64_t least, uint64_t most);

/* dk_cli_flag_at - the k-th flag's name, of training and then of the forks; NULL after the last.
 * dk_cli_takes_value - true if the flag of that name is followed by a value. */
const char *dk_cli_flag_at(size_t k);
bool dk_cli_takes_value(const char *name);

/* dk_cli_nearest - the flag, of ours, the forks' and others (NULL-terminated, or NULL), that is spelt most
 * like arg. */
const char *dk_cli_nearest(const char *arg, const char *const *others);

/* dk_cli_help - the training flags, for a terminal. */
const char *dk_cli_help(void);

#endif
