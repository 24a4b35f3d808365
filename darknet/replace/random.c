/* random.c - see random.h. SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
 * OOPSLA 2014; 64 bits of state, any of whose values is a good start. */
#include "replace/random.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))
#define GOLDEN_GAMMA 0x9e3779b97f4a7c15ULL

static _Thread_local uint64_t state = 1; /* as srand(1), the start C prescribes */

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

static uint64_t next(void)
{
    state += GOLDEN_GAMMA;
    return mix(state);
}

void dk_random_begin(dk_stream stream, uint64_t seed, uint64_t worker, uint64_t round, uint64_t image)
{
    const uint64_t names[] = {(uint64_t)stream, seed, worker, round, image};
    uint64_t s = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        s = mix((s ^ mix(names[i] + GOLDEN_GAMMA)) + GOLDEN_GAMMA);
    state = s;
}

uint64_t dk_random_below(uint64_t n)
{
    /* Values under 2^64 mod n would make small results likelier: draw again. */
    const uint64_t reject = (UINT64_MAX - n + 1) % n;
    uint64_t r;
    do
        r = next();
    while (r < reject);
    return r % n;
}

uint64_t dk_random_seed(void)
{
    uint32_t s;
    if (getrandom(&s, sizeof s, 0) != (ssize_t)sizeof s) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        s = (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec;
    }
    return s >> 1;
}

/* ---- the C library's names, as libdarknet calls them ------------------------------------------------- */

LIBRARY_ENTRY int rand(void)
{
    return (int)(next() >> 33); /* 31 bits: 0..RAND_MAX */
}

LIBRARY_ENTRY void srand(unsigned int seed)
{
    state = seed;
}
