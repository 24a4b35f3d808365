/* train_regressor.c - `darknet regressor train DATA CFG [WEIGHTS]`: numbers from images. */
#include "train.h"

#include "fatal.h"
#include "local.h"
#include "preflight.h"

#include <stdlib.h>

static int cfg_size(const dk_train *train, uint64_t round)
{
    (void)train;
    (void)round;
    return 0;
}

static const dk_train_kind regressor = {.name = "regressor train",
                                        .backup_every = 100,
                                        .final = "%s.weights",
                                        .numbered = dk_epochs_numbered,
                                        .line = dk_epochs_line,
                                        .size = cfg_size};

static void fill_args(dk_train *train, const dk_lines *images, int classes)
{
    const network *net = train->net;
    if (net->w != net->h)
        dk_die("a regressor trains on square images: width=%d and height=%d must be equal", net->w, net->h);
    train->args = (load_args){.w = net->w,
                              .h = net->h,
                              .size = net->w,
                              .min = (int)(net->min_ratio * (float)net->w),
                              .max = (int)(net->max_ratio * (float)net->w),
                              .angle = net->angle,
                              .aspect = net->aspect,
                              .exposure = net->exposure,
                              .saturation = net->saturation,
                              .hue = net->hue,
                              .paths = images->line,
                              .m = images->n,
                              .n = train->images,
                              .classes = classes,
                              .type = REGRESSION_DATA};
}

int dk_cmd_regressor_train(int argc, char **argv)
{
    dk_cli cli;
    dk_cli_parse(argc, argv, NULL, &cli);
    if (cli.map) dk_note("-map has no effect here: it is for detector train");
    if (cli.n_words < 4 || cli.n_words > 5)
        dk_die("usage: darknet regressor train DATA CFG [WEIGHTS] [flags]");
    const char *cfg = cli.words[3], *weights = cli.n_words > 4 ? cli.words[4] : NULL;

    dk_datafile file;
    dk_datafile_read(cli.words[2], DK_FOR_REGRESSOR, &file);
    dk_check_cfg(cfg);
    if (weights) dk_file_check(weights, "weights file");
    dk_lines images;
    dk_lines_read(file.train, "training list", &images);
    dk_check_images(&images);
    dk_check_truths(&images, REGRESSION_DATA, file.classes);
    if (dk_local_workers(&cli)) return dk_local_run(&cli, file.backup);

    network *net = dk_train_parse(cfg, weights, &cli);
    dk_train train = {.kind = &regressor,
                      .cli = &cli,
                      .net = net,
                      .base = basecfg((char *)cfg),
                      .backup = file.backup,
                      .list = file.train,
                      .images = net->batch * net->subdivisions};
    fill_args(&train, &images, file.classes);
    dk_train_ready(&train);
    printf("%s\n1\nLearning Rate: %g, Momentum: %g, Decay: %g\n%d\n", train.base, (double)net->learning_rate,
           (double)net->momentum, (double)net->decay, images.n);

    const int status = dk_train_run(&train);
    free_network(net);
    free(train.base);
    dk_lines_free(&images);
    return status;
}
