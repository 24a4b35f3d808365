/* cli.h - the command line, Darknet style: words in order, "-flag" or "-flag value" anywhere between them. */
#ifndef DK_CLI_H
#define DK_CLI_H

#include <stddef.h>
#include <stdio.h>

#include "cli/flags.h"
#include "cli/settings.h"

/* dk_cli_words - the first two words of argv (either may come out NULL), flags skipped. Accepts any flag: it
 * is used to find out whose command this is. */
void dk_cli_words(int argc, char **argv, const char **command, const char **subcommand);

/* dk_cli_read - reads argv into the groups, and up to `most` words into words; *parsed says what was given.
 * Ends the program with a line on bad input. Returns how many words there are. */
int dk_cli_read(int argc, char **argv, const dc_option_group *groups, size_t n_groups, const char **words,
                size_t most, dc_parsed *parsed);

/* dk_cli_parse - reads argv and the environment (DYNACOMM, DYNACOMM_STRATEGY, DYNACOMM_TRACE) into cli, which
 * borrows argv, and sets kernels and threads. own: flags that the command has besides those of training, or
 * NULL. Ends the program with a line on bad input. */
void dk_cli_parse(int argc, char **argv, const dc_option_group *own, dk_cli *cli);

/* dk_cli_argv - the arguments with which this program, in this process's environment, reads cli: its words,
 * then every flag whose member differs from what it is when no flag is given. Returns a NULL-terminated
 * array, the caller's to free(); the words are borrowed. */
char **dk_cli_argv(const dk_cli *cli);

/* dk_cli_help - the training flags, for a terminal. */
void dk_cli_help(FILE *out);

#endif
