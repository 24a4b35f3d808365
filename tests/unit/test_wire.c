/* test_wire.c - a frame is taken whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/wire.h"

static const dc__header good = {.type = DC__GRAD,
                                .flags = 12,
                                .codec = 200,
                                .sequence = 0xfffffffe,
                                .payload_bytes = 20,
                                .round = UINT64_MAX,
                                .offset = 1u << 31,
                                .count = 5,
                                .rate = .25f};

static void a_header_comes_back(void **state)
{
    (void)state;
    uint8_t frame[DC__HEADER_BYTES + 20] = {0};
    dc__header h;
    dc__wire_seal(frame, &good, true);
    assert_int_equal(dc__wire_open(frame, sizeof frame, &h, true), DC_OK);
    assert_int_equal(h.type, good.type);
    assert_int_equal(h.flags, good.flags);
    assert_int_equal(h.codec, good.codec);
    assert_int_equal(h.sequence, good.sequence);
    assert_int_equal(h.payload_bytes, good.payload_bytes);
    assert_true(h.round == good.round && h.offset == good.offset);
    assert_int_equal(h.count, good.count);
    assert_true(h.rate == good.rate);
}

static void every_flipped_bit_is_seen(void **state)
{
    (void)state;
    uint8_t frame[DC__HEADER_BYTES + 20];
    dc__header h;
    memset(frame, 3, sizeof frame);
    dc__wire_seal(frame, &good, true);
    for (size_t bit = 0; bit < 8 * sizeof frame; bit++) {
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const dc_error err = dc__wire_open(frame, sizeof frame, &h, true);
        assert_int_equal(err, bit / 8 < 4 ? DC_EPROTO : bit / 8 == 4 ? DC_EVERSION : DC_ENET);
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

/* Where nothing can change a frame, it needs no checksum; one that it has is right there, too. */
static void a_frame_without_a_checksum(void **state)
{
    (void)state;
    uint8_t frame[DC__HEADER_BYTES + 20];
    dc__header h;
    memset(frame, 3, sizeof frame);
    dc__wire_seal(frame, &good, false);
    assert_int_equal(dc__wire_open(frame, sizeof frame, &h, true), DC_ENET);
    assert_int_equal(dc__wire_open(frame, sizeof frame, &h, false), DC_OK);
    dc__wire_seal(frame, &good, true);
    assert_int_equal(dc__wire_open(frame, sizeof frame, &h, false), DC_OK);
    frame[DC__HEADER_BYTES] ^= 1;
    assert_int_equal(dc__wire_open(frame, sizeof frame, &h, false), DC_ENET);
}

static void every_other_length_is_seen(void **state)
{
    (void)state;
    uint8_t frame[DC__HEADER_BYTES + 40] = {0};
    dc__header h;
    dc__wire_seal(frame, &good, true);
    for (size_t n = 0; n <= sizeof frame; n++) {
        uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees a read past the end */
        memcpy(exact, frame, n);
        const dc_error most = n == DC__HEADER_BYTES + 20 ? DC_OK : DC_ENET;
        assert_int_equal(dc__wire_open(exact, n, &h, true), n < DC__HEADER_BYTES ? DC_EPROTO : most);
        free(exact);
    }
}

static void types_have_names(void **state)
{
    (void)state;
    for (int t = DC__JOIN; t < DC__TYPE_END; t++)
        assert_string_not_equal(dc__wire_type_name((dc__type)t), "?");
    assert_string_equal(dc__wire_type_name(DC__TYPE_END), "?");
    assert_string_equal(dc__wire_type_name((dc__type)0), "?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_comes_back), cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(a_frame_without_a_checksum), cmocka_unit_test(every_other_length_is_seen),
        cmocka_unit_test(types_have_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
