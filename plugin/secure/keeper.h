/* keeper.h - who may come in at a server: its key, its members, and its invitations.
 *
 * DESIGN
 *   Files: the key, the list of members beside it (members.txt, or another), and KEY.invitations. The tools and the
 * server change the last two with the key's file locked, so that none undoes another's change. A server looks
 * at the list's file about twice a second and takes it anew when it has changed; one that cannot be read is
 * reported, and the list before it stays. A keeper without files (dynacomm_keys.h) has all that in memory.
 *
 *   Servers that hold a model together have one key. The first of them admits who shows that key as another of them; the others
 * follow: they have a key and no lists, and admit whom the first has announced.
 *
 *   Its owner's thread only, but for the public key, and what says otherwise. */
#ifndef DC__KEEPER_H
#define DC__KEEPER_H

#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/log.h"
#include "secure/invitation.h"
#include "secure/members.h"

#define DC__KEEPER_LOOK_NS 400000000
#define DC__SHARD_MEMBER "(shard)" /* the name of who has the server's own key: no member's can be that */

typedef enum dc__entry {
    DC__ENTRY_MEMBER,
    DC__ENTRY_UNKNOWN_KEY, /* a key that is not listed, and no invitation */
    DC__ENTRY_UNKNOWN,     /* an invitation that nobody noted */
    DC__ENTRY_EXPIRED,
    DC__ENTRY_USED,
    DC__ENTRY_NOT_YET, /* where another decides: it has not announced this key */
    DC__ENTRY_FILES    /* the lists cannot be read or written: the server's log says why */
} dc__entry;

typedef struct dc__keeper {
    dc__keypair *pair;                                                     /* in secret memory */
    char key_path[PATH_MAX], members_path[PATH_MAX], notes_path[PATH_MAX]; /* "": in memory only */
    dc__members members;
    dc__notes notes;  /* in memory only; with files they are read when they are needed */
    struct stat seen; /* the list's file, as it was read */
    int64_t looked_ns;
    bool has_shards; /* who has the same key is another shard; set before it is in use, as is the next */
    bool follows;    /* another server decides who may come, */
    _Atomic(dc__members *)
        coming;   /* and has sent this list, which is not in use yet; NULL: none. Any thread */
    dc__log *log; /* of its owner; may be NULL */
} dc__keeper;

/* dc__keeper_paths - where the lists of a key are; members NULL: members.txt beside it. DC_EFILE: too long. */
dc_error dc__keeper_paths(dc__keeper *keeper, const char *key, const char *members);

/* dc__keeper_open - loads the key and the members. dc__keeper_read - a key and open invitations from a stream
 * instead, as dc__keeper_write writes them: it then has no files. DC_EFILE, DC_EFORMAT, DC_ENOMEM. Close in any case. */
static inline bool dc__keeper_has_files(const dc__keeper *keeper)
{
    return keeper->key_path[0] != '\0';
}
dc_error dc__keeper_open(dc__keeper *keeper, const char *key, const char *members, dc__log *log);
dc_error dc__keeper_read(dc__keeper *keeper, FILE *in, dc__log *log);
void dc__keeper_write(const dc__keypair *pair, const dc__invitation *invitations, int n, FILE *out);
void dc__keeper_close(dc__keeper *keeper);

/* dc__keeper_follow - loads the key alone: nobody may come before dc__keeper_announce. As dc__keeper_open.
 * dc__keeper_announce - those who may come to a keeper that follows, all of them: the next look takes the list up. Takes what is in members over, and
 * leaves it empty. One thread other than its owner's. DC_ENOMEM. */
dc_error dc__keeper_follow(dc__keeper *keeper, const char *key, dc__log *log);
dc_error dc__keeper_announce(dc__keeper *keeper, dc__members *members);

/* dc__keeper_admit - whether the owner of key may come in, with a ticket (NULL: none), which is used up if that
 * makes it a member; name: whose it is. */
dc__entry dc__keeper_admit(dc__keeper *keeper, const uint8_t key[DC__KEY_BYTES],
                           const uint8_t ticket[DC__TICKET_BYTES], char name[DC__MEMBER_BYTES]);

/* dc__keeper_look - takes the list anew if its file has changed, or it was announced; whether it did. dc__keeper_knows - whether
 * name is a member with this key. */
bool dc__keeper_look(dc__keeper *keeper, int64_t now_ns);
bool dc__keeper_knows(const dc__keeper *keeper, const char *name, const uint8_t key[DC__KEY_BYTES]);

/* dc__keeper_lock - for changes of the lists: the key's file, -1 with DC_EFILE if it cannot be; close it. */
dc_error dc__keeper_lock(const dc__keeper *keeper, int *fd);

/* dc__own_key - a worker's: from path, made if it is not there; "none": for this process only; NULL: its place in
 * the user's configuration. used[PATH_MAX]: which file it is, "" = none; *made: it is new. */
dc_error dc__own_key(const char *path, const dc__invitation *invitation, dc__keypair *pair, char *used,
                     bool *made);

#endif
