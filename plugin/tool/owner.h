/* owner.h - that somebody has a run's key, shown to the run's page without sending it: for what only the owner may do.
 *
 * The page gives a challenge, which is used once; who has the server's key answers with the proof of it and of the worker
 * that is meant: BLAKE2b over both, keyed with what is derived from the secret key. A run without keys has no owner: whoever
 * may read its page may do it. */
#ifndef DC__TOOL_OWNER_H
#define DC__TOOL_OWNER_H

#include "secure/secret.h"

#define DC__CHALLENGE_BYTES DC__KEY_TEXT_BYTES /* of text, as of a proof */
#define DC__NO_PROOF "none"                    /* challenge and proof of a run without keys */
#define DC__PROOF_HEADER "X-Dynacomm-Proof"    /* no page of another site can send it unasked */

/* dc__owner_key - DC__KEY_BYTES in secret memory, from the file of the server's key. Errors as dc__key_load's. dc__secret_free it. */
dc_error dc__owner_key(const char *key_path, uint8_t **key);

/* dc__owner_challenge - a new one. dc__owner_proof - of a challenge and a worker. */
void dc__owner_challenge(char challenge[DC__CHALLENGE_BYTES]);
void dc__owner_proof(const uint8_t *key, const char *challenge, const char *who,
                     char proof[DC__KEY_TEXT_BYTES]);

#endif
