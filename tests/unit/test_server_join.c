/* test_server_join.c - whoever knocks at a server, with whatever: it answers with a line, stays up, and an
 * honest worker that comes afterwards trains as if nobody had been there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fault/box.h"
#include "fault/fake.h"
#include "test_url.h"

static box *open_box(const char *url, int workers, const char *backup)
{
    box *b = box_open((dc_server_options){.url = url, .workers = workers, .backup_dir = backup});
    if (!b) fail_msg("%s", dc_last_error());
    return b;
}

/* Two honest rounds by every worker, to the end of the run. */
static void honest_run(box *b, const char *url, int workers)
{
    fake_model *m = fake_model_new("fake", true);
    fake f[2];
    for (int i = 0; i < workers; i++)
        assert_int_equal(fake_enter(&f[i], url, i, m), DC_OK);
    for (int i = 0; i < workers; i++)
        assert_int_equal(fake_wait_start(&f[i]), DC_OK);
    for (int r = 0; r < 2; r++)
        for (int i = 0; i < workers; i++)
            assert_int_equal(fake_round(&f[i], .5f), DC_OK);
    for (int i = 0; i < workers; i++) {
        dc__frame frame;
        assert_int_equal(fake_bye(&f[i], 2, true), DC_OK);
        assert_int_equal(fake_expect(&f[i], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
        dc__link_close(&f[i].link);
    }
    box_wait_end(b);
    if (b->err) fail_msg("the honest run ended with: %s", b->line);
    box_close(b);
    fake_model_free(m);
}

/* The line of a REFUSED that answers these bytes. */
static void refused(const char *url, const void *bytes, size_t n, const char *words)
{
    void *message = nn_allocmsg(n, 0);
    assert_non_null(message);
    if (n) memcpy(message, bytes, n);
    int got;
    void *reply = fake_ask(url, message, &got, -1);
    assert_non_null(reply);
    dc__welcome welcome;
    assert_int_not_equal(dc__welcome_read(&welcome, reply, (size_t)got), DC_OK);
    if (!strstr(dc_last_error(), words)) fail_msg("no '%s' in: %s", words, dc_last_error());
    (void)nn_freemsg(reply);
}

/* An honest JOIN frame as bytes; the caller frees it. */
static uint8_t *join_bytes(size_t *n)
{
    fake_model *m = fake_model_new("fake", true);
    const dc__join join = fake_join_for(-1);
    void *message = dc__join_write(&join, m->model);
    dc__header header;
    void *copy = malloc(4096);
    memcpy(copy, message, 48);
    dc__bytes in = dc__bytes_over((uint8_t *)message + 12, 4);
    *n = DC__HEADER_BYTES + (size_t)dc__get_uint(&in, 4);
    assert_true(*n < 4096);
    memcpy(copy, message, *n);
    assert_int_equal(dc__wire_open(copy, *n, &header), DC_OK);
    (void)nn_freemsg(message);
    fake_model_free(m);
    return copy;
}

static void seal_join(uint8_t *frame, size_t n)
{
    dc__wire_seal(frame, &(dc__header){.type = DC__JOIN, .payload_bytes = (uint32_t)(n - DC__HEADER_BYTES)});
}

/* Where the description's parts lie in join_bytes: version text, 29 bytes of numbers, fingerprint, name. */
static size_t description_at(void)
{
    return DC__HEADER_BYTES + 2 + strlen(dc_version()) + 4 + 8 + 8 + 8 + 1 + 2;
}

static void garbage_on_the_join_port(void **state)
{
    (void)state;
    const char *url = test_url("join-garbage");
    box *b = open_box(url, 1, NULL);
    size_t n;
    uint8_t *good = join_bytes(&n), *bad = malloc(n + 16);
    refused(url, "", 0, "not dynacomm");
    refused(url, "GET / HTTP/1.1\r\n\r\n", 18, "not dynacomm");
    memset(bad, 'x', n);
    refused(url, bad, n, "DYNC");
    memcpy(bad, good, n);
    bad[4] = 9;
    refused(url, bad, n, "protocol version 9");
    memcpy(bad, good, n);
    bad[n - 1] ^= 1;
    refused(url, bad, n, "checksum");
    refused(url, good, n - 1, "payload");
    memcpy(bad, good, n);
    dc__wire_seal(bad, &(dc__header){.type = DC__GRAD, .payload_bytes = (uint32_t)(n - DC__HEADER_BYTES)});
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
        {model, 0xffff, 2, "cut short"},                     /* length of the name */
        {model + 2 + 4, 77, 1, "unknown optimizer"},         /* algorithm */
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
    dc__link_close(&first.link);
    box_stop_and_close(b);
    fake_model_free(m);
    free(bad);
}

static void expect_refusal(const char *url, const dc__join *join, const dc_model *model, dc_error err,
                           const char *words)
{
    dc__welcome welcome;
    assert_int_equal(fake_join(url, join, model, &welcome), err);
    if (!strstr(dc_last_error(), words)) fail_msg("no '%s' in: %s", words, dc_last_error());
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
    expect_refusal(url, &join, other->model, DC_EMODEL, "'fake' and this worker 'other'");
    expect_refusal(url, &join, plain->model, DC_EMODEL, "3 tensors");
    m->model->images_per_round = 5;
    expect_refusal(url, &join, m->model, DC_EMODEL, "batch=5");
    m->model->images_per_round = 4;
    m->model->optimizer.momentum = .8f;
    expect_refusal(url, &join, m->model, DC_EMODEL, "momentum");
    m->model->optimizer.momentum = .9f;
    (void)snprintf(join.fingerprint, sizeof join.fingerprint, "another life");
    expect_refusal(url, &join, m->model, DC_EMODEL, "another life");
    join = fake_join_for(-1);
    (void)snprintf(join.version, sizeof join.version, "9.9.9");
    expect_refusal(url, &join, m->model, DC_EVERSION, "9.9.9");
    join = fake_join_for(0);
    expect_refusal(url, &join, m->model, DC_EINVAL, "rank 0 is taken");
    join = fake_join_for(2);
    expect_refusal(url, &join, m->model, DC_EINVAL, "ranks 0 to 1");
    fake g;
    assert_int_equal(fake_enter(&g, url, 1, m), DC_OK);
    join = fake_join_for(-1);
    expect_refusal(url, &join, m->model, DC_EFULL, "--workers 3");
    assert_int_equal(fake_wait_start(&f), DC_OK);
    assert_int_equal(fake_wait_start(&g), DC_OK);
    expect_refusal(url, &join, m->model, DC_EFULL, "--workers 3");
    dc__link_close(&f.link);
    dc__link_close(&g.link);
    box_close(b);
    fake_model_free(m);
    fake_model_free(other);
    fake_model_free(plain);
}

/* A request that comes twice (nanomsg repeats one whose connection broke) is one worker. */
static void a_repeated_request_is_one_worker(void **state)
{
    (void)state;
    const char *url = test_url("join-twice");
    box *b = open_box(url, 2, NULL);
    fake_model *m = fake_model_new("fake", true);
    const dc__join join = fake_join_for(-1), another = fake_join_for(-1);
    dc__welcome first, again, other;
    assert_int_equal(fake_join(url, &join, m->model, &first), DC_OK);
    assert_int_equal(fake_join(url, &join, m->model, &again), DC_OK);
    assert_int_equal(again.rank, first.rank);
    assert_true(again.token == first.token);
    assert_int_equal(fake_join(url, &another, m->model, &other), DC_OK);
    assert_int_not_equal(other.rank, first.rank);
    box_stop_and_close(b);
    fake_model_free(m);
}

/* Who attaches wrongly or leaves before the start gives its place back. */
static void places_are_given_back(void **state)
{
    (void)state;
    const char *url = test_url("join-back");
    box *b = open_box(url, 1, NULL);
    fake_model *m = fake_model_new("fake", true), *other = fake_model_new("other", false);
    for (int k = 0; k < 7; k++) {
        fake f = {.link.socket = -1, .m = m};
        const dc__join join = fake_join_for(-1);
        assert_int_equal(fake_join(url, &join, m->model, &f.welcome), DC_OK);
        assert_int_equal(fake_dial(&f, url, f.welcome.rank), DC_OK);
        const uint64_t token = f.welcome.token;
        if (k == 0) (void)fake_word(&f, DC__ATTACH, token + 1);
        if (k == 1) (void)fake_word(&f, DC__READY, 0); /* before ATTACH */
        if (k >= 2) (void)fake_word(&f, DC__ATTACH, token);
        if (k == 2) (void)fake_word(&f, DC__ATTACH, token);
        if (k == 3) (void)fake_word(&f, DC__READY, 0); /* before its values */
        if (k == 4) (void)fake_word(&f, DC__START, 0);
        if (k == 5) (void)fake_push(&f, 0, 0, 1, 1);
        if (k == 6) (void)fake_bye(&f, 0, false); /* the user changed their mind */
        assert_true(box_wait_nth(b, "worker 0 left before", k + 1));
        dc__link_close(&f.link);
    }
    fake f; /* the model is anybody's again */
    const dc__join join = fake_join_for(0);
    memset(&f, 0, sizeof f);
    assert_int_equal(fake_join(url, &join, other->model, &f.welcome), DC_OK);
    assert_int_equal(fake_dial(&f, url, 0), DC_OK);
    assert_int_equal(fake_word(&f, DC__ATTACH, f.welcome.token), DC_OK);
    assert_true(box_wait_nth(b, "worker 0 joined", 6)); /* those that attached, one with a wrong token not */
    dc__link_close(&f.link);
    assert_true(box_wait_nth(b, "left before", 8));
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
    expect_refusal(url, &join, m->model, DC_EINVAL, "resumes round 2");
    fake f;
    assert_int_equal(fake_enter(&f, url, 0, other), DC_OK);
    assert_int_equal(fake_wait_start(&f), DC_OK);
    dc__link_close(&f.link);
    box_close(b);
    fake_model_free(m);
    fake_model_free(other);
    (void)snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

/* Bytes that are not even nanomsg's, on every port; the connections stay open all the while. */
static void strangers_on_every_port(void **state)
{
    (void)state;
    const char *url = "tcp://127.0.0.1:17730";
    box *b = open_box(url, 2, NULL);
    int sockets[12];
    for (int i = 0; i < 12; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)(17730 + i % 3)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(sockets[i] >= 0);
        assert_int_equal(connect(sockets[i], (struct sockaddr *)&to, sizeof to), 0);
        static const char *const words[] = {
            "GET / HTTP/1.1\r\n\r\n",
            "\x00\x53\x50\x00\x00\x10\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff", /* SP, and a huge message */
            "\x00\x53\x50\x00\x00\x30\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", ""}; /* the same to REP */
        static const size_t lengths[] = {18, 16, 16, 0};
        assert_true(send(sockets[i], words[i / 3], lengths[i / 3], MSG_NOSIGNAL) >= 0);
    }
    for (int i = 3; i < 9; i++) { /* those that speak SP are thrown out: their places are free again */
        char byte[8];
        while (recv(sockets[i], byte, sizeof byte, 0) > 0)
            ;
    }
    honest_run(b, url, 2);
    for (int i = 0; i < 12; i++)
        (void)close(sockets[i]);
}

/* A second connection to a worker's link, while that worker trains: it is not let in and disturbs nobody. */
static void a_stranger_on_a_workers_link(void **state)
{
    (void)state;
    const char *url = "tcp://127.0.0.1:17740";
    box *b = open_box(url, 1, NULL);
    fake_model *m = fake_model_new("fake", true);
    fake f, stranger = {.link.socket = -1, .m = m};
    assert_int_equal(fake_enter(&f, url, 0, m), DC_OK);
    assert_int_equal(fake_wait_start(&f), DC_OK);
    assert_int_equal(fake_round(&f, .5f), DC_OK);
    assert_int_equal(fake_dial(&stranger, url, 0), DC_OK);
    const int least = 50;
    (void)nn_setsockopt(stranger.link.socket, NN_SOL_SOCKET, NN_SNDTIMEO, &least, sizeof least);
    for (int k = 0; k < 3; k++) { /* nanomsg never takes it: there is nobody to send to */
        void *message = nn_allocmsg(100, 0);
        if (nn_send(stranger.link.socket, &message, NN_MSG, 0) < 0) (void)nn_freemsg(message);
    }
    for (int r = 0; r < 3; r++)
        assert_int_equal(fake_round(&f, .5f), DC_OK);
    assert_int_equal(fake_bye(&f, 4, true), DC_OK);
    dc__frame frame;
    assert_int_equal(fake_expect(&f, DC__BYE_ACK, &frame), DC_OK);
    dc__frame_free(&frame);
    dc__link_close(&f.link);
    box_wait_end(b);
    assert_int_equal(b->err, DC_OK);
    dc__link_close(&stranger.link);
    box_close(b);
    fake_model_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_on_the_join_port),
        cmocka_unit_test(absurd_numbers_in_a_join),
        cmocka_unit_test(no_control_character_reaches_a_line),
        cmocka_unit_test(other_models_and_ranks_are_refused),
        cmocka_unit_test(a_repeated_request_is_one_worker),
        cmocka_unit_test(places_are_given_back),
        cmocka_unit_test(a_refused_workers_model_binds_nobody),
        cmocka_unit_test(strangers_on_every_port),
        cmocka_unit_test(a_stranger_on_a_workers_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
