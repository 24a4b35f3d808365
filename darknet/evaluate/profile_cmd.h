/* profile_cmd.h - `darknet profile CFG [-batch B] [-threads N] [-steps N] [-kernels fast|stock] [-memory low]
 * [-gflops G] [-o FILE]`: what each layer costs. */
#ifndef DK_PROFILE_CMD_H
#define DK_PROFILE_CMD_H

#include <stdio.h>

/* dk_cmd_profile - prints a table (milliseconds forward and backward, GFLOP/s, share of the machine's
 * measured peak, how it is convolved) and, with -o, writes `layer type bytes fc_ms bc_ms`, tab-separated, for
 * `dynacomm plan`: bytes are those of the layer's trained parameters. With -gflops nothing runs: times come
 * from operation counts at that rate. Returns the exit status. */
int dk_cmd_profile(int argc, char **argv);

/* dk_profile_help - its flags, for a terminal. */
void dk_profile_help(FILE *out);

#endif
