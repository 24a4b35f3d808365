/* run.h - the same training three ways, each in processes of its own: by the packaged library's functions
 * alone, and by workers of a `dynacomm server`.
 *
 * DESIGN
 *   The network is parsed once; every run is a fork that inherits it as it is
 * then, so all start from the same bits. A run leaves its result in memory
 * that the parent shares. Nothing of a run comes back any other way. */
#ifndef EXACT_RUN_H
#define EXACT_RUN_H

#include <darknet.h>
#include <stdbool.h>
#include <stdint.h>

#include "dynacomm.h"
#include "exact/tensors.h"

enum { EX_MOST_WORKERS = 8, EX_MOST_SHARDS = 4, EX_MOST_RELAYS = 4, EX_MOST_ROUNDS = 64 };

/* What a run leaves: a snapshot of the tensors, and the loss after each round. */
typedef struct ex_result {
    float *snapshot;
    float *loss; /* [EX_MOST_ROUNDS] */
} ex_result;

typedef struct ex_case {
    network *net; /* as parsed: never trained in this process */
    ex_tensors tensors;
    const char *directory; /* for sockets, logs and weights: empty at the start, this case's own */
    uint64_t seed;
    int rounds;
    int relays; /* between server and workers: worker r is behind relay r modulo so many; 0: none */
    int shards; /* servers that hold the model together; 1: one has all of it */
    bool mesh;  /* the workers hold it, and one server is where they meet */
    int sizes[EX_MOST_ROUNDS]; /* input width and height before each round; 0 = as it is */
} ex_case;

/* ex_result_new - room in shared memory; lives as long as the process. */
ex_result ex_result_new(const ex_case *c);

/* ex_alone - one machine: the library's forward_network, backward_network and update_network on the images of
 * `workers` workers, as that many times the subdivisions, in rank order. weights: where to save_weights at
 * the end, or NULL. Returns false after it has written why to text. */
bool ex_alone(const ex_case *c, int workers, const char *weights, ex_result result, char *text, size_t size);

/* ex_together - a server and `workers` workers as processes, connected by
 * tcp or ipc. backup: the server's directory of checkpoints, or NULL; the
 * model's name is "exact". result: [workers]. Returns like ex_alone. */
bool ex_together(const ex_case *c, dc_strategy strategy, bool tcp, int workers, const char *backup,
                 ex_result *result, char *text, size_t size);

#endif
