#include "net/handshake.h"

#include <string.h>

#include "base/bytes.h"

#define MAGIC "DYNCSEAL"
#define MAGIC_BYTES 8
#define PROLOGUE_BYTES 16
#define MAC_BYTES 16
#define MAC_AT (DC__FIRST_BYTES - MAC_BYTES)

#define CIPHER_AT 10
#define TERMS_BYTES (DC__SECOND_BYTES - DC__NOISE_2_BYTES)

static void prologue(uint8_t out[PROLOGUE_BYTES], dc__cipher cipher)
{
    dc__bytes b = dc__bytes_over(out + MAGIC_BYTES, PROLOGUE_BYTES - MAGIC_BYTES);
    memcpy(out, MAGIC, MAGIC_BYTES);
    dc__put_uint(&b, DC__HANDSHAKE_VERSION, 2);
    dc__put_uint(&b, cipher, 1);
    dc__put_uint(&b, 0, 5);
}

static void mac(uint8_t out[MAC_BYTES], const uint8_t *in, const uint8_t public_key[DC__KEY_BYTES])
{
    dc__secret_digest(out, MAC_BYTES, in, MAC_AT, public_key, DC__KEY_BYTES);
}

bool dc__handshake_may_be(const uint8_t *in, size_t n)
{
    uint8_t begin[PROLOGUE_BYTES];
    const uint8_t cipher = n > CIPHER_AT ? in[CIPHER_AT] : 0;
    if (cipher >= DC__CIPHERS) return false;
    prologue(begin, (dc__cipher)cipher);
    return memcmp(in, begin, n < PROLOGUE_BYTES ? n : PROLOGUE_BYTES) == 0;
}

bool dc__handshake_first(dc__noise *noise, const dc__dial_keys *keys, uint8_t out[DC__FIRST_BYTES])
{
    prologue(out, keys->cipher);
    dc__noise_begin(noise, keys->cipher, &keys->own, keys->server_key, out, PROLOGUE_BYTES);
    if (!dc__noise_write(noise, NULL, 0, out + PROLOGUE_BYTES)) return false;
    mac(out + MAC_AT, out, keys->server_key);
    return true;
}

bool dc__handshake_knows(const uint8_t in[DC__FIRST_BYTES], const dc__keypair *own)
{
    uint8_t expected[MAC_BYTES];
    mac(expected, in, own->public_key);
    return dc__handshake_may_be(in, PROLOGUE_BYTES) && dc__secret_same(expected, in + MAC_AT, MAC_BYTES);
}

bool dc__handshake_second(dc__noise *noise, const dc__keypair *own, dc__cipher best,
                          const uint8_t in[DC__FIRST_BYTES], uint8_t out[DC__SECOND_BYTES])
{
    uint8_t nothing[1], terms[TERMS_BYTES];
    dc__bytes b = dc__bytes_over(terms, sizeof terms);
    const dc__cipher asked = (dc__cipher)in[CIPHER_AT];
    dc__noise_begin(noise, asked, own, NULL, in, PROLOGUE_BYTES);
    if (!dc__noise_read(noise, in + PROLOGUE_BYTES, DC__NOISE_1_BYTES, nothing)) return false;
    dc__put_uint(&b, DC__GATE_VERSION, 2);
    dc__put_uint(&b, DC__GATE_VERSION, 2);
    dc__put_uint(&b, best == DC__CHACHA_POLY ? DC__CHACHA_POLY : asked, 1);
    return dc__noise_write(noise, terms, sizeof terms, out) == DC__SECOND_BYTES;
}

bool dc__handshake_terms(dc__noise *noise, const uint8_t in[DC__SECOND_BYTES], dc__terms *terms)
{
    uint8_t bytes[TERMS_BYTES];
    dc__bytes b = dc__bytes_over(bytes, sizeof bytes);
    if (!dc__noise_read(noise, in, DC__SECOND_BYTES, bytes)) return false;
    terms->lowest = (uint16_t)dc__get_uint(&b, 2);
    terms->highest = (uint16_t)dc__get_uint(&b, 2);
    const uint64_t cipher = dc__get_uint(&b, 1);
    terms->cipher = (dc__cipher)cipher;
    return cipher < DC__CIPHERS;
}

bool dc__handshake_third(dc__noise *noise, const dc__dial_keys *keys, const dc__hello *hello,
                         uint8_t out[DC__THIRD_BYTES])
{
    uint8_t payload[DC__THIRD_PAYLOAD] = {keys->has_ticket};
    if (keys->has_ticket) memcpy(payload + 1, keys->ticket, DC__TICKET_BYTES);
    dc__hello_write(payload + 1 + DC__TICKET_BYTES, hello);
    const bool ok = dc__noise_write(noise, payload, sizeof payload, out) == DC__THIRD_BYTES;
    dc__secret_wipe(payload, sizeof payload);
    return ok;
}

bool dc__handshake_read(dc__noise *noise, const uint8_t in[DC__THIRD_BYTES], dc__hello *hello,
                        uint8_t room[DC__TICKET_BYTES], const uint8_t **ticket)
{
    uint8_t payload[DC__THIRD_PAYLOAD];
    if (!dc__noise_read(noise, in, DC__THIRD_BYTES, payload)) return false;
    memcpy(room, payload + 1, DC__TICKET_BYTES);
    *ticket = payload[0] ? room : NULL;
    const bool ok = payload[0] <= 1 && dc__hello_read(payload + 1 + DC__TICKET_BYTES, hello);
    dc__secret_wipe(payload, sizeof payload);
    return ok;
}

void dc__chunk_header(uint8_t out[DC__CHUNK_HEADER_BYTES], size_t n)
{
    dc__bytes b = dc__bytes_over(out, DC__CHUNK_HEADER_BYTES);
    dc__put_uint(&b, n + DC__TAG_BYTES, 2);
}

size_t dc__chunk_bytes(const uint8_t header[DC__CHUNK_HEADER_BYTES])
{
    const size_t n = (size_t)header[0] | (size_t)header[1] << 8;
    return n >= DC__TAG_BYTES ? n : 0;
}
