/* train_detector.c - `darknet detector train DATA CFG [WEIGHTS]`. */
#include "train/train.h"

#include "replace/fatal.h"
#include "launch/local.h"
#include "check/labels.h"
#include "check/preflight.h"
#include "replace/random.h"
#include "layers/yolo_head.h"
#include "layers/extra.h"
#include "train/train_map.h"

#include <math.h>
#include <stdio.h>

/* Rounds that a multi-scale detector keeps one input size, and the last rounds, which take the largest. */
#define SIZE_ROUNDS 10
#define LAST_ROUNDS 200
#define LAST_SIZE 608
#define FORKS_LAST_ROUNDS 100
#define FORKS_FACTOR 1.4f /* what random=1 means */

/* Values of dk_augment.mixup that detectors do not have. */
enum { MIX_CUT = 2, MIX_CUT_OR_MOSAIC = 4 };

/* The forks save every thousandth round of a run that has no more. */
#define SHORT_RUN 10000

static const layer *head(const dk_train *train)
{
    return &train->net->layers[train->net->n - 1];
}

/* The forks' sizes: the cfg's, times or by up to a factor, in its
 * proportions. The first and the last rounds take the largest. */
static dk_size forks_size(const dk_train *train, uint64_t round)
{
    const dk_yolo *yolo = dk_yolo_of(head(train));
    const float given = yolo ? yolo->random : 1, most = given > 1 || given < 1 ? given : FORKS_FACTOR;
    const float step = dk_network_extra_of(train->net)->resize_step;
    const uint64_t begin = round - round % SIZE_ROUNDS, rounds = (uint64_t)train->net->max_batches;
    float factor = most;
    if (begin > 0 && (rounds == 0 || begin + FORKS_LAST_ROUNDS <= rounds)) {
        dk_random_begin(DK_STREAM_SIZE, train->seed, 0, begin, 0);
        factor = 1 + (most - 1) * (float)dk_random_below(1u << 24) / (float)(1u << 24);
        if (dk_random_below(2)) factor = 1 / factor;
    }
    const dk_size cfg = train->cfg_size;
    const dk_size drawn = {(int)((roundf(factor * (float)cfg.w / step) + 1) * step),
                           (int)((roundf(factor * (float)cfg.h / step) + 1) * step)};
    return factor < 1 && (drawn.w > cfg.w || drawn.h > cfg.h) ? cfg : drawn;
}

static dk_size size_of_round(const dk_train *train, uint64_t round)
{
    if (!head(train)->random) return (dk_size){0};
    if (train->augmentation) return forks_size(train, round);
    const uint64_t begin = round - round % SIZE_ROUNDS;
    if (train->net->max_batches > 0 && begin + LAST_ROUNDS > (uint64_t)train->net->max_batches)
        return (dk_size){LAST_SIZE, LAST_SIZE};
    dk_random_begin(DK_STREAM_SIZE, train->seed, 0, begin, 0);
    const int size = (int)(dk_random_below(10) + 10) * 32;
    return (dk_size){size, size};
}

static void resize(const dk_train *train, dk_size size, load_args *args)
{
    (void)train;
    args->w = size.w;
    args->h = size.h;
}

static bool numbered(dk_train *train, uint64_t round, char *name, size_t size)
{
    const dk_datafile *file = &train->input->file;
    const int most = train->net->max_batches;
    const uint64_t every = file->save_every ? file->save_every : most > 0 && most <= SHORT_RUN ? 1000 : 10000;
    const bool early = !file->save_every && !train->augmentation && round < 1000 &&
                       round % 100 == 0; /* as the packaged program */
    if (round % every != 0 && !early) return false;
    snprintf(name, size, "%s_%llu.weights", train->base, (unsigned long long)round);
    return true;
}

/* The forks' line: programs that read their logs look for "avg loss" and "hours left". */
static void line(const dk_train *train, const dk_round *round, const dk_progress *progress, char *text,
                 size_t size)
{
    snprintf(text, size, "%llu: %f, %f avg loss, %f rate, %lf seconds, %llu images, %f hours left",
             (unsigned long long)round->round, (double)round->loss, (double)progress->average,
             (double)round->rate, round->seconds,
             (unsigned long long)round->round * (unsigned long long)train->images, progress->hours);
}

static void check_truths(const dk_lines *images, int classes, bool force, bool forks)
{
    dk_check_truths(images, DETECTION_DATA, classes,
                    force   ? DK_MISSING_ALL
                    : forks ? DK_MISSING_MOST
                            : DK_MISSING_FEW);
}

static void read_other(const dk_train *train, const char *path, dk_train_input *in, dk_lines *labels,
                       load_args *args)
{
    (void)labels;
    dk_datafile_read(path, DK_FOR_DETECTOR, &in->file);
    dk_train_read_images(in);
    check_truths(&in->images, args->classes, train->cli->force, dk_network_extra_of(train->net)->forks);
    args->paths = in->images.line;
    args->m = in->images.n;
}

static const dk_train_kind detector = {.name = "detector train",
                                       .backup_every = 100,
                                       .final = "%s_final.weights",
                                       .last = true,
                                       .chart = true,
                                       .numbered = numbered,
                                       .line = line,
                                       .size = size_of_round,
                                       .read_other = read_other,
                                       .resize = resize};

static void fill_args(dk_train *train, const dk_lines *images)
{
    const layer *l = head(train);
    load_args *args = &train->args;
    *args = get_base_args(train->net);
    args->coords = l->coords;
    args->paths = images->line;
    args->m = images->n;
    args->n = train->images;
    args->classes = l->classes;
    args->jitter = l->jitter;
    args->num_boxes = l->max_boxes;
    args->type = DETECTION_DATA;
}

/* How the forks' cfgs want their images. */
static void take_augmentation(dk_train *train, dk_augmentation *a)
{
    const network *net = train->net;
    const layer *l = head(train);
    const dk_network_extra *extra = dk_network_extra_of(net);
    const dk_yolo *yolo = dk_yolo_of(l);
    const int mixup = extra->augment.mixup;
    if (!extra->forks) return;
    if (mixup == MIX_CUT || mixup == MIX_CUT_OR_MOSAIC)
        dk_note("%s: cutmix=1 is for classifiers: a detector's images are not cut", train->input->cfg);
    if (extra->letter_box && mixup >= DK_MIX_FOUR)
        dk_die("%s: letter_box=1 and mosaic=1 exclude each other", train->input->cfg);
    *a = (dk_augmentation){.c = net->c,
                           .boxes = l->max_boxes,
                           .classes = l->classes,
                           .jitter = l->jitter,
                           .resize = yolo ? yolo->resize : 1,
                           .hue = net->hue,
                           .saturation = net->saturation,
                           .exposure = net->exposure,
                           .mix = mixup == MIX_CUT             ? DK_MIX_NONE
                                  : mixup == MIX_CUT_OR_MOSAIC ? DK_MIX_FOUR
                                                               : mixup,
                           .blur = extra->augment.blur,
                           .noise = extra->augment.noise,
                           .flip = extra->augment.flip,
                           .letter_box = extra->letter_box,
                           .mosaic_bound = extra->augment.mosaic_bound};
    train->augmentation = a;
}

static int train_here(const dk_cli *cli, const dk_train_input *in, const dk_lines *valid)
{
    dk_train_map *map = cli->map ? dk_train_map_open(in->cfg, &in->file, valid) : NULL;
    dk_train train;
    dk_train_init(&train, &detector, cli, in);
    train.map = map;
    fill_args(&train, &in->images);
    dk_augmentation augmentation;
    take_augmentation(&train, &augmentation);
    dk_train_ready(&train);
    printf("%s\n", train.base);
    dk_train_print_rates(&train);
    const int status = dk_train_run(&train);
    dk_train_map_close(map);
    dk_train_free(&train);
    return status;
}

int dk_detector_train(const dk_cli *cli)
{
    dk_train_input in;
    dk_train_read(cli, DK_FOR_DETECTOR, detector.name, &in);
    const dk_detector_head last = dk_check_detector_cfg(in.cfg);
    if (!last.max_batches && !cli->rounds)
        dk_die("%s has no max_batches= in [net]: set it, or give -rounds N", in.cfg);
    dk_train_read_images(&in);
    dk_labels_lenient(cli->force);
    dk_labels_beside_first(last.forks);
    check_truths(&in.images, last.classes, cli->force, last.forks);
    dk_lines valid = {0};
    if (cli->map) dk_train_map_lists(&in.file, last.classes, &valid);
    const int status =
        dk_local_workers(cli) ? dk_local_run(cli, in.file.backup) : train_here(cli, &in, &valid);
    dk_lines_free(&valid);
    dk_lines_free(&in.images);
    return status;
}

int dk_cmd_detector_train(int argc, char **argv)
{
    dk_cli cli;
    dk_cli_parse(argc, argv, NULL, &cli);
    return dk_detector_train(&cli);
}
