/* train_epochs.c - what classifiers and regressors share:
 * weights are kept after each pass over the images. */
#include "train/train.h"

bool dk_epochs_numbered(dk_train *train, uint64_t round, char *name, size_t size)
{
    const uint64_t epoch = dk_train_seen(train, round) / (uint64_t)train->args.m;
    if (epoch <= train->epoch) return false;
    train->epoch = epoch;
    snprintf(name, size, "%s_%llu.weights", train->base, (unsigned long long)epoch);
    return true;
}

void dk_epochs_line(const dk_train *train, const dk_round *round, const dk_progress *progress, char *text,
                    size_t size)
{
    const uint64_t seen = dk_train_seen(train, round->round);
    snprintf(text, size, "%llu, %.3f: %f, %f avg, %f rate, %lf seconds, %llu images",
             (unsigned long long)round->round, (double)seen / train->args.m, (double)round->loss,
             (double)progress->average, (double)round->rate, round->seconds, (unsigned long long)seen);
}
