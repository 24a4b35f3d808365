/* test_worker.c - a worker whose server lies, falls silent or goes: every call returns the error with a line
 * that says what was wrong, and leaving frees everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <pthread.h>

#include "fault/fake.h"
#include "test_url.h"

typedef struct stage {
    dc__listener *listener;
    fake f;        /* the server's end of the worker's link */
    fake_model *m; /* the worker's */
    pthread_t thread;
    char url[64], line[512];
    dc_error err;
} stage;

/* The worker: joins, begins a round and waits for parameters until something ends it. */
static void *work(void *argument)
{
    stage *s = argument;
    dc_worker *w;
    const dc_worker_options options = {.url = s->url, .rank = -1, .timeout_s = 2};
    s->err = dc_worker_join(&w, s->m->model, &options);
    (void)snprintf(s->line, sizeof s->line, "%s", dc_last_error());
    if (s->err) return NULL;
    dc_round_report report;
    s->err = dc_worker_round_begin(w);
    if (!s->err) s->err = dc_worker_subdivision(w, true);
    for (int i = 0; !s->err && i < 3; i++) {
        s->err = dc_worker_forward_begin(w, i);
        if (!s->err) s->err = dc_worker_forward_end(w, i);
    }
    /* All came: what the server says then meets the worker where it waits for the next version. */
    if (!s->err) s->err = dc_worker_rate(w, .1f);
    if (!s->err) s->err = dc_worker_round_end(w, &report);
    if (!s->err) s->err = dc_worker_sync(w);
    (void)snprintf(s->line, sizeof s->line, "%s", dc_last_error());
    assert_int_equal(dc_worker_sync(w), s->err); /* it stays failed */
    (void)dc_worker_leave(w, false, "the server lies");
    return NULL;
}

static void open_stage(stage *s, const char *url)
{
    memset(s, 0, sizeof *s);
    (void)snprintf(s->url, sizeof s->url, "%s", url);
    s->m = fake_model_new("fake", true);
    s->f.m = s->m;
    assert_int_equal(dc__listener_open(&s->listener, url, 1 << 20), DC_OK);
    assert_int_equal(pthread_create(&s->thread, NULL, work, s), 0);
}

/* Waits for the worker's JOIN. */
static void await_join(stage *s)
{
    dc__frame frame;
    dc__channel *channel = NULL;
    for (int left = 60; !channel && left > 0; left--)
        channel = dc__listener_accept(s->listener, 1000);
    assert_non_null(channel);
    dc__link_open(&s->f.link, channel, "the worker", 60, NULL);
    assert_int_equal(dc__link_receive(&s->f.link, &frame, -1), DC_OK);
    assert_int_equal(frame.header.type, DC__JOIN);
    dc__frame_free(&frame);
}

static void welcome(stage *s, dc__welcome welcome)
{
    await_join(s);
    assert_int_equal(dc__welcome_send(&s->f.link, &welcome), DC_OK);
}

static void close_stage(stage *s, dc_error err, const char *words)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    if (s->err != err || !strstr(s->line, words)) fail_msg("%d, no '%s' in: %s", (int)s->err, words, s->line);
    fake_close(&s->f);
    dc__listener_close(s->listener);
    fake_model_free(s->m);
}

static void send_bytes(stage *s, const char *text)
{
    void *message = dc__message_alloc(strlen(text));
    memcpy(message, text, strlen(text));
    assert_true(dc__channel_send(s->f.link.channel, message, strlen(text), 1000));
}

static void lies_at_the_door(void **state)
{
    (void)state;
    stage s;
    open_stage(&s, test_url("door-1"));
    await_join(&s);
    assert_int_equal(dc__refusal_send(&s.f.link, DC_EFULL, "no \x1b[31mroom"), DC_OK);
    close_stage(&s, DC_EFULL, "the server refused: no ?[31mroom");
    open_stage(&s, test_url("door-2"));
    await_join(&s);
    send_bytes(&s, "220 mail server ready, and a line that is longer than a header");
    close_stage(&s, DC_EPROTO, "not dynacomm");
    const dc__welcome absurd[] = {{.rank = 1000001, .workers = 1},
                                  {.rank = -1, .workers = 1},
                                  {.rank = 0, .workers = 0},
                                  {.rank = 0, .workers = DC_MAX_WORKERS + 1}};
    for (size_t i = 0; i < sizeof absurd / sizeof *absurd; i++) {
        open_stage(&s, test_url("door-3"));
        welcome(&s, absurd[i]);
        close_stage(&s, DC_EPROTO, "out of bounds");
    }
    open_stage(&s, test_url("door-4")); /* welcomes, and then says nothing */
    welcome(&s, (dc__welcome){.workers = 1});
    close_stage(&s, DC_ETIMEOUT, "no heartbeat from the server");
}

static dc_error send_params(stage *s, uint64_t round, uint64_t offset, uint32_t count)
{
    static const float values[FAKE_ALL];
    return fake_send(&s->f, (dc__header){.type = DC__PARAM, .round = round, .offset = offset, .count = count},
                     values, count * sizeof(float));
}

/* What the link reports with every frame (net/link.h) is made up. */
static void send_pong(stage *s, double Bps, uint64_t stamp)
{
    s->f.link.in_Bps = Bps;
    (void)fake_word(&s->f, DC__PONG, stamp);
}

static void lie_in_a_run(stage *s, int k)
{
    static const float seven[7];
    dc__frame frame;
    switch (k) {
    case 0:
        (void)send_params(s, 9, 0, FAKE_BLOCK);
        break;
    case 1:
        (void)send_params(s, 3, 0, 1000);
        break;
    case 2:
        (void)send_params(s, 3, UINT64_MAX - 10, 100);
        break;
    case 3:
        (void)send_params(s, 3, 0, FAKE_BLOCK);
        (void)send_params(s, 3, 0, FAKE_W0);
        break;
    case 4:
        (void)fake_word(&s->f, DC__START, 0);
        break;
    case 5:
        send_pong(s, NAN, 0);
        break;
    case 6:
        send_pong(s, INFINITY, 0);
        break;
    case 7:
        send_pong(s, 1e6, (uint64_t)1 << 63);
        break;
    case 8:
        (void)fake_send(&s->f, (dc__header){.type = DC__STATE, .offset = 0, .count = 7}, seven, sizeof seven);
        break;
    case 9:
        (void)fake_send(&s->f, (dc__header){.type = DC__STAT, .offset = 5, .count = 7}, seven, sizeof seven);
        break;
    case 10:
        (void)fake_word(&s->f, DC__READY, 0);
        break;
    case 11:
        s->f.link.next_out++;
        (void)fake_word(&s->f, DC__PING, 0);
        break;
    case 12:
        fake_close(&s->f);
        break;
    case 13: /* silent after an honest version: the sender's heartbeats go unanswered */
        assert_int_equal(send_params(s, 3, 0, FAKE_W0), DC_OK);
        assert_int_equal(send_params(s, 3, FAKE_W0, FAKE_W2), DC_OK);
        assert_int_equal(fake_expect(&s->f, DC__GRAD, &frame), DC_OK);
        dc__frame_free(&frame);
        break;
    default: {
        uint8_t words[64];
        dc__bytes out = dc__bytes_over(words, sizeof words);
        dc__put_text(&out, "enough\x07 for today");
        (void)fake_send(&s->f, (dc__header){.type = DC__STOP}, words, (size_t)(out.at - words));
    }
    }
}

static void lies_in_a_run(void **state)
{
    (void)state;
    static const struct {
        dc_error err;
        const char *words;
    } wanted[] = {{DC_EPROTO, "version 9 where 3 was asked for"},
                  {DC_EPROTO, "PARAM frame that is not a run of whole blocks"},
                  {DC_EPROTO, "PARAM frame that is not a run of whole blocks"},
                  {DC_EPROTO, "PARAM frame twice"},
                  {DC_EPROTO, "START frame twice"},
                  {DC_EPROTO, "PONG frame whose account of the link makes no sense"},
                  {DC_EPROTO, "PONG frame whose account of the link makes no sense"},
                  {DC_EPROTO, "PONG frame that makes no sense"},
                  {DC_EPROTO, "STATE frame after START"},
                  {DC_EPROTO, "STAT frame outside the statistics"},
                  {DC_EPROTO, "READY frame that only a worker sends"},
                  {DC_EPEER, "were lost"},
                  {DC_EPEER, "was lost"},
                  {DC_ETIMEOUT, "no heartbeat from the server"},
                  {DC_EPEER, "the server ended the run: enough? for today"}};
    for (int k = 0; k < (int)(sizeof wanted / sizeof *wanted); k++) {
        stage s;
        dc__frame frame;
        open_stage(&s, test_url("run"));
        welcome(&s, (dc__welcome){.workers = 1});
        assert_int_equal(fake_expect(&s.f, DC__READY, &frame), DC_OK);
        dc__frame_free(&frame);
        assert_int_equal(fake_send(&s.f, (dc__header){.type = DC__START, .round = 3}, NULL, 0), DC_OK);
        assert_int_equal(fake_expect(&s.f, DC__PULL, &frame), DC_OK);
        dc__frame_free(&frame);
        lie_in_a_run(&s, k);
        close_stage(&s, wanted[k].err, wanted[k].words);
    }
}

static void lies_before_the_start(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        stage s;
        dc__frame frame;
        static const float seven[7];
        open_stage(&s, test_url("start"));
        welcome(&s, (dc__welcome){.workers = 1});
        assert_int_equal(fake_expect(&s.f, DC__READY, &frame), DC_OK);
        dc__frame_free(&frame);
        if (k == 0) (void)fake_send(&s.f, (dc__header){.type = DC__START, .round = UINT64_MAX}, NULL, 0);
        if (k == 1)
            (void)fake_send(&s.f, (dc__header){.type = DC__STATE, .offset = FAKE_ALL - 6, .count = 7}, seven,
                            sizeof seven);
        if (k == 2)
            (void)fake_send(
                &s.f,
                (dc__header){
                    .type = DC__STATE, .flags = DC__STATE_MOMENT1, .offset = FAKE_TRAINED - 3, .count = 7},
                seven, sizeof seven);
        if (k == 3) (void)send_params(&s, 0, 0, FAKE_BLOCK);
        static const char *const words[] = {"no run reaches", "outside the model", "outside the model",
                                            "asked for"};
        close_stage(&s, DC_EPROTO, words[k]);
    }
}

/* Who is asked ends before it has answered; another takes its place. */
static void another_server_is_asked(void **state)
{
    (void)state;
    stage s;
    open_stage(&s, test_url("another"));
    await_join(&s);
    fake_close(&s.f);
    await_join(&s);
    assert_int_equal(dc__refusal_send(&s.f.link, DC_EFULL, "there are enough"), DC_OK);
    close_stage(&s, DC_EFULL, "there are enough");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_at_the_door), cmocka_unit_test(lies_before_the_start),
        cmocka_unit_test(another_server_is_asked), cmocka_unit_test(lies_in_a_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
