#include "sim/chance.h"

static uint64_t random_state, hash;

void sim_chance_begin(uint64_t seed)
{
    random_state = seed;
    hash = 0xcbf29ce484222325u;
}

uint64_t sim_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint64_t sim_draw(uint64_t n)
{
    if (n <= UINT32_MAX) return (sim_random(&random_state) >> 32) * n >> 32;
    return sim_random(&random_state) % n;
}

void sim_mark(uint64_t what)
{
    hash = (hash ^ what) * 0x100000001b3u;
}

uint64_t sim_hash(void)
{
    return hash;
}
