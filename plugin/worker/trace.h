/* trace.h - what happened when, as a Chrome/Perfetto trace (open it at ui.perfetto.dev or chrome://tracing).
 *
 * DESIGN
 *   Events go into a ring of DC__TRACE_EVENTS fixed-size records under a short lock; a writer thread turns
 * them into JSON. Nothing on the compute path waits for the file: when the ring is full, events are dropped
 * and counted, and the count is in the file. The file is a JSON array that viewers read even if its end is
 * missing (a killed run). Format: Google, "Trace Event Format"; complete ("X") and instant ("i") events, one
 * track per thread id. */
#ifndef DC__TRACE_H
#define DC__TRACE_H

#include <stdint.h>

#include "dynacomm.h"

#define DC__TRACE_EVENTS 16384

typedef enum dc__track {
    DC__TRACK_COMPUTE,
    DC__TRACK_UP,
    DC__TRACK_DOWN,
    DC__TRACK_PLAN,
    DC__TRACK_COUNT
} dc__track;

typedef struct dc__trace dc__trace;

/* dc__trace_open - starts a trace of worker rank in path; DC_EFILE names it. type_of gives a layer's type for
 * names and must stay valid; may be NULL. */
dc_error dc__trace_open(dc__trace **trace, const char *path, int rank, const dc_model *model);

/* dc__trace_span - something took from begin_ns to end_ns (dc__now_ns). name is a constant string; layers
 * first to last (-1: none), bytes 0: none. A NULL trace does nothing. Any thread. */
void dc__trace_span(dc__trace *trace, dc__track track, const char *name, int64_t begin_ns, int64_t end_ns,
                    uint64_t round, int first, int last, uint64_t bytes);

/* dc__trace_note - a line of text at this moment (a new plan), cut to fit a record. */
void dc__trace_note(dc__trace *trace, uint64_t round, const char *text);

/* dc__trace_close - writes what is left and ends the file;
 * NULL is allowed. DC_EFILE if anything was not written. */
dc_error dc__trace_close(dc__trace *trace);

#endif
