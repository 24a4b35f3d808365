/* session_want.c - what a worker asks for becomes what its session sends. See session.h. */
#include "base/error.h"
#include "server/session.h"

static dc_error bad_pull(const dc__session *s, const char *why)
{
    return dc__fail(DC_EPROTO, "worker %d sent a PULL that %s", s->number, why);
}

/* The segments of a PULL, which must cover every trained block once, in ascending order. */
static dc_error read_segments(dc__session *s, const dc__frame *frame, uint32_t n)
{
    dc__bytes in = dc__bytes_over(frame->payload, frame->header.payload_bytes);
    uint32_t at = 0;
    const uint32_t blocks = s->training->model->n_blocks;
    for (uint32_t k = 0; k < n; k++) {
        const uint32_t first = (uint32_t)dc__get_uint(&in, 4), count = (uint32_t)dc__get_uint(&in, 4);
        if (first != at || count == 0 || count > blocks - first)
            return bad_pull(s, "names blocks out of order or out of bounds");
        s->endpoint.queue.segments[k] = (dc__segment){.first = first, .n = count};
        at = first + count;
    }
    return at == blocks ? DC_OK : bad_pull(s, "leaves blocks out");
}

/* Over shards a worker that comes back may begin with the round before the one that is on here. */
static bool begins_before(const dc__session *s, uint64_t round)
{
    return s->training->shares.n > 1 && round + 1 == s->training->versions.round && round == s->start &&
           s->want == DC__NO_ROUND;
}

/* With versions' and the session's lock held. */
static dc_error start_queue(dc__session *s, const dc__frame *frame, uint32_t n)
{
    const dc__versions *v = &s->training->versions;
    const dc__header *h = &frame->header;
    dc__queue *queue = &s->endpoint.queue;
    if (queue->left > 0) return bad_pull(s, "comes before the one before it is done");
    if ((h->round + s->training->bases.most < v->round && !begins_before(s, h->round)) ||
        (h->round > v->round + 1 && h->round != s->enters))
        return bad_pull(s, "asks for a version that is neither the current nor the next");
    const dc_error err = read_segments(s, frame, n);
    if (err) return err;
    s->has = s->want;
    s->want = h->round;
    s->endpoint.link.window_bytes = h->offset;
    dc__queue_start(queue, n, h->flags & DC__PULL_SLICES ? DC__IN_SLICES : DC__IN_SEGMENTS,
                    dc__session_takes_changes(s)
                        ? dc__way_floats(dc__codes_way(&s->training->codes, s->want), h->count)
                        : h->count / sizeof(float));
    for (uint32_t b = 0; b < s->training->model->n_blocks; b++)
        if (v->block[b] >= s->want) dc__queue_ready(queue, b); /* one that is made again is intact, too */
    dc__endpoint_wake(&s->endpoint);
    return DC_OK;
}

dc_error dc__session_want(dc__session *s, const dc__frame *frame)
{
    const dc__header *h = &frame->header;
    const uint32_t n = h->payload_bytes / 8;
    if (n == 0 || n * 8 != h->payload_bytes || n > s->training->model->n_blocks)
        return bad_pull(s, "has no or too many segments");
    if (h->count < sizeof(float) || h->count > DC__MAX_SLICE_BYTES)
        return bad_pull(s, "asks for slices of an impossible size");
    pthread_mutex_lock(&s->training->versions.lock);
    pthread_mutex_lock(&s->lock);
    const dc_error err = start_queue(s, frame, n);
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_unlock(&s->training->versions.lock);
    return err;
}

/* It has the version before, onto which a change is added; else it gets values. With the session's lock held. */
bool dc__session_takes_changes(const dc__session *s)
{
    return s->training->codes.shown[0] && s->has != DC__NO_ROUND && s->want == s->has + 1;
}
