/* train_classifier.c - `darknet classifier train DATA CFG [WEIGHTS]`. */
#include "train.h"

#include "fatal.h"
#include "local.h"
#include "preflight.h"
#include "random.h"

#include <stdlib.h>

/* Rounds that a multi-scale classifier keeps one input size. */
#define SIZE_ROUNDS 40

static int size_of_round(const dk_train *train, uint64_t round)
{
    if (!train->net->random) return 0;
    dk_random_begin(DK_STREAM_SIZE, train->seed, 0, round / SIZE_ROUNDS, 0);
    return (int)(dk_random_below(11) + 4) * 32;
}

static void resize(const dk_train *train, int size, load_args *args)
{
    args->w = args->h = args->size = size;
    args->min = (int)(train->net->min_ratio * (float)size);
    args->max = (int)(train->net->max_ratio * (float)size);
}

static const dk_train_kind classifier = {.name = "classifier train",
                                         .backup_every = 1000,
                                         .final = "%s.weights",
                                         .numbered = dk_epochs_numbered,
                                         .line = dk_epochs_line,
                                         .size = size_of_round,
                                         .resize = resize};

static void fill_args(dk_train *train, const dk_datafile *file, const dk_lines *images,
                      const dk_lines *labels)
{
    const network *net = train->net;
    load_args *args = &train->args;
    *args = (load_args){.w = net->w,
                        .h = net->h,
                        .hierarchy = net->hierarchy,
                        .angle = net->angle,
                        .aspect = net->aspect,
                        .exposure = net->exposure,
                        .saturation = net->saturation,
                        .hue = net->hue,
                        .paths = images->line,
                        .m = images->n,
                        .n = train->images,
                        .labels = labels->line,
                        .classes = file->classes,
                        .type = file->tag ? TAG_DATA : CLASSIFICATION_DATA};
    resize(train, net->w, args);
    if (net->w != net->h)
        dk_die("a classifier trains on square images: width=%d and height=%d must be equal", net->w, net->h);
}

int dk_cmd_classifier_train(int argc, char **argv)
{
    dk_cli cli;
    dk_cli_parse(argc, argv, NULL, &cli);
    if (cli.map) dk_note("-map has no effect here: it is for detector train");
    if (cli.n_words < 4 || cli.n_words > 5)
        dk_die("usage: darknet classifier train DATA CFG [WEIGHTS] [flags]");
    const char *cfg = cli.words[3], *weights = cli.n_words > 4 ? cli.words[4] : NULL;

    dk_datafile file;
    dk_datafile_read(cli.words[2], DK_FOR_CLASSIFIER, &file);
    dk_check_cfg(cfg);
    if (weights) dk_file_check(weights, "weights file");
    if (file.tree) dk_file_check(file.tree, "tree file");
    dk_lines images, labels = {0};
    dk_lines_read(file.train, "training list", &images);
    dk_check_images(&images);
    if (!file.tag) {
        dk_names_read(file.labels, "labels file", &labels);
        dk_check_classes(&images, &labels, file.classes, cli.force);
    }
    if (dk_local_workers(&cli)) return dk_local_run(&cli, file.backup);

    network *net = dk_train_parse(cfg, weights, &cli);
    if (file.tree) net->hierarchy = read_tree((char *)file.tree);
    dk_train train = {.kind = &classifier,
                      .cli = &cli,
                      .net = net,
                      .base = basecfg((char *)cfg),
                      .backup = file.backup,
                      .list = file.train,
                      .images = net->batch * net->subdivisions};
    fill_args(&train, &file, &images, &labels);
    dk_train_ready(&train);
    printf("%s\n1\n", train.base);
    printf("Learning Rate: %g, Momentum: %g, Decay: %g\n", (double)net->learning_rate, (double)net->momentum,
           (double)net->decay);
    printf("%d\n%d %d\n", images.n, train.args.min, train.args.max);

    const int status = dk_train_run(&train);
    free_network(net);
    free(train.base);
    dk_lines_free(&images);
    dk_lines_free(&labels);
    return status;
}
