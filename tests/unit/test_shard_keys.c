/* test_shard_keys.c - with keys: whom another shard lets in, whatever the first one or a member sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/gate.h"
#include "server/server.h"

static const uint8_t cam_key[DC__KEY_BYTES] = {1}, own_key[DC__KEY_BYTES] = {2},
                     other_key[DC__KEY_BYTES] = {3};

/* A shard with this index, from 0, of two, with a key; only what is looked at. */
static dc_server *new_shard(int index)
{
    dc_server *s = calloc(1, sizeof *s);
    assert_non_null(s);
    dc__shards *sh = &s->shards;
    *sh = (dc__shards){.index = index, .n = 2, .server = s};
    pthread_mutex_init(&sh->lock, NULL);
    sh->admitted = calloc(DC__CREW_MOST, sizeof *sh->admitted);
    sh->listing = calloc(DC__CREW_MOST, sizeof *sh->listing);
    s->keeper.pair = dc__secret_alloc(sizeof *s->keeper.pair);
    assert_non_null(s->keeper.pair);
    memcpy(s->keeper.pair->public_key, own_key, DC__KEY_BYTES);
    s->keeper.follows = index > 0;
    s->keeper.has_shards = index == 0;
    return s;
}

static void free_shard(dc_server *s)
{
    dc__keeper_close(&s->keeper);
    pthread_mutex_destroy(&s->shards.lock);
    free(s->shards.admitted);
    free(s->shards.listing);
    free(s);
}

/* A MEMBERS frame of one worker, with a claim of how many, taken with so many bytes missing. */
static dc_error take(dc_server *s, int number, const char *name, const uint8_t key[DC__KEY_BYTES],
                     uint32_t count, uint32_t missing)
{
    uint8_t payload[128];
    char text[DC__KEY_TEXT_BYTES];
    dc__peer peer = {.server = s};
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__secret_text(text, key, DC__KEY_BYTES);
    dc__put_uint(&out, (uint64_t)number, 2);
    dc__put_text(&out, name);
    dc__put_text(&out, text);
    const dc__frame frame = {.header = {.type = DC__MEMBERS,
                                        .count = count,
                                        .payload_bytes = (uint32_t)(out.at - payload) - missing},
                             .payload = payload};
    return dc__other_takes_members(&peer, &frame);
}

static dc_error join(dc_server *s, const char *member, int rank)
{
    dc__channel channel = {0};
    const dc__join asked = {.rank = rank, .shard = 2, .shards = 2};
    (void)snprintf(channel.member, sizeof channel.member, "%s", member);
    const dc_error err = dc__shards_worker(&s->shards, &channel);
    return err || dc__shards_has(&s->shards, &channel, &asked) ? err : DC_EKEY;
}

static void another_shard_lets_in_whom_the_first_announced(void **state)
{
    (void)state;
    char name[DC__MEMBER_BYTES];
    const uint8_t ticket[DC__TICKET_BYTES] = {4};
    dc_server *s = new_shard(1);
    dc__keeper *k = &s->keeper;
    assert_int_equal(dc__keeper_admit(k, cam_key, ticket, name), DC__ENTRY_NOT_YET);
    assert_int_equal(join(s, "cam", 1), DC_EKEY);
    assert_int_equal(take(s, 1, "cam", cam_key, 1, 0), DC_OK);
    assert_true(dc__keeper_look(k, 0));
    assert_false(dc__keeper_look(k, 0));
    assert_int_equal(dc__keeper_admit(k, cam_key, NULL, name), DC__ENTRY_MEMBER);
    assert_string_equal(name, "cam");
    assert_int_equal(dc__keeper_admit(k, other_key, ticket, name), DC__ENTRY_NOT_YET);
    assert_int_equal(dc__keeper_admit(k, own_key, NULL, name),
                     DC__ENTRY_NOT_YET); /* shards meet at the first */
    assert_int_equal(join(s, "cam", 1), DC_OK);
    assert_int_equal(join(s, "cam", 0), DC_EKEY); /* another worker's place */
    assert_int_equal(join(s, "eve", 1), DC_EKEY);
    assert_int_equal(take(s, 0, "eve", other_key, 1, 0), DC_OK); /* cam is none of them any more */
    assert_true(dc__keeper_look(k, 0));
    assert_false(dc__keeper_knows(k, "cam", cam_key));
    assert_int_equal(join(s, "cam", 1), DC_EKEY);
    free_shard(s);
}

static void a_list_that_is_wrong_changes_nothing(void **state)
{
    (void)state;
    dc_server *s = new_shard(1);
    assert_int_equal(take(s, 1, "cam", cam_key, 1, 0), DC_OK);
    assert_true(dc__keeper_look(&s->keeper, 0));
    for (uint32_t missing = 1; missing <= 50; missing++)
        assert_int_equal(take(s, 0, "eve", other_key, 1, missing), DC_EPROTO);
    assert_int_equal(take(s, 0, "eve", other_key, 2, 0), DC_EPROTO);
    assert_int_equal(take(s, 0, "eve", other_key, 0, 0), DC_EPROTO);
    assert_int_equal(take(s, 0, "eve", other_key, UINT32_MAX, 0), DC_EPROTO);
    assert_int_equal(take(s, 0, DC__SHARD_MEMBER, other_key, 1, 0), DC_EPROTO);
    assert_false(dc__keeper_look(&s->keeper, 0));
    assert_int_equal(join(s, "cam", 1), DC_OK);
    s->keeper.follows = false; /* without keys, say */
    assert_int_equal(take(s, 1, "cam", cam_key, 1, 0), DC_EPROTO);
    free_shard(s);
}

static void the_first_tells_shards_from_members(void **state)
{
    (void)state;
    char name[DC__MEMBER_BYTES];
    dc_server *s = new_shard(0);
    dc__channel shard = {0}, cam = {.member = "cam"};
    assert_int_equal(dc__keeper_admit(&s->keeper, own_key, NULL, name), DC__ENTRY_MEMBER);
    (void)snprintf(shard.member, sizeof shard.member, "%s", name);
    assert_true(dc__keeper_knows(&s->keeper, name, own_key));
    assert_false(dc__keeper_knows(&s->keeper, name, cam_key));
    assert_int_equal(dc__shards_prove(&s->shards, &shard), DC_OK);
    assert_int_equal(dc__shards_prove(&s->shards, &cam), DC_EKEY);
    assert_non_null(strstr(dc_last_error(), "cam is a member and no shard"));
    assert_int_equal(join(s, name, 0), DC_EKEY);
    assert_int_equal(join(s, "cam", 0), DC_OK);
    s->keeper.has_shards = false; /* a server that has all of a model */
    assert_int_equal(dc__keeper_admit(&s->keeper, own_key, NULL, name), DC__ENTRY_UNKNOWN_KEY);
    free_shard(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(another_shard_lets_in_whom_the_first_announced),
                                       cmocka_unit_test(a_list_that_is_wrong_changes_nothing),
                                       cmocka_unit_test(the_first_tells_shards_from_members)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
