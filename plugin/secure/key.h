/* key.h - names of members, and keys in files that nobody else may read. */
#ifndef DC__KEY_H
#define DC__KEY_H

#include "secure/noise.h"

#define DC__MEMBER_BYTES 32 /* of a member, with its closing 0 */

/* dc__name_check - letters, digits, '.', '_' and '-', the first a letter or digit; else DC_EINVAL. */
dc_error dc__name_check(const char *name);

/* dc__key_make - a new key pair, and its file with mode 0600. DC_EFILE if path is there already: a key is never
 * overwritten. dc__key_load - DC_EFILE if it cannot be read, belongs to another user or may be read by others;
 * DC_EFORMAT. Both: pair in dc__secret_alloc's memory. */
dc_error dc__key_make(const char *path, dc__keypair *pair);
dc_error dc__key_load(const char *path, dc__keypair *pair);

/* dc__private_open - for reading: a regular file of this user that others may neither read nor write, -1 with an
 * error that says what is wrong with it. what: for the line, "key". */
dc_error dc__private_open(const char *path, const char *what, int *fd);

#endif
