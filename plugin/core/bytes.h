/* bytes.h - little-endian fields in a bounded buffer. A cursor that ran over its end stays failed: check
 * once, at the end. Used for frames, model descriptions and the server's state file. */
#ifndef DC__BYTES_H
#define DC__BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct dc__bytes {
    uint8_t *at, *end;
    bool failed;
} dc__bytes;

static inline dc__bytes dc__bytes_over(void *buffer, size_t n)
{
    dc__bytes b = {.at = buffer, .end = (uint8_t *)buffer + n, .failed = false};
    return b;
}

/* dc__take - the next n bytes, or NULL once they are not all there. */
static inline uint8_t *dc__take(dc__bytes *b, size_t n)
{
    if (b->failed || (size_t)(b->end - b->at) < n) {
        b->failed = true;
        return NULL;
    }
    uint8_t *p = b->at;
    b->at += n;
    return p;
}

static inline void dc__put_uint(dc__bytes *b, uint64_t value, size_t width)
{
    uint8_t *p = dc__take(b, width);
    for (size_t i = 0; p && i < width; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

static inline uint64_t dc__get_uint(dc__bytes *b, size_t width)
{
    const uint8_t *p = dc__take(b, width);
    uint64_t value = 0;
    for (size_t i = 0; p && i < width; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static inline void dc__put_float(dc__bytes *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    dc__put_uint(b, bits, 4);
}

static inline float dc__get_float(dc__bytes *b)
{
    uint32_t bits = (uint32_t)dc__get_uint(b, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline void dc__put_double(dc__bytes *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    dc__put_uint(b, bits, 8);
}

static inline double dc__get_double(dc__bytes *b)
{
    uint64_t bits = dc__get_uint(b, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* dc__put_text / dc__get_text - a length (2 bytes) and that many characters; size counts the closing 0 that
 * dc__get_text adds. Longer text fails. */
static inline void dc__put_text(dc__bytes *b, const char *text)
{
    size_t n = strlen(text);
    if (n > UINT16_MAX) {
        b->failed = true;
        return;
    }
    dc__put_uint(b, n, 2);
    uint8_t *p = dc__take(b, n);
    if (p && n) memcpy(p, text, n);
}

static inline void dc__get_text(dc__bytes *b, char *text, size_t size)
{
    size_t n = (size_t)dc__get_uint(b, 2);
    if (n >= size) b->failed = true;
    const uint8_t *p = dc__take(b, n);
    if (p && n) memcpy(text, p, n);
    text[p ? n : 0] = 0;
}

#endif
