/* test_robust.c - sums that a few workers cannot pull where they want: against the definition, and in a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "server/clip.h"
#include "server/robust.h"
#include "test_url.h"

#define N 300

static uint64_t seed = 5;

static float number(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    const int kind = (int)(seed >> 60);
    if (kind == 0) return 0;
    if (kind == 1) return -0.f;
    return (float)(int32_t)(seed >> 32) / (kind == 2 ? 1e-20f : 1e9f);
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The definition: sort, leave out, add up. */
static float reference(const float x[][N], int n, int trim, size_t i)
{
    float all[DC_MAX_WORKERS], sum = 0;
    const int middle = (n - 1) / 2, cut = trim < 0 || trim > middle ? middle : trim;
    for (int k = 0; k < n; k++)
        all[k] = x[k][i];
    qsort(all, (size_t)n, sizeof *all, ascending);
    for (int k = cut; k < n - cut; k++)
        sum = k == cut ? all[k] : sum + all[k];
    return sum;
}

static void as_defined_whatever_the_order(void **state)
{
    (void)state;
    static float x[12][N], start[N], sum[N], other[N];
    for (int n = 1; n <= 12; n++)
        for (int trim = -1; trim <= 6; trim++) {
            if (trim == 0) continue;
            dc__addends a = {.n = n}, b = {.n = n};
            for (int k = 0; k < n; k++) {
                for (size_t i = 0; i < N; i++)
                    x[k][i] = number();
                a.data[k] = x[k];
            }
            for (int k = 0; k < n; k++)
                b.data[k] = x[n - 1 - k];
            for (size_t i = 0; i < N; i++)
                start[i] = number();
            dc__robust_sum(&a, trim, N, NULL, sum);
            dc__robust_sum(&b, trim, N, NULL, other);
            for (size_t i = 0; i < N; i++) {
                assert_true(sum[i] == reference((const float(*)[N])x, n, trim, i));
                assert_true(sum[i] == other[i]);
            }
            dc__robust_sum(&a, trim, N, start, sum);
            const int kept = dc__robust_kept(n, trim);
            assert_in_range(kept, 1, n);
            for (size_t i = 0; kept == 1 && i < N; i++)
                assert_true(sum[i] == start[i] + other[i]);
        }
    assert_int_equal(dc__robust_kept(5, 1), 3);
    assert_int_equal(dc__robust_kept(5, 2), 1);
    assert_int_equal(dc__robust_kept(4, -1), 2);
    assert_int_equal(dc__robust_kept(2, 1), 2);
}

/* A run of some workers who push `pushed`; the saved value of the model's first float. */
static float train(int workers, dc_bounds bounds, const float pushed[][5], int rounds)
{
    char dir[] = "/tmp/dynacomm-test-XXXXXX", path[64], command[64];
    const char *url = test_url("robust");
    fake f[5];
    float x;
    fake_model *m = fake_model_new("fake", false);
    assert_non_null(mkdtemp(dir));
    box *b =
        box_open((dc_server_options){.url = url, .workers = workers, .backup_dir = dir, .bounds = bounds});
    if (!b) fail_msg("%s", dc_last_error());
    for (int i = 0; i < workers; i++)
        assert_int_equal(fake_enter(&f[i], url, i, m), DC_OK);
    for (int i = 0; i < workers; i++)
        assert_int_equal(fake_wait_start(&f[i]), DC_OK);
    for (int r = 0; r < rounds; r++)
        for (int k = 0; k < workers; k++) {
            fake *w = &f[(k + r) % workers]; /* another comes last in each round */
            assert_int_equal(fake_pull(w, (uint64_t)r), DC_OK);
            assert_int_equal(fake_take(w, (uint64_t)r), DC_OK);
            for (uint32_t block = 3; block-- > 0;)
                assert_int_equal(fake_push(w, (uint64_t)r, block, block + 1, pushed[r][(k + r) % workers]),
                                 DC_OK);
        }
    for (int i = 0; i < workers; i++) {
        dc__frame frame;
        assert_int_equal(fake_bye(&f[i], (uint64_t)rounds, true), DC_OK);
        assert_int_equal(fake_expect(&f[i], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
        fake_close(&f[i]);
    }
    box_wait_end(b);
    if (b->err) fail_msg("%s", b->line);
    box_close(b);
    (void)snprintf(path, sizeof path, "%s/fake_final.weights", dir);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 20, SEEK_SET), 0);
    assert_int_equal(fread(&x, sizeof x, 1, file), 1);
    (void)fclose(file);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    fake_model_free(m);
    return x;
}

/* The first value is 0, so decay adds nothing to the first round: rate times the mean per image. */
static void in_a_run(void **state)
{
    (void)state;
    const float pushed[1][5] = {{4, 8, -1000, 12, 16}};
    assert_float_equal(train(5, (dc_bounds){0}, pushed, 1), .1f * -960 / 20, 1e-4f);
    assert_float_equal(train(5, (dc_bounds){.trim = 1}, pushed, 1), .1f * 24 / 12, 1e-6f);
    assert_float_equal(train(5, (dc_bounds){.trim = DC_TRIM_MEDIAN}, pushed, 1), .1f * 8 / 4, 1e-6f);
    assert_float_equal(train(4, (dc_bounds){.trim = DC_TRIM_MEDIAN}, pushed, 1), .1f * 12 / 8, 1e-6f);
}

static void clipped(void **state)
{
    (void)state;
    const float honest[3][5] = {{1, 1, 1}, {2, 2, 2}, {3, 3, 3}},
                lies[3][5] = {{1, 1, 1}, {2, 2, 2}, {3, 3, -3000}};
    const float bounded[3][5] = {{1, 1, 1}, {2, 2, 2}, {3, 3, -3}};
    /* The medians of rounds 1 and 2 are 1 and 1.5: twice that is as much as round 3 honestly has. */
    const dc_bounds clip = {.clip_norm = 2};
    assert_float_equal(train(3, clip, honest, 3), train(3, (dc_bounds){0}, honest, 3), 1e-6f);
    assert_float_equal(train(3, clip, lies, 3), train(3, (dc_bounds){0}, bounded, 3), 1e-5f);
}

static void bounds_of_a_layer(void **state)
{
    (void)state;
    fake_model *m = fake_model_new("fake", false);
    dc__clip c = {.factor = 3};
    assert_int_equal(dc__clip_allocate(&c, m->model, 2), DC_OK);
    float x[FAKE_W2];
    for (uint64_t round = 0; round < 40; round++) {
        const double most = dc__clip_bound(&c, 2, round);
        if (round == 0) assert_true(isinf(most));
        if (round > DC__CLIP_ROUNDS) assert_float_equal(most, 30, 1e-4);
        for (int member = 0; member < 2; member++) {
            for (size_t i = 0; i < FAKE_W2; i++)
                x[i] = member && round == 39 ? 50.f : 1.f; /* norm 10, or 500 */
            assert_true(dc__clip_add(&c, m->model, member, 2, round, &(dc__slot){.data = x}, true));
            assert_float_equal(x[0], member && round == 39 ? 3.f : 1.f, 1e-6f);
        }
    }
    dc__clip_release(&c);
    fake_model_free(m);
}

static void refused_at_the_start(void **state)
{
    (void)state;
    const struct {
        int workers;
        dc_bounds bounds;
        const char *words;
    } cases[] = {{2, {.trim = DC_TRIM_MEDIAN}, "needs 3 workers or more, there are 2"},
                 {4, {.trim = 2}, "leaves none of 4 workers: trim at most 1"},
                 {1, {.clip_norm = 2}, "needs 2 workers or more"}};
    for (size_t k = 0; k < 3; k++) {
        dc_server *server;
        const dc_server_options o = {
            .url = test_url("no"), .workers = cases[k].workers, .bounds = cases[k].bounds};
        assert_int_equal(dc_server_start(&server, &o), DC_EINVAL);
        assert_non_null(strstr(dc_last_error(), cases[k].words));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_defined_whatever_the_order),
                                       cmocka_unit_test(in_a_run), cmocka_unit_test(clipped),
                                       cmocka_unit_test(bounds_of_a_layer),
                                       cmocka_unit_test(refused_at_the_start)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
