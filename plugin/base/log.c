#include "base/log.h"

#include <stdarg.h>

#include "base/error.h"

void dc__log_init(dc__log *log, dc_log_fn write, void *context)
{
    log->write = write;
    log->context = context;
    pthread_mutex_init(&log->lock, NULL);
}

void dc__log_destroy(dc__log *log)
{
    pthread_mutex_destroy(&log->lock);
}

void dc__log_line(dc__log *log, const char *fmt, ...)
{
    if (!log->write) return;
    char line[DC__LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    dc__make_printable(line);
    pthread_mutex_lock(&log->lock);
    log->write(log->context, line);
    pthread_mutex_unlock(&log->lock);
}
