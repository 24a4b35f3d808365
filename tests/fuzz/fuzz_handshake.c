/* fuzz_handshake.c - any bytes as what comes before and behind a handshake, at both ends. Nothing is taken that the other end has
 * not sealed; what it has sealed may say anything.
 *
 *   An input is a kind (and in its highest bit which cipher), an amount, and bytes. Kinds: to a listener, the first message and the third as they are; to a dialer, the
 * second; a genuine handshake whose third message says these bytes, with one byte of one message changed if there is an
 * amount; and these bytes behind a handshake, as sealed chunks. Random numbers come from a counter, so that an input does the
 * same each time. */
#define FUZZ_ITERATIONS 4000
#include <sodium.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "fuzz.h"
#include "net/seal.h"

enum { LISTENER, DIALER, SAYS, SEALED, KINDS };

#define MAC_AT 64
#define PROLOGUE 16

static uint64_t counter;

static const char *name(void)
{
    return "counter";
}

static void fill(void *const out, const size_t n)
{
    for (size_t k = 0; k < n; k++)
        ((uint8_t *)out)[k] = (uint8_t)(++counter * 0x9e3779b97f4a7c15u >> 56);
}

static uint32_t number(void)
{
    uint32_t n;
    fill(&n, sizeof n);
    return n;
}

typedef struct ends {
    dc__keypair listener;
    dc__dial_keys dialer;
    dc__noise noise[2]; /* of the dialer, of the listener */
    uint8_t first[DC__FIRST_BYTES], second[DC__SECOND_BYTES], third[DC__THIRD_BYTES];
} ends;

static ends *begin(void)
{
    static ends *e;
    static const randombytes_implementation ours = {
        .implementation_name = name, .random = number, .buf = fill};
    if (!e) {
        (void)randombytes_set_implementation((randombytes_implementation *)&ours);
        dc__assert((e = dc__secret_alloc(sizeof *e)) != NULL);
        dc__keypair_make(&e->listener);
        dc__keypair_make(&e->dialer.own);
        memcpy(e->dialer.server_key, e->listener.public_key, DC__KEY_BYTES);
    }
    counter = 1u << 20;
    return e;
}

/* The first two messages, genuine. */
static void meet(ends *e)
{
    dc__terms terms;
    dc__assert(dc__handshake_first(&e->noise[0], &e->dialer, e->first));
    dc__assert(dc__handshake_may_be(e->first, DC__FIRST_BYTES) &&
               dc__handshake_knows(e->first, &e->listener));
    dc__assert(dc__handshake_second(&e->noise[1], &e->listener, DC__AES_GCM, e->first, e->second));
    dc__assert(dc__handshake_terms(&e->noise[0], e->second, &terms) && terms.lowest <= terms.highest);
    dc__assert(terms.cipher == e->dialer.cipher);
}

static void to_listener(ends *e, const uint8_t *data, size_t n)
{
    dc__hello hello;
    uint8_t room[DC__TICKET_BYTES];
    const uint8_t *ticket;
    if (n < DC__FIRST_BYTES) {
        (void)dc__handshake_may_be(data, n);
        return;
    }
    if (!dc__handshake_knows(data, &e->listener) ||
        !dc__handshake_second(&e->noise[1], &e->listener, DC__AES_GCM, data, e->second) ||
        n < DC__FIRST_BYTES + DC__THIRD_BYTES)
        return;
    dc__assert(!dc__handshake_read(&e->noise[1], data + DC__FIRST_BYTES, &hello, room, &ticket));
}

static void to_dialer(ends *e, const uint8_t *data, size_t n)
{
    dc__terms terms;
    if (n < DC__SECOND_BYTES) return;
    dc__assert(dc__handshake_first(&e->noise[0], &e->dialer, e->first));
    dc__assert(!dc__handshake_terms(&e->noise[0], data, &terms));
}

static void says(ends *e, uint8_t change, const uint8_t *data, size_t n)
{
    dc__hello hello;
    uint8_t payload[DC__THIRD_PAYLOAD] = {0}, room[DC__TICKET_BYTES];
    const uint8_t *ticket;
    meet(e);
    memcpy(payload, data, n < sizeof payload ? n : sizeof payload);
    dc__assert(dc__noise_write(&e->noise[0], payload, sizeof payload, e->third) == DC__THIRD_BYTES);
    if (change) e->third[change % DC__THIRD_BYTES] ^= change;
    const bool taken = dc__handshake_read(&e->noise[1], e->third, &hello, room, &ticket);
    dc__assert(!change || !taken);
    if (!taken) return;
    dc__assert(payload[0] <= 1 && (ticket != NULL) == payload[0]);
    dc__assert(memcmp(e->noise[1].rs, e->dialer.own.public_key, DC__KEY_BYTES) == 0);
}

/* Chunks that nobody sealed, in front of or behind one that is genuine. */
static void sealed(ends *e, uint8_t before, const uint8_t *data, size_t n)
{
    int pair[2];
    size_t carried;
    uint8_t out[256];
    meet(e);
    const uint8_t payload[DC__THIRD_PAYLOAD] = {0};
    uint8_t nothing[DC__THIRD_PAYLOAD];
    dc__assert(dc__noise_write(&e->noise[0], payload, sizeof payload, e->third) == DC__THIRD_BYTES);
    dc__assert(dc__noise_read(&e->noise[1], e->third, DC__THIRD_BYTES, nothing));
    dc__seal *from = dc__seal_new(&e->noise[0]), *to = dc__seal_new(&e->noise[1]);
    dc__assert(from && to && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    const size_t most = n < 65536 ? n : 65536;
    if (before) {
        dc__assert(dc__seal_begin(from, 1));
        dc__seal_put(from, payload, before);
        dc__seal_end(from);
        dc__assert(dc__seal_write(from, pair[0], &carried) > 0 && carried == before);
    }
    dc__assert(send(pair[0], data, most, MSG_DONTWAIT) == (ssize_t)most);
    (void)shutdown(pair[0], SHUT_WR);
    size_t got = 0;
    ssize_t in;
    while ((in = dc__seal_receive(to, pair[1], out, sizeof out)) > 0)
        got += (size_t)in;
    dc__assert(got == before); /* what was sealed, and not a byte of the rest */
    (void)close(pair[0]);
    (void)close(pair[1]);
    dc__seal_free(from);
    dc__seal_free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2) return 0;
    ends *e = begin();
    e->dialer.cipher = data[0] & 0x80 ? DC__AES_GCM : DC__CHACHA_POLY;
    switch (data[0] % KINDS) {
    case LISTENER:
        to_listener(e, data + 2, n - 2);
        break;
    case DIALER:
        to_dialer(e, data + 2, n - 2);
        break;
    case SAYS:
        says(e, data[1], data + 2, n - 2);
        break;
    default:
        sealed(e, data[1] % (DC__THIRD_PAYLOAD + 1), data + 2, n - 2);
    }
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    const bool aes = k > 5;
    if (k > 11) return 0;
    k %= 6;
    ends *e = begin();
    e->dialer.cipher = aes ? DC__AES_GCM : DC__CHACHA_POLY;
    to[0] = (uint8_t)((k < KINDS ? k : SAYS) | (aes ? 0x80 : 0));
    to[1] = (uint8_t)(k == 3 ? 20 : k == 5 ? 7 : 0);
    if (k == LISTENER) {
        dc__assert(dc__handshake_first(&e->noise[0], &e->dialer, to + 2));
        memset(to + 2 + DC__FIRST_BYTES, 9, DC__THIRD_BYTES);
        return 2 + DC__FIRST_BYTES + DC__THIRD_BYTES;
    }
    if (k == DIALER || k == SEALED) {
        memset(to + 2, k == DIALER ? 3 : 0, 64);
        to[2] = 30;
        return 2 + 64;
    }
    const dc__hello hello = {.version = DC__GATE_VERSION, .id = {1, 2, 3}, .attempt = 1};
    to[2] = (uint8_t)(k == 4);
    memset(to + 3, 5, DC__TICKET_BYTES);
    dc__hello_write(to + 3 + DC__TICKET_BYTES, &hello);
    return 2 + DC__THIRD_PAYLOAD;
}

/* A first message whose hash fits: behind it stands the curve. */
void fuzz_repair(uint8_t *data, size_t n)
{
    if (n < 2 + DC__FIRST_BYTES || data[0] % KINDS != LISTENER) return;
    ends *e = begin();
    uint8_t whole[DC__FIRST_BYTES];
    e->dialer.cipher = data[0] & 0x80 ? DC__AES_GCM : DC__CHACHA_POLY;
    dc__assert(dc__handshake_first(&e->noise[0], &e->dialer, whole));
    memcpy(data + 2, whole, PROLOGUE);
    dc__secret_digest(data + 2 + MAC_AT, DC__FIRST_BYTES - MAC_AT, data + 2, MAC_AT, e->listener.public_key,
                      DC__KEY_BYTES);
}
