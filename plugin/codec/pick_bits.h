/* pick_bits.h - k picks of n floats, their places ascending, as bits: of each pick the gap to the one before (Rice, 1979: its higher bits
 * as so many zeros and a one, then its `shift` lower ones as they are), and DC__PICK_CODE bits that say its value. Of places that lie anywhere
 * alike that is within a tenth of the fewest bits that tell them. The lowest bit comes first, of a number and of a byte. Pure; any thread. */
#ifndef DC__PICK_BITS_H
#define DC__PICK_BITS_H

#include <stddef.h>
#include <stdint.h>

#define DC__PICK_CODE 5u
#define DC__PICK_SHIFT_MOST 15u

/* dc__pick_shift - the lower bits of gaps that suit k of n places. dc__pick_bytes_most - the most bytes that k or fewer of n take. */
unsigned dc__pick_shift(size_t n, size_t k);
size_t dc__pick_bytes_most(size_t n, size_t k, unsigned shift);

typedef struct dc__pick_writer {
    unsigned char *to, *end; /* of the room, dc__pick_bytes_most: all of it may be written to */
    unsigned shift;
    uint64_t bits;
    unsigned n; /* of them: below 8 between two picks */
    uint32_t next;
} dc__pick_writer;

/* dc__pick_put - another pick; its place is beyond those before. dc__pick_end - where the bytes end. */
void dc__pick_put(dc__pick_writer *w, uint32_t place, unsigned code);
unsigned char *dc__pick_end(dc__pick_writer *w);

/* Takes a byte only when a bit of it is needed: what lies behind the last one is not the reader's. */
typedef struct dc__pick_reader {
    const unsigned char *at, *end;
    unsigned shift;
    uint64_t bits;
    unsigned n; /* of them */
    uint32_t next;
} dc__pick_reader;

/* dc__pick_get - the place of the next pick, below n (at most 2^16), and its code; UINT32_MAX if the bytes have none. After the last one
 * r->at is where the bytes end, and r->bits are what is left of the last byte. */
uint32_t dc__pick_get(dc__pick_reader *r, size_t n, unsigned *code);

#endif
