#include "base/bytes.h"

#include <string.h>

uint8_t *dc__take(dc__bytes *b, size_t n)
{
    if (b->failed || (size_t)(b->end - b->at) < n) {
        b->failed = true;
        return NULL;
    }
    uint8_t *p = b->at;
    b->at += n;
    return p;
}

void dc__put_uint(dc__bytes *b, uint64_t value, size_t width)
{
    uint8_t *p = dc__take(b, width);
    for (size_t i = 0; p && i < width; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

uint64_t dc__get_uint(dc__bytes *b, size_t width)
{
    const uint8_t *p = dc__take(b, width);
    uint64_t value = 0;
    for (size_t i = 0; p && i < width; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

void dc__put_float(dc__bytes *b, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    dc__put_uint(b, bits, 4);
}

float dc__get_float(dc__bytes *b)
{
    uint32_t bits = (uint32_t)dc__get_uint(b, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void dc__put_double(dc__bytes *b, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    dc__put_uint(b, bits, 8);
}

double dc__get_double(dc__bytes *b)
{
    uint64_t bits = dc__get_uint(b, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void dc__put_text(dc__bytes *b, const char *text)
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

void dc__get_text(dc__bytes *b, char *text, size_t size)
{
    size_t n = (size_t)dc__get_uint(b, 2);
    if (n >= size) b->failed = true;
    const uint8_t *p = dc__take(b, n);
    if (p && n) memcpy(text, p, n);
    text[p ? n : 0] = 0;
}
