/* test_keeper.c - who comes in with an invitation, while the lists' files change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "secure/keeper.h"

/* A note of the ticket, as dynacomm invite writes it beside the key. */
static void invite(const dc__keeper *k, const char *name, const uint8_t ticket[DC__TICKET_BYTES])
{
    dc__notes notes;
    assert_int_equal(dc__notes_read(&notes, k->notes_path), DC_OK);
    assert_int_equal(dc__notes_push(&notes, name, ticket, (long long)time(NULL) + 60), DC_OK);
    assert_int_equal(dc__notes_write(&notes, k->notes_path), DC_OK);
    dc__notes_free(&notes);
}

/* One is expelled and invited anew, and comes before the server has looked at its list again. */
static void who_was_expelled_comes_with_another_key(void **state)
{
    (void)state;
    char dir[] = "/tmp/dynacomm-test-XXXXXX", path[64], name[DC__MEMBER_BYTES], command[64];
    const uint8_t first[DC__KEY_BYTES] = {1}, second[DC__KEY_BYTES] = {2}, third[DC__KEY_BYTES] = {3};
    const uint8_t ticket[2][DC__TICKET_BYTES] = {{4}, {5}};
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/server.key", dir);
    dc__keypair *pair = dc__secret_alloc(sizeof *pair);
    assert_int_equal(dc__key_make(path, pair), DC_OK);
    dc__secret_free(pair);
    dc__keeper k;
    assert_int_equal(dc__keeper_open(&k, path, NULL, NULL), DC_OK);
    invite(&k, "cam", ticket[0]);
    assert_int_equal(dc__keeper_admit(&k, first, ticket[0], name), DC__ENTRY_MEMBER);
    invite(&k, "cam", ticket[1]);
    assert_int_equal(dc__keeper_admit(&k, second, ticket[1], name), DC__ENTRY_USED); /* the name is taken */
    assert_int_equal(dc__members_remove(k.members_path, "cam"), DC_OK);
    assert_int_equal(dc__keeper_admit(&k, second, ticket[1], name), DC__ENTRY_MEMBER);
    assert_string_equal(name, "cam");
    assert_int_equal(dc__keeper_admit(&k, third, ticket[1], name), DC__ENTRY_USED);
    assert_true(dc__keeper_look(&k, DC__KEEPER_LOOK_NS + 1));
    assert_false(dc__keeper_knows(&k, "cam", first));
    assert_true(dc__keeper_knows(&k, "cam", second));
    dc__keeper_close(&k);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_was_expelled_comes_with_another_key)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
