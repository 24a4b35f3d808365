/* fuzz_frame.c - any bytes as a frame: dc__wire_open takes it whole or refuses it with a line; WELCOME and
 * REFUSED, which a worker reads from whoever answers, likewise. */
#include "base/error.h"
#include "fuzz.h"
#include "endpoint/join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    dc__header header;
    const dc_error err = dc__wire_open(data, n, &header, true);
    dc__assert(err == DC_OK || err == DC_EPROTO || err == DC_EVERSION || err == DC_ENET);
    if (err) return 0;
    dc__assert(header.payload_bytes == n - DC__HEADER_BYTES);
    dc__assert(strcmp(dc__wire_type_name(header.type), "?") != 0);
    uint8_t *copy = malloc(n);
    if (!copy) return 0;
    memcpy(copy, data, n);
    dc__welcome welcome;
    const dc__frame frame = {.header = header, .message = copy, .payload = copy + DC__HEADER_BYTES};
    if (dc__welcome_read(&welcome, &frame) == DC_OK)
        dc__assert(welcome.rank >= 0 && welcome.rank <= DC__RANK_MOST && welcome.workers > 0 &&
                   welcome.workers <= DC_MAX_WORKERS);
    for (const char *c = dc_last_error(); *c; c++)
        dc__assert((unsigned char)*c >= 0x20 && *c != 0x7f);
    free(copy);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    if (k > DC__TYPE_END) return 0;
    static const uint8_t welcome[] = {1, 0, 0, 0, 3, 0, 0, 0, 1},
                         refusal[] = {4, 0, 5, 0, 'n', 'o', 'w', 'a', 'y'};
    if (k >= DC__TYPE_END - 1) { /* the two that are read here */
        const bool welcomes = k == DC__TYPE_END;
        memcpy(to + DC__HEADER_BYTES, welcomes ? welcome : refusal, sizeof welcome);
        dc__wire_seal(
            to, &(dc__header){.type = welcomes ? DC__WELCOME : DC__REFUSED, .payload_bytes = sizeof welcome},
            true);
        return DC__HEADER_BYTES + sizeof welcome;
    }
    memset(to + DC__HEADER_BYTES, k, 64);
    dc__wire_seal(to, &(dc__header){.type = (dc__type)(k + 1), .payload_bytes = 64, .round = 3, .count = 16},
                  true);
    return DC__HEADER_BYTES + 64;
}

void fuzz_repair(uint8_t *data, size_t n)
{
    if (n < DC__HEADER_BYTES) return;
    dc__bytes in = dc__bytes_over(data + 6, 2);
    const dc__type type = (dc__type)dc__get_uint(&in, 1);
    dc__wire_seal(data, &(dc__header){.type = type, .payload_bytes = (uint32_t)(n - DC__HEADER_BYTES)}, true);
}
