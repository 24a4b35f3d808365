/* fuzz.h - a fuzz target's main: the inputs of tests/fuzz/corpus/TARGET, which once found something or are good, and seeded
 * mutations of good inputs, so that it runs anywhere, in seconds.
 *
 * A target defines LLVMFuzzerTestOneInput (as libFuzzer wants it: build with clang -fsanitize=fuzzer
 * -DFUZZ_LIBFUZZER to use that instead) and fuzz_seed, which writes the k-th good input.
 *   FUZZ_WRITE= a directory for the good inputs
 *   FUZZ_SEED=  another series (printed)     FUZZ_ITERATIONS=  inputs (default FUZZ_ITERATIONS) */
#ifndef FUZZ_H
#define FUZZ_H

#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FUZZ_MOST (1u << 18)
#ifndef FUZZ_ITERATIONS
#define FUZZ_ITERATIONS 20000
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* fuzz_seed - writes good input number k into to (FUZZ_MOST bytes) and returns its length; 0 = no more. */
size_t fuzz_seed(int k, uint8_t *to);

/* fuzz_repair - after a mutation: makes checksums fit again, so that what lies behind them is reached. */
void fuzz_repair(uint8_t *data, size_t n);

/* fuzz_path - a file with these bytes, in memory, until the next call. */
static inline const char *fuzz_path(const uint8_t *data, size_t n)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        if ((fd = memfd_create("input", MFD_CLOEXEC)) < 0) abort();
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, n, 0) != (ssize_t)n) abort();
    return path;
}

#ifdef FUZZ_LIBFUZZER
/* libFuzzer's own mutation, then checksums that fit again, mostly. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned int seed)
{
    const size_t n = LLVMFuzzerMutate(data, size, most);
    if (seed % 8) fuzz_repair(data, n);
    return n;
}
#else

static uint64_t fuzz_random(uint64_t *state) /* splitmix64 (Steele et al., OOPSLA 2014) */
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t fuzz_mutate(uint8_t *data, size_t n, uint64_t *random)
{
    static const uint64_t edges[] = {0,      1,          0x7f,       0xff,      0x7fff,
                                     0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX};
    const size_t at = n ? fuzz_random(random) % n : 0;
    const size_t left = n - at;
    switch (fuzz_random(random) % 6) {
    case 0:
        if (n) data[at] ^= (uint8_t)(1u << fuzz_random(random) % 8);
        return n;
    case 1:
        if (n) data[at] = (uint8_t)fuzz_random(random);
        return n;
    case 2: { /* a number at its edge */
        const uint64_t edge = edges[fuzz_random(random) % 10];
        const size_t width = (size_t)1 << fuzz_random(random) % 4;
        memcpy(data + at, &edge, width < left ? width : left);
        return n;
    }
    case 3: /* cut off */
        return at;
    case 4: { /* a piece again */
        const size_t piece = left ? 1 + fuzz_random(random) % left : 0;
        if (n + piece > FUZZ_MOST) return n;
        memmove(data + at + piece, data + at, left);
        return n + piece;
    }
    default: { /* a piece less */
        const size_t piece = left ? 1 + fuzz_random(random) % left : 0;
        memmove(data + at, data + at + piece, left - piece);
        return n - piece;
    }
    }
}

/* FUZZ_WRITE=DIR: the good inputs as files, for libFuzzer to begin with. */
static void fuzz_write(int k, const uint8_t *data, size_t n)
{
    const char *directory = getenv("FUZZ_WRITE");
    char path[4096];
    if (!directory) return;
    (void)snprintf(path, sizeof path, "%s/seed-%02d", directory, k);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, n, file) != n || fclose(file) != 0) abort();
}

static size_t fuzz_read(const char *directory, const char *name, uint8_t *data)
{
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "rb");
    if (!file) abort();
    const size_t n = fread(data, 1, FUZZ_MOST, file);
    (void)fclose(file);
    return n;
}

/* In a copy of its own, so that a sanitizer sees a read past the end. */
static void fuzz_take(const uint8_t *data, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact) abort();
    if (n) memcpy(exact, data, n);
    (void)LLVMFuzzerTestOneInput(exact, n);
    free(exact);
}

/* The files of the target's corpus, where the program is started from the tree; how many. */
static int fuzz_corpus(const char *program, uint8_t *data)
{
    const char *slash = strrchr(program, '/');
    char path[512];
    int files = 0;
    (void)snprintf(path, sizeof path, "tests/fuzz/corpus/%s", slash ? slash + 1 : program);
    DIR *directory = opendir(path);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.') continue;
        fuzz_take(data, fuzz_read(path, entry->d_name, data));
        files++;
    }
    if (directory) (void)closedir(directory);
    return files;
}

int main(int argc, char **argv)
{
    const char *seed_text = getenv("FUZZ_SEED"), *iterations_text = getenv("FUZZ_ITERATIONS");
    const uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : 7;
    const long iterations = iterations_text ? atol(iterations_text) : FUZZ_ITERATIONS;
    uint64_t random = seed;
    uint8_t *data = malloc(FUZZ_MOST);
    int seeds = 0;
    if (!data) return 1;
    const int files = argc > 0 ? fuzz_corpus(argv[0], data) : 0;
    for (size_t n; (n = fuzz_seed(seeds, data)) > 0; seeds++) {
        (void)LLVMFuzzerTestOneInput(data, n); /* good input stays good: the target asserts it */
        fuzz_write(seeds, data, n);
    }
    for (long i = 0; i < iterations; i++) {
        size_t n = fuzz_seed((int)(fuzz_random(&random) % (uint64_t)seeds), data);
        for (uint64_t changes = 1 + fuzz_random(&random) % 4; changes > 0; changes--)
            n = fuzz_mutate(data, n, &random);
        if (fuzz_random(&random) % 8) fuzz_repair(data, n);
        fuzz_take(data, n);
    }
    free(data);
    (void)printf("ok %ld inputs of %d kinds, %d of the corpus, FUZZ_SEED=%llu\n", iterations, seeds, files,
                 (unsigned long long)seed);
    return 0;
}

#endif
#endif
