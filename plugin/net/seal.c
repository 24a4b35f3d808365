#include "net/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

dc__seal *dc__seal_new(const dc__noise *noise)
{
    dc__seal *s = dc__secret_alloc(sizeof *s);
    if (!s) return NULL;
    s->in = malloc(2 * DC__CHUNK_MOST);
    s->plain = malloc(DC__NOISE_PLAIN);
    s->out = malloc(DC__SEAL_CHUNKS * DC__CHUNK_MOST);
    if (!s->in || !s->plain || !s->out) {
        dc__seal_free(s);
        return NULL;
    }
    dc__noise_split(noise, &s->send, &s->receive);
    return s;
}

void dc__seal_free(dc__seal *s)
{
    if (!s) return;
    free(s->in);
    free(s->plain);
    free(s->out);
    dc__secret_free(s);
}

/* ---- reading ---- */

/* The whole chunk that has come, without its header; 0 if it is not whole yet. */
static size_t whole_chunk(const dc__seal *s, bool *bad)
{
    const size_t there = s->in_end - s->in_at;
    if (there < DC__CHUNK_HEADER_BYTES) return 0;
    const size_t n = dc__chunk_bytes(s->in + s->in_at);
    *bad = n == 0;
    return there >= DC__CHUNK_HEADER_BYTES + n ? n : 0;
}

/* More of the socket's bytes: as recv. */
static ssize_t fill(dc__seal *s, int fd)
{
    memmove(s->in, s->in + s->in_at, s->in_end - s->in_at);
    s->in_end -= s->in_at;
    s->in_at = 0;
    const ssize_t got = recv(fd, s->in + s->in_end, 2 * DC__CHUNK_MOST - s->in_end, MSG_DONTWAIT);
    if (got > 0) s->in_end += (size_t)got;
    return got;
}

/* A chunk that fits is opened straight to where its bytes go. */
static bool open_chunk(dc__seal *s, size_t sealed, uint8_t *to, size_t n)
{
    const uint8_t *from = s->in + s->in_at + DC__CHUNK_HEADER_BYTES;
    const size_t bytes = sealed - DC__TAG_BYTES;
    const bool directly = bytes <= n;
    if (!dc__cipher_open(&s->receive, directly ? to : s->plain, from, sealed)) return false;
    s->in_at += DC__CHUNK_HEADER_BYTES + sealed;
    s->plain_at = 0;
    s->plain_end = directly ? 0 : bytes;
    return true;
}

ssize_t dc__seal_receive(dc__seal *s, int fd, uint8_t *to, size_t n)
{
    while (s->plain_at == s->plain_end) {
        bool bad = false;
        const size_t sealed = whole_chunk(s, &bad);
        if (bad || (sealed && !open_chunk(s, sealed, to, n))) {
            errno = EBADMSG;
            return -1;
        }
        if (sealed && s->plain_end == 0) return (ssize_t)(sealed - DC__TAG_BYTES);
        if (sealed) break;
        const ssize_t got = fill(s, fd);
        if (got <= 0) return got;
    }
    const size_t there = s->plain_end - s->plain_at, take = there < n ? there : n;
    memcpy(to, s->plain + s->plain_at, take);
    s->plain_at += take;
    if (s->plain_at == s->plain_end) s->plain_at = s->plain_end = 0;
    return (ssize_t)take;
}

/* ---- writing ---- */

static size_t end_of(const dc__seal *s)
{
    return s->n ? s->ends[s->n - 1] : 0;
}

uint8_t *dc__seal_begin(dc__seal *s)
{
    if (!dc__seal_pending(s)) {
        s->first = s->n = 0;
        s->out_at = 0;
    }
    return s->n < DC__SEAL_CHUNKS ? s->out + end_of(s) + DC__CHUNK_HEADER_BYTES : NULL;
}

void dc__seal_end(dc__seal *s, size_t n)
{
    uint8_t *chunk = s->out + end_of(s);
    dc__chunk_seal(&s->send, chunk, chunk + DC__CHUNK_HEADER_BYTES, n); /* in its place */
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
