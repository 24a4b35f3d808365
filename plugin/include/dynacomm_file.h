/* dynacomm_file.h - files that a program writes whole or not at all, and files that it reads: the one place for both.
 *
 * DESIGN
 *   What is written goes to a temporary file beside its target, PATH.0123456789abcdef.tmp: the digits are random, and
 * the file is made by this call or not at all (O_EXCL, O_NOFOLLOW), so that nobody can lay a symbolic link there
 * beforehand. It is synced and renamed over the target; a crash leaves what was there before. The file is locked
 * (flock) as long as it is written: what a crash left behind is what nobody has locked, and dc_sweep removes it.
 *   What is read must be a regular file: a FIFO would block for ever, a device never end. */
#ifndef DYNACOMM_FILE_H
#define DYNACOMM_FILE_H

#include "dynacomm.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dc_output dc_output;

/* dc_output_begin - opens the temporary file for path, which may exist if it is a regular file or a link. DC_EFILE
 * names path and says why not. Any thread; each output is one thread's at a time. */
DC_API dc_error dc_output_begin(dc_output **output, const char *path);

/* dc_output_stream - to write to; its errors count in the commit. */
DC_API FILE *dc_output_stream(dc_output *output);

/* dc_output_commit - flushes, syncs and renames; frees output in every case. DC_EFILE: the temporary file is removed
 * and path is as it was. dc_output_abandon - removes the temporary file; NULL is allowed. */
DC_API dc_error dc_output_commit(dc_output *output);
DC_API void dc_output_abandon(dc_output *output);

/* dc_second_name - makes path another name of a file, or, where the file system has no such names, leaves it as it is.
 * What had the name loses it. DC_EFILE. */
DC_API dc_error dc_second_name(const char *file, const char *path);

/* dc_input_open - opens a regular file, or a shell's <(command), for reading, the caller closes it. what: what people call it ("cfg file"), may be
 * "". DC_EFILE: "cannot open WHAT PATH: WHY", and errno is the system's reason or 0. */
DC_API dc_error dc_input_open(FILE **stream, const char *path, const char *what);

/* dc_sweep - removes this user's temporary files in a directory that nobody writes any more. Failures do no harm. */
DC_API void dc_sweep(const char *directory);

#ifdef __cplusplus
}
#endif

#endif
