/* compare.h - the statements about exactness, for one cfg. */
#ifndef EXACT_COMPARE_H
#define EXACT_COMPARE_H

#include <stdio.h>

#include "exact/run.h"

typedef struct ex_comparison {
    ex_case run;
    const char *name; /* in the lines that are printed */
    int workers;
    bool files;             /* compare the .weights that the server wrote, too */
    const char *strategies; /* ex_compare_one: their names; NULL = all */
    bool no_alone;          /* ex_compare_many: leave out one machine */
    FILE *out;
} ex_comparison;

/* ex_compare_one - one worker with each strategy, over tcp and ipc by turns, equals one machine in every bit
 * of values, statistics, momentum and loss. True if all checks passed; a line per check goes to out. */
bool ex_compare_one(ex_comparison *k);

/* ex_compare_many - several workers: every strategy gives every worker the same values; so does a second run;
 * the server's file holds them and the mean of the workers' statistics; one machine with as many times the
 * subdivisions gives the same to float rounding (compare.c says how close). */
bool ex_compare_many(ex_comparison *k);

#endif
