/* train_setup.c - what the training commands do alike before their first round and after the last. */
#include "train/train.h"

#include "replace/fatal.h"
#include "check/preflight.h"
#include "train/train_replay.h"

#include <stdio.h>
#include <stdlib.h>

void dk_train_read(const dk_cli *cli, dk_datafile_use use, const char *command, dk_train_input *input)
{
    if (cli->n_words < 4 || cli->n_words > 5) dk_die("usage: darknet %s DATA CFG [WEIGHTS] [flags]", command);
    *input = (dk_train_input){.cfg = cli->words[3], .weights = cli->n_words > 4 ? cli->words[4] : NULL};
    dk_datafile_read(cli->words[2], use, &input->file);
}

void dk_train_read_images(dk_train_input *input)
{
    if (input->weights) dk_file_check(input->weights, "weights file");
    dk_lines_read(input->file.train, "training list", &input->images);
    dk_check_images(&input->images);
}

void dk_train_init(dk_train *train, const dk_train_kind *kind, const dk_cli *cli, const dk_train_input *input)
{
    dk_replay *replay = dk_replay_open(cli);
    network *net =
        dk_train_parse(input->cfg, input->weights, cli, replay ? dk_replay_seed(replay) : cli->seed);
    *train = (dk_train){.kind = kind,
                        .cli = cli,
                        .input = input,
                        .net = net,
                        .replay = replay,
                        .base = basecfg((char *)input->cfg),
                        .backup = input->file.backup,
                        .list = input->file.train,
                        .cfg_size = {net->w, net->h},
                        .images = net->batch * net->subdivisions};
}

void dk_train_free(dk_train *train)
{
    dk_replay_free(train->replay);
    free_network(train->net);
    free(train->base);
}

void dk_train_print_rates(const dk_train *train)
{
    printf("Learning Rate: %g, Momentum: %g, Decay: %g\n", (double)train->net->learning_rate,
           (double)train->net->momentum, (double)train->net->decay);
}
