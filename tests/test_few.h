/* test_few.h - how many random cases a test runs. */
#ifndef TEST_FEW_H
#define TEST_FEW_H

#include <stdint.h>
#include <stdlib.h>

/* test_few - n, or a tenth of it where TEST_FEW is set: what an emulator runs takes fifty times as long, and all cases have
 * run on the processor itself. */
static inline uint64_t test_few(uint64_t n)
{
    return getenv("TEST_FEW") == NULL ? n : (n + 9) / 10;
}

#endif
