/* floatmode.h - the floating-point mode that Darknet trains in.
 *
 * The packaged library is built with -Ofast: loading it sets flush-to-zero and denormals-are-zero in the
 * loading thread, and threads inherit that. Results are compared bit for bit, so every thread of ours that
 * touches a value runs in the same mode, whoever started it. */
#ifndef DC__FLOATMODE_H
#define DC__FLOATMODE_H

#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

/* dc__flush_denormals - sets the mode for the calling thread, until it ends. */
static inline void dc__flush_denormals(void)
{
#if defined(__x86_64__) || defined(__i386__)
    _mm_setcsr(_mm_getcsr() | 0x8040u); /* FTZ, DAZ */
#elif defined(__aarch64__)
    unsigned long fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    __asm__ volatile("msr fpcr, %0" : : "r"(fpcr | (1ul << 24))); /* FZ */
#endif
}

#endif
