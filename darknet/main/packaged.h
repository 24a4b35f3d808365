/* packaged.h - the commands of the packaged program: what each takes, and how one is run. */
#ifndef DK_PACKAGED_H
#define DK_PACKAGED_H

#include <stdbool.h>
#include <stddef.h>

#define DK_PACKAGED_PATH "/usr/bin/darknet"

/* dk_packaged_has - true if the packaged program has commands of this name that this program lacks.
 * dk_packaged_has_subcommand - this one among them (subcommand may be NULL). dk_packaged_at - the k-th
 * command's name (some stand more than once), NULL after the last. dk_packaged_subcommands - its subcommands,
 * separated by blanks, NULL if it takes none. */
bool dk_packaged_has(const char *command);
bool dk_packaged_has_subcommand(const char *command, const char *subcommand);
const char *dk_packaged_at(size_t k);
const char *dk_packaged_subcommands(const char *command);

/* dk_packaged_run - hands the command line to the packaged program as it is. That program passes over flags
 * it does not know, reads arguments that are not there, and ends with status 0 when a file is missing: so the
 * command line is checked first, and what is wrong with it ends this program with a line. Does not return. */
_Noreturn void dk_packaged_run(char **argv, const char *command);

#endif
