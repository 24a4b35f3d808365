/* test_relay_codecs.c - relays where a codec loses something on the way down: the plain server's bits with one worker behind each, and those of
 * every strategy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "relay_run.h"

/* What comes down is encoded once, at the server, and passed on as it is. */
static void codecs_go_down_as_they_came(void **state)
{
    (void)state;
    static const char *const codecs[] = {"exact/bf16", "exact/int8", "exact/topk:0.1"};
    for (int c = 0; c < 3; c++) {
        toy *plain[MOST], *over[MOST], *exact[MOST];
        train_coded(PLAIN, DC_SGD, DC_DUPLEX, codecs[c], plain);
        train_coded(SINGLES, DC_SGD, DC_DUPLEX, codecs[c], over);
        train_over(PLAIN, DC_SGD, DC_DUPLEX, exact);
        for (int r = 0; r < 2; r++)
            assert_true(toy_same(plain[r], over[r], 1) && !toy_same(exact[r], over[r], 0));
        free_all(plain, 2);
        free_all(over, 2);
        free_all(exact, 2);
        const int topology = c % 2 ? PAIRS : NESTED;
        train_coded(topology, DC_SGD, DC_LAYERWISE, codecs[c], plain);
        train_coded(topology, DC_SGD, DC_DUPLEX, codecs[c], over);
        for (int r = 0; r < 4; r++)
            assert_true(toy_same(plain[r], over[r], 1) && toy_same(over[0], over[r], 0));
        free_all(plain, 4);
        free_all(over, 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(codecs_go_down_as_they_came)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
