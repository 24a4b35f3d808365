/* train_detector.c - `darknet detector train DATA CFG [WEIGHTS]`. */
#include "train/train.h"

#include "replace/fatal.h"
#include "launch/local.h"
#include "check/labels.h"
#include "check/preflight.h"
#include "replace/random.h"
#include "train/train_map.h"

#include <stdio.h>

/* Rounds that a multi-scale detector keeps one input size, and the last rounds, which take the largest. */
#define SIZE_ROUNDS 10
#define LAST_ROUNDS 200
#define LAST_SIZE 608

/* The forks save every thousandth round of a run that has no more. */
#define SHORT_RUN 10000

static const layer *head(const dk_train *train)
{
    return &train->net->layers[train->net->n - 1];
}

static int size_of_round(const dk_train *train, uint64_t round)
{
    if (!head(train)->random) return 0;
    const uint64_t begin = round - round % SIZE_ROUNDS;
    if (train->net->max_batches > 0 && begin + LAST_ROUNDS > (uint64_t)train->net->max_batches)
        return LAST_SIZE;
    dk_random_begin(DK_STREAM_SIZE, train->seed, 0, begin, 0);
    return (int)(dk_random_below(10) + 10) * 32;
}

static void resize(const dk_train *train, int size, load_args *args)
{
    (void)train;
    args->w = args->h = size;
}

static bool numbered(dk_train *train, uint64_t round, char *name, size_t size)
{
    const dk_datafile *file = &train->input->file;
    const int most = train->net->max_batches;
    const uint64_t every = file->save_every ? file->save_every : most > 0 && most <= SHORT_RUN ? 1000 : 10000;
    const bool early = !file->save_every && round < 1000 && round % 100 == 0; /* as the packaged program */
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

static const dk_train_kind detector = {.name = "detector train",
                                       .backup_every = 100,
                                       .final = "%s_final.weights",
                                       .last = true,
                                       .chart = true,
                                       .numbered = numbered,
                                       .line = line,
                                       .size = size_of_round,
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

static int train_here(const dk_cli *cli, const dk_train_input *in, const dk_lines *valid)
{
    dk_train_map *map = cli->map ? dk_train_map_open(in->cfg, &in->file, valid) : NULL;
    dk_train train;
    dk_train_init(&train, &detector, cli, in);
    train.map = map;
    fill_args(&train, &in->images);
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
    dk_check_truths(&in.images, DETECTION_DATA, last.classes,
                    cli->force   ? DK_MISSING_ALL
                    : last.forks ? DK_MISSING_MOST
                                 : DK_MISSING_FEW);
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
