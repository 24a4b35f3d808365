/* identity.h - who this worker is, whenever it comes back. */
#ifndef DK_IDENTITY_H
#define DK_IDENTITY_H

#include <stdint.h>

/* dk_identity - a worker's id: made from name, if there is one, and the rank that it asks for; else one that is kept in a file in directory, drawn
 * when the file is made. Workers side by side that share a directory take files of their own: each holds its file
 * locked while its process lives. rank: as requested, -1 = any. 0 if no file can be kept there: the worker is then
 * another one when it comes back. */
uint64_t dk_identity(const char *name, const char *directory, const char *base, int rank);

#endif
