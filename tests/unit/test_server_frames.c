/* test_server_frames.c - a worker that breaks the protocol in the middle of a run: the server ends the run
 * with a line that names it, informs both workers, and has the last whole round on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "endpoint/telemetry.h"
#include "test_url.h"

/* What the liar does after one honest round of both. Blocks: 0 and 1 of layer 0, 2 of layer 2. */
typedef void (*lie)(fake *liar, fake *honest);

static void half_a_block(fake *l, fake *h)
{
    (void)h;
    float values[512] = {0};
    (void)fake_send(l, (dc__header){.type = DC__GRAD, .round = 1, .count = 512, .rate = .1f}, values,
                    sizeof values);
}

static void count_that_is_not_the_payloads(fake *l, fake *h)
{
    (void)h;
    float values[8] = {0};
    (void)fake_send(l, (dc__header){.type = DC__GRAD, .round = 1, .count = 1024, .rate = .1f}, values,
                    sizeof values);
}

static void offset_near_the_end_of_numbers(fake *l, fake *h)
{
    (void)h;
    float values[100] = {0};
    (void)fake_send(
        l, (dc__header){.type = DC__GRAD, .round = 1, .count = 100, .offset = UINT64_MAX - 50, .rate = .1f},
        values, sizeof values);
}

static void statistics_as_gradient(fake *l, fake *h)
{
    (void)h;
    float values[7] = {0};
    (void)fake_send(
        l, (dc__header){.type = DC__GRAD, .round = 1, .count = 7, .offset = FAKE_TRAINED, .rate = .1f},
        values, sizeof values);
}

static void twice(fake *l, fake *h)
{
    (void)h;
    (void)fake_push(l, 1, 0, 2, 1);
    (void)fake_push(l, 1, 1, 3, 1);
}

static void of_the_round_before(fake *l, fake *h)
{
    (void)h;
    (void)fake_push(l, 0, 0, 3, 1);
}

static void of_the_next_round(fake *l, fake *h)
{
    (void)h;
    (void)fake_push(l, 2, 0, 3, 1);
}

/* All of round 1 by the liar, block 0 by the honest: block
 * 0 is at version 2, the liar's frame still in use. */
static void running_ahead(fake *l, fake *h)
{
    (void)fake_push(l, 1, 0, 3, 1);
    (void)fake_pull(l, 2);
    (void)fake_pull(h, 2);
    (void)fake_push(h, 1, 0, 1, 1);
    dc__frame frame;
    assert_int_equal(fake_word(h, DC__PING, 1), DC_OK);
    assert_int_equal(fake_expect(h, DC__PONG, &frame), DC_OK); /* block 0 has been applied */
    dc__frame_free(&frame);
    (void)fake_push(l, 2, 0, 1, 1); /* the honest one sends no more: the round stays on until this is seen */
}

static void rate_not_a_number(fake *l, fake *h)
{
    (void)h;
    float values[100] = {0};
    (void)fake_send(l,
                    (dc__header){.type = DC__GRAD, .round = 1, .count = 100, .offset = FAKE_W0, .rate = NAN},
                    values, sizeof values);
}

static void send_segments(fake *l, const uint32_t *numbers, uint32_t n, uint64_t round, uint32_t slice)
{
    uint8_t payload[64] = {0};
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    for (uint32_t i = 0; i < n; i++)
        dc__put_uint(&out, numbers[i], 4);
    (void)fake_send(l, (dc__header){.type = DC__PULL, .round = round, .count = slice}, payload,
                    (size_t)(out.at - payload));
}

static void pull_with_a_gap(fake *l, fake *h)
{
    (void)h;
    send_segments(l, (const uint32_t[]){0, 1, 2, 1}, 4, 1, 4096);
}

static void pull_of_too_much(fake *l, fake *h)
{
    (void)h;
    send_segments(l, (const uint32_t[]){0, UINT32_MAX}, 2, 1, 4096);
}

static void pull_of_too_little(fake *l, fake *h)
{
    (void)h;
    send_segments(l, (const uint32_t[]){0, 2}, 2, 1, 4096);
}

static void pull_of_nothing(fake *l, fake *h)
{
    (void)h;
    send_segments(l, NULL, 0, 1, 4096);
}

static void pull_of_half_a_segment(fake *l, fake *h)
{
    (void)h;
    send_segments(l, (const uint32_t[]){0, 3, 3}, 3, 1, 4096);
}

static void pull_of_more_segments_than_blocks(fake *l, fake *h)
{
    (void)h;
    send_segments(l, (const uint32_t[]){0, 1, 1, 1, 2, 1, 3, 1}, 8, 1, 4096);
}

static void pull_of_another_version(fake *l, fake *h)
{
    (void)h;
    send_segments(l, (const uint32_t[]){0, 3}, 2, 7, 4096);
}

static void pull_in_slices_of_nothing(fake *l, fake *h)
{
    (void)h;
    send_segments(l, (const uint32_t[]){0, 3}, 2, 1, 0);
}

static void pull_twice(fake *l, fake *h)
{
    (void)h;
    (void)fake_pull(l, 2);
    (void)fake_pull(l, 2);
}

static void statistics_outside(fake *l, fake *h)
{
    (void)h;
    float values[7] = {0};
    (void)fake_send(l, (dc__header){.type = DC__STAT, .round = 1, .count = 7, .offset = FAKE_TRAINED + 1},
                    values, sizeof values);
}

static void statistics_of_another_round(fake *l, fake *h)
{
    (void)h;
    (void)fake_stats(l, 9, 1);
}

static void values_in_a_run(fake *l, fake *h)
{
    (void)h;
    (void)fake_upload(l);
}

static void a_servers_word(fake *l, fake *h)
{
    (void)h;
    (void)fake_word(l, DC__START, 0);
}

static void report_of_nonsense(fake *l, fake *h)
{
    (void)h;
    uint8_t payload[DC__TELEMETRY_BYTES];
    memset(payload, 0xff, sizeof payload);
    (void)fake_send(l, (dc__header){.type = DC__REPORT, .round = 1}, payload, sizeof payload);
}

static void report_without_its_plan(fake *l, fake *h)
{
    (void)h;
    const uint8_t payload[DC__TELEMETRY_BYTES] = {0};
    (void)fake_send(l, (dc__header){.type = DC__REPORT, .flags = DC__REPORT_PLAN, .round = 1}, payload,
                    sizeof payload);
}

static void report_of_the_future(fake *l, fake *h)
{
    (void)h;
    const uint8_t payload[DC__TELEMETRY_BYTES] = {0};
    (void)fake_send(l, (dc__header){.type = DC__REPORT, .round = 1000}, payload, sizeof payload);
}

static void goodbye_halfway(fake *l, fake *h)
{
    (void)h;
    (void)fake_push(l, 1, 0, 2, 1);
    (void)fake_bye(l, 2, true);
}

static void goodbye_of_another_round(fake *l, fake *h)
{
    (void)h;
    (void)fake_bye(l, UINT64_MAX, true);
}

static void send_raw(fake *l, const void *bytes, size_t n)
{
    void *message = dc__message_alloc(n);
    memcpy(message, bytes, n);
    assert_true(dc__channel_send(l->link.channel, message, n, 1000));
}

static void less_than_a_header(fake *l, fake *h)
{
    (void)h;
    send_raw(l, "DYNC", 4);
}

static void wrong_checksum(fake *l, fake *h)
{
    (void)h;
    uint8_t frame[DC__HEADER_BYTES];
    dc__wire_seal(frame, &(dc__header){.type = DC__PING, .sequence = l->link.next_out}, true);
    frame[24] ^= 1;
    send_raw(l, frame, sizeof frame);
}

static void frames_lost(fake *l, fake *h)
{
    (void)h;
    l->link.next_out++;
    (void)fake_word(l, DC__PING, 0);
}

static void oversized(fake *l, fake *h)
{
    (void)h;
    const size_t n = DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES + 1;
    void *message = dc__message_alloc(n);
    memset(message, 0, n);
    assert_true(dc__channel_send(l->link.channel, message, n, 1000));
}

static void gone(fake *l, fake *h)
{
    (void)h;
    fake_close(l);
}

static const struct {
    lie does;
    const char *words;
} lies[] = {
    {half_a_block, "worker 1 sent a GRAD frame that is not a run of whole blocks"},
    {count_that_is_not_the_payloads, "whole blocks"},
    {offset_near_the_end_of_numbers, "whole blocks"},
    {statistics_as_gradient, "whole blocks"},
    {twice, "worker 1 sent a GRAD frame twice"},
    {of_the_round_before, "another round"},
    {of_the_next_round, "another round"},
    {running_ahead, "another round"},
    {rate_not_a_number, "learning rate that is not a number"},
    {pull_with_a_gap, "worker 1 sent a PULL that names blocks out of order"},
    {pull_of_too_much, "out of bounds"},
    {pull_of_too_little, "leaves blocks out"},
    {pull_of_nothing, "no or too many segments"},
    {pull_of_half_a_segment, "no or too many segments"},
    {pull_of_more_segments_than_blocks, "no or too many segments"},
    {pull_of_another_version, "neither the current nor the next"},
    {pull_in_slices_of_nothing, "impossible size"},
    {pull_twice, "before the one before it is done"},
    {statistics_outside, "outside the statistics"},
    {statistics_of_another_round, "another round"},
    {values_in_a_run, "that nobody asked for"},
    {a_servers_word, "that only a server sends"},
    {report_of_nonsense, "worker 1 sent a REPORT frame that makes no sense"},
    {report_without_its_plan, "makes no sense"},
    {report_of_the_future, "still to come"},
    {goodbye_halfway, "BYE frame in the middle of a round"},
    {goodbye_of_another_round, "BYE frame in the middle of a round"},
    {less_than_a_header, "shorter than a header"},
    {wrong_checksum, "checksum"},
    {frames_lost, "were lost"},
    {oversized, "worker 1 does not keep to the protocol"}, /* the gate cuts it off */
    {gone, "the connection to worker 1 was lost"},
};

/* The .backup holds version 1, or 2 at most where the honest worker went on: seen is 4 images per round. */
static void check_backup(const char *dir, uint32_t most)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/fake.backup", dir);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint32_t head[5];
    assert_int_equal(fread(head, sizeof *head, 5, file), 5);
    assert_in_range(head[3], 4, 4 * most);
    (void)fseek(file, 0, SEEK_END);
    assert_int_equal(ftell(file), 20 + 4 * FAKE_ALL);
    (void)fclose(file);
}

static void every_lie_ends_the_run_with_a_line(void **state)
{
    (void)state;
    fake_model *m = fake_model_new("fake", true);
    for (size_t k = 0; k < sizeof lies / sizeof *lies; k++) {
        char dir[] = "/tmp/dynacomm-test-XXXXXX", line[512], command[96];
        const char *url = test_url("lie");
        assert_non_null(mkdtemp(dir));
        box *b = box_open((dc_server_options){.url = url, .workers = 2, .backup_dir = dir, .timeout_s = 3});
        if (!b) fail_msg("%s", dc_last_error());
        fake f[2];
        for (int i = 0; i < 2; i++)
            assert_int_equal(fake_enter(&f[i], url, i, m), DC_OK);
        for (int i = 0; i < 2; i++)
            assert_int_equal(fake_wait_start(&f[i]), DC_OK);
        for (int i = 0; i < 2; i++)
            assert_int_equal(fake_round(&f[i], .5f), DC_OK);
        for (int i = 0; i < 2; i++) {
            assert_int_equal(fake_pull(&f[i], 1), DC_OK);
            assert_int_equal(fake_take(&f[i], 1), DC_OK);
        }
        lies[k].does(&f[1], &f[0]);
        assert_int_equal(fake_expect_stop(&f[0], line), DC_OK);
        if (!strstr(line, lies[k].words)) fail_msg("case %zu: no '%s' in: %s", k, lies[k].words, line);
        fake_close(&f[0]);
        if (lies[k].does != gone && lies[k].does != oversized) {
            assert_int_equal(fake_expect_stop(&f[1], line), DC_OK); /* the liar hears it, too */
            fake_close(&f[1]);
        }
        box_wait_end(b);
        assert_true(b->err == DC_EPROTO || b->err == DC_EPEER);
        if (!strstr(b->line, "worker 1") || !strstr(b->line, lies[k].words))
            fail_msg("case %zu: %s", k, b->line);
        check_backup(dir, lies[k].does == running_ahead ? 2 : 1);
        fake_close(&f[1]);
        box_close(b);
        (void)snprintf(command, sizeof command, "rm -r %s", dir);
        assert_int_equal(system(command), 0);
    }
    fake_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_lie_ends_the_run_with_a_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
