/* fuzz_hello.c - any bytes as a hello, an answer or a record's header: taken as what it says, or refused;
 * what was taken is written again byte for byte. */
#include "base/error.h"
#include "fuzz.h"
#include "net/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    dc__hello hello;
    dc__answer answer;
    dc__record record;
    uint8_t again[DC__HELLO_BYTES];
    if (n >= DC__HELLO_BYTES && dc__hello_read(data, &hello)) {
        dc__assert(dc__hello_may_be(data, n));
        dc__hello_write(again, &hello);
        dc__assert(memcmp(again, data, DC__HELLO_BYTES) == 0);
    }
    if (n >= DC__ANSWER_BYTES && dc__answer_read(data, &answer)) {
        dc__assert(answer.status < DC__HELLO_END);
        dc__answer_write(again, &answer);
        dc__assert(memcmp(again, data, DC__ANSWER_BYTES) == 0);
    }
    if (n >= DC__RECORD_BYTES && dc__record_read(data, &record)) {
        dc__assert((record.type == DC__RECORD_MESSAGE || record.type == DC__RECORD_BUFFER) ==
                   (record.length > 0));
        dc__record_write(again, &record);
        dc__assert(memcmp(again, data, DC__RECORD_BYTES) == 0);
    }
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    if (k < 2) {
        dc__hello_write(to, &(dc__hello){.version = DC__GATE_VERSION,
                                         .resumes = k == 1,
                                         .id = {1, 2},
                                         .received = 77,
                                         .partial = 12,
                                         .attempt = 3});
        return DC__HELLO_BYTES;
    }
    if (k < 2 + DC__HELLO_END) {
        dc__answer_write(
            to,
            &(dc__answer){.version = DC__GATE_VERSION, .status = (dc__hello_status)(k - 2), .received = 5});
        return DC__ANSWER_BYTES;
    }
    if (k > 6 + DC__HELLO_END) return 0;
    const dc__record_type type = (dc__record_type)(k - 1 - DC__HELLO_END);
    dc__record_write(to,
                     &(dc__record){.type = type,
                                   .buffer = type == DC__RECORD_BUFFER ? 3 : 0,
                                   .length = type == DC__RECORD_MESSAGE || type == DC__RECORD_BUFFER ? 9 : 0,
                                   .received = 8});
    return DC__RECORD_BYTES;
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
