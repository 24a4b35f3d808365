/* test_frame_queue.c - the delay box's queue: order, contents, bounds, and what happens at the ring's end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../scripts/netlab.d/frame_queue.h"

#define LARGEST 300

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* A frame's contents follow from its number, so that any overlap of two frames shows. */
static void fill(struct frame *f, uint32_t number, uint32_t bytes)
{
    for (uint32_t i = 0; i < bytes; i++)
        f->data[i] = (uint8_t)(number * 31 + i);
}

static void check(const struct frame *f, uint32_t number, uint32_t bytes)
{
    assert_int_equal(f->bytes, bytes);
    assert_int_equal(f->due_ns, number);
    for (uint32_t i = 0; i < bytes; i++)
        assert_int_equal(f->data[i], (uint8_t)(number * 31 + i));
}

static uint32_t length_of(uint32_t number)
{
    uint32_t state = number * 2654435761u;
    return next_random(&state) % (LARGEST + 1);
}

/* Random pushes and pops, in rings of many sizes: every frame comes out once, whole, in order. */
static void test_random_traffic(void **unused)
{
    (void)unused;
    for (size_t size = fq_record_bytes(LARGEST) + 16; size < 4096; size += 16) {
        struct frame_queue q;
        assert_true(fq_init(&q, size));
        uint32_t pushed = 0, popped = 0, refused = 0, state = (uint32_t)size;
        uint64_t bytes = 0;
        while (popped < 3000) {
            /* Phases in which pushes win, and pops win, so that the ring is often full and often empty. */
            bool push = next_random(&state) % 100 < (popped / 50 % 2 ? 75u : 25u);
            if (push) {
                struct frame *f = fq_reserve(&q, LARGEST);
                if (!f) {
                    refused++;
                    assert_int_not_equal(q.frames, 0); /* an empty queue has room for the largest frame */
                    continue;
                }
                if (next_random(&state) % 8 == 0) continue; /* reserved, but nothing was received */
                uint32_t n = length_of(pushed);
                fill(f, pushed, n);
                fq_commit(&q, n, pushed);
                pushed++;
                bytes += n;
            } else if (q.frames) {
                uint32_t n = length_of(popped);
                check(fq_head(&q), popped, n);
                fq_pop(&q);
                popped++;
                bytes -= n;
            } else {
                assert_null(fq_head(&q));
            }
            assert_int_equal(q.frames, pushed - popped);
            assert_int_equal(q.bytes, bytes);
        }
        assert_true(refused > 0);
        fq_free(&q);
    }
}

/* A full queue refuses, and takes again after pops have made room. */
static void test_full_queue_refuses(void **unused)
{
    (void)unused;
    struct frame_queue q;
    assert_true(fq_init(&q, 10 * fq_record_bytes(LARGEST)));
    uint32_t n = 0;
    struct frame *f;
    while ((f = fq_reserve(&q, LARGEST))) {
        fill(f, n, LARGEST);
        fq_commit(&q, LARGEST, n++);
    }
    assert_int_equal(n, 10);
    fq_pop(&q);
    assert_null(fq_reserve(&q, LARGEST)); /* it would make a full ring look empty */
    fq_pop(&q);
    f = fq_reserve(&q, LARGEST);
    assert_non_null(f);
    fill(f, n, LARGEST);
    fq_commit(&q, LARGEST, n++);
    for (uint32_t k = 2; k < n; k++) {
        check(fq_head(&q), k, LARGEST);
        fq_pop(&q);
    }
    assert_null(fq_head(&q));
    fq_free(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_traffic),
        cmocka_unit_test(test_full_queue_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
