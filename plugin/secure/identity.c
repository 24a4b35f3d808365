/* identity.c - who a worker is, by what it has proved. See members.h. */
#include <stdio.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "secure/members.h"

/* Of a worker that a relay vouches for: who could choose both would not find another member's. */
static uint64_t vouched(uint64_t worker_id, const char *relay)
{
    uint8_t text[8 + DC__MEMBER_BYTES] = {0}, digest[16];
    dc__bytes out = dc__bytes_over(text, sizeof text), in = dc__bytes_over(digest, sizeof digest);
    dc__put_uint(&out, worker_id, 8);
    (void)snprintf((char *)out.at, DC__MEMBER_BYTES, "%s", relay);
    dc__secret_digest(digest, sizeof digest, text, sizeof text, NULL, 0);
    return dc__get_uint(&in, 8);
}

uint64_t dc__member_id(const char *member, uint64_t worker_id, bool behind_relay)
{
    if (!member[0]) return worker_id;
    const uint64_t id = behind_relay ? vouched(worker_id, member) : XXH3_64bits(member, strlen(member));
    return id ? id : 1;
}
