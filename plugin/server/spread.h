/* spread.h - a version of a model that shards hold: put together at the first one, and taken apart again.
 *
 * DESIGN
 *   Between shards it travels as STATE frames of the version: ranges of the shard's arena, of its values or, by the
 * flags, of one of the moments, of the average or of what workers hold. The last frame of all has DC__LAST. */
#ifndef DC__SPREAD_H
#define DC__SPREAD_H

#include "model/shard.h"
#include "net/link.h"
#include "server/codes.h"
#include "server/versions.h"

/* What a server has of a model, or of its part. */
typedef struct dc__arrays {
    dc__versions *versions;
    dc__codes *codes;
} dc__arrays;

/* dc__spread_gather - a shard's version into the whole model's arrays. dc__spread_split - the whole model's last version
 * becomes the shard's, which begins with it. */
void dc__spread_gather(const dc__shard *s, const dc__arrays *part, uint64_t version, const dc__arrays *whole);
void dc__spread_split(const dc__shard *s, const dc__arrays *whole, const dc__arrays *part);

/* dc__spread_send - a version as STATE frames; s: what of it (whole is the whole model's), NULL: all (it is a shard's).
 * As dc__link_send; DC_ENOMEM. */
dc_error dc__spread_send(dc__link *link, const dc__shard *s, const dc__arrays *of, uint64_t version);

/* dc__spread_take - a STATE frame of a version: to its place in the whole model's arrays (s: whose it is), or with NULL
 * in the shard's own. DC_EPROTO with a line if it is outside. */
dc_error dc__spread_take(const dc__frame *frame, const dc__shard *s, const dc__arrays *into);

#endif
