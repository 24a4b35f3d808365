/* dynacomm_relay.h - a relay: stands between some of a run's workers and their server, at the near end of a link that is thin. */
#ifndef DYNACOMM_RELAY_H
#define DYNACOMM_RELAY_H

#include "dynacomm.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DC_DEFAULT_RELAY_PATIENCE_S 0.8 /* a parent that was not there yet is tried for so long */

typedef struct dc_relay_options {
    const char *parent; /* address of the server, or of another relay, or its invitation; copied */
    const char *url;    /* to listen on, for the workers; copied */
    int workers;        /* that stand behind it, also behind other relays: 1..DC_MAX_WORKERS */
    bool insecure;      /* without a key, listen also where other machines reach it */
    const char
        *key_path; /* the key that its workers know: members alone come, and all is sealed. NULL: without */
    const char *members_path; /* with it: the list of members; NULL: members.txt beside the key */
    const char *own_key_path; /* with an invitation as parent: as dc_worker_options.key_path */
    double patience_s;        /* for a parent that is not there yet; 0 = DC_DEFAULT_RELAY_PATIENCE_S */
    double timeout_s; /* a worker or a parent that is silent for so long is lost; 0 = DC_DEFAULT_TIMEOUT_S */
    dc_log_fn log;    /* may be NULL */
    void *log_context;
} dc_relay_options;

typedef struct dc_relay dc_relay;

/* dc_relay_start - listens and returns; DC_EINVAL, DC_EURL, DC_ENET (port taken), DC_EKEY (other machines reach url, there
 * is no key, and insecure is not set), DC_EFILE and DC_EFORMAT (of the keys' files), DC_ENOMEM. */
DC_API dc_error dc_relay_start(dc_relay **relay, const dc_relay_options *options);

/* dc_relay_run - asks the parent, then carries one run to its end, also when that goes back to a checkpoint on the way: all
 * workers done (DC_OK), stopped (DC_ESTOPPED); the parent cannot be reached (DC_ENET, DC_ETIMEOUT) or says no; the run was
 * ended, or, where it does not wait for who is lost, the parent lost (DC_EPEER). Blocks. */
DC_API dc_error dc_relay_run(dc_relay *relay);

/* dc_relay_stop - makes dc_relay_run end soon. Async-signal-safe. */
DC_API void dc_relay_stop(dc_relay *relay);

/* dc_relay_free - after dc_relay_run has returned. */
DC_API void dc_relay_free(dc_relay *relay);

#ifdef __cplusplus
}
#endif
#endif
