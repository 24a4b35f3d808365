/* fuzz_model.c - any bytes as a model's description: refused with a line, or a model whose arena has no hole,
 * whose blocks cover it once and whose description says the same again. */
#include "base/error.h"
#include "model/model.h"
#include "fault/fake.h"
#include "fuzz.h"

static void check_blocks(const dc_model *m)
{
    uint32_t first, end;
    dc__assert(m->block_offset[m->n_blocks] == m->start[DC_TRAINED + 1]);
    for (uint32_t b = 0; b < m->n_blocks; b++) {
        const uint64_t n = m->block_offset[b + 1] - m->block_offset[b];
        dc__assert(n > 0 && n <= DC__BLOCK_FLOATS_MOST);
        dc__assert(dc__model_blocks(m, m->block_offset[b], n, &first, &end) && first == b && end == b + 1);
        dc__assert(!dc__model_blocks(m, m->block_offset[b] + 1, n, &first, &end) || n == 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n + 1);
    if (!copy) return 0;
    memcpy(copy, data, n);
    dc__bytes in = dc__bytes_over(copy, n);
    dc_model *m, *again;
    if (dc__model_parse(&m, &in) == DC_OK) {
        if (m->n_blocks < 4096) check_blocks(m);
        const size_t room = dc__model_describe_bytes(m);
        uint8_t *text = malloc(room);
        dc__bytes out = dc__bytes_over(text, room);
        dc__model_describe(m, &out);
        dc__assert(!out.failed);
        dc__bytes back = dc__bytes_over(text, (size_t)(out.at - text));
        dc__assert(dc__model_parse(&again, &back) == DC_OK && back.at == back.end);
        dc__assert(dc__model_same(m, again, "one", "other") == DC_OK);
        dc_model_free(again);
        dc_model_free(m);
        free(text);
    }
    free(copy);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    if (k > 1) return 0;
    fake_model *m = fake_model_new("fake", k);
    dc__bytes out = dc__bytes_over(to, FUZZ_MOST);
    dc__model_describe(m->model, &out);
    fake_model_free(m);
    return (size_t)(out.at - to);
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
