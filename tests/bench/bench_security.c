/* bench_security.c - what keys and checks cost a processor: a listener's part of a handshake, sealing and opening, and the look at
 * each gradient whether it is finite.
 *
 *   build/tests/bench_security [TURNS]     default: 5; prints medians */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/median.h"
#include "model/finite.h"
#include "net/seal.h"

#define MOST_TURNS 99
#define HANDSHAKES 500
#define CHUNKS 4000
#define FRAME_FLOATS (1u << 18) /* 1 MiB, the longest */
#define FRAMES 4000

static double processor_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void must(bool ok)
{
    if (ok) return;
    (void)fprintf(stderr, "bench_security: a step failed that must not\n");
    exit(1);
}

/* ---- handshakes ---- */

enum { NO_KEY, HALF, WHOLE, PARTS };

/* Seconds of the listener for each handshake: with who does not know its key, with who says no more than the first message,
 * and the whole of it. */
static void handshakes(dc__cipher cipher, double s[PARTS])
{
    dc__noise *ends = dc__secret_alloc(2 * sizeof *ends);
    dc__keypair listener, another;
    dc__dial_keys keys = {.cipher = cipher};
    uint8_t first[DC__FIRST_BYTES], second[DC__SECOND_BYTES], third[DC__THIRD_BYTES], room[DC__TICKET_BYTES];
    const uint8_t *ticket;
    dc__terms terms;
    dc__hello hello = {.version = DC__GATE_VERSION};
    must(ends != NULL);
    dc__keypair_make(&listener);
    dc__keypair_make(&another);
    dc__keypair_make(&keys.own);
    memcpy(keys.server_key, listener.public_key, DC__KEY_BYTES);
    memset(s, 0, PARTS * sizeof *s);
    for (int k = 0; k < HANDSHAKES; k++) {
        must(dc__handshake_first(&ends[0], &keys, first));
        double begin = processor_s();
        must(!dc__handshake_knows(first, &another));
        s[NO_KEY] += processor_s() - begin;
        begin = processor_s();
        must(dc__handshake_knows(first, &listener) &&
             dc__handshake_second(&ends[1], &listener, cipher, first, second));
        const double half = processor_s() - begin;
        must(dc__handshake_terms(&ends[0], second, &terms) &&
             dc__handshake_third(&ends[0], &keys, &hello, third));
        begin = processor_s();
        must(dc__handshake_read(&ends[1], third, &hello, room, &ticket));
        dc__seal *seal = dc__seal_new(&ends[1]);
        must(seal != NULL);
        s[HALF] += half;
        s[WHOLE] += half + processor_s() - begin;
        dc__seal_free(seal);
    }
    for (int p = 0; p < PARTS; p++)
        s[p] /= HANDSHAKES;
    dc__secret_free(ends);
}

/* ---- sealing ---- */

/* Seconds for a GB that is sealed, and that is opened. */
static void sealing(dc__cipher cipher, double *seal_s, double *open_s)
{
    static uint8_t plain[DC__NOISE_PLAIN], sealed[DC__NOISE_MOST];
    const uint8_t key[DC__KEY_BYTES] = {7};
    const double GB = 1e-9 * CHUNKS * (double)sizeof plain;
    dc__aead send, receive;
    must(dc__aead_init(&send, cipher, key, true) && dc__aead_init(&receive, cipher, key, false));
    *seal_s = *open_s = 0;
    for (int k = 0; k < CHUNKS; k++) {
        double begin = processor_s();
        dc__aead_seal(&send, sealed, plain, sizeof plain);
        *seal_s += (processor_s() - begin) / GB;
        begin = processor_s();
        must(dc__aead_open(&receive, sealed, sizeof sealed, plain, sizeof plain, NULL));
        *open_s += (processor_s() - begin) / GB;
    }
    dc__aead_end(&send);
    dc__aead_end(&receive);
}

/* ---- values ---- */

/* Seconds for a GB of gradients that have just been received. */
static double finite(void)
{
    static float frame[FRAME_FLOATS], from[FRAME_FLOATS];
    double s = 0;
    for (int k = 0; k < FRAMES; k++) {
        from[k] = (float)k;
        memcpy(frame, from, sizeof frame); /* as the socket's bytes come in */
        const double begin = processor_s();
        must(dc__is_finite(FRAME_FLOATS, frame));
        s += processor_s() - begin;
    }
    return s / (1e-9 * FRAMES * sizeof frame);
}

/* ---- */

int main(int argc, char **argv)
{
    static const char *const names[DC__CIPHERS] = {"ChaCha20-Poly1305", "AES-256-GCM"};
    static double whole[PARTS][DC__CIPHERS][MOST_TURNS], seal_s[DC__CIPHERS][MOST_TURNS],
        open_s[DC__CIPHERS][MOST_TURNS], finite_s[MOST_TURNS];
    const int turns = argc > 1 ? atoi(argv[1]) : 5;
    if (argc > 2 || turns < 1 || turns > MOST_TURNS) {
        (void)fprintf(stderr, "bench_security: one argument, from 1 to %d\n", MOST_TURNS);
        return 1;
    }
    for (int t = 0; t < turns; t++) {
        for (int c = 0; c < DC__CIPHERS; c++) {
            double s[PARTS];
            handshakes((dc__cipher)c, s);
            for (int p = 0; p < PARTS; p++)
                whole[p][c][t] = s[p];
            sealing((dc__cipher)c, &seal_s[c][t], &open_s[c][t]);
        }
        finite_s[t] = finite();
    }
    for (int c = 0; c < DC__CIPHERS; c++)
        (void)printf(
            "%-18s  a handshake takes the listener %.3f ms; its first part %.3f ms; of one who does not know its key %.4f ms; "
            "sealing %.3f, opening %.3f s per GB\n",
            names[c], 1e3 * median(whole[WHOLE][c], turns), 1e3 * median(whole[HALF][c], turns),
            1e3 * median(whole[NO_KEY][c], turns), median(seal_s[c], turns), median(open_s[c], turns));
    (void)printf("%-18s  %.4f s per GB\n", "finite gradients", median(finite_s, turns));
    return 0;
}
