/* test_server_join.c - whoever connects to a server, with whatever: it answers with a line, stays up, and an
 * honest worker that comes afterwards trains as if nobody had been there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "test_url.h"
#include "unit/honest_run.h"

/* The line of the REFUSED that answers these bytes, sent as a first frame. */
static void refused(const char *url, const void *bytes, size_t n, const char *words)
{
    fake f;
    memset(&f, 0, sizeof f);
    assert_int_equal(fake_dial(&f, url), DC_OK);
    void *message = dc__message_alloc(n);
    assert_non_null(message);
    memcpy(message, bytes, n);
    assert_true(dc__channel_send(f.link.channel, message, n, 10000));
    f.link.given_bytes = n; /* the server may say that it has received as much */
    assert_int_not_equal(fake_answer(&f), DC_OK);
    if (!strstr(dc_last_error(), words)) fail_msg("no '%s' in: %s", words, dc_last_error());
    fake_close(&f);
}

/* An honest JOIN frame as bytes; the caller frees it. */
static uint8_t *join_bytes(size_t *n)
{
    fake_model *m = fake_model_new("fake", true);
    const dc__join join = fake_join_for(-1);
    uint32_t payload_bytes;
    void *message = dc__join_payload(&join, m->model, &payload_bytes);
    *n = DC__HEADER_BYTES + (size_t)payload_bytes;
    uint8_t *copy = malloc(*n);
    assert_non_null(copy);
    memcpy(copy, message, *n);
    dc__message_free(message);
    fake_model_free(m);
    dc__wire_seal(copy, &(dc__header){.type = DC__JOIN, .payload_bytes = payload_bytes}, true);
    return copy;
}

static void seal_join(uint8_t *frame, size_t n)
{
    dc__wire_seal(frame, &(dc__header){.type = DC__JOIN, .payload_bytes = (uint32_t)(n - DC__HEADER_BYTES)},
                  true);
}

/* Where the description's parts lie in join_bytes: version text, 40 bytes of numbers, coding, fingerprint, name. */
static size_t description_at(void)
{
    return DC__HEADER_BYTES + 2 + strlen(dc_version()) + 4 + 8 + 8 + 8 + 4 + 1 + 1 + 4 + 4 + 1 + 1 + 2 + 2;
}

static void garbage_instead_of_a_join(void **state)
{
    (void)state;
    const char *url = test_url("join-garbage");
    box *b = open_box(url, 1, NULL);
    size_t n;
    uint8_t *good = join_bytes(&n), *bad = malloc(n + 16);
    refused(url, "x", 1, "not dynacomm");
    refused(url, "GET / HTTP/1.1\r\n\r\n", 18, "not dynacomm");
    memset(bad, 'x', n);
    refused(url, bad, n, "DYNC");
    memcpy(bad, good, n);
    bad[4] = DC__PROTOCOL_VERSION + 1;
    refused(url, bad, n, "protocol version");
    memcpy(bad, good, n);
    bad[n - 1] ^= 1;
    refused(url, bad, n, "checksum");
    refused(url, good, n - 1, "checksum");
    memcpy(bad, good, n);
    dc__wire_seal(bad, &(dc__header){.type = DC__GRAD, .payload_bytes = (uint32_t)(n - DC__HEADER_BYTES)},
                  true);
    refused(url, bad, n, "where JOIN was due");
    for (size_t cut = DC__HEADER_BYTES; cut < n; cut += 3) { /* cut short, with a checksum that fits */
        memcpy(bad, good, n);
        seal_join(bad, cut);
        refused(url, bad, cut, "");
    }
    memcpy(bad, good, n);
    memset(bad + n, 0, 16);
    seal_join(bad, n + 16);
    refused(url, bad, n + 16, "goes on after its end");
    honest_run(b, url, 1);
    free(good);
    free(bad);
}

static void put(uint8_t *frame, size_t at, uint64_t value, size_t width)
{
    dc__bytes out = dc__bytes_over(frame + at, width);
    dc__put_uint(&out, value, width);
}

static void absurd_numbers_in_a_join(void **state)
{
    (void)state;
    const char *url = test_url("join-absurd");
    box *b = open_box(url, 1, NULL);
    size_t n;
    uint8_t *good = join_bytes(&n), *bad = malloc(n);
    const size_t rank = DC__HEADER_BYTES + 2 + strlen(dc_version());
    const size_t model = description_at();
    const size_t layers = model + 2 + 4 + 1 + 20 + 4; /* name, algorithm, settings, images */
    const size_t tensors = layers + 4 + 2 + 9;        /* "connected" */
    const size_t count = tensors + 4 + 2 + 7 + 1 + 1; /* "weights", role, flags */
    const struct {
        size_t at;
        uint64_t value;
        size_t width;
        const char *words;
    } cases[] = {
        {rank, 0x80000000u, 4, "out of bounds"},
        {rank, 0xffffffffu, 4, "out of bounds"},
        {rank, 1001, 4, "rank 1000 does not exist"},
        {rank + 4 + 16, UINT64_MAX, 8, "out of bounds"},     /* round */
        {model - 5, 1, 1, "out of bounds"},                  /* a relay that is not there, */
        {model - 5, 9, 1, "out of bounds"},                  /* and too many */
        {model, 0xffff, 2, "cut short"},                     /* length of the name */
        {model + 2 + 4, 13, 1, "unknown optimizer"},         /* algorithm */
        {model + 2 + 4 + 1, 0x7fc00000u, 4, "not a finite"}, /* momentum NaN */
        {layers - 4, 0, 4, "images"},
        {layers - 4, 0xffffffffu, 4, "images"},
        {layers, 0, 4, "no layers"},
        {layers, 0xffffffffu, 4, "no layers"},
        {layers, 65536, 4, "ends in layer"},
        {tensors, 0xffffffffu, 4, ""},
        {count - 2, 200, 1, "not valid"}, /* role */
        {count, 0, 8, "not valid"},
        {count, UINT64_MAX, 8, "not valid"},
        {count, (uint64_t)1 << 60, 8, "not valid"},
        {count + 8, 0x7f800000u, 4, "not valid"}, /* rate_scale infinite */
        {count + 12, 0xbf800000u, 4, "not valid"} /* clip -1 */
    };
    dc__bytes in = dc__bytes_over(good + count, 8);
    assert_int_equal(dc__get_uint(&in, 8), FAKE_W0); /* the offsets above are right */
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        memcpy(bad, good, n);
        put(bad, cases[k].at, cases[k].value, cases[k].width);
        seal_join(bad, n);
        refused(url, bad, n, cases[k].words);
    }
    honest_run(b, url, 1);
    free(good);
    free(bad);
}

static void no_control_character_reaches_a_line(void **state)
{
    (void)state;
    const char *url = test_url("join-terminal");
    box *b = open_box(url, 2, NULL);
    fake_model *m = fake_model_new("fake", true);
    fake first;
    assert_int_equal(fake_enter(&first, url, 0, m), DC_OK);
    size_t n;
    uint8_t *bad = join_bytes(&n);
    bad[description_at() + 2 + 4 + 1 + 20 + 4 + 4 + 2] = 0x1b; /* the first layer's type */
    seal_join(bad, n);
    refused(url, bad, n, "?onnected");
    assert_true(box_wait(b, "?onnected"));
    assert_int_equal(box_count(b, "\x1b"), 0);
    fake_close(&first);
    box_stop_and_close(b);
    fake_model_free(m);
    free(bad);
}

static void other_models_and_ranks_are_refused(void **state)
{
    (void)state;
    const char *url = test_url("join-others");
    box *b = open_box(url, 2, NULL);
    fake_model *m = fake_model_new("fake", true), *other = fake_model_new("other", true);
    fake_model *plain = fake_model_new("fake", false);
    fake f;
    assert_int_equal(fake_enter(&f, url, 0, m), DC_OK);
    dc__join join = fake_join_for(-1);
    expect_refusal(url, &join, other, DC_EMODEL, "'fake' and this worker 'other'");
    expect_refusal(url, &join, plain, DC_EMODEL, "3 tensors");
    m->model->images_per_round = 5;
    expect_refusal(url, &join, m, DC_EMODEL, "batch=5");
    m->model->images_per_round = 4;
    m->model->optimizer.momentum = .8f;
    expect_refusal(url, &join, m, DC_EMODEL, "momentum");
    m->model->optimizer.momentum = .9f;
    (void)snprintf(join.fingerprint, sizeof join.fingerprint, "another life");
    expect_refusal(url, &join, m, DC_EMODEL, "another life");
    join = fake_join_for(-1);
    (void)snprintf(join.version, sizeof join.version, "9.9.9");
    expect_refusal(url, &join, m, DC_EVERSION, "9.9.9");
    join = fake_join_for(0);
    expect_refusal(url, &join, m, DC_EINVAL, "rank 0 is taken");
    join = fake_join_for(2);
    expect_refusal(url, &join, m, DC_EINVAL, "ranks 0 to 1");
    fake g;
    assert_int_equal(fake_enter(&g, url, 1, m), DC_OK);
    join = fake_join_for(-1);
    expect_refusal(url, &join, m, DC_EFULL, "start it for 3");
    assert_int_equal(fake_wait_start(&f), DC_OK);
    assert_int_equal(fake_wait_start(&g), DC_OK);
    expect_refusal(url, &join, m, DC_EFULL, "start it for 3");
    fake_close(&f);
    fake_close(&g);
    box_close(b);
    fake_model_free(m);
    fake_model_free(other);
    fake_model_free(plain);
}

/* A place that is free again is taken. Until the server has seen that the one before is gone, it is full, or
 * holds to its model. */
static void join_when_free(fake *f, const char *url, const dc__join *join, fake_model *m)
{
    dc_error err;
    while ((err = fake_join(f, url, join, m)) == DC_EFULL || err == DC_EMODEL)
        fake_close(f);
    assert_int_equal(err, DC_OK);
}

/* Who says what it may not, goes, or leaves before the start gives its place back. And no more lines than three
 * say that workers left, or were refused, within a minute. */
static void places_are_given_back(void **state)
{
    (void)state;
    const char *url = test_url("join-back");
    box *b = open_box(url, 1, NULL);
    fake_model *m = fake_model_new("fake", true), *other = fake_model_new("other", false);
    fake f;
    dc__join join;
    for (int k = 0; k < 6; k++) {
        join = fake_join_for(-1); /* another worker: who said what it may not is kept out */
        join_when_free(&f, url, &join, m);
        if (k == 0) (void)dc__join_send(&f.link, &join, m->model); /* twice */
        if (k == 1) (void)fake_word(&f, DC__READY, 0);             /* before its values */
        if (k == 2) (void)fake_word(&f, DC__START, 0);
        if (k == 3) (void)fake_push(&f, 0, 0, 1, 1);
        if (k == 4) (void)fake_bye(&f, 0, false); /* the user changed their mind */
        if (k < 3) assert_true(box_wait_nth(b, "worker 0 left before", k + 1));
        fake_close(&f);
        if (k < 3) expect_refusal(url, &join, m, DC_EPROTO, "kept out of the run");
    }
    join = fake_join_for(0);
    join_when_free(&f, url, &join, other); /* the model is anybody's again */
    fake_close(&f);
    assert_int_equal(box_count(b, "left before") + box_count(b, "was refused"), 3);
    dc_status *s = NULL;
    do { /* until its place is free, and the model forgotten */
        dc_status_free(s);
        assert_int_equal(dc_server_status(b->server, &s), DC_OK);
    } while (s->workers[0].state != DC_WORKER_AWAITED || s->model[0]);
    dc_status_free(s);
    honest_run(b, url, 1);
    fake_model_free(m);
    fake_model_free(other);
}

static void a_refused_workers_model_binds_nobody(void **state)
{
    (void)state;
    const char *url = test_url("join-bind");
    char dir[] = "/tmp/dynacomm-test-XXXXXX", command[96];
    assert_non_null(mkdtemp(dir));
    honest_run(open_box(url, 1, dir), url, 1);
    box *b = open_box(url, 1, dir);
    fake_model *m = fake_model_new("fake", true), *other = fake_model_new("other", true);
    dc__join join = fake_join_for(-1);
    join.clear = true;
    expect_refusal(url, &join, m, DC_EINVAL, "resumes round 2");
    fake f;
    assert_int_equal(fake_enter(&f, url, 0, other), DC_OK);
    assert_int_equal(fake_wait_start(&f), DC_OK);
    fake_close(&f);
    box_close(b);
    fake_model_free(m);
    fake_model_free(other);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_instead_of_a_join),
        cmocka_unit_test(absurd_numbers_in_a_join),
        cmocka_unit_test(no_control_character_reaches_a_line),
        cmocka_unit_test(other_models_and_ranks_are_refused),
        cmocka_unit_test(places_are_given_back),
        cmocka_unit_test(a_refused_workers_model_binds_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
