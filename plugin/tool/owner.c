#include "tool/owner.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "secure/key.h"

#define PURPOSE "dynacomm: a run's owner speaks to its page"
#define TEXT_BYTES 256

dc_error dc__owner_key(const char *key_path, uint8_t **key)
{
    *key = NULL;
    dc__keypair *pair = dc__secret_alloc(sizeof *pair);
    uint8_t *derived = dc__secret_alloc(DC__KEY_BYTES);
    dc_error err =
        pair && derived ? dc__key_load(key_path, pair) : dc__fail(DC_ENOMEM, "out of memory for a key");
    if (!err)
        dc__secret_digest(derived, DC__KEY_BYTES, PURPOSE, strlen(PURPOSE), pair->secret_key, DC__KEY_BYTES);
    dc__secret_free(pair);
    if (err)
        dc__secret_free(derived);
    else
        *key = derived;
    return err;
}

void dc__owner_challenge(char challenge[DC__CHALLENGE_BYTES])
{
    uint8_t random[DC__KEY_BYTES];
    dc__secret_random(random, sizeof random);
    dc__secret_text(challenge, random, sizeof random);
}

/* A challenge has no blank, so the two cannot be confused. */
void dc__owner_proof(const uint8_t *key, const char *challenge, const char *who,
                     char proof[DC__KEY_TEXT_BYTES])
{
    char text[TEXT_BYTES];
    uint8_t digest[DC__KEY_BYTES];
    (void)snprintf(text, sizeof text, "%s %s", challenge, who);
    dc__secret_digest(digest, sizeof digest, text, strlen(text), key, DC__KEY_BYTES);
    dc__secret_text(proof, digest, sizeof digest);
}
