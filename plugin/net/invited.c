/* invited.c - what an address or an invitation says to who dials. See invited.h. */
#include "net/invited.h"

#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "secure/keeper.h"

static dc_error take(const dc__invitation *invitation, const char *key_path, const char *who, dc__log *log,
                     dc__dial_keys *keys)
{
    char path[PATH_MAX];
    bool made;
    memcpy(keys->server_key, invitation->server_key, DC__KEY_BYTES);
    memcpy(keys->ticket, invitation->ticket, DC__TICKET_BYTES);
    keys->has_ticket = invitation->has_ticket;
    keys->cipher = dc__cipher_best();
    const dc_error err = dc__own_key(key_path, invitation, &keys->own, path, &made);
    if (err) return err;
    if (made) dc__log_line(log, "made this %s's key, %s: whoever has it is %s", who, path, invitation->name);
    if (made && !invitation->has_ticket) {
        char text[DC__KEY_TEXT_BYTES];
        dc__secret_text(text, keys->own.public_key, DC__KEY_BYTES);
        dc__log_line(log, "for the server's members.txt: %s %s", invitation->name, text);
    }
    return DC_OK;
}

dc_error dc__invited(const char *text, const char *key_path, const char *who, dc__log *log,
                     char url[DC__URL_BYTES], dc__dial_keys **keys)
{
    *keys = NULL;
    if (!dc__invitation_is(text)) {
        (void)snprintf(url, DC__URL_BYTES, "%.*s", (int)strcspn(text, ","), text);
        return DC_OK;
    }
    dc__invitation invitation;
    dc_error err = dc__invitation_parse(text, &invitation);
    if (!err) {
        dc__invited_url(invitation.address, url);
        err = dc__address_parse(url, NULL);
    }
    if (!err && !(*keys = dc__secret_alloc(sizeof **keys)))
        err = dc__fail(DC_ENOMEM, "out of memory for a key");
    if (!err) err = take(&invitation, key_path, who, log, *keys);
    dc__secret_wipe(&invitation, sizeof invitation);
    return err;
}
