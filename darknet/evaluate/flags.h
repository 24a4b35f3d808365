/* flags.h - the flags of commands that use a trained network. */
#ifndef DK_EVAL_FLAGS_H
#define DK_EVAL_FLAGS_H

#include "evaluate/validate.h"

/* dk_eval_flag - takes the flag at argv[0] of `left` words, for the command e->use. A flag that is known but
 * not read by this command is told in a line; one that is unknown, lacks its value or has a wrong one ends
 * the program. Returns how many words it used. */
int dk_eval_flag(dk_eval *e, char **argv, int left);

#endif
