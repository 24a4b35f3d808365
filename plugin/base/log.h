/* log.h - lines for people, one at a time, to the function that the caller gave. */
#ifndef DC__LOG_H
#define DC__LOG_H

#include <pthread.h>

#include "dynacomm.h"

typedef struct dc__log {
    dc_log_fn write; /* NULL: lines are dropped */
    void *context;
    pthread_mutex_t lock; /* keeps lines apart; a leaf */
} dc__log;

/* dc__log_init, dc__log_destroy - write may be NULL. */
void dc__log_init(dc__log *log, dc_log_fn write, void *context);
void dc__log_destroy(dc__log *log);

/* dc__log_line - formats one line (cut at DC__LINE_BYTES) and hands it on. Any thread, without any lock of
 * the caller's that write might need. */
void dc__log_line(dc__log *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
