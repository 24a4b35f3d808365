/* loader.c - a fixed pool of threads, one round ahead.
 *
 * DESIGN
 *   A round is n tasks, one image each: seed this thread's generator from (seed, rank, round,
 * image), choose a path, let the library load and augment it, put its two rows into their places. The rows
 * are the library's own allocations: nothing is copied. As soon as the caller takes a finished round the
 * threads start on the next, so that at most two rounds of images exist, one training and one loading. One
 * lock. Threads wait on `work` for a task, the caller on `finished` for a round. The first failure is kept,
 * the round still completes, and every later call reports it. */
#include "train/loader.h"

#include "replace/image_load.h"
#include "check/preflight.h"
#include "replace/random.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct dk_loader {
    dk_loader_options options;
    pthread_t *threads;
    int n_threads; /* started */

    pthread_mutex_t lock; /* over everything below */
    pthread_cond_t work, finished;
    uint64_t round;  /* being loaded */
    int n;           /* images of it */
    int taken, done; /* images of it handed to threads, and loaded */
    bool stopping;
    data rows;
    char error[6144];
};

static int room_for_round(dk_loader *loader)
{
    const dk_loader_options *o = &loader->options;
    const int n = o->images ? (int)o->images(o->context, loader->round) : o->args.n;
    loader->n = n;
    loader->rows = (data){0};
    loader->rows.X.rows = loader->rows.y.rows = n;
    loader->rows.X.vals = calloc((size_t)n, sizeof(float *));
    loader->rows.y.vals = calloc((size_t)n, sizeof(float *));
    loader->taken = loader->done = 0;
    return loader->rows.X.vals && loader->rows.y.vals ? 0 : -1;
}

/* Loads the image at path into *row (one row of X and of
 * y, the caller's). Returns 0, or -1 with a message. */
static int load_row(load_args args, const char *list, char *path, data *row, char *text, size_t size)
{
    char problem[5120];
    if (dk_check_truth(path, args.type, args.classes, problem, sizeof problem) != 0) {
        snprintf(text, size, "%s: image %.1000s: %.1000s", list, path, problem);
        return -1;
    }
    args.paths = &path;
    args.n = 1;
    args.m = args.type == DETECTION_DATA; /* one to draw from; for the others 0 means: take it as it is */
    args.d = row;
    load_data_blocking(args);
    if (!dk_image_failed()) return 0;
    snprintf(text, size, "%s: cannot read image %s", list, path);
    return -1;
}

static int augment_row(const dk_loader_options *options, const load_args *args, data *row, char *text,
                       size_t size)
{
    char problem[4096];
    dk_augmentation a = *options->augmentation;
    a.w = args->w;
    a.h = args->h;
    row->X = make_matrix(1, a.w * a.h * a.c);
    row->y = make_matrix(1, 5 * a.boxes);
    if (dk_augment_draw(&a, args->paths, args->m, row->X.vals[0], row->y.vals[0], problem, sizeof problem) ==
        0)
        return 0;
    snprintf(text, size, "%s: %s", options->list, problem);
    return -1;
}

static void free_row(data *row)
{
    if (row->X.vals) free_matrix(row->X);
    if (row->y.vals) free_matrix(row->y);
}

/* Several images that become one. */
static int mix_row(const dk_loader_options *options, const load_args *args, data *row, char *text,
                   size_t size)
{
    data rows[DK_MIX_MOST] = {0};
    const int kind = dk_mix_draw(options->mixing), n = dk_mix_images(kind);
    int result = 0, loaded = 0;
    while (loaded < n && result == 0)
        result = load_row(*args, options->list, args->paths[dk_random_below((uint64_t)args->m)],
                          &rows[loaded++], text, size);
    if (result == 0)
        dk_mix_rows(options->mixing, kind, args->w, args->h, rows[0].X.cols / (args->w * args->h), rows);
    for (int i = 1; i < loaded; i++)
        free_row(&rows[i]);
    *row = rows[0];
    return result;
}

static int load_image_row(const dk_loader_options *options, uint64_t round, int image, data *row, char *text,
                          size_t size)
{
    load_args args = options->args;
    if (options->shape) options->shape(options->context, round, &args);
    dk_random_begin(DK_STREAM_LOAD, options->seed, options->rank, round, (uint64_t)image);
    if (options->augmentation) return augment_row(options, &args, row, text, size);
    if (options->mixing) return mix_row(options, &args, row, text, size);
    return load_row(args, options->list, args.paths[dk_random_below((uint64_t)args.m)], row, text, size);
}

int dk_loader_probe(const load_args *args, const char *list, data *d, char *text, size_t size)
{
    *d = (data){0};
    dk_image_catch();
    return load_row(*args, list, args->paths[0], d, text, size);
}

static void store(dk_loader *loader, int image, const data *row)
{
    loader->rows.X.cols = row->X.cols;
    loader->rows.y.cols = row->y.cols;
    loader->rows.X.vals[image] = row->X.vals[0];
    loader->rows.y.vals[image] = row->y.vals[0];
    free(row->X.vals);
    free(row->y.vals);
}

static void *run(void *pointer)
{
    dk_loader *loader = pointer;
    char text[sizeof loader->error];
    dk_image_catch();
    pthread_mutex_lock(&loader->lock);
    for (;;) {
        while (!loader->stopping && (loader->taken == loader->n || loader->error[0]))
            pthread_cond_wait(&loader->work, &loader->lock);
        if (loader->stopping) break;
        const int image = loader->taken++;
        const uint64_t round = loader->round;
        pthread_mutex_unlock(&loader->lock);
        data row = {0};
        const int result = load_image_row(&loader->options, round, image, &row, text, sizeof text);
        pthread_mutex_lock(&loader->lock);
        if (row.X.vals && row.y.vals) store(loader, image, &row);
        if (result != 0 && !loader->error[0]) memcpy(loader->error, text, sizeof text);
        loader->done++;
        if (loader->done == loader->n || loader->error[0]) pthread_cond_signal(&loader->finished);
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

dk_loader *dk_loader_open(const dk_loader_options *options)
{
    dk_loader *loader = calloc(1, sizeof *loader);
    if (!loader) return NULL;
    loader->options = *options;
    loader->round = options->first_round;
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->work, NULL);
    pthread_cond_init(&loader->finished, NULL);
    loader->threads = calloc((size_t)options->threads, sizeof *loader->threads);
    if (!loader->threads || room_for_round(loader) != 0) {
        dk_loader_close(loader);
        return NULL;
    }
    while (loader->n_threads < options->threads &&
           pthread_create(&loader->threads[loader->n_threads], NULL, run, loader) == 0)
        loader->n_threads++;
    if (loader->n_threads == 0) {
        dk_loader_close(loader);
        return NULL;
    }
    return loader; /* fewer threads than asked for load the same images */
}

int dk_loader_next(dk_loader *loader, data *d)
{
    int result = 0;
    pthread_mutex_lock(&loader->lock);
    while (loader->done < loader->n && !loader->error[0])
        pthread_cond_wait(&loader->finished, &loader->lock);
    if (loader->error[0]) {
        result = -1;
    } else {
        *d = loader->rows;
        loader->round++;
        if (room_for_round(loader) != 0)
            snprintf(loader->error, sizeof loader->error, "out of memory for the next round's images");
        pthread_cond_broadcast(&loader->work);
    }
    pthread_mutex_unlock(&loader->lock);
    return result;
}

const char *dk_loader_error(const dk_loader *loader)
{
    return loader->error;
}

void dk_loader_close(dk_loader *loader)
{
    if (!loader) return;
    pthread_mutex_lock(&loader->lock);
    loader->stopping = true;
    pthread_cond_broadcast(&loader->work);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->n_threads; i++)
        pthread_join(loader->threads[i], NULL);
    for (int i = 0; i < loader->rows.X.rows; i++) {
        if (loader->rows.X.vals) free(loader->rows.X.vals[i]);
        if (loader->rows.y.vals) free(loader->rows.y.vals[i]);
    }
    free(loader->rows.X.vals);
    free(loader->rows.y.vals);
    free(loader->threads);
    pthread_cond_destroy(&loader->work);
    pthread_cond_destroy(&loader->finished);
    pthread_mutex_destroy(&loader->lock);
    free(loader);
}
