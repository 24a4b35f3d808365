/* file.h - dynacomm_file.h for the library's own use: without memory of its own; and locks. */
#ifndef DC__FILE_H
#define DC__FILE_H

#include <limits.h>
#include <stdio.h>

#include "dynacomm_file.h"

typedef struct dc__file {
    FILE *stream;
    int why; /* errno of the first write that failed, 0 = none */
    char path[PATH_MAX], temporary[PATH_MAX];
} dc__file;

/* dc__file_begin - opens the temporary file for path. DC_EFILE names path. */
dc_error dc__file_begin(dc__file *file, const char *path);

/* dc__file_write - fails like fwrite, but keeps the reason
 * for the commit's line. Returns false on failure. */
bool dc__file_write(dc__file *file, const void *data, size_t n);

/* dc__file_commit - flushes, syncs and renames; on any failure so far the temporary file is removed, path is
 * as it was and DC_EFILE says why. Ends the file in every case. */
dc_error dc__file_commit(dc__file *file);

/* dc__file_sync_name - a file that was just renamed keeps that name when the power goes. */
void dc__file_sync_name(const char *path);

/* dc__file_abandon - removes the temporary file; path is as it was. */
void dc__file_abandon(dc__file *file);

/* dc__lock_directory - this process is the only one that works in a directory: *fd is to be given to
 * dc__unlock_directory. DC_EFILE if another has it, with its process number; use: what for, "backup directory". The lock
 * is on a file .dynacomm.lock in it, which a killed process leaves behind without harm. */
dc_error dc__lock_directory(const char *directory, const char *use, int *fd);
void dc__unlock_directory(const char *directory, int fd);

#endif
