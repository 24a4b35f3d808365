/* status_view.h - a run's status as text. Numbers that are not known are null in JSON and left out of the
 * metrics; whatever a peer has named is escaped. */
#ifndef DC__TOOL_STATUS_VIEW_H
#define DC__TOOL_STATUS_VIEW_H

#include <cjson/cJSON.h>

#include "dynacomm_server.h"

/* dc__status_json - all of it, for scripts and the page; lines[0..n) are the log's last. The caller frees
 * *text with free. DC_ENOMEM. */
dc_error dc__status_json(const dc_status *status, const char *const *lines, int n, char **text);

/* dc__status_metrics - in Prometheus' text format, version 0.0.4. */
void dc__status_metrics(FILE *out, const dc_status *status);

/* dc__status_waits - whom the run waits for, and who holds up the others: a line each, of a checked status. dc__status_check - whether it is one; see
 * below. */
void dc__status_waits(FILE *out, const cJSON *status);
dc_error dc__status_check(const cJSON *status, const char *url);

/* A member of a JSON object that came over a network. dc__json_number - NAN for what is missing, null or no number.
 * dc__json_words - at most size - 1 printable characters, "?" for what is no text. dc__duration_words - "2:05 min". */
double dc__json_number(const cJSON *object, const char *name);
const char *dc__json_words(const cJSON *object, const char *name, char *text, size_t size);
const char *dc__duration_words(double s, char text[32]);

/* dc__status_table - for a terminal, from what dc__status_json wrote (and perhaps somebody else: DC_EFORMAT,
 * naming url, if it is not a status). */
dc_error dc__status_table(FILE *out, const cJSON *status, const char *url);

/* dc__status_members - likewise: everybody of the run's roster, and what became of them. */
dc_error dc__status_members(FILE *out, const cJSON *status, const char *url);

/* dc__run_state_name, dc__worker_state_name - "training". */
const char *dc__run_state_name(dc_run_state state);
const char *dc__worker_state_name(dc_worker_state state);

#endif
