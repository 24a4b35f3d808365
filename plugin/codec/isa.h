/* isa.h - loops that the compiler makes once for each instruction set; the dynamic linker picks. Without
 * contraction (-ffp-contract=off) and with sums in a fixed order, all give the same bits. */
#ifndef DC__ISA_H
#define DC__ISA_H

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__) /* resolvers run before a sanitizer's start-up */
#define DC__CLONES __attribute__((target_clones("avx512f", "avx2", "default"), noinline))
#else
#define DC__CLONES __attribute__((noinline))
#endif
#define DC__INLINE static inline __attribute__((always_inline))

DC__INLINE uint32_t dc__bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

DC__INLINE float dc__of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* dc__to_bf16 - the upper half of a float, rounded to nearest even; what is not a number stays so. Below
 * 2^-101 it is 0: what is left of a number is then 0 or no denormal, and kept in every floating-point mode. */
DC__INLINE uint16_t dc__to_bf16(float value)
{
    const uint32_t bits = dc__bits_of(value), magnitude = bits & 0x7fffffffu;
    const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1), nan = bits | 0x400000u;
    /* by masks: a choice would be a branch, which no loop of vectors may have */
    const uint32_t is_nan = 0u - (uint32_t)(magnitude > 0x7f800000u),
                   large = 0u - (uint32_t)(magnitude >= 0x0d000000u);
    return (uint16_t)((((rounded & ~is_nan) | (nan & is_nan)) & large) >> 16);
}

DC__INLINE float dc__from_bf16(uint16_t half)
{
    return dc__of_bits((uint32_t)half << 16);
}

/* Little-endian, at any address. */
DC__INLINE void dc__put_half(unsigned char *to, uint16_t half)
{
    to[0] = (unsigned char)half;
    to[1] = (unsigned char)(half >> 8);
}

DC__INLINE uint16_t dc__get_half(const unsigned char *from)
{
    return (uint16_t)(from[0] | from[1] << 8);
}

#endif
