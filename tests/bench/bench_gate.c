/* bench_gate.c - what carrying messages from one thread to another costs: nanomsg's own transports, and channels over a
 * gate, without keys and with, in turn.
 *
 *   build/tests/bench_gate [MESSAGE_BYTES [MEGABYTES [TURNS [KIND]]]]     default: 262144 4000 5, and all kinds
 * prints medians over TURNS: GB/s, and the process's processor seconds per GB, both ends together. KIND: that one alone,
 * by its name in the table. */
#include <arpa/inet.h>
#include <nanomsg/nn.h>
#include <nanomsg/pair.h>
#include <nanomsg/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench/median.h"
#include "fault/lies.h"
#include "net/channel.h"

#define MOST_TURNS 99

static size_t message_bytes = 262144, messages;

static void must(dc_error err)
{
    if (!err) return;
    (void)fprintf(stderr, "bench_gate: %s\n", dc_last_error());
    exit(1);
}

typedef struct ends {
    int sockets[2]; /* nanomsg's own; [0] sends */
    dc__listener *listener;
    dc__channel *channels[2];
    dc__keeper keeper; /* of a listener with keys */
} ends;

/* As the engine did before there were channels. */
static int open_socket(void)
{
    const int s = nn_socket(AF_SP, NN_PAIR), any = -1, buffer = 4 << 20, one = 1;
    (void)nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVMAXSIZE, &any, sizeof any);
    (void)nn_setsockopt(s, NN_SOL_SOCKET, NN_SNDBUF, &buffer, sizeof buffer);
    (void)nn_setsockopt(s, NN_SOL_SOCKET, NN_RCVBUF, &buffer, sizeof buffer);
    (void)nn_setsockopt(s, NN_TCP, NN_TCP_NODELAY, &one, sizeof one);
    return s;
}

/* A server that has one member, and the dialer's keys. */
static dc__dial_keys *give_keys(dc__keeper *keeper, dc__cipher cipher)
{
    dc__dial_keys *keys = dc__secret_alloc(sizeof *keys);
    *keeper = (dc__keeper){.pair = dc__secret_alloc(sizeof *keeper->pair)};
    if (!keys || !keeper->pair) exit(1);
    keys->cipher = cipher;
    dc__keypair_make(keeper->pair);
    dc__keypair_make(&keys->own);
    memcpy(keys->server_key, keeper->pair->public_key, DC__KEY_BYTES);
    must(dc__members_push(&keeper->members, "m", keys->own.public_key));
    return keys;
}

/* cipher: DC__CIPHERS for none. */
static void open_ends(ends *e, const char *url, bool gate, dc__cipher cipher)
{
    const bool sealed = cipher != DC__CIPHERS;
    if (!gate) {
        for (int k = 0; k < 2; k++)
            e->sockets[k] = open_socket();
        if (nn_bind(e->sockets[1], url) < 0 || nn_connect(e->sockets[0], url) < 0) exit(1);
        return;
    }
    dc__dial_keys *keys = sealed ? give_keys(&e->keeper, cipher) : NULL;
    const dc__dial_options options = {.connect_s = 60, .most_bytes = message_bytes, .keys = keys};
    must(dc__listener_open_keyed(&e->listener, url, message_bytes, sealed ? &e->keeper : NULL));
    must(dc__channel_dial(&e->channels[0], url, &options));
    do
        e->channels[1] = dc__listener_accept(e->listener, 1000);
    while (!e->channels[1]);
    dc__secret_free(keys);
}

static void close_ends(ends *e, bool gate)
{
    for (int k = 0; k < 2; k++)
        if (gate)
            dc__channel_close(e->channels[k], 1000);
        else
            (void)nn_close(e->sockets[k]);
    if (gate) dc__listener_close(e->listener);
    dc__keeper_close(&e->keeper);
}

static void *send_all(void *argument)
{
    ends *e = argument;
    for (size_t i = 0; i < messages; i++) {
        void *message = e->listener ? dc__message_alloc(message_bytes) : nn_allocmsg(message_bytes, 0);
        if (!message) exit(1);
        memset(message, (int)i, message_bytes); /* as a copy of gradients would */
        if (e->listener)
            while (!dc__channel_send(e->channels[0], message, message_bytes, 1000)) {
            }
        else if (nn_send(e->sockets[0], &message, NN_MSG, 0) < 0)
            exit(1);
    }
    return NULL;
}

static void receive_all(const ends *e)
{
    for (size_t i = 0; i < messages; i++) {
        void *message = NULL;
        size_t n = 0;
        if (e->listener)
            while (!message)
                message = dc__channel_receive(e->channels[1], &n, 1000);
        else if (nn_recv(e->sockets[1], &message, NN_MSG, 0) < 0)
            exit(1);
        if (e->listener)
            dc__message_free(message);
        else
            (void)nn_freemsg(message);
    }
}

static double processor_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void run(const char *url, bool gate, dc__cipher cipher, double *GBps, double *s_per_GB)
{
    ends e = {.sockets = {-1, -1}};
    pthread_t sender;
    const double GB = 1e-9 * (double)message_bytes * (double)messages;
    open_ends(&e, url, gate, cipher);
    const int64_t begin_ns = dc__now_ns();
    const double before_s = processor_s();
    if (pthread_create(&sender, NULL, send_all, &e) != 0) exit(1);
    receive_all(&e);
    pthread_join(sender, NULL);
    *s_per_GB = (processor_s() - before_s) / GB;
    *GBps = GB / dc__seconds(dc__now_ns() - begin_ns);
    close_ends(&e, gate);
}

enum { KINDS = 8 };
static const struct {
    const char *name, *scheme;
    bool gate;
    dc__cipher cipher;
} kinds[KINDS] = {{"nanomsg tcp", "tcp", false, DC__CIPHERS},
                  {"gate tcp", "tcp", true, DC__CIPHERS},
                  {"gate tcp, ChaCha20-Poly1305", "tcp", true, DC__CHACHA_POLY},
                  {"gate tcp, AES-256-GCM", "tcp", true, DC__AES_GCM},
                  {"nanomsg ipc", "ipc", false, DC__CIPHERS},
                  {"gate ipc", "ipc", true, DC__CIPHERS},
                  {"nanomsg inproc", "inproc", false, DC__CIPHERS},
                  {"inproc", "inproc", true, DC__CIPHERS}};

/* Whether kind k is to be measured; only: NULL for all. */
static bool is_wanted(int k, const char *only)
{
    return !only || strcmp(kinds[k].name, only) == 0;
}

int main(int argc, char **argv)
{
    static double GBps[KINDS][MOST_TURNS], s_per_GB[KINDS][MOST_TURNS];
    if (argc > 1) message_bytes = (size_t)atol(argv[1]);
    const double megabytes = argc > 2 ? atof(argv[2]) : 4000;
    const int turns = argc > 3 ? atoi(argv[3]) : 5;
    const char *only = argc > 4 ? argv[4] : NULL;
    bool any = false;
    for (int k = 0; k < KINDS; k++)
        any |= is_wanted(k, only);
    if (!any || message_bytes < 1 || megabytes <= 0 || turns < 1 || turns > MOST_TURNS) {
        (void)fprintf(stderr, "bench_gate: bad arguments: see the head of tests/bench/bench_gate.c\n");
        return 1;
    }
    messages = (size_t)(megabytes * 1e6 / (double)message_bytes) + 1;
    for (int t = 0; t < turns; t++)
        for (int k = 0; k < KINDS; k++) {
            char url[64];
            if (!is_wanted(k, only)) continue;
            if (strcmp(kinds[k].scheme, "tcp") == 0)
                (void)snprintf(url, sizeof url, "tcp://127.0.0.1:%d", lies_free_port());
            else
                (void)snprintf(url, sizeof url, "%s:///tmp/dynacomm-bench-gate-%ld-%d-%d", kinds[k].scheme,
                               (long)getpid(), t, k);
            run(url, kinds[k].gate, kinds[k].cipher, &GBps[k][t], &s_per_GB[k][t]);
        }
    (void)printf("%zu messages of %zu bytes, medians of %d turns\n", messages, message_bytes, turns);
    for (int k = 0; k < KINDS; k++)
        if (is_wanted(k, only))
            (void)printf("%-28s %6.2f GB/s  %6.3f processor s per GB\n", kinds[k].name,
                         median(GBps[k], turns), median(s_per_GB[k], turns));
    return 0;
}
