/* fake.h - a worker that says whatever a test wants, over the plugin's own links. And a small model for it:
 * two trained layers around one without tensors, three blocks (two in layer 0), statistics. */
#ifndef FAKE_H
#define FAKE_H

#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "net/address.h"
#include "endpoint/join.h"
#include "net/link.h"

#define FAKE_W0 2000u
#define FAKE_BLOCK 1024u /* floats of the first of its blocks */
#define FAKE_W2 100u
#define FAKE_STATS 7u
#define FAKE_TRAINED (FAKE_W0 + FAKE_W2)
#define FAKE_ALL (FAKE_TRAINED + FAKE_STATS)

typedef struct fake_model {
    dc_model *model;
    float value[FAKE_ALL], gradient[FAKE_TRAINED];
} fake_model;

static inline void fake_tensor(dc_model *m, const char *name, dc_role role, size_t n, float *value,
                               float *gradient)
{
    const dc_tensor t = {.name = name,
                         .role = role,
                         .is_weights = role == DC_TRAINED,
                         .saved = true,
                         .count = n,
                         .value = value,
                         .gradient = gradient,
                         .rate_scale = 1};
    if (dc_model_add_tensor(m, &t)) abort();
}

/* statistics: with them or without. The caller frees it with fake_model_free. */
static inline fake_model *fake_model_new(const char *name, bool statistics)
{
    fake_model *f = calloc(1, sizeof *f);
    const dc_optimizer o = {.algorithm = DC_SGD, .momentum = .9f, .decay = .0005f};
    if (!f || dc_model_new(&f->model, name, &o, 4)) abort();
    for (size_t i = 0; i < FAKE_ALL; i++)
        f->value[i] = (float)(i % 97) / 97.f;
    if (dc_model_add_layer(f->model, "connected")) abort();
    fake_tensor(f->model, "weights", DC_TRAINED, FAKE_W0, f->value, f->gradient);
    if (dc_model_add_layer(f->model, "softmax") || dc_model_add_layer(f->model, "connected")) abort();
    fake_tensor(f->model, "weights", DC_TRAINED, FAKE_W2, f->value + FAKE_W0, f->gradient + FAKE_W0);
    if (statistics)
        fake_tensor(f->model, "rolling_mean", DC_STATISTIC, FAKE_STATS, f->value + FAKE_TRAINED, NULL);
    if (dc__model_seal(f->model)) abort();
    return f;
}

static inline void fake_model_free(fake_model *f)
{
    dc_model_free(f->model);
    free(f);
}

static inline dc__join fake_join_for(int rank)
{
    static uint64_t attempts;
    dc__join join = {.rank = rank, .seed = 9, .worker_id = ++attempts};
    (void)snprintf(join.version, sizeof join.version, "%s", dc_version());
    return join;
}

typedef struct fake {
    dc__link link;
    dc__welcome welcome;
    fake_model *m;
    uint64_t round;
} fake;

static inline dc_error fake_send(fake *f, dc__header header, const void *payload, size_t n)
{
    return dc__link_send_small(&f->link, &header, payload, (uint32_t)n);
}

static inline dc_error fake_word(fake *f, dc__type type, uint64_t offset)
{
    return fake_send(f, (dc__header){.type = type, .offset = offset}, NULL, 0);
}

/* fake_dial - a connection to url's server. fake_close - ends it; also twice. */
static inline dc_error fake_dial(fake *f, const char *url)
{
    const dc__dial_options options = {.connect_s = 60,
                                      .refused_s = 60,
                                      .patience_s = 60,
                                      .most_bytes = DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES};
    dc__channel *channel;
    const dc_error err = dc__channel_dial(&channel, url, &options);
    if (!err) dc__link_open(&f->link, channel, "the server", 60, NULL);
    return err;
}

static inline void fake_close(fake *f)
{
    dc__link_close(&f->link, 1000);
}

/* fake_answer - the server's answer to JOIN as dc__welcome_read gives it. */
static inline dc_error fake_answer(fake *f)
{
    dc__frame frame;
    dc_error err = dc__link_receive(&f->link, &frame, -1);
    if (!err) err = dc__welcome_read(&f->welcome, &frame);
    dc__frame_free(&frame);
    return err;
}

/* fake_join - connects and joins; what the server answers. */
static inline dc_error fake_join(fake *f, const char *url, const dc__join *join, fake_model *m)
{
    memset(f, 0, sizeof *f);
    f->m = m;
    dc_error err = fake_dial(f, url);
    if (!err) err = dc__join_send(&f->link, join, m->model);
    return err ? err : fake_answer(f);
}

/* fake_expect - receives until a frame of this type; frames that any run has come and go. Returns the link's
 * error if it ends first. The caller frees the frame. */
static inline dc_error fake_expect(fake *f, dc__type type, dc__frame *frame)
{
    for (;;) {
        dc_error err = dc__link_receive(&f->link, frame, -1);
        if (err) return err;
        if (frame->header.type == type) return DC_OK;
        static const uint8_t no_figures[16];
        if (frame->header.type == DC__PING)
            (void)fake_send(f, (dc__header){.type = DC__PONG, .offset = frame->header.offset}, no_figures,
                            sizeof no_figures);
        dc__frame_free(frame);
    }
}

static inline dc_error fake_upload(fake *f)
{
    const size_t n = dc__model_floats(f->m->model);
    return fake_send(f, (dc__header){.type = DC__STATE, .count = (uint32_t)n, .flags = DC__LAST}, f->m->value,
                     n * sizeof(float));
}

/* fake_enter - joins, uploads if asked, says READY. Does not wait for START. */
static inline dc_error fake_enter(fake *f, const char *url, int rank, fake_model *m)
{
    const dc__join join = fake_join_for(rank);
    dc_error err = fake_join(f, url, &join, m);
    if (!err && f->welcome.upload) err = fake_upload(f);
    return err ? err : fake_word(f, DC__READY, 0);
}

static inline dc_error fake_wait_start(fake *f)
{
    dc__frame frame;
    dc_error err = fake_expect(f, DC__START, &frame);
    f->round = err ? 0 : frame.header.round;
    dc__frame_free(&frame);
    return err;
}

/* fake_push - gradients of blocks [first, end) of the model, all `number`. */
static inline dc_error fake_push(fake *f, uint64_t round, uint32_t first, uint32_t end, float number)
{
    static const size_t most = FAKE_TRAINED;
    const uint64_t *offset = f->m->model->block_offset;
    const size_t n = (size_t)(offset[end] - offset[first]);
    float *values = malloc(most * sizeof *values);
    if (!values || n > most) abort();
    for (size_t i = 0; i < n; i++)
        values[i] = number;
    const dc__header header = {
        .type = DC__GRAD, .round = round, .offset = offset[first], .count = (uint32_t)n, .rate = .1f};
    const dc_error err = fake_send(f, header, values, n * sizeof(float));
    free(values);
    return err;
}

static inline dc_error fake_pull(fake *f, uint64_t round)
{
    uint8_t payload[8];
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_uint(&out, 0, 4);
    dc__put_uint(&out, f->m->model->n_blocks, 4);
    return fake_send(f, (dc__header){.type = DC__PULL, .round = round, .count = 1u << 18}, payload,
                     sizeof payload);
}

static inline dc_error fake_stats(fake *f, uint64_t round, float number)
{
    const size_t n = dc__model_floats(f->m->model) - FAKE_TRAINED;
    float values[FAKE_STATS];
    for (size_t i = 0; i < FAKE_STATS; i++)
        values[i] = number;
    return fake_send(f,
                     (dc__header){.type = DC__STAT,
                                  .flags = DC__LAST,
                                  .round = round,
                                  .offset = FAKE_TRAINED,
                                  .count = (uint32_t)n},
                     values, n * sizeof(float));
}

/* fake_take - all parameters of the version pulled last. */
static inline dc_error fake_take(fake *f, uint64_t round)
{
    dc_error err = DC_OK;
    for (uint32_t left = FAKE_TRAINED; !err && left;) {
        dc__frame frame;
        err = fake_expect(f, DC__PARAM, &frame);
        if (!err && frame.header.round != round) abort();
        if (!err) left -= frame.header.count;
        dc__frame_free(&frame);
    }
    return err;
}

/* fake_round - an honest round: pull, take, push, statistics. */
static inline dc_error fake_round(fake *f, float number)
{
    dc_error err = fake_pull(f, f->round);
    if (!err) err = fake_take(f, f->round);
    if (!err) err = fake_push(f, f->round, 0, f->m->model->n_blocks, number);
    f->round++;
    return err ? err : fake_stats(f, f->round, number);
}

static inline dc_error fake_bye(fake *f, uint64_t round, bool ok)
{
    const uint8_t nothing[2] = {0, 0};
    return fake_send(f, (dc__header){.type = DC__BYE, .flags = ok ? DC__BYE_OK : 0, .round = round}, nothing,
                     sizeof nothing);
}

/* fake_expect_stop - waits for STOP; its words in line. */
static inline dc_error fake_expect_stop(fake *f, char line[512])
{
    dc__frame frame;
    dc_error err = fake_expect(f, DC__STOP, &frame);
    line[0] = 0;
    if (!err) {
        dc__bytes in = dc__bytes_over(frame.payload, frame.header.payload_bytes);
        dc__get_text(&in, line, 512);
    }
    dc__frame_free(&frame);
    return err;
}

#endif
