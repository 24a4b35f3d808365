#include "worker/keys.h"

#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "secure/keeper.h"

static dc_error take(const dc_worker_options *options, const dc__invitation *invitation, dc__log *log,
                     dc__dial_keys *keys)
{
    char path[PATH_MAX];
    bool made;
    memcpy(keys->server_key, invitation->server_key, DC__KEY_BYTES);
    memcpy(keys->ticket, invitation->ticket, DC__TICKET_BYTES);
    keys->has_ticket = invitation->has_ticket;
    keys->cipher = dc__cipher_best();
    const dc_error err = dc__own_key(options->key_path, invitation, &keys->own, path, &made);
    if (err) return err;
    if (made) dc__log_line(log, "made this worker's key, %s: whoever has it is %s", path, invitation->name);
    if (made && !invitation->has_ticket) {
        char text[DC__KEY_TEXT_BYTES];
        dc__secret_text(text, keys->own.public_key, DC__KEY_BYTES);
        dc__log_line(log, "for the server's members.txt: %s %s", invitation->name, text);
    }
    return DC_OK;
}

dc_error dc__worker_keys(const dc_worker_options *options, dc__log *log, char url[DC__URL_BYTES],
                         dc__dial_keys **keys)
{
    *keys = NULL;
    if (!dc__invitation_is(options->url)) {
        (void)snprintf(url, DC__URL_BYTES, "%.*s", (int)strcspn(options->url, ","), options->url);
        return DC_OK;
    }
    dc__invitation invitation;
    dc_error err = dc__invitation_parse(options->url, &invitation);
    if (!err) {
        dc__invited_url(invitation.address, url);
        err = dc__address_parse(url, NULL);
    }
    if (!err && !(*keys = dc__secret_alloc(sizeof **keys)))
        err = dc__fail(DC_ENOMEM, "out of memory for a key");
    if (!err) err = take(options, &invitation, log, *keys);
    dc__secret_wipe(&invitation, sizeof invitation);
    return err;
}
