/* error.h - how a failure becomes one line for people. */
#ifndef DC__ERROR_H
#define DC__ERROR_H

#include "base/text.h"
#include "dynacomm.h"

#define DC__LINE_BYTES 512

/* dc__fail - sets the calling thread's dc_last_error line and returns code, so that a function can end with
 * `return dc__fail(DC_EFILE, "%s: %s", path, strerror(errno))`. Lines longer than DC__LINE_BYTES - 1 are cut,
 * and what is not printable (a peer's or a file's words may hold some, and lines go to terminals) becomes '?'. */
dc_error dc__fail(dc_error code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* dc__assert - our own bugs, in release builds too; never for a peer's, a file's or a user's mistake. */
#define dc__assert(condition) ((condition) ? (void)0 : dc__assert_failed(#condition, __FILE__, __LINE__))
_Noreturn void dc__assert_failed(const char *condition, const char *file, int line);

#endif
