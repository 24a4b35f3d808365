/* train.h - the training commands, and the loop they share.
 *
 * DESIGN
 *   A command (train_classifier.c, train_detector.c) checks its input, parses the network, and says how its
 * kind of training differs: where the truth comes from, when and under which names weights are saved, how a
 * round is printed, which input sizes a multi-scale run takes. dk_train_run does the rest: it opens the
 * session (alone or with a server) and runs round after round until the last, a signal, or an error. Rounds
 * are numbered over the whole run: one that is resumed goes on with the numbers, and so with the random
 * choices, of the first. */
#ifndef DK_TRAIN_H
#define DK_TRAIN_H

#include <darknet.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/cli.h"
#include "check/datafile.h"
#include "engine/session.h"
#include "train/augment.h"
#include "train/mix.h"
#include "train/chart.h"
#include "train/progress.h"

typedef struct dk_train dk_train;
typedef struct dk_train_map dk_train_map; /* train_map.h */

/* What a training command is given; the strings are borrowed
 * from the command line or live as long as the program. */
typedef struct dk_train_input {
    const char *cfg, *weights; /* weights: NULL = none */
    dk_datafile file;
    dk_lines images;
} dk_train_input;

/* Of a network's input, in pixels. */
typedef struct dk_size {
    int w, h;
} dk_size;

/* How one kind of training differs. round counts rounds done. */
typedef struct dk_train_kind {
    const char *name;      /* "classifier train" */
    uint64_t backup_every; /* rounds between .backup files */
    const char *final;     /* printf format of the last file's name, from base */
    bool last;             /* the newest weights are also called NAME_last.weights */
    bool chart;            /* draws chart.png */
    /* numbered - writes the name of the numbered .weights due after this round; false if none is. */
    bool (*numbered)(dk_train *train, uint64_t round, char *name, size_t size);
    /* line - Darknet's line for the round. */
    void (*line)(const dk_train *train, const dk_round *round, const dk_progress *progress, char *text,
                 size_t size);
    /* size - input of the round that follows `round` rounds; w = 0: the cfg's. Any thread. */
    dk_size (*size)(const dk_train *train, uint64_t round);
    /* resize - sets what depends on that size in args. Any thread. */
    void (*resize)(const dk_train *train, dk_size size, load_args *args);
} dk_train_kind;

struct dk_train {
    const dk_train_kind *kind;
    const dk_cli *cli;
    const dk_train_input *input; /* borrowed */
    network *net;
    load_args args;
    char *base;         /* the cfg's name without directory and suffix */
    const char *backup; /* directory */
    const char *list;   /* the images' list, for messages */
    uint64_t seed;      /* the run's, the same for all workers; known once the session is open */
    uint64_t epoch;     /* whole passes over the list so far */
    double saved_s;     /* when it was written, or training began; steady clock */
    uint64_t saved;     /* round of the newest .backup of this process, 0 = none */
    int images; /* per round: batch * subdivisions; a server that balances gives a worker more or fewer */
    struct dk_session *session;          /* of a run: NULL in a replay */
    dk_size cfg_size;                    /* the input's */
    const dk_augmentation *augmentation; /* of a detector's images in the forks' dialect, or NULL */
    const dk_class_mix *mixing;          /* of a classifier's, likewise */
    dk_train_map *map;                   /* measures mAP now and then; NULL = not asked for */
    dk_chart *chart;                     /* NULL = none is drawn */
    double charted_s;                    /* when its file was written */
};

/* dk_train_read - takes DATA CFG [WEIGHTS] from the command line and reads DATA. dk_train_read_images -
 * checks that WEIGHTS is there and reads and checks the training list: once the cfg is known to be good. Both
 * end the program with a line if something is wrong. command is for that line. */
void dk_train_read(const dk_cli *cli, dk_datafile_use use, const char *command, dk_train_input *input);
void dk_train_read_images(dk_train_input *input);

/* dk_train_init - parses the network (dk_train_parse) and fills in what follows from the input; args are the
 * caller's to fill, and are borrowed. dk_train_free - frees the network, not the input. */
void dk_train_init(dk_train *train, const dk_train_kind *kind, const dk_cli *cli,
                   const dk_train_input *input);
void dk_train_free(dk_train *train);

/* dk_train_print_rates - Darknet's line of learning rate, momentum and decay. */
void dk_train_print_rates(const dk_train *train);

/* dk_train_parse - reads the cfg and, if not NULL, the weights, with initial weights drawn from cli's seed.
 * Ends the program with a line if they do not fit. The layer table is held back until dk_train_ready. */
network *dk_train_parse(const char *cfg, const char *weights, const dk_cli *cli);

/* dk_train_ready - the last checks: one image is loaded and must fit the network, the backup directory must
 * be writable. Ends the program with a line, or shows the layer table on stderr. */
void dk_train_ready(dk_train *train);

/* dk_train_seen - images the run has trained on, from this worker's list: Darknet's `seen` when alone. */
uint64_t dk_train_seen(const dk_train *train, uint64_t round);

/* dk_train_run - trains; returns the exit status: 0, 1
 * after an error (one line on stderr), or 128 + signal. */
int dk_train_run(dk_train *train);

/* dk_train_change_size - resizes the network if the round that follows `round` rounds takes another input than *size.
 * dk_train_loader - images of one worker: args' list, in the order that follows from its number; args' n a round, but as
 * many as the session says if there is one. */
void dk_train_change_size(dk_train *train, uint64_t round, dk_progress *progress, dk_size *size);
struct dk_loader *dk_train_loader(dk_train *train, const load_args *args, const char *list, uint64_t number,
                                  uint64_t first_round);

/* dk_replay_prepare - with -dynacomm-replay: reads the log and -data-of, and takes the run's seed into cli, before the
 * network is made. Ends the program with a line if one of them is wrong. dk_replay_run - instead of dk_train_run; returns the
 * exit status. */
void dk_replay_prepare(dk_cli *cli, dk_datafile_use use);
int dk_replay_run(dk_train *train);

/* dk_epochs_numbered, dk_epochs_line - for kinds that save
 * after each pass over the list and print passes done. */
bool dk_epochs_numbered(dk_train *train, uint64_t round, char *name, size_t size);
void dk_epochs_line(const dk_train *train, const dk_round *round, const dk_progress *progress, char *text,
                    size_t size);

/* The commands: argv as main got it. They return the exit status. */
int dk_cmd_classifier_train(int argc, char **argv);
int dk_cmd_detector_train(int argc, char **argv);
int dk_cmd_detector_retrain(int argc, char **argv);
int dk_cmd_regressor_train(int argc, char **argv);

/* dk_detector_train - detector train with a command line that is read already; its words are two of any kind
 * and DATA CFG [WEIGHTS]. Returns the exit status. */
int dk_detector_train(const dk_cli *cli);

#endif
