/* run_log_place.c - records of a round that come when later rounds' are here already, from another shard. See run_log.h. */
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/error.h"
#include "server/run_log.h"

#define SUM_BYTES 8u

/* The record at that byte of what is pending: what it is, and where the next one begins. Payloads of all that stand there begin
 * with their round. */
static size_t look(const dc__run_log *log, size_t at, dc__log_type *type, uint64_t *round)
{
    dc__bytes b = dc__bytes_over(log->pending + at, log->n - at);
    const size_t n = (size_t)dc__get_uint(&b, 4);
    *type = (dc__log_type)dc__get_uint(&b, 1);
    (void)dc__get_uint(&b, 3);
    *round = dc__get_uint(&b, 8);
    dc__assert(!b.failed);
    return at + DC__RUN_LOG_HEAD + n + SUM_BYTES;
}

void dc__run_log_place(dc__run_log *log, size_t from)
{
    dc__log_type type;
    uint64_t own, round = 0;
    size_t at = 0;
    (void)look(log, from, &type, &own);
    for (size_t next = 0; at < from; at = next) {
        next = look(log, at, &type, &round);
        if (round > own) break;
    }
    if (at >= from) return;
    const size_t n = log->n - from;
    uint8_t *record = malloc(n);
    if (!record) {
        log->short_of_memory = true;
        return;
    }
    memcpy(record, log->pending + from, n);
    memmove(log->pending + at + n, log->pending + at, from - at);
    memcpy(log->pending + at, record, n);
    free(record);
}

bool dc__run_log_merge(dc__run_log *log, uint64_t round, int number, uint32_t n_blocks,
                       const uint64_t *bitmap)
{
    const size_t map = (n_blocks + 7) / 8;
    dc__log_type type;
    uint64_t its;
    for (size_t at = 0, next; at < log->n; at = next) {
        next = look(log, at, &type, &its);
        uint8_t *payload = log->pending + at + DC__RUN_LOG_HEAD;
        dc__bytes b = dc__bytes_over(payload + 8, 8);
        if (type != DC__LOG_PARTIAL || its != round || dc__get_uint(&b, 4) != (uint64_t)number) continue;
        dc__assert(dc__get_uint(&b, 4) == n_blocks);
        for (size_t k = 0; k < map; k++)
            payload[16 + k] &= (uint8_t)(bitmap[k / 8] >> (8 * (k % 8)));
        dc__bytes sum = dc__bytes_over(payload + 16 + map, SUM_BYTES);
        dc__put_uint(&sum, XXH3_64bits(payload - DC__RUN_LOG_HEAD, DC__RUN_LOG_HEAD + 16 + map), SUM_BYTES);
        return true;
    }
    return false;
}
