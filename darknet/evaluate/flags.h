/* flags.h - the flags of commands that use a trained network. */
#ifndef DK_EVAL_FLAGS_H
#define DK_EVAL_FLAGS_H

#include "evaluate/validate.h"

/* dk_eval_flags - reads argv into e, for the command e->use, and up to `most` words into words; selects
 * kernels and threads. A flag that this command does not read is noted in a line; one that is unknown, lacks
 * its value or has a wrong one ends the program. Returns how many words there are. */
int dk_eval_flags(dk_eval *e, int argc, char **argv, const char **words, int most);

/* dk_eval_help - these flags, for a terminal. */
void dk_eval_help(FILE *out);

#endif
