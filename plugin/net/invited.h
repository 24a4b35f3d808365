/* invited.h - an address and keys, from what the user of who dials gave: an address, or an invitation. */
#ifndef DC__INVITED_H
#define DC__INVITED_H

#include "base/log.h"
#include "net/address.h"
#include "net/handshake.h"

/* dc__invited - url, and the keys in secret memory if text is an invitation, else NULL: then url is text's first address, unchecked. Makes the
 * own key if there is none yet, at key_path (dc__own_key); who is what lines call its owner: "worker". DC_EURL, DC_EFILE, DC_EFORMAT, DC_ENOMEM;
 * *keys is the caller's then, too. */
dc_error dc__invited(const char *text, const char *key_path, const char *who, dc__log *log,
                     char url[DC__URL_BYTES], dc__dial_keys **keys);

#endif
