/* bench_codec.c - how fast one core encodes, decodes and sums floats, run by run as the engine does.
 *
 *   build/tests/bench_codec [MEGABYTES [TURNS]]     default: 64 9
 * prints for each codec the median over TURNS in GB of floats per second of the processor, and the bytes per float. Encoding reads and
 * writes what is kept, in another array, as a worker does. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/floatmode.h"
#include "codec/codec.h"

#define RUN 16384u
#define MOST_TURNS 99

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of this thread: others may be using the machine. */
static double processor_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct memory {
    size_t n;
    float *values, *kept[2], *sum;
    unsigned char *payload;
    size_t *begins; /* [n / RUN] of each run's payload */
} memory;

static size_t pass(const memory *m, const dc__codec *c, double share, int what, int turn)
{
    size_t at = 0;
    for (size_t i = 0; i < m->n; i += RUN) {
        bool finite;
        if (what == 0) m->begins[i / RUN] = at;
        if (what == 0)
            at += c->encode(m->values + i, RUN, share, m->kept[turn & 1] + i, m->kept[!(turn & 1)] + i,
                            m->payload + at);
        else if (what == 1)
            at += c->check(m->payload + at, RUN * 5, RUN, &finite);
        else
            c->add(m->payload + m->begins[i / RUN], m->sum + i, RUN);
    }
    return at;
}

static void measure(const memory *m, const dc__codec *c, double share, int turns)
{
    static const char *const what[] = {"encode", "check", "add"};
    printf("%-5s %-6g", c->name, share);
    size_t bytes = 0;
    for (int k = 0; k < 3; k++) {
        double s[MOST_TURNS];
        for (int turn = 0; turn < turns; turn++) {
            const double begin = processor_s();
            const size_t n = pass(m, c, share, k, turn);
            s[turn] = processor_s() - begin;
            if (k == 0) bytes = n;
        }
        qsort(s, (size_t)turns, sizeof *s, by_size);
        printf("  %s %6.2f GB/s", what[k], (double)m->n * sizeof(float) / s[turns / 2] * 1e-9);
    }
    printf("  %.4f bytes per float\n", (double)bytes / (double)m->n);
}

int main(int argc, char **argv)
{
    const int megabytes = argc > 1 ? atoi(argv[1]) : 64, turns = argc > 2 ? atoi(argv[2]) : 9;
    if (megabytes < 1 || megabytes > 4096 || turns < 1 || turns > MOST_TURNS) return 2;
    memory m = {.n = ((size_t)megabytes << 20) / sizeof(float) / RUN * RUN};
    m.values = malloc(m.n * sizeof(float));
    m.kept[0] = calloc(m.n, sizeof(float));
    m.kept[1] = calloc(m.n, sizeof(float));
    m.sum = calloc(m.n, sizeof(float));
    m.payload = calloc(m.n, 5);
    m.begins = calloc(m.n / RUN, sizeof *m.begins);
    if (!m.values || !m.kept[0] || !m.kept[1] || !m.sum || !m.payload || !m.begins) return 1;
    uint64_t s = 1;
    for (size_t i = 0; i < m.n; i++) { /* a sum of four: as good as normal */
        double sum = 0;
        for (int k = 0; k < 4; k++)
            sum += (double)((s = s * 6364136223846793005u + 1442695040888963407u) >> 40) / (1 << 24) - 0.5;
        m.values[i] = (float)(sum * 1e-3);
    }
    dc__flush_denormals();
    measure(&m, &dc__codec_bf16, 1, turns);
    measure(&m, &dc__codec_int8, 1, turns);
    measure(&m, &dc__codec_int4, 1, turns);
    measure(&m, &dc__codec_int3, 1, turns);
    measure(&m, &dc__codec_topk, 0.1, turns);
    measure(&m, &dc__codec_topk, 0.01, turns);
    measure(&m, &dc__codec_topk, 0.001, turns);
    measure(&m, &dc__codec_topk5, 0.1, turns);
    measure(&m, &dc__codec_topk5, 0.01, turns);
    free(m.values);
    free(m.kept[0]);
    free(m.kept[1]);
    free(m.sum);
    free(m.payload);
    free(m.begins);
    return 0;
}
