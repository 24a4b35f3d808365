/* fuzz_join.c - any bytes as the payload of a JOIN: refused
 * with a line, or a model that keeps its promises. */
#include "base/error.h"
#include "fault/fake.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *copy = malloc(n + 1);
    if (!copy) return 0;
    memcpy(copy, data, n);
    dc__join join;
    if (dc__join_read(&join, copy, n) == DC_OK) {
        dc__assert(join.rank >= -1 && join.model && join.model->sealed && join.model->n_layers > 0);
        dc__assert(dc__model_floats(join.model) <= DC__MAX_MODEL_FLOATS);
        dc__assert(dc__model_same(join.model, join.model, "one", "other") == DC_OK);
        uint32_t n_again;
        void *again = dc__join_payload(&join, join.model, &n_again);
        dc__assert(again != NULL);
        dc__message_free(again);
        dc__join_free(&join);
    }
    free(copy);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    if (k > 1) return 0;
    fake_model *m = fake_model_new("fake", k);
    const dc__join join = fake_join_for(k);
    uint32_t n;
    uint8_t *message = dc__join_payload(&join, m->model, &n);
    memcpy(to, message + DC__HEADER_BYTES, n);
    dc__message_free(message);
    fake_model_free(m);
    return n;
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
