/* settings.h - what a command line says: the structs that flags are read into (flags.h). */
#ifndef DK_SETTINGS_H
#define DK_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dynacomm.h"

enum { DK_CLI_MAX_WORDS = 16 };

/* How this process computes: flags of every command that runs a network. */
typedef struct dk_compute {
    int threads;       /* 0 = all cores */
    bool memory_low;   /* less memory for a slower convolution */
    bool stock;        /* the packaged library's arithmetic */
    bool allow_unused; /* keys of a cfg that no Darknet reads are passed over */
    int dialect;       /* DK_DIALECT_ (network/dialect.h) */
    bool letter_box;   /* images keep their proportions, whatever the cfg says */
    const char *gpus;  /* as given; this program has none */
} dk_compute;

/* A command that trains. */
typedef struct dk_cli {
    const char *words[DK_CLI_MAX_WORDS]; /* what is not a flag: command, subcommand, files */
    int n_words;

    dk_compute compute;
    uint64_t seed;         /* drawn from the system if not given */
    uint64_t rounds;       /* stop when the run has this many; 0 = the cfg's max_batches */
    dc_every backup_every; /* between .backup files; never = Darknet's default */
    bool clear;
    bool force;      /* go on where a check would stop */
    int loaders;     /* threads that read images; 0 = as many as compute */
    bool quiet;      /* no line per round */
    const char *log; /* file into which all that is printed goes too, NULL = none */

    const char *dynacomm; /* server URL (auto is made one) or local:N; NULL = alone */
    dc_strategy strategy;
    const char *trace;
    const char *codec;       /* of gradients and changes, NULL = the run's */
    const char *local_steps; /* between pushes, NULL = the run's */
    int rank;                /* requested number among the workers, -1 = any */
    const char *key;         /* file of this worker's key, NULL = its usual place */
    const char *id;          /* a name for this worker, NULL = an id that it keeps in a file */
    const char *shard_listen, *shard_announce; /* of a worker's shard in a mesh, NULL = found out */
    double link_Bps;    /* that a worker's link carries each way, in a mesh; 0 = not known */
    double patience_s;  /* a server that is gone is given up after this long, 0 = the default */
    int timeout_s;      /* the same */
    bool shared_backup; /* the server and all workers save into one directory: only rank 0 does, and
                         * leaves .backup to the server */
    int serve;          /* this process starts the server too, for so many workers; 0 = it does not */
    const char *listen; /* where that server listens */

    const char *replay;  /* the log of a run that is to be made again, NULL = none */
    const char *data_of; /* its workers' data files: NUMBER=FILE or ID=FILE, separated by commas */

    bool map;          /* measure mAP while training */
    int save_every;    /* rounds between NAME_N.weights, 0 = the data file's */
    int map_epochs;    /* passes over the list between measurements, 0 = the forks' default */
    float thresh, iou; /* of these measurements */
    int points;
    const char *chart; /* an earlier chart.png to draw on */
} dk_cli;

#endif
