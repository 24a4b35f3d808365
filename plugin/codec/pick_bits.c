#include "codec/pick_bits.h"

#include <stdbool.h>

/* The best is near the mean gap times log 2, 45/64 of it; as whole numbers, so that every machine takes the same. */
unsigned dc__pick_shift(size_t n, size_t k)
{
    unsigned shift = 0;
    while (k > 0 && shift < DC__PICK_SHIFT_MOST &&
           ((uint64_t)k << (shift + 1)) * 64 <= (uint64_t)(n - k) * 45)
        shift++;
    return shift;
}

size_t dc__pick_bytes_most(size_t n, size_t k, unsigned shift)
{
    return (k * (1 + shift + DC__PICK_CODE) + ((n - k) >> shift) + 7) / 8;
}

/* All whole bytes; eight at once, of which what is no whole byte yet is written again, where there is room. */
static void flush(dc__pick_writer *w)
{
    const unsigned whole = w->n / 8;
    if (w->end - w->to >= 8)
        for (unsigned k = 0; k < 8; k++)
            w->to[k] = (unsigned char)(w->bits >> 8 * k);
    else
        for (unsigned k = 0; k < whole; k++)
            w->to[k] = (unsigned char)(w->bits >> 8 * k);
    w->to += whole;
    w->bits >>= 8 * whole; /* fewer than eight of them: see dc__pick_put */
    w->n -= 8 * whole;
}

void dc__pick_put(dc__pick_writer *w, uint32_t place, unsigned code)
{
    const uint32_t gap = place - w->next, low = gap & ((1u << w->shift) - 1);
    uint32_t zeros = gap >> w->shift;
    w->next = place + 1;
    for (; zeros > 16; zeros -= 16) {
        w->n += 16;
        flush(w);
    }
    w->bits |= (1 | (uint64_t)low << 1 | (uint64_t)code << (1 + w->shift)) << (w->n + zeros);
    w->n += zeros + 1 + w->shift + DC__PICK_CODE; /* at most 7 + 16 + 1 + 15 + 5 */
    flush(w);
}

unsigned char *dc__pick_end(dc__pick_writer *w)
{
    if (w->n > 0) *w->to++ = (unsigned char)w->bits;
    w->n = 0;
    return w->to;
}

static bool fill(dc__pick_reader *r)
{
    if (r->at == r->end) return false;
    r->bits |= (uint64_t)*r->at++ << r->n;
    r->n += 8;
    return true;
}

/* The zeros before the next one, which is taken, too; more than `most`: there are more, or no one comes. */
static uint32_t take_zeros(dc__pick_reader *r, uint32_t most)
{
    uint32_t zeros = 0;
    while (r->bits == 0) {
        zeros += r->n;
        r->n = 0;
        if (zeros > most || !fill(r)) return most + 1;
    }
    const unsigned last = (unsigned)__builtin_ctzll(r->bits);
    r->bits >>= last + 1; /* fewer than 32 bits are there */
    r->n -= last + 1;
    return zeros + last;
}

uint32_t dc__pick_get(dc__pick_reader *r, size_t n, unsigned *code)
{
    if (r->next >= n) return UINT32_MAX;
    const uint32_t most = ((uint32_t)n - 1 - r->next) >> r->shift, high = take_zeros(r, most);
    if (high > most) return UINT32_MAX;
    while (r->n < r->shift + DC__PICK_CODE)
        if (!fill(r)) return UINT32_MAX;
    const uint32_t low = (uint32_t)r->bits & ((1u << r->shift) - 1),
                   place = r->next + (high << r->shift | low);
    *code = (unsigned)(r->bits >> r->shift) & ((1u << DC__PICK_CODE) - 1);
    r->bits >>= r->shift + DC__PICK_CODE;
    r->n -= r->shift + DC__PICK_CODE;
    r->next = place + 1;
    return place < n ? place : UINT32_MAX;
}
