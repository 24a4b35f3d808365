/* fuzz_frame.c - any bytes as a frame: dc__wire_open takes it whole or refuses it with a line; WELCOME and
 * REFUSED, which a worker reads from a peer that is not trusted, likewise. */
#include <nanomsg/nn.h>

#include "base/error.h"
#include "fuzz.h"
#include "endpoint/join.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    dc__header header;
    const dc_error err = dc__wire_open(data, n, &header);
    dc__assert(err == DC_OK || err == DC_EPROTO || err == DC_EVERSION);
    if (err) return 0;
    dc__assert(header.payload_bytes == n - DC__HEADER_BYTES);
    dc__assert(strcmp(dc__wire_type_name(header.type), "?") != 0);
    uint8_t *copy = malloc(n);
    if (!copy) return 0;
    memcpy(copy, data, n);
    dc__welcome welcome;
    if (dc__welcome_read(&welcome, copy, n) == DC_OK)
        dc__assert(welcome.rank >= 0 && welcome.rank < welcome.workers && welcome.workers <= DC_MAX_WORKERS);
    for (const char *c = dc_last_error(); *c; c++)
        dc__assert((unsigned char)*c >= 0x20 && *c != 0x7f);
    free(copy);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    if (k > DC__TYPE_END) return 0;
    if (k >= DC__TYPE_END - 1) { /* the two that carry more than a header, as they are really written */
        const dc__welcome welcome = {.rank = 1, .workers = 3, .token = 77};
        void *message =
            k == DC__TYPE_END ? dc__welcome_write(&welcome) : dc__refusal_write(DC_EFULL, "it is full");
        dc__bytes in = dc__bytes_over((uint8_t *)message + 12, 4);
        const size_t n = DC__HEADER_BYTES + (size_t)dc__get_uint(&in, 4);
        memcpy(to, message, n);
        (void)nn_freemsg(message);
        return n;
    }
    memset(to + DC__HEADER_BYTES, k, 64);
    dc__wire_seal(to, &(dc__header){.type = (dc__type)(k + 1), .payload_bytes = 64, .round = 3, .count = 16});
    return DC__HEADER_BYTES + 64;
}

void fuzz_repair(uint8_t *data, size_t n)
{
    if (n < DC__HEADER_BYTES) return;
    dc__bytes in = dc__bytes_over(data + 6, 2);
    const dc__type type = (dc__type)dc__get_uint(&in, 1);
    dc__wire_seal(data, &(dc__header){.type = type, .payload_bytes = (uint32_t)(n - DC__HEADER_BYTES)});
}
