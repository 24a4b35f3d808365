#include "net/record.h"

#include <string.h>

#include "base/bytes.h"

#define MAGIC "DYNCGATE"
#define MAGIC_BYTES 8

void dc__hello_write(uint8_t out[DC__HELLO_BYTES], const dc__hello *hello)
{
    dc__bytes b = dc__bytes_over(out + MAGIC_BYTES, DC__HELLO_BYTES - MAGIC_BYTES);
    memcpy(out, MAGIC, MAGIC_BYTES);
    dc__put_uint(&b, hello->version, 2);
    dc__put_uint(&b, hello->resumes, 1);
    dc__put_uint(&b, hello->local, 1);
    dc__put_uint(&b, hello->partial, 4);
    memcpy(dc__take(&b, DC__SESSION_ID_BYTES), hello->id, DC__SESSION_ID_BYTES);
    dc__put_uint(&b, hello->received, 8);
    dc__put_uint(&b, hello->attempt, 4);
}

bool dc__hello_read(const uint8_t in[DC__HELLO_BYTES], dc__hello *hello)
{
    dc__bytes b = dc__bytes_over((void *)(in + MAGIC_BYTES), DC__HELLO_BYTES - MAGIC_BYTES); /* only read */
    hello->version = (uint16_t)dc__get_uint(&b, 2);
    const uint64_t kind = dc__get_uint(&b, 1), local = dc__get_uint(&b, 1);
    hello->partial = (uint32_t)dc__get_uint(&b, 4);
    memcpy(hello->id, dc__take(&b, DC__SESSION_ID_BYTES), DC__SESSION_ID_BYTES);
    hello->received = dc__get_uint(&b, 8);
    hello->attempt = (uint32_t)dc__get_uint(&b, 4);
    hello->resumes = kind == 1;
    hello->local = local == 1;
    return memcmp(in, MAGIC, MAGIC_BYTES) == 0 && kind <= 1 && local <= 1;
}

void dc__answer_write(uint8_t out[DC__ANSWER_BYTES], const dc__answer *answer)
{
    dc__bytes b = dc__bytes_over(out + MAGIC_BYTES, DC__ANSWER_BYTES - MAGIC_BYTES);
    memcpy(out, MAGIC, MAGIC_BYTES);
    dc__put_uint(&b, answer->version, 2);
    dc__put_uint(&b, answer->status, 1);
    dc__put_uint(&b, answer->local, 1);
    dc__put_uint(&b, answer->partial, 4);
    dc__put_uint(&b, answer->received, 8);
}

bool dc__answer_read(const uint8_t in[DC__ANSWER_BYTES], dc__answer *answer)
{
    dc__bytes b = dc__bytes_over((void *)(in + MAGIC_BYTES), DC__ANSWER_BYTES - MAGIC_BYTES); /* only read */
    answer->version = (uint16_t)dc__get_uint(&b, 2);
    answer->status = (uint8_t)dc__get_uint(&b, 1);
    const uint64_t local = dc__get_uint(&b, 1);
    answer->partial = (uint32_t)dc__get_uint(&b, 4);
    answer->received = dc__get_uint(&b, 8);
    answer->local = local == 1;
    return memcmp(in, MAGIC, MAGIC_BYTES) == 0 && answer->status < DC__HELLO_END && local <= 1;
}

void dc__record_write(uint8_t out[DC__RECORD_BYTES], const dc__record *record)
{
    dc__bytes b = dc__bytes_over(out, DC__RECORD_BYTES);
    dc__put_uint(&b, (uint64_t)record->type, 1);
    dc__put_uint(&b, record->buffer, 1);
    dc__put_uint(&b, 0, 2);
    dc__put_uint(&b, record->length, 4);
    dc__put_uint(&b, record->received, 8);
}

bool dc__record_read(const uint8_t in[DC__RECORD_BYTES], dc__record *record)
{
    dc__bytes b = dc__bytes_over((void *)in, DC__RECORD_BYTES); /* only read */
    const uint64_t type = dc__get_uint(&b, 1);
    record->buffer = (uint8_t)dc__get_uint(&b, 1);
    const uint64_t zero = dc__get_uint(&b, 2);
    record->length = (uint32_t)dc__get_uint(&b, 4);
    record->received = dc__get_uint(&b, 8);
    record->type = (dc__record_type)type;
    return type >= DC__RECORD_MESSAGE && type <= DC__RECORD_BUFFER && zero == 0 &&
           (type == DC__RECORD_BUFFER || record->buffer == 0) &&
           (type == DC__RECORD_MESSAGE || type == DC__RECORD_BUFFER) == (record->length > 0);
}

bool dc__hello_may_be(const uint8_t *in, size_t n)
{
    return memcmp(in, MAGIC, n < MAGIC_BYTES ? n : MAGIC_BYTES) == 0;
}
