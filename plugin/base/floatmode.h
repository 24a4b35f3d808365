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

/* dc__float_mode, dc__float_mode_set - the calling thread's mode, to put it back. */
static inline unsigned long dc__float_mode(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return _mm_getcsr();
#elif defined(__aarch64__)
    unsigned long fpcr;
    __asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
    return fpcr;
#else
    return 0;
#endif
}

static inline void dc__float_mode_set(unsigned long mode)
{
#if defined(__x86_64__) || defined(__i386__)
    _mm_setcsr((unsigned)mode);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
#else
    (void)mode;
#endif
}

#endif
