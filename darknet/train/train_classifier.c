/* train_classifier.c - `darknet classifier train DATA CFG [WEIGHTS]`. */
#include "train/train.h"

#include "replace/fatal.h"
#include "launch/local.h"
#include "layers/extra.h"
#include "check/preflight.h"
#include "replace/random.h"

#include <stdio.h>

/* Rounds that a multi-scale classifier keeps one input size. */
#define SIZE_ROUNDS 40

static dk_size size_of_round(const dk_train *train, uint64_t round)
{
    if (!train->net->random) return (dk_size){0};
    dk_random_begin(DK_STREAM_SIZE, train->seed, 0, round / SIZE_ROUNDS, 0);
    const int size = (int)(dk_random_below(11) + 4) * 32;
    return (dk_size){size, size};
}

static void resize(const dk_train *train, dk_size size, load_args *args)
{
    args->w = args->h = args->size = size.w;
    args->min = (int)(train->net->min_ratio * (float)size.w);
    args->max = (int)(train->net->max_ratio * (float)size.w);
}

static void read_other(const dk_train *train, const char *path, dk_train_input *in, dk_lines *labels,
                       load_args *args)
{
    dk_datafile_read(path, DK_FOR_CLASSIFIER, &in->file);
    dk_train_read_images(in);
    args->paths = in->images.line;
    args->m = in->images.n;
    if (in->file.classes != args->classes || in->file.tag != (args->type == TAG_DATA))
        dk_die("%s: classes and kind of labels are not those of %s", path, train->input->file.path);
    if (in->file.tag) return;
    dk_names_read(in->file.labels, "labels file", labels);
    dk_check_classes(&in->images, labels, in->file.classes, train->cli->force);
    args->labels = labels->line;
}

static const dk_train_kind classifier = {.name = "classifier train",
                                         .backup_every = 1000,
                                         .final = "%s.weights",
                                         .numbered = dk_epochs_numbered,
                                         .line = dk_epochs_line,
                                         .size = size_of_round,
                                         .read_other = read_other,
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
    resize(train, train->cfg_size, args);
    if (net->w != net->h)
        dk_die("a classifier trains on square images: width=%d and height=%d must be equal", net->w, net->h);
}

/* What the forks' cfgs want beyond one augmented image. */
static void take_mixing(dk_train *train, dk_class_mix *mixing)
{
    const dk_network_extra *extra = dk_network_extra_of(train->net);
    const dk_mixing *a = &extra->augment;
    if (!extra->forks || (a->mixup == 0 && a->blur == 0 && !(a->label_smooth > 0))) return;
    if (train->net->hierarchy || train->args.type != CLASSIFICATION_DATA)
        dk_die("%s: mixup, cutmix, mosaic, blur and label_smooth_eps are for one class per image",
               train->input->cfg);
    *mixing = (dk_class_mix){.kind = a->mixup, .blur = a->blur, .smooth = a->label_smooth};
    train->mixing = mixing;
}

static int train_here(const dk_cli *cli, const dk_train_input *in, const dk_lines *labels)
{
    dk_train train;
    dk_train_init(&train, &classifier, cli, in);
    if (in->file.tree) train.net->hierarchy = read_tree((char *)in->file.tree);
    fill_args(&train, &in->file, &in->images, labels);
    dk_class_mix mixing;
    take_mixing(&train, &mixing);
    dk_train_ready(&train);
    printf("%s\n1\n", train.base);
    dk_train_print_rates(&train);
    printf("%d\n%d %d\n", in->images.n, train.args.min, train.args.max);
    const int status = dk_train_run(&train);
    dk_train_free(&train);
    return status;
}

int dk_cmd_classifier_train(int argc, char **argv)
{
    dk_cli cli;
    dk_cli_parse(argc, argv, NULL, &cli);
    if (cli.map) dk_note("-map has no effect here: it is for detector train");
    dk_train_input in;
    dk_train_read(&cli, DK_FOR_CLASSIFIER, classifier.name, &in);
    dk_check_cfg(in.cfg);
    if (in.file.tree) dk_file_check(in.file.tree, "tree file");
    dk_train_read_images(&in);
    dk_lines labels = {0};
    if (!in.file.tag) {
        dk_names_read(in.file.labels, "labels file", &labels);
        dk_check_classes(&in.images, &labels, in.file.classes, cli.force);
    }
    const int status =
        dk_local_workers(&cli) ? dk_local_run(&cli, in.file.backup) : train_here(&cli, &in, &labels);
    dk_lines_free(&labels);
    dk_lines_free(&in.images);
    return status;
}
