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

/* dc__status_table - for a terminal, from what dc__status_json wrote (and perhaps somebody else: DC_EFORMAT,
 * naming url, if it is not a status). */
dc_error dc__status_table(FILE *out, const cJSON *status, const char *url);

/* dc__run_state_name, dc__worker_state_name - "training". */
const char *dc__run_state_name(dc_run_state state);
const char *dc__worker_state_name(dc_worker_state state);

#endif
