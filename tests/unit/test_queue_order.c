/* test_queue_order.c - engine and simulator send the same, in the same order: simulated rounds of 10,000
 * random models are replayed on the queues of the engine, over the model's real blocks, and every
 * transmission of the simulator must be what the engine's queue gives at that moment; and where the simulator
 * leaves a link idle, the engine has nothing that it could send.
 *
 * DESIGN
 *   Costs are whole numbers of seconds and rates powers of two, so that times are exact and what happens at
 * one instant is one instant. Of the simulation only the times are taken: when a backward ends and when the
 * bytes of a push arrive (which makes blocks ready), and when a link takes its next frame. What has arrived
 * of a layer counts as its first bytes, as in the simulator (sim.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "fault/fake.h"
#include "plan_cases.h"
#include "schedule/segments.h"
#include "schedule/sim.h"

#define MODELS 10000
#define LAYERS 9
#define MOST_FLOATS (4 * DC__BLOCK_FLOATS_LEAST) /* of a layer */
#define ROUNDS 2
#define MOST_EVENTS 4096

/* ---- a problem ---- */

typedef struct problem {
    uint64_t seed;
    dc_model *model;
    int workers;
    dc_layer_cost layers[2][LAYERS];
    dc_profile profile[2];
    dc_plan plan[2];
} problem;

static float *value, *gradient;

static dc_model *random_model(uint64_t *s)
{
    dc_model *m;
    const dc_optimizer o = {.algorithm = DC_SGD, .momentum = .9f, .decay = .0005f};
    assert_int_equal(dc_model_new(&m, "order", &o, 1), DC_OK);
    const int n = 1 + case_below(s, LAYERS), empty = case_below(s, 3), with = case_below(s, n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(dc_model_add_layer(m, "connected"), DC_OK);
        if (i != with && case_below(s, 4) < empty) continue;
        const int most = case_below(s, 2) ? MOST_FLOATS : 64;
        fake_tensor(m, "weights", DC_TRAINED, (size_t)(1 + case_below(s, most)), value, gradient);
    }
    assert_int_equal(dc__model_seal(m), DC_OK);
    return m;
}

/* A plan of any strategy; of duplex with any groups, whole layers, any slices. */
static void random_plan(problem *p, int worker, uint64_t *s)
{
    dc_plan *plan = &p->plan[worker];
    const dc_profile *costs = &p->profile[worker];
    assert_int_equal(dc_plan_init(plan, p->model->n_layers), DC_OK);
    const dc_strategy strategy = case_below(s, 2) ? DC_DUPLEX : (dc_strategy)case_below(s, DC_AUTO);
    assert_int_equal(dc__plan_cut(plan, costs, strategy, case_below(s, LAYERS)), DC_OK);
    plan->slice_bytes = (uint32_t)(4 * (1 + case_below(s, 3 * (int)DC__BLOCK_FLOATS_LEAST)));
}

static void problem_make(problem *p, uint64_t seed)
{
    uint64_t s = seed;
    *p = (problem){.seed = seed, .model = random_model(&s), .workers = 1 + case_below(&s, 2)};
    const int overhead = case_below(&s, 3), scale = 1 + case_below(&s, 3000);
    for (int w = 0; w < p->workers; w++) {
        for (int i = 0; i < p->model->n_layers; i++) {
            p->layers[w][i] = (dc_layer_cost){.fc_s = 1 + case_below(&s, scale),
                                              .bc_s = 1 + case_below(&s, scale),
                                              .up_bytes = dc_model_trained_bytes(p->model, i),
                                              .down_bytes = dc_model_trained_bytes(p->model, i)};
        }
        p->profile[w] = (dc_profile){.n_layers = p->model->n_layers,
                                     .layers = p->layers[w],
                                     .middle_s = 1,
                                     .down_Bps = 1 << case_below(&s, 8),
                                     .up_Bps = 1 << case_below(&s, 8),
                                     .overhead_s = overhead * case_below(&s, 50),
                                     .rtt_s = 2 * case_below(&s, 20),
                                     .workers = 1};
        random_plan(p, w, &s);
    }
}

static void problem_free(problem *p)
{
    for (int w = 0; w < p->workers; w++)
        dc_plan_free(&p->plan[w]);
    dc_model_free(p->model);
}

/* ---- what the simulator did ---- */

typedef enum moment_kind { LAYER_DONE, ARRIVED, PUSHED, PULLED } moment_kind;

typedef struct moment {
    double at_s;
    moment_kind what;
    int worker;
    dc_event event;
} moment;

typedef struct history {
    const problem *problem;
    moment moments[MOST_EVENTS];
    int n;
    double end_s; /* all that happened before is there */
} history;

static void add(history *h, double at_s, moment_kind what, const dc_event *event)
{
    assert_in_range(h->n, 0, MOST_EVENTS - 1);
    h->moments[h->n++] = (moment){at_s, what, event->worker, *event};
}

static void note(void *context, const dc_event *event)
{
    history *h = context;
    const double half_rtt_s = h->problem->profile[event->worker].rtt_s / 2;
    if (event->kind == DC_EVENT_BACKWARD) add(h, event->end_s, LAYER_DONE, event);
    if (event->kind == DC_EVENT_PUSH) {
        add(h, event->start_s, PUSHED, event);
        add(h, event->end_s + half_rtt_s, ARRIVED, event);
    }
    if (event->kind == DC_EVENT_PULL) /* timed as the worker sees it */
        add(h, event->start_s - half_rtt_s, PULLED, event);
}

/* In time; at one instant, what makes blocks ready before what takes them. */
static int earlier(const void *a, const void *b)
{
    const moment *x = a, *y = b;
    if (x->at_s != y->at_s) return x->at_s < y->at_s ? -1 : 1;
    if (x->what != y->what) return x->what < y->what ? -1 : 1;
    return x->worker - y->worker;
}

/* A transmission is reported when it ends. */
static bool all_reported(const dc__sim *sim, double begun_before_s)
{
    for (int w = 0; w < sim->n_workers; w++)
        for (int d = 0; d < DC__DIRECTIONS; d++) {
            const dc__sim_lane *lane = &sim->workers[w].lane[d];
            if (lane->unit >= 0 && lane->start_s < begun_before_s) return false;
        }
    return true;
}

static void simulate(history *h, const problem *p)
{
    dc_sim_worker workers[2];
    for (int w = 0; w < p->workers; w++)
        workers[w] = (dc_sim_worker){&p->profile[w], &p->plan[w], 1};
    dc__sim sim;
    assert_int_equal(dc__sim_open(&sim, workers, p->workers), DC_OK);
    sim.on_event = note;
    sim.context = h;
    sim.to_s = INFINITY;
    h->problem = p;
    h->n = 0;
    dc__sim_start(&sim);
    while (sim.workers[0].rounds_begun <= ROUNDS)
        dc__sim_step(&sim);
    h->end_s = sim.now_s;
    while (!all_reported(&sim, h->end_s))
        dc__sim_step(&sim);
    dc__sim_close(&sim);
    qsort(h->moments, (size_t)h->n, sizeof *h->moments, earlier);
}

/* ---- what the engine does at the same moments ---- */

typedef struct direction {
    dc__queue queue;
    double busy_until_s;
    uint32_t *flight; /* blocks on their way and arrived, in order; [2 * ROUNDS * n_blocks] */
    uint32_t n_flight, n_arrived;
} direction;

typedef struct engine {
    const problem *problem;
    direction up[2], down[2];
    uint64_t arrived_floats[2][LAYERS]; /* that each worker has pushed, ever */
    int done[2];                        /* the layer whose backward ended last */
    uint64_t *offered;                  /* [n_blocks] versions that were made ready downwards */
} engine;

static void make_ready(direction *d, const dc_plan *plan, bool push, uint32_t block)
{
    dc__queue *q = &d->queue;
    if (q->left == 0) /* as worker/compute.c does it */
        dc__queue_start(q, dc__queue_cut(q, plan, push), dc__queue_order(plan, push),
                        plan->slice_bytes / sizeof(float));
    dc__queue_ready(q, block);
}

/* Makes the blocks ready whose bytes are there from all workers. */
static void offer_layer(engine *e, int layer)
{
    const problem *p = e->problem;
    const dc__layer *l = &p->model->layers[layer];
    uint64_t floats = e->arrived_floats[0][layer];
    for (int w = 1; w < p->workers; w++)
        if (e->arrived_floats[w][layer] < floats) floats = e->arrived_floats[w][layer];
    for (uint32_t b = l->first_block; b < l->first_block + l->n_blocks; b++) {
        const uint64_t end = p->model->block_offset[b + 1] - l->offset;
        if (e->offered[b] * l->count + end > floats) continue;
        e->offered[b]++;
        for (int w = 0; w < p->workers; w++)
            make_ready(&e->down[w], &p->plan[w], false, b);
    }
}

static void open_direction(direction *d, const problem *p)
{
    *d = (direction){.busy_until_s = -1};
    d->flight = calloc((size_t)2 * ROUNDS * p->model->n_blocks + 1, sizeof *d->flight);
    assert_non_null(d->flight);
    assert_int_equal(dc__queue_init(&d->queue, dc__pieces_of_model(p->model)), DC_OK);
}

static void engine_open(engine *e, const problem *p)
{
    *e = (engine){.problem = p};
    e->offered = calloc((size_t)p->model->n_blocks + 1, sizeof *e->offered);
    for (int w = 0; w < p->workers; w++) {
        open_direction(&e->up[w], p);
        open_direction(&e->down[w], p);
        for (int i = 0; i < p->model->n_layers; i++)
            e->arrived_floats[w][i] = p->model->layers[i].count; /* the first version is at the server */
    }
    assert_non_null(e->offered);
    for (int i = 0; i < p->model->n_layers; i++)
        offer_layer(e, i);
}

static void engine_close(engine *e)
{
    for (int w = 0; w < e->problem->workers; w++) {
        dc__queue_free(&e->up[w].queue);
        dc__queue_free(&e->down[w].queue);
        free(e->up[w].flight);
        free(e->down[w].flight);
    }
    free(e->offered);
}

/* What the queues were seen to do: a test of nothing but trivial rounds would be none. */
typedef struct tally {
    uint64_t transmissions[3]; /* by order */
    uint64_t cut, merged, overtaking;
} tally;

/* Takes one frame, or in segments all of one. */
static void take(engine *e, direction *d, const moment *m, dc_event *sent, tally *seen)
{
    const problem *p = e->problem;
    const uint64_t *offset = p->model->block_offset;
    const int *layer = p->model->block_layer;
    uint32_t first, n, frames = 0;
    bool last = false;
    *sent = (dc_event){.first_layer = LAYERS, .last_layer = -1};
    do {
        if (!dc__queue_next(&d->queue, &first, &n, &last))
            fail_msg("seed %llu: the simulator sends layers %d-%d at %g s, the engine has nothing to send",
                     (unsigned long long)p->seed, m->event.first_layer, m->event.last_layer, m->at_s);
        sent->bytes += (offset[first + n] - offset[first]) * sizeof(float);
        if (layer[first] < sent->first_layer) sent->first_layer = layer[first];
        if (layer[first + n - 1] > sent->last_layer) sent->last_layer = layer[first + n - 1];
        seen->overtaking += d->n_flight > 0 && d->flight[d->n_flight - 1] > first;
        for (uint32_t b = first; b < first + n; b++)
            d->flight[d->n_flight++] = b;
        seen->merged += n > 1;
        seen->cut += frames++ > 0;
    } while (d->queue.order == DC__IN_SEGMENTS && !last);
    seen->transmissions[d->queue.order]++;
}

/* The simulator's transmission must be what the engine's queue gives. The layers without bytes at the ends of
 * a segment are the simulator's only. */
static void compare(engine *e, direction *d, const moment *m, bool push, tally *seen)
{
    dc_event sent;
    take(e, d, m, &sent, seen);
    const dc_event *said = &m->event;
    const bool whole = d->queue.order == DC__IN_SEGMENTS;
    const bool same = whole ? sent.first_layer >= said->first_layer && sent.last_layer <= said->last_layer
                            : sent.first_layer == said->first_layer && sent.last_layer == said->last_layer;
    if (!same || sent.bytes != said->bytes)
        fail_msg(
            "seed %llu, %s at %g s: the simulator sends layers %d-%d, %llu bytes, the engine %d-%d, %llu",
            (unsigned long long)e->problem->seed, push ? "push" : "pull", m->at_s, said->first_layer,
            said->last_layer, (unsigned long long)said->bytes, sent.first_layer, sent.last_layer,
            (unsigned long long)sent.bytes);
    d->busy_until_s = m->at_s + (said->end_s - said->start_s);
}

static void layer_done(engine *e, const moment *m)
{
    const dc__layer *l = &e->problem->model->layers[m->event.first_layer];
    e->done[m->worker] = m->event.first_layer;
    for (uint32_t b = l->first_block; b < l->first_block + l->n_blocks; b++)
        make_ready(&e->up[m->worker], &e->problem->plan[m->worker], true, b);
}

static void arrived(engine *e, const moment *m)
{
    direction *up = &e->up[m->worker];
    const uint64_t *offset = e->problem->model->block_offset;
    for (uint64_t bytes = 0; bytes < m->event.bytes;) {
        assert_true(up->n_arrived < up->n_flight);
        const uint32_t b = up->flight[up->n_arrived++];
        bytes += (offset[b + 1] - offset[b]) * sizeof(float);
        const int layer = e->problem->model->block_layer[b];
        e->arrived_floats[m->worker][layer] += offset[b + 1] - offset[b];
        offer_layer(e, layer);
    }
}

/* A segment counts as ready in the simulator when all its layers are done, in the engine when those that have
 * bytes are. */
static bool awaits_layers_without_bytes(const engine *e, int worker)
{
    const dc__queue *q = &e->up[worker].queue;
    const dc_plan *plan = &e->problem->plan[worker];
    if (q->order != DC__IN_SEGMENTS) return false;
    int k = 0;
    while (plan->push_end[k] > q->pieces.layer[q->cursor])
        k++;
    return e->done[worker] > plan->push_end[k];
}

/* Everything of this instant is done: a link that is free must have had nothing to send. A two-phase pull
 * waits for its worker to ask. */
static void is_work_conserving(engine *e, double now_s)
{
    const problem *p = e->problem;
    for (int w = 0; w < p->workers; w++)
        for (int push = 0; push < 2; push++) {
            direction *d = push ? &e->up[w] : &e->down[w];
            if (d->busy_until_s > now_s || (!push && p->plan[w].strategy != DC_DUPLEX)) continue;
            if (dc__queue_waits(&d->queue) && !(push && awaits_layers_without_bytes(e, w)))
                fail_msg("seed %llu, %s of worker %d: idle at %g s though the engine could send",
                         (unsigned long long)p->seed, push ? "push" : "pull", w, now_s);
        }
}

static void replay(const history *h, const problem *p, tally *seen)
{
    engine e;
    engine_open(&e, p);
    for (int k = 0; k < h->n && h->moments[k].at_s < h->end_s; k++) {
        const moment *m = &h->moments[k];
        if (m->what == LAYER_DONE) layer_done(&e, m);
        if (m->what == ARRIVED) arrived(&e, m);
        if (m->what == PUSHED) compare(&e, &e.up[m->worker], m, true, seen);
        if (m->what == PULLED) compare(&e, &e.down[m->worker], m, false, seen);
        if (k + 1 < h->n && h->moments[k + 1].at_s > m->at_s) is_work_conserving(&e, m->at_s);
    }
    engine_close(&e);
}

static void the_engine_sends_what_the_simulator_sends(void **state)
{
    (void)state;
    static history h;
    value = calloc(MOST_FLOATS, sizeof *value);
    gradient = calloc(MOST_FLOATS, sizeof *gradient);
    assert_true(value && gradient);
    tally seen = {0};
    for (uint64_t seed = 1; seed <= MODELS; seed++) {
        problem p;
        problem_make(&p, seed);
        simulate(&h, &p);
        replay(&h, &p, &seen);
        problem_free(&p);
    }
    for (int order = DC__IN_SEGMENTS; order <= DC__IN_GROUPS; order++)
        assert_true(seen.transmissions[order] > MODELS);
    assert_true(seen.cut > MODELS && seen.merged > MODELS && seen.overtaking > MODELS);
    free(gradient);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_engine_sends_what_the_simulator_sends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
