/* check_keys.h - whether every section of a cfg and every key in it is one that this program carries out. */
#ifndef DK_CHECK_KEYS_H
#define DK_CHECK_KEYS_H

#include <stdbool.h>

#include "cfg/cfg.h"
#include "layers/kinds.h"

/* dk_key_of - the key of a layer's or [net]'s kind, or NULL. */
const dk_key *dk_key_of(const dk_section_kind *kind, const char *name);

/* dk_keys_allow_unused - an unknown key is reported and passed over from here on,
 * where it would end the program otherwise. Set once, from the command line. */
void dk_keys_allow_unused(bool allow);

/* dk_keys_check - ends the program with a line that names file, line and key for a section or key that no
 * Darknet knows (and the nearest that one does) or that this program does not carry out (and what it would
 * change). Reports, a line each, keys that change nothing here and keys that stand twice. cfg's first section
 * must be [net]. */
void dk_keys_check(const dk_cfg *cfg);

/* dk_keys_forks - the first option or layer of the cfg that
 * only the forks know, or NULL: *line is where it stands. */
const char *dk_keys_forks(const dk_cfg *cfg, int *line);

#endif
