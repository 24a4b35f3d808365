/* error.c - error codes, their phrases, and the last failure's line per thread. */
#include "base/error.h"

#include <stdarg.h>
#include <stdlib.h>

static _Thread_local char last_line[DC__LINE_BYTES];

const char *dc_strerror(dc_error err)
{
    switch (err) {
#define DC_X(name, value, text) \
    case DC_##name:             \
        return text;
        DC_ERRORS(DC_X)
#undef DC_X
    }
    return "unknown error";
}

const char *dc_last_error(void)
{
    return last_line[0] ? last_line : "no error";
}

const char *dc_version(void)
{
    return DC_VERSION_STRING;
}

static void set_line(const char *format, va_list args)
{
    (void)vsnprintf(last_line, sizeof last_line, format, args);
    dc__make_printable(last_line);
}

dc_error dc__fail(dc_error code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    set_line(fmt, args);
    va_end(args);
    return code;
}

dc_error dc_error_set(dc_error code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_line(format, args);
    va_end(args);
    return code;
}

void dc__assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "dynacomm: bug: %s does not hold at %s:%d; please report it\n", condition, file,
                  line);
    abort();
}
