/* isa.h - what every kernel file needs from the compiler: exported names, run-time choice of instruction set,
 * short vectors.
 *
 * DESIGN
 *   One binary runs on any x86-64. A loop worth it is a DK_CLONES function: the compiler makes a version for
 * each instruction set and the dynamic linker picks one. OpenMP outlines a parallel body before clones are
 * made, so a parallel loop lives in a plain function that calls a DK_CLONES function for each range. No
 * version contracts a*b+c (-ffp-contract=off) and every sum has a fixed number of lanes, so the versions
 * agree to the bit, whatever the address of the data and the number of threads. */
#ifndef DK_ISA_H
#define DK_ISA_H

#include <stddef.h>

/* A definition that the packaged library's own calls find in place of its own. */
#define DK_EXPORT __attribute__((visibility("default")))

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(DK_NO_CLONES)
#define DK_PLAIN 1 /* resolvers run before a sanitizer's start-up */
#endif
/* The innermost loops have no stack protector: their arrays hold sums and vectors, and are indexed by
 * constants and lanes, never by what a file or a peer says. It took 5 % of a small network's step. */
#ifdef __has_attribute
#if __has_attribute(no_stack_protector)
#define DK_INNER __attribute__((no_stack_protector))
#endif
#endif
#ifndef DK_INNER
#define DK_INNER
#endif
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(DK_PLAIN)
#define DK_CLONES DK_INNER __attribute__((target_clones("avx512f", "avx2", "default"), noinline))
#else
#define DK_CLONES DK_INNER __attribute__((noinline))
#endif
#define DK_INLINE static inline __attribute__((always_inline))

/* 4 and 16 floats that may lie at any float's address. */
typedef float dk_v4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int dk_v4i __attribute__((vector_size(16)));
typedef float dk_v16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef int dk_v16i __attribute__((vector_size(64), aligned(4), may_alias));

enum { DK_LANES = 16 };

/* dk_sum_lanes - the sum of 16 partial sums, pairwise, in a fixed order. */
DK_INLINE float dk_sum_lanes(const float *a)
{
    float s[8];
    for (int i = 0; i < 8; i++)
        s[i] = a[i] + a[i + 8];
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

DK_INLINE size_t dk_min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

#endif
