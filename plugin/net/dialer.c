/* dialer.c - makes a channel's connections, the first one and those after a loss. The gate's thread.
 *
 * DESIGN
 *   One attempt after the other: the name is looked up each time (an address may have changed), each of its
 * addresses is tried, and after the last one there is a pause that doubles up to a second, with a random part
 * so that workers who lost their server do not come back in step. An attempt is short, for a SYN that was
 * lost in an outage is sent again by the kernel only after ever longer times. Looking up a name may take
 * long (lookup.h).
 *
 *   With keys the hello is the third message of a handshake (handshake.h), and its answer is sealed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/gate.h"
#include "net/lookup.h"
#include "net/tcp.h"

#define FIRST_ATTEMPT_NS 5000000000 /* while the round trip is not known */
#define LOOKUP_NS 30000000000
#define ROUND_TRIPS 5 /* connection, two of a handshake, and some time to spare */
#define SHUT_S 3.0    /* so long a handshake may come to nothing, if its dialer does not say */

typedef enum phase { REST, LOOKUP, CONNECT, HANDSHAKE, HELLO } phase;

struct dc__dialer {
    dc__channel *channel;
    dc__address address;
    dc__dial_options options;
    phase phase;
    int64_t since_ns;   /* when it began to be without a connection */
    int64_t refused_ns; /* since when nobody has listened there, 0 = somebody may */
    int64_t next_ns;    /* the end of the rest, or of the attempt */
    int64_t pause_ns, attempt_ns;
    int64_t rtt_ns;          /* of the last connection's set-up, 0 = not known */
    dc__hello_status status; /* of the last answer */
    dc__lookup *lookup;
    dc__sockaddr to[DC__SOCKADDRS];
    int n_to, at_to;
    int fd, poll;
    dc__dial_keys *keys; /* NULL: without; in secret memory, as is the handshake */
    dc__noise *noise;
    int64_t shut_ns;                  /* since when handshakes come to nothing, 0 = they do not */
    uint8_t answer[DC__SECOND_BYTES]; /* the longest of what comes */
    size_t n_answer;
    int memory; /* a descriptor that came with it, -1 = none */
    uint64_t random;
};

static bool copy_keys(dc__dialer *d, const dc__dial_keys *keys)
{
    d->options.keys = NULL; /* the caller's */
    if (!keys) return true;
    d->keys = dc__secret_alloc(sizeof *d->keys);
    d->noise = dc__secret_alloc(sizeof *d->noise);
    if (d->keys) *d->keys = *keys;
    return d->keys && d->noise;
}

dc_error dc__dialer_new(dc__dialer **dialer, dc__channel *channel, const dc__address *address,
                        const dc__dial_options *options)
{
    dc__dialer *d = calloc(1, sizeof *d);
    if (!d) return dc__fail(DC_ENOMEM, "out of memory for a connection");
    *d = (dc__dialer){.channel = channel, .address = *address, .options = *options};
    if (!(d->options.shut_s > 0)) d->options.shut_s = SHUT_S;
    d->fd = d->poll = d->memory = -1;
    d->since_ns = d->next_ns = dc__now_ns();
    d->pause_ns = DC__GATE_RETRY_NS;
    (void)!getrandom(&d->random, sizeof d->random, 0);
    d->random |= 1;
    if (!copy_keys(d, options->keys)) {
        dc__dialer_free(d);
        return dc__fail(DC_ENOMEM, "out of memory for a connection");
    }
    *dialer = d;
    return DC_OK;
}

static void drop_memory(dc__dialer *d)
{
    if (d->memory >= 0) (void)close(d->memory);
    d->memory = -1;
}

void dc__dialer_free(dc__dialer *d)
{
    if (!d) return;
    if (d->fd >= 0) (void)close(d->fd);
    drop_memory(d);
    dc__lookup_drop(d->lookup);
    dc__secret_free(d->keys);
    dc__secret_free(d->noise);
    free(d);
}

void dc__dialer_lost(dc__dialer *d, int64_t now_ns)
{
    d->since_ns = d->next_ns = now_ns;
    d->refused_ns = d->shut_ns = 0;
    d->pause_ns = DC__GATE_RETRY_NS;
    d->phase = REST;
}

bool dc__dialer_has_said_hello(const dc__dialer *d)
{
    return d->phase == HELLO || d->phase == HANDSHAKE;
}

bool dc__dialer_has_keys(const dc__dialer *d)
{
    return d->keys != NULL;
}

/* ---- attempts ---- */

static void rest(dc__dialer *d, int64_t now_ns)
{
    d->random ^= d->random << 13;
    d->random ^= d->random >> 7;
    d->random ^= d->random << 17;
    d->next_ns = now_ns + d->pause_ns / 2 + (int64_t)(d->random % (uint64_t)d->pause_ns);
    d->pause_ns = 2 * d->pause_ns < DC__GATE_RETRY_MOST_NS ? 2 * d->pause_ns : DC__GATE_RETRY_MOST_NS;
    d->phase = REST;
}

static int64_t attempt_limit(const dc__dialer *d)
{
    if (!d->rtt_ns) return FIRST_ATTEMPT_NS;
    const int64_t trips = ROUND_TRIPS * d->rtt_ns;
    return trips > DC__GATE_RETRY_MOST_NS ? trips : DC__GATE_RETRY_MOST_NS;
}

static bool nobody_listens(int why)
{
    return why == ECONNREFUSED || why == ENOENT;
}

static void try_address(dc__dialer *d, int64_t now_ns);

/* This attempt came to nothing. */
static void give_up(dc__dialer *d, int why, int64_t now_ns)
{
    if (d->fd >= 0) (void)close(d->fd);
    d->fd = -1;
    drop_memory(d);
    if (d->phase == HANDSHAKE && !d->shut_ns) d->shut_ns = now_ns;
    if (!nobody_listens(why))
        d->refused_ns = 0;
    else if (!d->refused_ns)
        d->refused_ns = now_ns;
    if (++d->at_to < d->n_to)
        try_address(d, now_ns);
    else
        rest(d, now_ns);
}

static void begin_attempt(dc__dialer *d, int64_t now_ns)
{
    d->phase = CONNECT;
    d->attempt_ns = now_ns;
    d->next_ns = now_ns + attempt_limit(d);
}

static void try_address(dc__dialer *d, int64_t now_ns)
{
    d->fd = dc__tcp_connect(&d->to[d->at_to]);
    if (d->fd >= 0)
        begin_attempt(d, now_ns);
    else
        give_up(d, errno, now_ns);
}

static void begin(dc__dialer *d, int64_t now_ns)
{
    const char *why;
    d->at_to = d->n_to = 0;
    d->n_to = dc__tcp_lookup(&d->address, true, d->to, &why);
    if (d->n_to > 0) {
        try_address(d, now_ns);
    } else if ((d->lookup = dc__lookup_start(&d->address))) {
        d->phase = LOOKUP;
        d->next_ns = now_ns + LOOKUP_NS;
    } else {
        rest(d, now_ns);
    }
}

static void take_lookup(dc__dialer *d, int64_t now_ns)
{
    const int found = dc__lookup_take(d->lookup, d->to);
    if (found < 0 && now_ns < d->next_ns) return;
    d->n_to = found > 0 ? found : 0;
    dc__lookup_drop(d->lookup);
    d->lookup = NULL;
    if (d->n_to > 0)
        try_address(d, now_ns);
    else
        rest(d, now_ns);
}

static dc__hello next_hello(dc__channel *c)
{
    dc__hello hello = {.version = DC__GATE_VERSION,
                       .resumes = c->state != DC__CHANNEL_CONNECTING,
                       .local = c->dialer->address.scheme == DC__IPC,
                       .received = c->stream.received,
                       .partial = dc__connection_partial(&c->connection),
                       .attempt = ++c->attempt};
    memcpy(hello.id, c->id, sizeof hello.id);
    return hello;
}

/* Why it could not be said, 0 = it was. */
static int say(const dc__dialer *d, const uint8_t *bytes, size_t n)
{
    return send(d->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n ? 0 : errno ? errno : EIO;
}

static int say_first(dc__dialer *d)
{
    uint8_t bytes[DC__FIRST_BYTES];
    if (d->keys) return dc__handshake_first(d->noise, d->keys, bytes) ? say(d, bytes, sizeof bytes) : EBADMSG;
    const dc__hello hello = next_hello(d->channel);
    dc__hello_write(bytes, &hello);
    return say(d, bytes, DC__HELLO_BYTES);
}

/* The connection stands, or not: what is first said goes at once. */
static void begin_talk(dc__dialer *d, int64_t now_ns)
{
    int why = 0;
    socklen_t n = sizeof why;
    (void)getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &why, &n);
    if (!why) why = say_first(d);
    if (why) {
        give_up(d, why, now_ns);
        return;
    }
    d->rtt_ns = now_ns - d->attempt_ns > 0 ? now_ns - d->attempt_ns : 1;
    d->n_answer = 0;
    d->phase = d->keys ? HANDSHAKE : HELLO;
}

/* Whether all `want` bytes of what is awaited are here; gives the attempt up if they cannot come. */
static bool take_bytes(dc__dialer *d, size_t want, int64_t now_ns)
{
    uint8_t *to = d->answer + d->n_answer;
    const size_t most = want - d->n_answer;
    const ssize_t got = d->address.scheme == DC__IPC ? dc__fd_receive(d->fd, to, most, &d->memory)
                                                     : recv(d->fd, to, most, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (got <= 0) {
        give_up(d, got < 0 ? errno : ECONNRESET, now_ns);
        return false;
    }
    d->n_answer += (size_t)got;
    return d->n_answer == want;
}

/* The listener, whose word this is, has no instructions for AES: at once again, with the cipher that it is fast with. */
static void begin_anew(dc__dialer *d, int64_t now_ns)
{
    (void)close(d->fd);
    d->keys->cipher = DC__CHACHA_POLY;
    try_address(d, now_ns);
}

/* The listener's answer to the handshake proves its key: it may know ours, and what we have to say. */
static void take_second(dc__dialer *d, int64_t now_ns)
{
    dc__terms terms;
    uint8_t bytes[DC__THIRD_BYTES];
    if (!take_bytes(d, DC__SECOND_BYTES, now_ns)) return;
    if (!dc__handshake_terms(d->noise, d->answer, &terms)) {
        give_up(d, ECONNRESET, now_ns);
        return;
    }
    if (terms.cipher == DC__CHACHA_POLY && d->keys->cipher != DC__CHACHA_POLY) {
        begin_anew(d, now_ns);
        return;
    }
    if (terms.lowest > DC__GATE_VERSION || terms.highest < DC__GATE_VERSION) {
        give_up(d, ECONNRESET, now_ns);
        dc__carry_end(d->channel, DC__END_VERSION);
        return;
    }
    const dc__hello hello = next_hello(d->channel);
    d->phase = HELLO;
    d->n_answer = 0;
    d->shut_ns = 0;
    const int why = dc__handshake_third(d->noise, d->keys, &hello, bytes) ? say(d, bytes, sizeof bytes) : EIO;
    if (why) give_up(d, why, now_ns);
}

/* The answer, opened if it is sealed; false: it is none. *seal: for the connection, if there are keys. */
static bool read_answer(dc__dialer *d, dc__answer *answer, dc__seal **seal)
{
    *seal = NULL;
    if (!d->keys) return dc__answer_read(d->answer, answer);
    uint8_t plain[DC__ANSWER_BYTES];
    *seal = dc__seal_new(d->noise);
    if (*seal && dc__chunk_bytes(d->answer) == sizeof plain + DC__TAG_BYTES &&
        dc__aead_open(&(*seal)->receive, d->answer + DC__CHUNK_HEADER_BYTES, sizeof plain + DC__TAG_BYTES,
                      plain, sizeof plain, NULL) &&
        dc__answer_read(plain, answer))
        return true;
    dc__seal_free(*seal);
    *seal = NULL;
    return false;
}

static void take_answer(dc__dialer *d, int64_t now_ns)
{
    dc__answer answer;
    dc__seal *seal;
    if (!take_bytes(d, d->keys ? DC__SEALED_ANSWER_BYTES : DC__ANSWER_BYTES, now_ns)) return;
    if (!read_answer(d, &answer, &seal)) { /* another program's port */
        give_up(d, ECONNRESET, now_ns);
        return;
    }
    d->status = (dc__hello_status)answer.status;
    if (d->status != DC__HELLO_OK) {
        dc__seal_free(seal);
        give_up(d, ECONNRESET, now_ns);
        dc__carry_refused(d->channel, d->status);
        return;
    }
    if (!dc__shared_same_user(d->fd)) drop_memory(d);
    const int fd = d->fd, memory = d->memory;
    d->fd = d->memory = -1;
    d->phase = REST;
    d->channel->local = answer.local && d->address.scheme == DC__IPC;
    dc__shared *shared = dc__shared_take(memory, fd);
    dc__carry_attach(d->channel, fd, seal, shared, answer.received, answer.partial, now_ns);
}

/* ---- limits ---- */

static int64_t limit(double seconds)
{
    return seconds > 0 && seconds < 9e9 ? (int64_t)(seconds * 1e9) : INT64_MAX;
}

static int64_t most(const dc__dialer *d)
{
    return limit(d->channel->state == DC__CHANNEL_CONNECTING ? d->options.connect_s : d->options.patience_s);
}

static bool out_of_patience(dc__dialer *d, int64_t now_ns)
{
    dc__channel *c = d->channel;
    const bool first = c->state == DC__CHANNEL_CONNECTING;
    const int64_t without_ns = now_ns - d->since_ns;
    const int64_t refused_ns = d->refused_ns && !first ? now_ns - d->refused_ns : 0;
    const bool refused = refused_ns > limit(d->options.refused_s);
    const bool shut = first && d->shut_ns && now_ns - d->shut_ns > limit(d->options.shut_s);
    if (without_ns <= most(d) && !refused && !shut) return false;
    c->waited_s = dc__seconds(refused ? refused_ns : without_ns);
    const dc__ending never = d->status == DC__HELLO_FULL      ? DC__END_FULL
                             : d->status == DC__HELLO_NOT_YET ? DC__END_NOT_YET
                             : d->shut_ns                     ? DC__END_SHUT
                                                              : DC__END_NO_ANSWER;
    dc__carry_end(c, first ? never : refused ? DC__END_REFUSED : DC__END_PATIENCE);
    return true;
}

void dc__dialer_prepare(dc__dialer *d, int64_t now_ns)
{
    (void)now_ns;
    dc__gate *gate = d->channel->gate;
    d->poll = -1;
    dc__gate_by(gate, d->next_ns);
    if (most(d) < INT64_MAX) dc__gate_by(gate, d->since_ns + most(d) + 1);
    if (d->shut_ns) dc__gate_by(gate, d->shut_ns + limit(d->options.shut_s) + 1);
    if (d->phase == LOOKUP) d->poll = dc__gate_poll(gate, dc__lookup_fd(d->lookup), POLLIN);
    if (d->phase == CONNECT) d->poll = dc__gate_poll(gate, d->fd, POLLOUT);
    if (dc__dialer_has_said_hello(d)) d->poll = dc__gate_poll(gate, d->fd, POLLIN);
}

void dc__dialer_work(dc__dialer *d, int64_t now_ns)
{
    if (d->channel->state == DC__CHANNEL_ENDED || out_of_patience(d, now_ns)) return;
    const bool due = now_ns >= d->next_ns, event = dc__gate_events(d->channel->gate, d->poll) != 0;
    d->poll = -1;
    if (d->phase == REST) {
        if (due) begin(d, now_ns);
    } else if (d->phase == LOOKUP) {
        if (event || due) take_lookup(d, now_ns);
    } else if (due && !event) {
        give_up(d, ETIMEDOUT, now_ns);
    } else if (event) {
        (d->phase == CONNECT ? begin_talk : d->phase == HANDSHAKE ? take_second : take_answer)(d, now_ns);
    }
}
