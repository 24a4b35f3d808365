/* members.h - who may take part: a text file of lines "NAME PUBLIC-KEY comment", which people read and edit. '#' begins
 * a comment line. */
#ifndef DC__MEMBERS_H
#define DC__MEMBERS_H

#include <stdio.h>

#include "secure/key.h"

#define DC__MEMBERS_MOST 4096

typedef struct dc__listed {
    char name[DC__MEMBER_BYTES];
    uint8_t key[DC__KEY_BYTES];
} dc__listed;

typedef struct dc__members {
    dc__listed *list;
    size_t n;
} dc__members;

/* dc__members_read - a file that is not there lists nobody. DC_EFILE, or DC_EFORMAT with the line's number;
 * members is empty then. Free with dc__members_free. */
dc_error dc__members_read(dc__members *members, const char *path);
void dc__members_free(dc__members *members);

/* dc__members_of_key, dc__members_named - NULL if nobody is. */
const dc__listed *dc__members_of_key(const dc__members *members, const uint8_t key[DC__KEY_BYTES]);
const dc__listed *dc__members_named(const dc__members *members, const char *name);

/* dc__members_push - one more, in memory. DC_ENOMEM. */
dc_error dc__members_push(dc__members *members, const char *name, const uint8_t key[DC__KEY_BYTES]);

/* dc__members_add - appends a line to the file, made if it is not there. dc__members_remove - takes out the lines
 * with that name; DC_EINVAL if there is none. Both leave every other line as it is, and write the file whole
 * or not at all. */
dc_error dc__members_add(const char *path, const char *name, const uint8_t key[DC__KEY_BYTES],
                         const char *comment);
dc_error dc__members_remove(const char *path, const char *name);

/* dc__member_id - the id of a worker that says to have worker_id; member: whose key was proved, "" without keys. Who proves a key is who its key
 * says, wherever it keeps an id. A relay says which of its workers one is, and cannot make that another member's id. */
uint64_t dc__member_id(const char *member, uint64_t worker_id, bool behind_relay);

/* dc__lines_read - a regular file's text, at most 1 MiB, from malloc; "" for none. what: for lines. */
dc_error dc__lines_read(const char *path, const char *what, char **text);

#endif
