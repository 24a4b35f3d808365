#include "codec/coding.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define SHARE_MOST 0.25 /* beyond it bf16 has no more bytes */
#define SHARE_LEAST 1e-6
#define WARM_STEPS 4 /* as in Lin et al. */
#define WARM_MOST 1000000
#define INT8_BYTES (1.0 + 2.0 / 256)

static dc_error unknown(const char *text)
{
    return dc__fail(
        DC_EINVAL,
        "'%.60s' is no codec: exact, bf16, int8, int4, int3, topk:SHARE (up to 0.25, such as topk:0.01), topk5:SHARE, or "
        "either with :ROUNDS of warm-up; or one for each direction, UP/DOWN, such as topk:0.01/int8; +local:N, +local:N:BATCHES of warm-up, or +local:auto, behind them for local steps",
        text);
}

/* Those that pick: where workers' picks together are more than `most` of the floats, `instead` takes no more bytes for all of them. */
static const struct {
    const dc__codec *codec;
    double most;
    const dc__codec *instead;
} pickers[] = {{&dc__codec_topk, INT8_BYTES / 4, &dc__codec_int8}, {&dc__codec_topk5, 0.5, &dc__codec_int4}};

/* What follows NAME:, NULL if the word is no codec's that picks. */
static const char *after_name(const char *word, dc__way *way)
{
    for (size_t k = 0; k < sizeof pickers / sizeof *pickers; k++) {
        const size_t length = strlen(pickers[k].codec->name);
        if (strncmp(word, pickers[k].codec->name, length) != 0 || word[length] != ':') continue;
        way->codec = pickers[k].codec;
        return word + length + 1;
    }
    return NULL;
}

static bool parse_picker(const char *word, dc__way *way, uint32_t *warm)
{
    char *end;
    const char *share = after_name(word, way);
    if (!share) return false;
    way->share = strtod(share, &end);
    *warm = 0;
    if (end == share || !(way->share >= SHARE_LEAST) || !(way->share <= SHARE_MOST)) return false;
    if (*end != ':') return *end == 0;
    char *last;
    const unsigned long rounds = strtoul(end + 1, &last, 10);
    *warm = (uint32_t)rounds;
    return end[1] >= '0' && end[1] <= '9' && *last == 0 && rounds <= WARM_MOST;
}

static bool parse_way(const char *word, dc__way *way, uint32_t *warm)
{
    static const dc__codec *const whole[] = {&dc__codec_f32, &dc__codec_bf16, &dc__codec_int8,
                                             &dc__codec_int4, &dc__codec_int3};
    *warm = 0;
    way->share = 1;
    for (size_t k = 0; k < sizeof whole / sizeof *whole; k++)
        if (strcmp(word, whole[k]->name) == 0) {
            way->codec = whole[k];
            return true;
        }
    return parse_picker(word, way, warm);
}

/* A number of at most so much, from 1 on, and where it ends; NULL: it is none. */
static const char *read_count(const char *text, unsigned long most, uint32_t *n)
{
    char *end;
    if (*text < '1' || *text > '9') return NULL;
    const unsigned long count = strtoul(text, &end, 10);
    *n = (uint32_t)count;
    return count <= most ? end : NULL;
}

bool dc__coding_steps(const char *text, uint32_t *n, uint32_t *warm)
{
    *n = *warm = 0;
    if (strcmp(text, "auto") == 0) return true;
    const char *end = read_count(text, DC__STEPS_MOST, n);
    if (end && *end == ':') end = read_count(end + 1, WARM_MOST, warm);
    return end && *end == 0;
}

dc__batches dc__coding_batches(const dc__coding *c)
{
    dc__batches batches = dc__batches_always(c->local_steps);
    batches.warm = c->warm_batches;
    return batches;
}

/* Cuts "+local:N" off; 0 for auto. */
static bool parse_steps(char *word, uint32_t *steps, uint32_t *warm)
{
    char *at = strchr(word, '+');
    if (!at) return true;
    *at = 0;
    return strncmp(at + 1, "local:", 6) == 0 && dc__coding_steps(at + 7, steps, warm);
}

dc_error dc__coding_parse(const char *text, dc__coding *c)
{
    char word[DC__CODING_BYTES];
    uint32_t unused;
    if (strlen(text) >= sizeof word) return unknown(text);
    (void)snprintf(word, sizeof word, "%s", *text ? text : "exact");
    uint32_t steps = 1, warm = 0;
    if (!parse_steps(word, &steps, &warm)) return unknown(text);
    char *down = strchr(word, '/');
    if (down) *down++ = 0;
    memset(c, 0, sizeof *c);
    if (!parse_way(word, &c->up, &c->warm_rounds)) return unknown(text);
    c->local_auto = steps == 0;
    c->local_steps = steps ? steps : 1;
    c->warm_batches = steps > 1 ? warm : 0;
    c->down = c->up;
    c->follows = !down && c->up.codec->picks;
    if (down && (!parse_way(down, &c->down, &unused) || unused)) return unknown(text);
    return DC_OK;
}

static void way_text(dc__way way, char *text, size_t n)
{
    if (way.codec && way.codec->picks)
        (void)snprintf(text, n, "%s:%g", way.codec->name, way.share);
    else
        (void)snprintf(text, n, "%s", way.codec ? way.codec->name : dc__codec_f32.name);
}

void dc__coding_text(const dc__coding *c, char text[DC__CODING_BYTES])
{
    char up[24], down[24], warm[16] = "";
    way_text(c->up, up, sizeof up);
    way_text(c->down, down, sizeof down);
    if (c->warm_rounds) (void)snprintf(warm, sizeof warm, ":%u", c->warm_rounds);
    char steps[32] = "";
    if (c->local_steps > 1) (void)snprintf(steps, sizeof steps, "+local:%u", c->local_steps);
    if (c->warm_batches) (void)snprintf(steps, sizeof steps, "+local:%u:%u", c->local_steps, c->warm_batches);
    if (c->local_auto) (void)snprintf(steps, sizeof steps, "+local:auto");
    if (c->follows || (strcmp(up, down) == 0 && strchr(up, ':') == NULL))
        (void)snprintf(text, DC__CODING_BYTES, "%s%s%s", up, warm, steps);
    else
        (void)snprintf(text, DC__CODING_BYTES, "%s%s/%s%s", up, warm, down, steps);
}

dc__way dc__coding_up(const dc__coding *c, uint64_t round)
{
    dc__way way = c->up;
    if (round >= c->warm_rounds) return way;
    double warm = SHARE_MOST;
    for (uint64_t step = round * WARM_STEPS / c->warm_rounds; step > 0; step--)
        warm /= 4;
    if (warm > way.share) way.share = warm;
    return way;
}

dc__way dc__coding_down(const dc__coding *c, uint64_t round, int workers)
{
    if (!c->follows) return c->down;
    dc__way way = dc__coding_up(c, round);
    way.share *= workers;
    for (size_t k = 0; k < sizeof pickers / sizeof *pickers; k++)
        if (way.codec == pickers[k].codec && way.share >= pickers[k].most)
            return (dc__way){pickers[k].instead, 1};
    return way;
}

bool dc__coding_plain(const dc__coding *c, const dc_model *model)
{
    return c->up.codec->picks && !dc__coding_local(c) && model->optimizer.algorithm == DC_SGD;
}

uint64_t dc__way_bytes(dc__way way, uint64_t n, uint32_t block_floats)
{
    const uint64_t blocks = n / block_floats, rest = n % block_floats;
    return blocks * way.codec->encoded_most(block_floats, way.share) +
           (rest ? way.codec->encoded_most((size_t)rest, way.share) : 0);
}

uint64_t dc__way_floats(dc__way way, uint64_t frame_bytes)
{
    const double each =
        (double)way.codec->encoded_most(DC__BLOCK_FLOATS_MOST, way.share) / DC__BLOCK_FLOATS_MOST;
    const double floats = (double)frame_bytes / each;
    return floats < DC__FRAME_FLOATS_MOST ? (uint64_t)floats : DC__FRAME_FLOATS_MOST;
}

void dc__coding_costs(const dc__coding *c, const dc_layer_cost *exact, int n, int workers,
                      dc_layer_cost *costs)
{
    const dc__way up = dc__coding_up(c, UINT64_MAX), down = dc__coding_down(c, UINT64_MAX, workers);
    uint64_t floats = 0;
    for (int i = 0; i < n; i++)
        floats += exact[i].down_bytes / sizeof(float);
    const uint32_t block = dc__block_floats(floats);
    for (int i = 0; i < n; i++) {
        const uint64_t own = exact[i].down_bytes / sizeof(float);
        costs[i] = exact[i];
        costs[i].up_bytes = dc__way_bytes(up, own, block);
        costs[i].down_bytes = dc__way_bytes(down, own, block);
    }
}

bool dc__runs_check(const dc__codec *codec, const dc_model *m, uint32_t first, uint32_t end,
                    const void *payload, size_t bytes, bool *finite)
{
    const uint8_t *at = payload;
    bool all = true, one = true;
    for (uint32_t b = first; b < end; b++) {
        const size_t n = (size_t)(m->block_offset[b + 1] - m->block_offset[b]);
        const size_t taken = n <= codec->run_most ? codec->check(at, bytes, n, finite ? &one : NULL) : 0;
        if (taken == 0) return false;
        all &= one;
        at += taken;
        bytes -= taken;
    }
    if (finite) *finite = all;
    return bytes == 0;
}
