/* keys.h - a worker's address and keys, from what its user gave. */
#ifndef DC__WORKER_KEYS_H
#define DC__WORKER_KEYS_H

#include "base/log.h"
#include "net/address.h"
#include "net/handshake.h"

/* dc__worker_keys - url, and the keys in secret memory if options->url is an invitation, else NULL; makes the worker's key
 * if it has none yet. DC_EURL, DC_EFILE, DC_EFORMAT, DC_ENOMEM. */
dc_error dc__worker_keys(const dc_worker_options *options, dc__log *log, char url[DC__URL_BYTES],
                         dc__dial_keys **keys);

#endif
