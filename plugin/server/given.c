#include "server/given.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

dc_error dc__given_allocate(dc__given *given, uint32_t n_blocks)
{
    const size_t words = dc__given_words(n_blocks);
    if (given->n_blocks) return DC_OK;
    given->blocks = calloc(words, sizeof *given->blocks);
    given->had = calloc(words, sizeof *given->had);
    if (!given->blocks || !given->had) {
        dc__given_free(given);
        return dc__fail(DC_ENOMEM, "out of memory for a worker");
    }
    given->n_blocks = n_blocks;
    return DC_OK;
}

void dc__given_free(dc__given *given)
{
    free(given->blocks);
    free(given->had);
    memset(given, 0, sizeof *given);
}

static bool has(const uint64_t *bitmap, uint32_t b)
{
    return bitmap[b / 64] >> (b % 64) & 1;
}

static void put(uint64_t *bitmap, uint32_t b, bool bit)
{
    const uint64_t mask = (uint64_t)1 << (b % 64);
    bitmap[b / 64] = bit ? bitmap[b / 64] | mask : bitmap[b / 64] & ~mask;
}

void dc__given_reset(dc__given *given)
{
    given->n = given->n_had = 0;
    given->round = UINT64_MAX;
    given->forgot = 0;
}

bool dc__given_has(const dc__given *given, uint32_t b)
{
    return has(given->blocks, b);
}

bool dc__given_was_had(const dc__given *given, uint32_t b)
{
    return given->n_had > 0 && has(given->had, b);
}

void dc__given_begin(dc__given *given, uint64_t round)
{
    memset(given->blocks, 0, dc__given_words(given->n_blocks) * sizeof *given->blocks);
    given->n = given->n_had = 0;
    given->round = round;
}

bool dc__given_note(dc__given *given, uint64_t round, uint32_t first, uint32_t end, uint32_t *wanted,
                    uint32_t *lead)
{
    if (given->round != round) dc__given_begin(given, round);
    *wanted = *lead = 0;
    for (uint32_t b = first; b < end; b++)
        if (!dc__given_was_had(given, b)) {
            if (has(given->blocks, b)) return false;
            if ((*wanted)++ == 0) *lead = b;
        }
    for (uint32_t b = first; b < end; b++)
        put(given->blocks, b, true);
    given->n += *wanted;
    return true;
}

void dc__given_again(dc__given *given, uint32_t b)
{
    put(given->had, b, false);
    given->n_had--;
}

void dc__given_add(dc__given *given, uint32_t b)
{
    given->n += !has(given->blocks, b);
    put(given->blocks, b, true);
}

void dc__given_remove(dc__given *given, uint32_t b)
{
    given->n -= has(given->blocks, b);
    put(given->blocks, b, false);
}

void dc__given_enter(dc__given *given, uint64_t round)
{
    given->n_had = 0;
    given->began = round;
}

void dc__given_repeat(dc__given *given, uint64_t round)
{
    dc__given_enter(given, round);
    if (given->n == 0 || given->round != round) return;
    memcpy(given->had, given->blocks, dc__given_words(given->n_blocks) * sizeof *given->had);
    given->n_had = given->n;
}

bool dc__given_resume(dc__given *given, uint64_t round)
{
    if (given->round == round && given->n == given->n_blocks) {
        dc__given_enter(given, round);
        return false;
    }
    dc__given_repeat(given, round);
    return true;
}

bool dc__given_forgets(dc__given *given, uint64_t round, const uint64_t **blocks)
{
    const bool news = given->forgot != round + 1;
    *blocks = given->n_had > 0 && given->round == round ? given->had : NULL;
    given->forgot = round + 1;
    return news;
}

bool dc__given_is_whole(const dc__given *given, uint64_t round)
{
    return given->n > 0 && given->round == round && given->n == given->n_blocks;
}

bool dc__given_is_even(const dc__given *given, uint64_t round)
{
    if (given->n == 0 || given->round < given->began) return round == given->began;
    return dc__given_is_whole(given, round - 1);
}
