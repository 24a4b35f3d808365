/* dynacomm_keys.h - keys for one run, made by the program that starts its server and its workers (dynacomm launch,
 * darknet -dynacomm local:N).
 *
 * They are in locked memory of that program, handed to the processes, and in no file. The server reads its key and the workers'
 * invitations from its standard input (dc_server_options.key_path "-"). A worker's url is its invitation, which belongs on no
 * command line, and its key_path "none": it makes a key of its own, which its invitation admits, once. */
#ifndef DYNACOMM_KEYS_H
#define DYNACOMM_KEYS_H

#include "dynacomm.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DC_INVITATION_LINE_BYTES 320 /* with its closing 0 */

typedef struct dc_run_keys dc_run_keys;

/* dc_run_keys_make - a server's key, and an invitation for each of n workers (1..DC_MAX_WORKERS), who reach the server at
 * url (tcp:// or ipc://). DC_EURL: url is too long; DC_ENOMEM. dc_run_keys_free - wipes them; NULL is allowed. */
DC_API dc_error dc_run_keys_make(dc_run_keys **keys, const char *url, int n);
DC_API void dc_run_keys_free(dc_run_keys *keys);

/* dc_run_keys_to_server - writes to fd what the server reads: under 100 bytes, and 80 for each worker. A reader that is gone is no error:
 * its end is on the way. fd stays open. dc_run_keys_to_worker - the invitation of the worker with that number. The caller wipes it. */
DC_API void dc_run_keys_to_server(dc_run_keys *keys, int fd);
DC_API void dc_run_keys_to_worker(const dc_run_keys *keys, int rank, char line[DC_INVITATION_LINE_BYTES]);

#ifdef __cplusplus
}
#endif

#endif
