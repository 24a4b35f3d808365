/* loader.h - reads and augments the images of the next round while this one trains. */
#ifndef DK_LOADER_H
#define DK_LOADER_H

#include "train/augment.h"
#include "train/mix.h"

#include <darknet.h>
#include <stdint.h>

typedef struct dk_loader dk_loader;

typedef struct dk_loader_options {
    load_args
        args; /* as for the library's load_data; paths and labels are borrowed; n = images a round, see images */
    /* of detectors in the forks' dialect: examples are made
     * so, of args.w x args.h; NULL = the library's way */
    const dk_augmentation *augmentation;
    const dk_class_mix *mixing; /* of classifiers in the forks' dialect, or NULL */
    const char *list;           /* the list's name, for messages (borrowed) */
    uint64_t seed, rank;        /* with the round and the image they fix every random choice */
    uint64_t first_round;       /* what dk_loader_next gives first */
    int threads;                /* at least 1 */
    /* shape - sets what depends on the round (input size); may be NULL. Called from any loader thread. */
    void (*shape)(void *context, uint64_t round, load_args *args);
    /* images - of a round, if not always args.n; may be NULL. The thread that opens the loader and takes rounds. */
    uint64_t (*images)(void *context, uint64_t round);
    void *context;
} dk_loader_options;

/* dk_loader_open - starts the threads and the first round. NULL if threads or memory are refused. */
dk_loader *dk_loader_open(const dk_loader_options *options);

/* dk_loader_next - waits for the next round's images, gives them to the caller (free with free_data; rows in
 * order of image number) and starts the round after it. Returns 0; or -1 if an image or its labels could not
 * be read: dk_loader_error has the line. One caller at a time. */
int dk_loader_next(dk_loader *loader, data *d);
const char *dk_loader_error(const dk_loader *loader);

/* dk_loader_probe - loads the first image of args' list, on this thread, as a round would. Returns 0 and one
 * row in *d (the caller's), or -1 and a line in text. */
int dk_loader_probe(const load_args *args, const char *list, data *d, char *text, size_t size);

/* dk_loader_close - stops and joins the threads, frees everything. NULL is fine. */
void dk_loader_close(dk_loader *loader);

#endif
