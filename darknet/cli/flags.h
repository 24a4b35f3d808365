/* flags.h - the flags that several commands share, each in one line of a table (flags.c, forks.c): reading,
 * help and the command line of local:N's workers are made from it (dynacomm_options.h). */
#ifndef DK_FLAGS_H
#define DK_FLAGS_H

#include "cli/settings.h"
#include "dynacomm_options.h"

/* dk_compute_flags - the table with the struct that it fills. start: see dc_option_group; or NULL.
 * dk_compute_apply - sets kernels, threads and the rest for this process. */
dc_option_group dk_compute_flags(dk_compute *compute, const dk_compute *start);
void dk_compute_apply(const dk_compute *compute);

/* dk_training_flags - of training alone; cli is a dk_cli (cli.h), or NULL where only the table is needed. */
dc_option_group dk_training_flags(dk_cli *cli, const dk_cli *start);

/* dk_replay_flags - of a run that is made again from its log; likewise. */
dc_option_group dk_replay_flags(dk_cli *cli, const dk_cli *start);

/* dk_fork_flags - flags of the widely used Darknets (pjreddie's, AlexeyAB's, hank-ai's) that ask for nothing
 * this program does differently: a script that has them goes on working. Their help is why they have no
 * effect; NULL: what they ask for is so anyway. dk_fork_flags_note - a line for each of them that was given
 * and has no effect. */
dc_option_group dk_fork_flags(void);
void dk_fork_flags_note(const dc_parsed *parsed);

/* dk_flags_find - the training flag, of any of these groups, that arg ("-name", "--name=value") means; NULL
 * if there is none. dk_flags_at - the k-th, NULL after the last. */
const dc_option *dk_flags_find(const char *arg);
const dc_option *dk_flags_at(size_t k);

#endif
