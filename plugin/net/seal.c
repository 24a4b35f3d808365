#include "net/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"

dc__seal *dc__seal_new(const dc__noise *noise)
{
    dc__seal *s = dc__secret_alloc(sizeof *s);
    if (!s) return NULL;
    uint8_t send[DC__KEY_BYTES], receive[DC__KEY_BYTES];
    dc__noise_split(noise, send, receive);
    s->in = malloc(DC__SEAL_IN);
    s->plain = malloc(DC__NOISE_PLAIN);
    s->out = malloc(DC__SEAL_CHUNKS * DC__CHUNK_MOST);
    const bool ok = s->in && s->plain && s->out && dc__aead_init(&s->send, noise->cipher, send, true) &&
                    dc__aead_init(&s->receive, noise->cipher, receive, false);
    dc__secret_wipe(send, sizeof send);
    dc__secret_wipe(receive, sizeof receive);
    if (ok) return s;
    dc__seal_free(s);
    return NULL;
}

void dc__seal_free(dc__seal *s)
{
    if (!s) return;
    dc__aead_end(&s->send);
    dc__aead_end(&s->receive);
    free(s->in);
    free(s->plain);
    free(s->out);
    dc__secret_free(s);
}

/* ---- reading ---- */

/* The whole chunk that has come, without its header; 0 if it is not whole yet. *missing: what of it, and of the next
 * one's header. */
static size_t whole_chunk(const dc__seal *s, size_t *missing, bool *bad)
{
    const size_t there = s->in_end - s->in_at;
    *missing = DC__CHUNK_HEADER_BYTES;
    if (there < DC__CHUNK_HEADER_BYTES) return 0;
    const size_t n = dc__chunk_bytes(s->in + s->in_at);
    *bad = n == 0;
    if (there >= DC__CHUNK_HEADER_BYTES + n) return n;
    *missing = DC__CHUNK_HEADER_BYTES + n - there + DC__CHUNK_HEADER_BYTES;
    return 0;
}

/* More of the socket's bytes: as recv. Up to the next chunk's header, so that what stays to be moved is short. */
static ssize_t fill(dc__seal *s, int fd, size_t missing)
{
    const size_t want = missing > DC__SEAL_AHEAD ? missing : DC__SEAL_AHEAD;
    if (want > DC__SEAL_IN - s->in_end) {
        memmove(s->in, s->in + s->in_at, s->in_end - s->in_at);
        s->in_end -= s->in_at;
        s->in_at = 0;
    }
    const size_t room = DC__SEAL_IN - s->in_end;
    const ssize_t got = recv(fd, s->in + s->in_end, want < room ? want : room, MSG_DONTWAIT);
    if (got > 0) s->in_end += (size_t)got;
    return got;
}

/* As much of a chunk as fits is opened straight to where its bytes go, the rest is kept. */
static bool open_chunk(dc__seal *s, size_t sealed, uint8_t *to, size_t n)
{
    const uint8_t *from = s->in + s->in_at + DC__CHUNK_HEADER_BYTES;
    const size_t bytes = sealed - DC__TAG_BYTES;
    if (!dc__aead_open(&s->receive, from, sealed, to, n, s->plain)) return false;
    if (bytes == 0) dc__aead_rekey(&s->receive);
    s->in_at += DC__CHUNK_HEADER_BYTES + sealed;
    s->plain_at = 0;
    s->plain_end = bytes > n ? bytes - n : 0;
    return true;
}

static ssize_t take_plain(dc__seal *s, uint8_t *to, size_t n)
{
    const size_t there = s->plain_end - s->plain_at, take = there < n ? there : n;
    memcpy(to, s->plain + s->plain_at, take);
    s->plain_at += take;
    return (ssize_t)take;
}

ssize_t dc__seal_receive(dc__seal *s, int fd, uint8_t *to, size_t n)
{
    if (s->plain_at < s->plain_end) return take_plain(s, to, n);
    for (;;) {
        bool bad = false;
        size_t missing;
        const size_t sealed = whole_chunk(s, &missing, &bad);
        if (bad || (sealed && !open_chunk(s, sealed, to, n))) {
            errno = EBADMSG;
            return -1;
        }
        const size_t bytes = sealed ? sealed - DC__TAG_BYTES : 0;
        if (bytes) return (ssize_t)(bytes < n ? bytes : n);
        if (sealed) continue;
        const ssize_t got = fill(s, fd, missing);
        if (got <= 0) return got;
    }
}

/* ---- writing ---- */

static size_t end_of(const dc__seal *s)
{
    return s->n ? s->ends[s->n - 1] : 0;
}

static bool begin(dc__seal *s)
{
    if (s->n == DC__SEAL_CHUNKS) return false;
    s->chunk_bytes = 0;
    dc__aead_begin(&s->send);
    return true;
}

bool dc__seal_begin(dc__seal *s, int64_t now_ns)
{
    if (!dc__seal_pending(s)) {
        s->first = s->n = 0;
        s->out_at = 0;
    }
    if (!s->rekeyed_ns) s->rekeyed_ns = now_ns;
    if (s->send.bytes >= DC__REKEY_BYTES || now_ns - s->rekeyed_ns >= DC__REKEY_NS) {
        if (!begin(s)) return false;
        dc__seal_end(s); /* empty: the peer takes the next key, too */
        dc__aead_rekey(&s->send);
        s->rekeyed_ns = now_ns;
    }
    return begin(s);
}

void dc__seal_put(dc__seal *s, const uint8_t *from, size_t n)
{
    dc__assert(n <= DC__NOISE_PLAIN - s->chunk_bytes);
    dc__aead_add(&s->send, s->out + end_of(s) + DC__CHUNK_HEADER_BYTES + s->chunk_bytes, from, n);
    s->chunk_bytes += n;
}

void dc__seal_end(dc__seal *s)
{
    uint8_t *chunk = s->out + end_of(s);
    const size_t n = s->chunk_bytes;
    dc__chunk_header(chunk, n);
    dc__aead_tag(&s->send, chunk + DC__CHUNK_HEADER_BYTES + n);
    s->ends[s->n] = end_of(s) + DC__CHUNK_HEADER_BYTES + n + DC__TAG_BYTES;
    s->plain_bytes[s->n++] = n;
}

ssize_t dc__seal_write(dc__seal *s, int fd, size_t *carried)
{
    *carried = 0;
    const ssize_t n = send(fd, s->out + s->out_at, end_of(s) - s->out_at, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) return n;
    s->out_at += (size_t)n;
    while (dc__seal_pending(s) && s->ends[s->first] <= s->out_at)
        *carried += s->plain_bytes[s->first++];
    return n;
}
