/* train_regressor.c - `darknet regressor train DATA CFG [WEIGHTS]`: numbers from images. */
#include "train/train.h"

#include "replace/fatal.h"
#include "launch/local.h"
#include "check/preflight.h"

#include <stdio.h>

static dk_size cfg_size(const dk_train *train, uint64_t round)
{
    (void)train;
    (void)round;
    return (dk_size){0};
}

static void read_other(const dk_train *train, const char *path, dk_train_input *in, dk_lines *labels,
                       load_args *args)
{
    (void)labels;
    dk_datafile_read(path, DK_FOR_REGRESSOR, &in->file);
    dk_train_read_images(in);
    if (in->file.classes != args->classes)
        dk_die("%s: classes = %d, but %d in %s", path, in->file.classes, args->classes,
               train->input->file.path);
    dk_check_truths(&in->images, REGRESSION_DATA, args->classes, DK_MISSING_FEW);
    args->paths = in->images.line;
    args->m = in->images.n;
}

static const dk_train_kind regressor = {.name = "regressor train",
                                        .backup_every = 100,
                                        .final = "%s.weights",
                                        .numbered = dk_epochs_numbered,
                                        .line = dk_epochs_line,
                                        .size = cfg_size,
                                        .read_other = read_other};

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

static int train_here(const dk_cli *cli, const dk_train_input *in)
{
    dk_train train;
    dk_train_init(&train, &regressor, cli, in);
    fill_args(&train, &in->images, in->file.classes);
    dk_train_ready(&train);
    printf("%s\n1\n", train.base);
    dk_train_print_rates(&train);
    printf("%d\n", in->images.n);
    const int status = dk_train_run(&train);
    dk_train_free(&train);
    return status;
}

int dk_cmd_regressor_train(int argc, char **argv)
{
    dk_cli cli;
    dk_cli_parse(argc, argv, NULL, &cli);
    if (cli.map) dk_note("-map has no effect here: it is for detector train");
    dk_train_input in;
    dk_train_read(&cli, DK_FOR_REGRESSOR, regressor.name, &in);
    dk_check_cfg(in.cfg);
    dk_train_read_images(&in);
    dk_check_truths(&in.images, REGRESSION_DATA, in.file.classes, DK_MISSING_FEW);
    const int status = dk_local_workers(&cli) ? dk_local_run(&cli, in.file.backup) : train_here(&cli, &in);
    dk_lines_free(&in.images);
    return status;
}
