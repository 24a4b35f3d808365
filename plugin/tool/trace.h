/* trace.h - dynacomm trace: draws a measured round of -dynacomm-trace files. Private to trace*.c. */
#ifndef DC__TOOL_TRACE_H
#define DC__TOOL_TRACE_H

#include <stdint.h>

#include "tool/gantt.h"

/* One span of a trace. Times as in the file, in seconds since the trace's start. */
typedef struct dc__span {
    dc__bar bar;
    uint64_t round; /* whose computation, or the version's that travels */
} dc__span;

/* One worker's file. */
typedef struct dc__trace_file {
    const char *path;
    char name[96]; /* "worker 0, resnet50" */
    int n_layers;  /* 1 + the highest that occurs */
    int n_spans;
    dc__span *spans;
    uint64_t first_round, last_round; /* that have computation */
    uint64_t dropped;                 /* events that the trace had no room for */
} dc__trace_file;

/* dc__trace_read - reads a Chrome trace as this library writes it; one whose end is missing, because the run
 * was killed, up to its last whole event. DC_EFILE, DC_EFORMAT name the file. Free with dc__trace_file_free,
 * after a failure too. */
dc_error dc__trace_read(const char *path, dc__trace_file *trace);
void dc__trace_file_free(dc__trace_file *trace);

#endif
