/* crowd.c - peers that a server did not invite, many at once. Runs until a byte or the end comes on its standard input.
 *
 *   crowd KIND N HOST-ADDRESS PORT [SERVER-KEY]
 *     idle      N connections that say nothing
 *     hello     N that say a hello without a key
 *     half      N that say half a first message; with SERVER-KEY a whole one, as who was expelled can, and then nothing
 *     garbage   N that say random bytes
 *     huge      N that greet and then announce a message of 2^31 bytes: as a record, or as a chunk after a handshake's first message
 *     churn     N a second that connect and are gone
 *     half-join N that greet, announce a JOIN of JOIN_BYTES (environment), and send all but its last byte
 *     join      N at a time that greet and send a whole frame that is no JOIN, again and again
 *   A connection that the server ends is made again after a second. Prints "there" once N were made (of hello, garbage, huge, join:
 *   answered or ended), and at the end
 *     made CONNECTIONS   open MOST-AT-ONCE   answer COUNT HEX (once for each kind of answer)
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net/handshake.h"
#include "net/record.h"
#include "net/wire.h"

#define MOST 20000
#define ANSWERS 32
#define ANSWER_BYTES 256

typedef enum kind { IDLE, HELLO, HALF, GARBAGE, HUGE_, CHURN, HALF_JOIN, JOIN, KINDS } kind;
static const char *const names[KINDS] = {"idle", "hello", "half",      "garbage",
                                         "huge", "churn", "half-join", "join"};

typedef struct peer {
    uint8_t answer[ANSWER_BYTES]; /* what it has heard */
    size_t heard, said;
    int64_t again_ns; /* when the next one is made in its place */
    uint32_t salt;    /* of what it says */
} peer;

static peer peers[MOST];
static struct pollfd fds[MOST + 1]; /* the last: standard input */
static struct {
    uint8_t bytes[ANSWER_BYTES];
    size_t n;
    unsigned long long count;
} answers[ANSWERS];
static int n_answers;
static unsigned long long made, ended;
static kind what;
static bool has_key;
static uint8_t server_key[DC__KEY_BYTES];
static size_t join_bytes = DC__MAX_JOIN_BYTES;
static struct sockaddr_in address;
static uint8_t *text; /* what each says, but for its salt; room for a JOIN */
static size_t text_bytes;

static int64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- what they say ---- */

static size_t hello(uint8_t *to, uint32_t salt)
{
    dc__hello h = {.version = DC__GATE_VERSION};
    memcpy(h.id, &salt, sizeof salt);
    dc__hello_write(to, &h);
    return DC__HELLO_BYTES;
}

/* A record whose body has so many bytes. */
static size_t record(uint8_t *to, uint32_t n)
{
    dc__record_write(to, &(dc__record){.type = DC__RECORD_MESSAGE, .length = n});
    return DC__RECORD_BYTES;
}

static size_t first_message(uint8_t *to)
{
    dc__dial_keys keys = {0};
    dc__noise noise;
    dc__keypair_make(&keys.own);
    memcpy(keys.server_key, server_key, sizeof server_key);
    if (!dc__handshake_first(&noise, &keys, to)) exit(1);
    return DC__FIRST_BYTES;
}

/* The bytes that peer number salt says. */
static size_t say_what(uint32_t salt, uint8_t *to)
{
    size_t n = 0;
    switch (what) {
    case HELLO:
        return hello(to, salt);
    case HALF:
        if (has_key) return first_message(to);
        hello(to, salt);
        memcpy(to, "DYNCSEAL\1\0\0\0\0\0\0\0", 16);
        return DC__FIRST_BYTES / 2;
    case GARBAGE:
        for (; n < 4096; n++)
            to[n] = (uint8_t)((salt = salt * 1664525u + 1013904223u) >> 24);
        return n;
    case HUGE_:
        n = has_key ? first_message(to) : hello(to, salt);
        memset(to + n, 0xff, 64); /* as a chunk's length, too */
        if (!has_key) (void)record(to + n, 1u << 31);
        return n + 64;
    case HALF_JOIN:
        n = hello(to, salt);
        n += record(to + n, (uint32_t)join_bytes);
        memset(to + n, 'J', join_bytes - 1);
        return n + join_bytes - 1;
    case JOIN:
        n = hello(to, salt);
        n += record(to + n, DC__HEADER_BYTES);
        dc__wire_seal(to + n, &(dc__header){.type = DC__PING}, true);
        return n + DC__HEADER_BYTES;
    default:
        return 0;
    }
}

/* ---- connections ---- */

static bool connect_one(int k)
{
    static uint32_t salts;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const struct linger gone = {1, 0};
    if (fd < 0) return false;
    /* A reset at the end: nothing stays in TIME_WAIT, so ports do not run out. */
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &gone, sizeof gone);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno != EINPROGRESS) {
        (void)close(fd);
        return false;
    }
    made++;
    peers[k] = (peer){.salt = ++salts};
    fds[k] = (struct pollfd){.fd = fd, .events = what == IDLE ? POLLIN : POLLIN | POLLOUT};
    return true;
}

static void note_answer(const peer *p)
{
    for (int k = 0; k < n_answers; k++)
        if (answers[k].n == p->heard && memcmp(answers[k].bytes, p->answer, p->heard) == 0) {
            answers[k].count++;
            return;
        }
    if (n_answers == ANSWERS) return;
    memcpy(answers[n_answers].bytes, p->answer, p->heard);
    answers[n_answers].n = p->heard;
    answers[n_answers++].count = 1;
}

static void end_one(int k)
{
    ended++;
    peers[k].again_ns = what == CHURN ? 0 : now_ns() + 1000000000;
    note_answer(&peers[k]);
    (void)close(fds[k].fd);
    fds[k].fd = -1;
}

static void say(int k)
{
    peer *p = &peers[k];
    const size_t n = say_what(p->salt, text);
    const ssize_t sent = send(fds[k].fd, text + p->said, n - p->said, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) p->said += (size_t)sent;
    if (p->said == n || (sent < 0 && errno != EAGAIN)) fds[k].events = POLLIN;
}

/* False: the server has ended it. */
static bool hear(int k)
{
    peer *p = &peers[k];
    uint8_t more[4096];
    const ssize_t got = recv(fds[k].fd, more, sizeof more, MSG_DONTWAIT);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    for (ssize_t i = 0; i < got && p->heard < ANSWER_BYTES; i++)
        p->answer[p->heard++] = more[i];
    return true;
}

/* ---- */

static bool is_over(void)
{
    char byte;
    return fds[MOST].revents && read(0, &byte, 1) >= 0;
}

static void crowd(int n)
{
    const bool is_answered = what == HELLO || what == GARBAGE || what == JOIN || (what == HUGE_ && !has_key);
    bool reported = false;
    int open = 0, most = 0;
    const int64_t begin_ns = now_ns();
    for (;;) {
        for (int k = 0; k < n; k++) {
            if (fds[k].fd >= 0 || peers[k].again_ns > now_ns()) continue;
            if (what == CHURN && (double)made > (double)n * 1e-9 * (double)(now_ns() - begin_ns)) break;
            if (!connect_one(k)) break;
            open++;
        }
        if (open > most) most = open;
        if (!reported && (is_answered ? ended : made) >= (unsigned)n) {
            (void)puts("there");
            reported = fflush(stdout) == 0;
        }
        fds[MOST].revents = 0;
        /* the last of the array stands behind those that are there */
        fds[n] = fds[MOST];
        if (poll(fds, (nfds_t)n + 1, 10) < 0 && errno != EINTR) exit(1);
        fds[MOST].revents = fds[n].revents;
        if (is_over()) break;
        for (int k = 0; k < n; k++) {
            if (fds[k].fd < 0 || !fds[k].revents) continue;
            if (what == CHURN || (fds[k].revents & POLLERR)) {
                end_one(k);
                open--;
                continue;
            }
            if (fds[k].revents & POLLOUT) say(k);
            if ((fds[k].revents & (POLLIN | POLLHUP)) && !hear(k)) {
                end_one(k);
                open--;
            }
        }
    }
    for (int k = 0; k < n; k++)
        if (fds[k].fd >= 0 && peers[k].heard) note_answer(&peers[k]);
    (void)printf("made %llu\nopen %d\n", made, most);
    for (int k = 0; k < n_answers; k++) {
        (void)printf("answer %llu ", answers[k].count);
        for (size_t i = 0; i < answers[k].n; i++)
            (void)printf("%02x", answers[k].bytes[i]);
        (void)printf("\n");
    }
}

static int usage(void)
{
    (void)fprintf(stderr, "crowd: KIND N ADDRESS PORT [SERVER-KEY]: see the head of tests/process/crowd.c\n");
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 5 || argc > 6) return usage();
    for (what = 0; what < KINDS && strcmp(argv[1], names[what]) != 0;)
        what++;
    const int n = atoi(argv[2]);
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[4]))};
    if (what == KINDS || n < 1 || n > MOST - 1 || inet_pton(AF_INET, argv[3], &address.sin_addr) != 1)
        return usage();
    if (argc == 6) {
        has_key = dc__secret_of_text(server_key, sizeof server_key, argv[5], strlen(argv[5]));
        if (!has_key) return usage();
    }
    const char *length = getenv("JOIN_BYTES");
    if (length) join_bytes = (size_t)atol(length);
    text_bytes = join_bytes + 65536;
    text = malloc(text_bytes);
    const struct rlimit files = {MOST + 64, MOST + 64};
    struct rlimit there;
    if (!text || getrlimit(RLIMIT_NOFILE, &there) != 0) return 1;
    if (there.rlim_cur < (rlim_t)n + 64 && setrlimit(RLIMIT_NOFILE, &files) != 0) {
        (void)fprintf(stderr, "crowd: this shell may open %llu files only\n",
                      (unsigned long long)there.rlim_cur);
        return 1;
    }
    for (int k = 0; k < MOST; k++)
        fds[k].fd = -1;
    fds[MOST] = (struct pollfd){.fd = 0, .events = POLLIN};
    crowd(n);
    return 0;
}
