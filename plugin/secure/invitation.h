/* invitation.h - the one line that brings an edge to its server, and what a server's owner notes of it.
 *
 *   dynacomm:NAME@HOST:PORT/SERVER-KEY/SECRET/EXPIRES       without the last two: for who is a member already
 *   dynacomm:NAME@ipc:///PATH/SERVER-KEY/SECRET/EXPIRES     likewise: a server on this machine
 *
 * The secret admits whoever shows it first. Beside the server's key, in KEY.invitations (mode 0600), stand
 * lines of NAME, a digest of the secret, when it expires (seconds since 1970) and, once it was, "used" and by which
 * public key. */
#ifndef DC__INVITATION_H
#define DC__INVITATION_H

#include "secure/key.h"

#define DC__INVITATION_BYTES 320
#define DC__INVITED_BYTES 128 /* of HOST:PORT or ipc:///PATH, with its closing 0 */
#define DC__INVITED_URL_BYTES (DC__INVITED_BYTES + 8)
#define DC__TICKET_BYTES 16 /* the secret */
#define DC__DIGEST_BYTES 32
#define DC__NOTES_MOST 4096

typedef struct dc__invitation {
    char name[DC__MEMBER_BYTES];
    char address[DC__INVITED_BYTES];
    uint8_t server_key[DC__KEY_BYTES];
    bool has_ticket;
    uint8_t ticket[DC__TICKET_BYTES];
    int64_t expires_s; /* since 1970 */
} dc__invitation;

/* dc__invitation_is - whether text is meant as one. dc__invitation_parse - DC_EURL with a line that shows none
 * of its secrets. dc__invitation_text - the line. dc__invited_url - what an invitation's address is for those who dial. */
bool dc__invitation_is(const char *text);
dc_error dc__invitation_parse(const char *text, dc__invitation *out);
void dc__invitation_text(const dc__invitation *invitation, char text[DC__INVITATION_BYTES]);
void dc__invited_url(const char *address, char url[DC__INVITED_URL_BYTES]);

typedef struct dc__note {
    char name[DC__MEMBER_BYTES];
    uint8_t digest[DC__DIGEST_BYTES];
    int64_t expires_s;
    bool used;
    uint8_t used_by[DC__KEY_BYTES]; /* whose key came with it */
} dc__note;

typedef struct dc__notes {
    dc__note *list;
    size_t n;
} dc__notes;

/* dc__notes_read - none if the file is not there; DC_EFILE, DC_EFORMAT. Free with dc__notes_free. dc__notes_write -
 * whole or not at all; those that expired more than a month ago are left out. */
dc_error dc__notes_read(dc__notes *notes, const char *path);
dc_error dc__notes_write(const dc__notes *notes, const char *path);
void dc__notes_free(dc__notes *notes);

/* dc__notes_push - a note of this ticket; what was open for that name no longer is. DC_ENOMEM. dc__notes_find - NULL if
 * there is none. */
dc_error dc__notes_push(dc__notes *notes, const char *name, const uint8_t ticket[DC__TICKET_BYTES],
                        int64_t expires_s);
dc__note *dc__notes_find(const dc__notes *notes, const uint8_t ticket[DC__TICKET_BYTES]);

#endif
