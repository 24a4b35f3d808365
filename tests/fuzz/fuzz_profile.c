/* fuzz_profile.c - the profile reader against mutated text: it must refuse or take, never crash, and what it
 * takes must be plannable and read back after writing.
 *
 *   fuzz_profile [ITERATIONS [SEED]]   seeded mutations, the same in every run (default 200000, 1)
 *   fuzz_profile FILE ...              each file as one input
 * Under clang -fsanitize=fuzzer -DLIBFUZZER it has libFuzzer's entry point instead of main(). */
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynacomm_plan.h"

#define CHECK(condition)                                                           \
    do {                                                                           \
        if (!(condition)) {                                                        \
            (void)fprintf(stderr, "fuzz_profile: %s does not hold\n", #condition); \
            abort();                                                               \
        }                                                                          \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void plan_it(const dc_profile_table *t)
{
    dc_profile p = {
        .n_layers = t->n_layers, .layers = t->layers, .down_Bps = 1e9, .up_Bps = 1e8, .workers = 1};
    dc_plan plan;
    CHECK(dc_plan_init(&plan, t->n_layers) == DC_OK);
    CHECK(dc_plan_make(&plan, &p, DC_DYNACOMM) == DC_OK);
    CHECK(plan.n_pull >= 1 && plan.n_push >= 1);
    dc_plan_free(&plan);
}

static void write_and_read(const dc_profile_table *t)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    CHECK(out && dc_profile_write(out, t) == DC_OK);
    (void)fclose(out);
    dc_profile_table back;
    CHECK(dc_profile_parse(text, size, "written", &back) == DC_OK);
    CHECK(back.n_layers == t->n_layers);
    for (int i = 0; i < t->n_layers; i++)
        CHECK(back.layers[i].up_bytes == t->layers[i].up_bytes &&
              back.layers[i].down_bytes == t->layers[i].down_bytes &&
              strcmp(back.types[i], t->types[i]) == 0);
    dc_profile_table_free(&back);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dc_profile_table t;
    dc_error err = dc_profile_parse((const char *)data, size, "fuzz", &t);
    if (err) {
        CHECK(err == DC_EFORMAT);
        CHECK(t.layers == NULL && t.types == NULL && t.gflop == NULL && t.n_layers == 0);
        return 0;
    }
    CHECK(t.n_layers > 0);
    if (t.n_layers <= 64) {
        plan_it(&t);
        write_and_read(&t);
    }
    dc_profile_table_free(&t);
    return 0;
}

#ifndef LIBFUZZER
#define INPUT_MOST 4096

static uint64_t state;

static uint64_t next(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t below(size_t n)
{
    return (size_t)(next() % n);
}

/* A valid profile of a few layers, with or without the optional column. */
static size_t valid(char text[INPUT_MOST])
{
    const bool gflop = next() & 1;
    FILE *out = fmemopen(text, INPUT_MOST, "w");
    CHECK(out);
    (void)fprintf(out, "# fuzz\nlayer\ttype\tbytes\tfc_ms\tbc_ms%s\n", gflop ? "\tgflop" : "");
    const int layers = 1 + (int)below(20);
    for (int i = 0; i < layers; i++) {
        (void)fprintf(out, "%d\tconvolutional\t%zu\t%.*g\t%zu", i, below((size_t)1 << below(30)),
                      1 + (int)below(17), (double)below(1000) / 7, below(1000));
        if (gflop) (void)fprintf(out, "\t%zu.5", below(100));
        (void)fputc('\n', out);
    }
    const long size = ftell(out);
    CHECK(size > 0 && size < INPUT_MOST && fclose(out) == 0);
    return (size_t)size;
}

static size_t mutate(char *text, size_t size)
{
    static const char *const tokens[] = {
        "\t", "\n", "\r\n", "#", "-",     "nan",   "inf",  "1e999", "0x1",    "99999999999999999999",
        "\0", ".",  "e",    " ", "gflop", "layer", "\xff", "+1",    "1e-400", "0"};
    char insert[24];
    size_t at = below(size + 1), cut = below(4) ? below(3) : below(size + 1), n = 0;
    switch (below(4)) {
    case 0:
        insert[n++] = (char)next();
        break;
    case 1: {
        const char *token = tokens[below(sizeof tokens / sizeof *tokens)];
        n = strlen(token) ? strlen(token) : 1;
        memcpy(insert, token, n);
        break;
    }
    default:
        break; /* only cut */
    }
    if (cut > size - at) cut = size - at;
    if (size - cut + n > INPUT_MOST) return size;
    memmove(text + at + n, text + at + cut, size - at - cut);
    memcpy(text + at, insert, n);
    return size - cut + n;
}

static int run_file(const char *path)
{
    FILE *in = fopen(path, "rb");
    if (!in) {
        perror(path);
        return 1;
    }
    static char data[1 << 20];
    size_t size = fread(data, 1, sizeof data, in);
    (void)fclose(in);
    return LLVMFuzzerTestOneInput((const uint8_t *)data, size);
}

int main(int argc, char **argv)
{
    bool numbers = argc < 2 || argv[1][strspn(argv[1], "0123456789")] == '\0';
    if (!numbers) {
        for (int k = 1; k < argc; k++)
            if (run_file(argv[k])) return 1;
        return 0;
    }
    glob_t files; /* where the program is started from the tree */
    const bool found = glob("tests/fuzz/corpus/fuzz_profile/*", 0, NULL, &files) == 0;
    for (size_t k = 0; found && k < files.gl_pathc; k++)
        if (run_file(files.gl_pathv[k])) return 1;
    if (found) globfree(&files);
    long iterations = argc > 1 ? atol(argv[1]) : 200000;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    long taken = 0;
    for (long i = 0; i < iterations; i++) {
        char text[INPUT_MOST];
        state = seed * 1000003 + (uint64_t)i;
        size_t size = valid(text);
        for (size_t k = below(4); k > 0; k--)
            size = mutate(text, size);
        /* An exact copy, so that a sanitizer sees a read past the end. */
        char *copy = malloc(size ? size : 1);
        CHECK(copy);
        memcpy(copy, text, size);
        dc_profile_table t;
        taken += dc_profile_parse(copy, size, "fuzz", &t) == DC_OK;
        dc_profile_table_free(&t);
        LLVMFuzzerTestOneInput((const uint8_t *)copy, size);
        free(copy);
    }
    /* Both ways must have been tried, or the mutations are no good. */
    CHECK(iterations < 1000 || (taken > iterations / 20 && taken < iterations * 19 / 20));
    (void)printf("ok fuzz_profile: %ld inputs, seed %llu, %ld taken\n", iterations, (unsigned long long)seed,
                 taken);
    return 0;
}
#endif
