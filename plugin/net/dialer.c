/* dialer.c - makes a channel's connections, the first one and those after a loss. The gate's thread.
 *
 * DESIGN
 *   One attempt after the other: the name is looked up each time (an address may have changed), each of its
 * addresses is tried, and after the last one there is a pause that doubles up to a second, with a random part
 * so that workers who lost their server do not come back in step. An attempt is short, for a SYN that was
 * lost in an outage is sent again by the kernel only after ever longer times. Looking up a name may take
 * long: a thread of its own does it, which is left alone if the dialer ends before it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/gate.h"
#include "net/tcp.h"

#define FIRST_ATTEMPT_NS 5000000000 /* while the round trip is not known */
#define LOOKUP_NS 30000000000
#define ROUND_TRIPS 3

typedef enum phase { REST, LOOKUP, CONNECT, HELLO } phase;

/* A lookup on its own thread; freed by whoever is last. */
typedef struct lookup {
    dc__address address;
    dc__sockaddr found[DC__SOCKADDRS];
    int n;
    int done; /* eventfd */
    _Atomic int users;
} lookup;

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
    lookup *lookup;
    dc__sockaddr to[DC__SOCKADDRS];
    int n_to, at_to;
    int fd, poll;
    uint8_t answer[DC__ANSWER_BYTES];
    size_t n_answer;
    uint64_t random;
};

static void drop_lookup(lookup *l)
{
    if (!l || --l->users > 0) return;
    (void)close(l->done);
    free(l);
}

dc_error dc__dialer_new(dc__dialer **dialer, dc__channel *channel, const dc__address *address,
                        const dc__dial_options *options)
{
    dc__dialer *d = calloc(1, sizeof *d);
    if (!d) return dc__fail(DC_ENOMEM, "out of memory for a connection");
    d->channel = channel;
    d->address = *address;
    d->options = *options;
    d->fd = d->poll = -1;
    d->since_ns = d->next_ns = dc__now_ns();
    d->pause_ns = DC__GATE_RETRY_NS;
    (void)getrandom(&d->random, sizeof d->random, 0);
    d->random |= 1;
    *dialer = d;
    return DC_OK;
}

void dc__dialer_free(dc__dialer *d)
{
    if (!d) return;
    if (d->fd >= 0) (void)close(d->fd);
    drop_lookup(d->lookup);
    free(d);
}

void dc__dialer_lost(dc__dialer *d, int64_t now_ns)
{
    d->since_ns = d->next_ns = now_ns;
    d->refused_ns = 0;
    d->pause_ns = DC__GATE_RETRY_NS;
    d->phase = REST;
}

bool dc__dialer_has_said_hello(const dc__dialer *d)
{
    return d->phase == HELLO;
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

static void *look_up(void *argument)
{
    lookup *l = argument;
    const char *why;
    const uint64_t one = 1;
    l->n = dc__tcp_lookup(&l->address, false, l->found, &why);
    (void)!write(l->done, &one, sizeof one);
    drop_lookup(l);
    return NULL;
}

static bool start_lookup(dc__dialer *d)
{
    lookup *l = calloc(1, sizeof *l);
    if (!l) return false;
    l->address = d->address;
    l->users = 2;
    l->done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_t thread;
    if (l->done >= 0 && pthread_create(&thread, NULL, look_up, l) == 0) {
        (void)pthread_detach(thread);
        d->lookup = l;
        return true;
    }
    if (l->done >= 0) (void)close(l->done);
    free(l);
    return false;
}

static void begin(dc__dialer *d, int64_t now_ns)
{
    const char *why;
    d->at_to = d->n_to = 0;
    d->n_to = dc__tcp_lookup(&d->address, true, d->to, &why);
    if (d->n_to > 0) {
        try_address(d, now_ns);
    } else if (start_lookup(d)) {
        d->phase = LOOKUP;
        d->next_ns = now_ns + LOOKUP_NS;
    } else {
        rest(d, now_ns);
    }
}

static void take_lookup(dc__dialer *d, int64_t now_ns)
{
    uint64_t count;
    const bool done = read(d->lookup->done, &count, sizeof count) == sizeof count;
    if (!done && now_ns < d->next_ns) return;
    d->n_to = done ? d->lookup->n : 0;
    if (done) memcpy(d->to, d->lookup->found, sizeof d->to);
    drop_lookup(d->lookup);
    d->lookup = NULL;
    if (d->n_to > 0)
        try_address(d, now_ns);
    else
        rest(d, now_ns);
}

/* The connection stands, or not: the hello goes at once. */
static void say_hello(dc__dialer *d, int64_t now_ns)
{
    int why = 0;
    socklen_t n = sizeof why;
    (void)getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &why, &n);
    const dc__channel *c = d->channel;
    dc__hello hello = {.version = DC__GATE_VERSION,
                       .resumes = c->state != DC__CHANNEL_CONNECTING,
                       .received = c->stream.received,
                       .partial = dc__connection_partial(&c->connection)};
    memcpy(hello.id, c->id, sizeof hello.id);
    uint8_t bytes[DC__HELLO_BYTES];
    dc__hello_write(bytes, &hello);
    if (!why && send(d->fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != sizeof bytes) why = errno;
    if (why) {
        give_up(d, why, now_ns);
        return;
    }
    d->rtt_ns = now_ns - d->attempt_ns > 0 ? now_ns - d->attempt_ns : 1;
    d->n_answer = 0;
    d->phase = HELLO;
}

static void take_answer(dc__dialer *d, int64_t now_ns)
{
    const ssize_t got = recv(d->fd, d->answer + d->n_answer, sizeof d->answer - d->n_answer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        give_up(d, got < 0 ? errno : ECONNRESET, now_ns);
        return;
    }
    d->n_answer += (size_t)got;
    if (d->n_answer < sizeof d->answer) return;
    dc__answer answer;
    if (!dc__answer_read(d->answer, &answer)) { /* another program's port */
        give_up(d, ECONNRESET, now_ns);
        return;
    }
    d->status = (dc__hello_status)answer.status;
    const int fd = d->fd;
    if (d->status != DC__HELLO_OK) {
        give_up(d, ECONNRESET, now_ns);
        if (d->status == DC__HELLO_UNKNOWN) dc__carry_end(d->channel, DC__END_UNKNOWN);
        if (d->status == DC__HELLO_VERSION) dc__carry_end(d->channel, DC__END_VERSION);
        return;
    }
    d->fd = -1;
    d->phase = REST;
    dc__carry_attach(d->channel, fd, answer.received, answer.partial, now_ns);
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
    if (without_ns <= most(d) && !refused) return false;
    c->waited_s = dc__seconds(refused ? refused_ns : without_ns);
    const dc__ending never = d->status == DC__HELLO_FULL ? DC__END_FULL : DC__END_NO_ANSWER;
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
    if (d->phase == LOOKUP) d->poll = dc__gate_poll(gate, d->lookup->done, POLLIN);
    if (d->phase == CONNECT) d->poll = dc__gate_poll(gate, d->fd, POLLOUT);
    if (d->phase == HELLO) d->poll = dc__gate_poll(gate, d->fd, POLLIN);
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
        (d->phase == CONNECT ? say_hello : take_answer)(d, now_ns);
    }
}
