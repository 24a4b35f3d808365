/* dynacomm_error.h - how the functions of libdynacomm report failures. A part of dynacomm.h, which includes it. */
#ifndef DYNACOMM_ERROR_H
#define DYNACOMM_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define DC_API __attribute__((visibility("default")))
#else
#define DC_API
#endif

/* ---- errors ---- */

#define DC_ERRORS(X)                                       \
    X(OK, 0, "success")                                    \
    X(ENOMEM, 1, "out of memory")                          \
    X(EINVAL, 2, "an argument is not valid")               \
    X(EURL, 3, "not an address this program understands")  \
    X(ENET, 4, "the network refused an operation")         \
    X(ETIMEOUT, 5, "the peer did not answer in time")      \
    X(EPROTO, 6, "the peer broke the protocol")            \
    X(EVERSION, 7, "the peer speaks another version")      \
    X(EMODEL, 8, "the peer trains another model")          \
    X(EFULL, 9, "the server has all its workers")          \
    X(EPEER, 10, "a peer left")                            \
    X(EFILE, 11, "a file could not be read or written")    \
    X(EFORMAT, 12, "a file is not in the expected format") \
    X(ESTOPPED, 13, "stopped on request")                  \
    X(EKEY, 14, "a key is not accepted")                   \
    X(EVALUE, 15, "a value is not finite")

typedef enum dc_error {
#define DC_X(name, value, text) DC_##name = (value),
    DC_ERRORS(DC_X)
#undef DC_X
} dc_error;

/* dc_strerror - a constant phrase for an error code; never NULL. */
DC_API const char *dc_strerror(dc_error err);

/* dc_last_error - the line that describes the calling thread's last failed call. Valid until its next failure. */
DC_API const char *dc_last_error(void);

/* dc_error_set - sets the calling thread's dc_last_error line (as printf; cut at 511 bytes, control characters
 * become '?') and returns code: for a program's own functions that report failures as the library's do. */
DC_API dc_error dc_error_set(dc_error code, const char *format, ...) __attribute__((format(printf, 2, 3)));

#ifdef __cplusplus
}
#endif
#endif
