/* http_drop.h - the one thing that a page changes: /drop. GET gives the challenge to prove (owner.h), POST
 * ?worker=ID with the proof drops the worker. The daemon's thread only. */
#ifndef DC__TOOL_HTTP_DROP_H
#define DC__TOOL_HTTP_DROP_H

#include "dynacomm_server.h"
#include "tool/owner.h"

typedef struct dc__http_drop {
    uint8_t *owner; /* dc__owner_key; NULL: see sealed */
    bool sealed;    /* the run has keys. Without the owner's here nobody can prove anything */
    char challenge[DC__CHALLENGE_BYTES];
} dc__http_drop;

/* dc__http_drop_init - key_path: of the server's key; NULL: without, "-": it is in no file. Errors as dc__owner_key's. */
dc_error dc__http_drop_init(dc__http_drop *drop, const char *key_path);
void dc__http_drop_free(dc__http_drop *drop);

/* dc__http_drop_ask - what GET answers; line[DC__LINE_BYTES]. dc__http_drop_do - what POST answers, for a worker and a
 * proof, which may be NULL. Both: the status of the answer. */
unsigned dc__http_drop_ask(const dc__http_drop *drop, char *line);
unsigned dc__http_drop_do(dc__http_drop *drop, dc_server *server, const char *who, const char *proof,
                          char *line);

#endif
