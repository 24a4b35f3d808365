/* test_queue.c - what is sent next: every block once, in the order that was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "fault/fake.h"
#include "net/queue.h"

static dc__queue queue_of(const dc_model *m)
{
    dc__queue q;
    assert_int_equal(dc__queue_init(&q, m), DC_OK);
    return q;
}

static void segments_go_in_order_when_whole(void **state)
{
    (void)state;
    fake_model *m = fake_model_new("fake", true); /* blocks 0, 1 and 2 */
    dc__queue q = queue_of(m->model);
    uint32_t first, n;
    bool last;
    assert_false(dc__queue_next(&q, &first, &n, &last)); /* nothing was started */
    q.segments[0] = (dc__segment){2, 1};
    q.segments[1] = (dc__segment){0, 2};
    dc__queue_start(&q, 2, false, 1u << 20);
    dc__queue_ready(&q, 0);
    dc__queue_ready(&q, 1);
    assert_false(dc__queue_next(&q, &first, &n, &last)); /* the first segment is not ready */
    dc__queue_ready(&q, 2);
    assert_true(dc__queue_next(&q, &first, &n, &last) && first == 2 && n == 1 && last);
    assert_true(dc__queue_next(&q, &first, &n, &last) && first == 0 && n == 2 && last);
    assert_false(dc__queue_next(&q, &first, &n, &last));
    assert_int_equal(q.left, 0);
    dc__queue_free(&q);
    fake_model_free(m);
}

static void small_frames_cut_a_segment(void **state)
{
    (void)state;
    fake_model *m = fake_model_new("fake", false);
    dc__queue q = queue_of(m->model);
    uint32_t first, n;
    bool last;
    q.segments[0] = (dc__segment){0, 3};
    dc__queue_start(&q, 1, false, 4); /* never less than a block */
    for (uint32_t b = 0; b < 3; b++)
        dc__queue_ready(&q, b);
    for (uint32_t b = 0; b < 3; b++)
        assert_true(dc__queue_next(&q, &first, &n, &last) && first == b && n == 1 && last == (b == 2));
    dc__queue_free(&q);
    fake_model_free(m);
}

/* In slices, whatever is ready goes, lowest first; each block once, whatever the order they become ready in.
 */
static void slices_overtake(void **state)
{
    (void)state;
    fake_model *m = fake_model_new("fake", false);
    dc__queue q = queue_of(m->model);
    static const uint32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int o = 0; o < 6; o++)
        for (int take = 0; take < 8; take++) { /* bit k: send after the k-th became ready */
            uint32_t first, n, sent = 0, ready = 0;
            bool last = false;
            q.segments[0] = (dc__segment){0, 3};
            dc__queue_start(&q, 1, true, 1u << 18);
            for (int k = 0; k < 3; k++) {
                dc__queue_ready(&q, orders[o][k]);
                ready |= 1u << orders[o][k];
                while ((k == 2 || take >> k & 1) && dc__queue_next(&q, &first, &n, &last)) {
                    const uint32_t waiting = ready & ~sent;
                    assert_int_equal(first, (uint32_t)__builtin_ctz(waiting)); /* the lowest */
                    for (uint32_t b = first; b < first + n; b++) {
                        assert_true(waiting >> b & 1);
                        sent |= 1u << b;
                    }
                    assert_int_equal(last, sent == 7);
                }
            }
            assert_int_equal(sent, 7);
        }
    dc__queue_free(&q);
    fake_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(segments_go_in_order_when_whole),
                                       cmocka_unit_test(small_frames_cut_a_segment),
                                       cmocka_unit_test(slices_overtake)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
