/* fuzz_dies.h - for functions of darknet/ that read a file by its path and end the program with a line (dk_die) if it is no
 * good: here they end the input. Linked with --wrap around dk_die, dk_note, dk_chatter_*, fopen and fclose (Makefile).
 *
 *   What such an end leaves open and allocated would end with the process; here it is closed and, where a sanitizer tells of
 * allocations, freed, so that millions of inputs fit into one process. */
#ifndef FUZZ_DIES_H
#define FUZZ_DIES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "fuzz.h"

void __wrap_dk_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));
void __wrap_dk_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void __wrap_dk_chatter_hold(const char *subject);
void __wrap_dk_chatter_release(void);
void __wrap_dk_chatter_drop(void);
FILE *__wrap_fopen(const char *path, const char *mode);
int __wrap_fclose(FILE *file);
FILE *__real_fopen(const char *path, const char *mode);
int __real_fclose(FILE *file);

static jmp_buf fuzz_end;
static bool fuzz_reads; /* between fuzz_dies_begin and the end of an input */

/* ---- what an end leaves behind ---- */

#define FUZZ_FILES 8
#define FUZZ_BLOCKS (1u << 19) /* a power of two, more than twice the allocations of an input */

static FILE *fuzz_file[FUZZ_FILES];
static void *fuzz_block[FUZZ_BLOCKS]; /* a hash table of what was allocated; freed: itself with bit 0 set */
static unsigned fuzz_used[FUZZ_BLOCKS], fuzz_n_used;

int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void *, size_t),
                                              void (*freed)(const volatile void *)) __attribute__((weak));

static unsigned fuzz_slot(const volatile void *at)
{
    return (unsigned)((uintptr_t)at * 0x9e3779b97f4a7c15u >> 32) % FUZZ_BLOCKS;
}

static void fuzz_allocated(const volatile void *at, size_t n)
{
    (void)n;
    if (!fuzz_reads || !at || fuzz_n_used >= FUZZ_BLOCKS / 2) return;
    unsigned slot = fuzz_slot(at);
    while (fuzz_block[slot])
        slot = (slot + 1) % FUZZ_BLOCKS;
    fuzz_block[slot] = (void *)at;
    fuzz_used[fuzz_n_used++] = slot;
}

static void fuzz_freed(const volatile void *at)
{
    if (!fuzz_reads || !at) return;
    for (unsigned slot = fuzz_slot(at); fuzz_block[slot]; slot = (slot + 1) % FUZZ_BLOCKS)
        if (fuzz_block[slot] == at) {
            fuzz_block[slot] = (void *)((uintptr_t)at | 1);
            return;
        }
}

__attribute__((unused)) static void fuzz_forget(bool release)
{
    fuzz_reads = false;
    for (int k = 0; release && k < FUZZ_FILES; k++)
        if (fuzz_file[k]) {
            FILE *file = fuzz_file[k];
            fuzz_reads = true; /* what it frees is no longer there */
            (void)__wrap_fclose(file);
            fuzz_reads = false;
        }
    for (unsigned k = 0; k < fuzz_n_used; k++) {
        void *at = fuzz_block[fuzz_used[k]];
        fuzz_block[fuzz_used[k]] = NULL;
        if (release && !((uintptr_t)at & 1)) free(at);
    }
    fuzz_n_used = 0;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    FILE *file = __real_fopen(path, mode);
    for (int k = 0; fuzz_reads && file && k < FUZZ_FILES; k++)
        if (!fuzz_file[k]) {
            fuzz_file[k] = file;
            break;
        }
    return file;
}

int __wrap_fclose(FILE *file)
{
    for (int k = 0; k < FUZZ_FILES; k++)
        if (fuzz_file[k] == file) fuzz_file[k] = NULL;
    return __real_fclose(file);
}

/* ---- lines ---- */

/* It names something, and is not cut. */
static void fuzz_line(const char *format, va_list args)
{
    static char line[1 << 18];
    const int n = vsnprintf(line, sizeof line, format, args);
    if (n <= 0 || (size_t)n >= sizeof line) abort();
}

void __wrap_dk_die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fuzz_line(format, args);
    va_end(args);
    if (!fuzz_reads) abort(); /* a good input is no longer good */
    longjmp(fuzz_end, 1);
}

void __wrap_dk_note(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fuzz_line(format, args);
    va_end(args);
}

void __wrap_dk_chatter_hold(const char *subject)
{
    (void)subject;
}

void __wrap_dk_chatter_release(void)
{
}

void __wrap_dk_chatter_drop(void)
{
}

/* ---- an input ---- */

static inline void fuzz_begin(void)
{
    static bool hooked;
    if (!hooked && __sanitizer_install_malloc_and_free_hooks)
        (void)__sanitizer_install_malloc_and_free_hooks(fuzz_allocated, fuzz_freed);
    hooked = true;
    fuzz_reads = true;
}

/* FUZZ_DIES(read) - runs a statement that may end the program. Whether it did not. */
#define FUZZ_DIES(read) \
    (setjmp(fuzz_end) == 0 ? (fuzz_begin(), (read), fuzz_forget(false), true) : (fuzz_forget(true), false))

#endif
