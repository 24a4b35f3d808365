/* bytes.h - little-endian fields in a bounded buffer. A cursor that ran over its end stays failed: check
 * once, at the end. Used for frames, model descriptions and the server's state file. */
#ifndef DC__BYTES_H
#define DC__BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
uint8_t *dc__take(dc__bytes *b, size_t n);

void dc__put_uint(dc__bytes *b, uint64_t value, size_t width);
void dc__put_float(dc__bytes *b, float value);
void dc__put_double(dc__bytes *b, double value);

uint64_t dc__get_uint(dc__bytes *b, size_t width);
float dc__get_float(dc__bytes *b);
double dc__get_double(dc__bytes *b);

/* dc__put_text / dc__get_text - a length (2 bytes) and that many characters; size counts the closing 0 that
 * dc__get_text adds. Longer text fails. */
void dc__put_text(dc__bytes *b, const char *text);
void dc__get_text(dc__bytes *b, char *text, size_t size);

#endif
