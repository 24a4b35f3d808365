/* accept.c - those who connect to a listener's gate. Its thread.
 *
 * DESIGN
 *   Without keys a caller sends its hello. With keys it first shows that it knows the listener's key, and then in a
 * handshake its own; before that it hears the same whatever it says: one answer to a hello, which says that
 * keys are needed, and nothing to anything else.
 *
 *   Places for callers are few. When all are taken the oldest of those that have shown nothing goes, so that who connects and
 * says nothing holds up nobody who has something to say. If all know the listener's key, as somebody does who was expelled, the
 * oldest goes of those from the address that has most: one machine can take places from itself alone. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/gate.h"
#include "net/tcp.h"

#define ACCEPT_PAUSE_NS 100000000 /* after descriptors ran out */
#define ACCEPT_TURN 64            /* at a time: sessions must get their turn */

_Static_assert(sizeof(dc__caller) <= 1024, "a caller costs no more than docs/security.md says");

void dc__accept_prepare(dc__gate *gate, int64_t now_ns)
{
    gate->listen_poll = -1;
    if (gate->listen_fd >= 0) {
        if (now_ns >= gate->accept_after_ns)
            gate->listen_poll = dc__gate_poll(gate, gate->listen_fd, POLLIN);
        else
            dc__gate_by(gate, gate->accept_after_ns);
    }
    for (int k = 0; k < gate->n_callers; k++) {
        dc__caller *caller = &gate->callers[k];
        caller->poll = dc__gate_poll(gate, caller->fd, POLLIN);
        dc__gate_by(gate, caller->until_ns);
    }
}

/* Who was taken off the list has no part in it any more. */
static void expel(dc__gate *gate)
{
    for (dc__channel *c = gate->channels; c; c = c->next)
        if (c->member[0] && !dc__keeper_knows(gate->keeper, c->member, c->member_key))
            dc__carry_end(c, gate->keeper->follows ? DC__END_TAKEN_OFF : DC__END_EXPELLED);
}

/* ---- sessions ---- */

static dc__channel *find(const dc__gate *gate, const uint8_t id[DC__SESSION_ID_BYTES])
{
    for (dc__channel *c = gate->channels; c; c = c->next)
        if (memcmp(c->id, id, DC__SESSION_ID_BYTES) == 0) return c;
    return NULL;
}

static int waiting_for_admission(const dc__gate *gate)
{
    int n = 0;
    for (const dc__channel *c = gate->channels; c; c = c->next)
        n += !c->admitted && c->state != DC__CHANNEL_ENDED;
    return n;
}

/* A session begins: its owner will find it with dc__listener_accept. */
static dc__channel *add_channel(dc__gate *gate, const dc__hello *hello, const char *member,
                                const uint8_t *key)
{
    dc__channel *c;
    if (dc__channel_new(&c, gate, "", gate->first_bytes)) return NULL;
    memcpy(c->id, hello->id, sizeof c->id);
    (void)snprintf(c->member, sizeof c->member, "%s", member);
    if (key) memcpy(c->member_key, key, sizeof c->member_key);
    pthread_mutex_lock(&gate->lock);
    c->waits_to_be_accepted = true;
    c->next = gate->channels;
    gate->channels = c;
    pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
    return c;
}

/* A hello that was held up on its way, while the dialer gave up waiting for its answer and came over another connection: what
 * it says of the session is out of date, and nobody waits for its answer. */
static bool is_late(const dc__gate *gate, const dc__hello *hello)
{
    const dc__channel *c = find(gate, hello->id);
    return c && hello->version == DC__GATE_VERSION && c->attempt > 0 && hello->attempt <= c->attempt;
}

/* member: "" without keys. A session is its member's alone. */
static dc__hello_status judge(dc__gate *gate, const dc__hello *hello, const char *member, const uint8_t *key,
                              dc__channel **channel)
{
    dc__channel *c = find(gate, hello->id);
    *channel = NULL;
    if (hello->version != DC__GATE_VERSION) return DC__HELLO_VERSION;
    if (c && (c->state == DC__CHANNEL_ENDED || c->close_by_ns)) return DC__HELLO_UNKNOWN;
    if (c && strcmp(c->member, member) != 0) return DC__HELLO_UNKNOWN;
    if (!c && hello->resumes) return DC__HELLO_UNKNOWN;
    if (!c && waiting_for_admission(gate) >= DC__GATE_PENDING) return DC__HELLO_FULL;
    *channel = c ? c : add_channel(gate, hello, member, key);
    return *channel ? DC__HELLO_OK : DC__HELLO_FULL;
}

/* ---- answers ---- */

/* A unix socket may be another program's, that carries its bytes over a network: then one end does not see it. */
static bool is_local(const dc__gate *gate, const dc__hello *hello)
{
    return hello->local && gate->scheme == DC__IPC;
}

/* A connection that has carried little yet takes so much. */
static bool say(const dc__caller *caller, const uint8_t *bytes, size_t n)
{
    return send(caller->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

static void write_answer(uint8_t bytes[DC__ANSWER_BYTES], dc__hello_status status, const dc__channel *c,
                         bool local)
{
    const dc__answer out = {.version = DC__GATE_VERSION,
                            .status = (uint8_t)status,
                            .local = local,
                            .received = c ? c->stream.received : 0,
                            .partial = c ? dc__connection_partial(&c->connection) : 0};
    dc__answer_write(bytes, &out);
}

/* Says the n bytes of it; on one machine with memory that both can share (shared.h): what is to be attached with the connection. */
static bool say_answer(const dc__caller *caller, const uint8_t *bytes, size_t n, bool shares,
                       dc__shared **shared)
{
    int memory = -1;
    *shared = shares && dc__shared_same_user(caller->fd) ? dc__shared_offer(&memory) : NULL;
    if (!*shared) return say(caller, bytes, n);
    const bool sent = dc__fd_send(caller->fd, bytes, n, memory) == (ssize_t)n;
    (void)close(memory);
    return sent;
}

/* The connection is a channel's from here on. */
static void attach(dc__channel *c, dc__caller *caller, dc__seal *seal, dc__shared *shared,
                   const dc__hello *hello, int64_t now_ns)
{
    const int fd = caller->fd;
    caller->fd = -1;
    c->attempt = hello->attempt;
    c->local = is_local(c->gate, hello);
    dc__carry_attach(c, fd, seal, shared, hello->received, hello->partial, now_ns);
}

/* Answers a whole hello; the connection becomes a channel's, or is to be closed. */
static void answer(dc__gate *gate, dc__caller *caller, int64_t now_ns)
{
    dc__hello hello;
    uint8_t bytes[DC__ANSWER_BYTES];
    dc__channel *c = NULL;
    if (!dc__hello_read(caller->bytes, &hello) || is_late(gate, &hello)) return;
    const dc__hello_status status = gate->keeper ? DC__HELLO_KEYS : judge(gate, &hello, "", NULL, &c);
    const bool local = is_local(gate, &hello);
    dc__shared *shared;
    write_answer(bytes, status, c, local);
    if (say_answer(caller, bytes, sizeof bytes, c && local, &shared) && c)
        attach(c, caller, NULL, shared, &hello, now_ns);
    else
        dc__shared_free(shared);
}

static dc__hello_status status_of(dc__entry entry)
{
    static const dc__hello_status status[] = {
        [DC__ENTRY_MEMBER] = DC__HELLO_OK,         [DC__ENTRY_UNKNOWN_KEY] = DC__HELLO_UNKNOWN_KEY,
        [DC__ENTRY_UNKNOWN] = DC__HELLO_UNINVITED, [DC__ENTRY_EXPIRED] = DC__HELLO_EXPIRED,
        [DC__ENTRY_USED] = DC__HELLO_USED,         [DC__ENTRY_FILES] = DC__HELLO_FILES,
        [DC__ENTRY_NOT_YET] = DC__HELLO_NOT_YET};
    return status[entry];
}

/* The third message of a handshake: its sender's key is proved, and from here on it hears everything. */
static void answer_sealed(dc__gate *gate, dc__caller *caller, int64_t now_ns)
{
    dc__hello hello;
    char member[DC__MEMBER_BYTES];
    uint8_t room[DC__TICKET_BYTES], plain[DC__ANSWER_BYTES], bytes[DC__SEALED_ANSWER_BYTES];
    const uint8_t *ticket;
    dc__channel *c = NULL;
    if (!dc__handshake_read(&caller->noise, caller->bytes, &hello, room, &ticket)) return;
    const uint8_t *key = caller->noise.rs;
    dc__hello_status status = status_of(dc__keeper_admit(gate->keeper, key, ticket, member));
    dc__secret_wipe(room, sizeof room);
    dc__seal *seal = is_late(gate, &hello) ? NULL : dc__seal_new(&caller->noise);
    if (!seal) return;
    if (status == DC__HELLO_OK) status = judge(gate, &hello, member, key, &c);
    const bool local = is_local(gate, &hello);
    write_answer(plain, status, c, local);
    dc__chunk_header(bytes, sizeof plain);
    dc__aead_seal(&seal->send, bytes + DC__CHUNK_HEADER_BYTES, plain, sizeof plain);
    dc__shared *shared;
    if (say_answer(caller, bytes, sizeof bytes, c && local, &shared) && c) {
        attach(c, caller, seal, shared, &hello, now_ns);
        return;
    }
    dc__seal_free(seal);
    dc__shared_free(shared);
}

static bool begin_handshake(dc__gate *gate, dc__caller *caller)
{
    uint8_t bytes[DC__SECOND_BYTES];
    if (!dc__handshake_knows(caller->bytes, gate->keeper->pair) ||
        !dc__handshake_second(&caller->noise, gate->keeper->pair, dc__cipher_best(), caller->bytes, bytes) ||
        !say(caller, bytes, sizeof bytes))
        return false;
    caller->knows_us = true;
    caller->n = 0;
    return true;
}

/* ---- callers ---- */

/* How much of what is said now there must be; 0: it is some other program's. */
static size_t wanted(const dc__gate *gate, const dc__caller *caller)
{
    if (caller->knows_us) return DC__THIRD_BYTES;
    if (dc__hello_may_be(caller->bytes, caller->n)) return DC__HELLO_BYTES;
    return gate->keeper && dc__handshake_may_be(caller->bytes, caller->n) ? DC__FIRST_BYTES : 0;
}

/* Whether the caller is done with. */
static bool listen_to(dc__gate *gate, dc__caller *caller, int64_t now_ns)
{
    for (;;) {
        const size_t want = wanted(gate, caller);
        const ssize_t got = recv(caller->fd, caller->bytes + caller->n, want - caller->n, MSG_DONTWAIT);
        if (got < 0) return errno != EAGAIN && errno != EINTR;
        if (got == 0) return true;
        caller->n += (size_t)got;
        const size_t whole = wanted(gate, caller);
        if (whole == 0) return true;
        if (caller->n < whole) continue;
        if (whole == DC__FIRST_BYTES && !caller->knows_us) {
            if (!begin_handshake(gate, caller)) return true;
            continue;
        }
        (caller->knows_us ? answer_sealed : answer)(gate, caller, now_ns);
        return true;
    }
}

static void end_caller(dc__gate *gate, dc__caller *caller)
{
    if (caller->fd >= 0) {
        (void)close(caller->fd);
        gate->turned_away++;
    }
    dc__secret_wipe(caller, sizeof *caller);
}

/* Of an IPv6 address its network: the rest is its owner's to choose. */
static void note_address(dc__caller *caller, const struct sockaddr_storage *from)
{
    const struct sockaddr_in *four = (const struct sockaddr_in *)from;
    const struct in6_addr *six = &((const struct sockaddr_in6 *)from)->sin6_addr;
    if (from->ss_family == AF_INET)
        memcpy(caller->from, &four->sin_addr, 4);
    else if (from->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(six))
        memcpy(caller->from, six->s6_addr + 12, 4);
    else if (from->ss_family == AF_INET6)
        memcpy(caller->from, six->s6_addr, sizeof caller->from);
}

static int callers_from(const dc__gate *gate, const uint8_t *address)
{
    int n = 0;
    for (int k = 0; k < gate->n_callers; k++)
        n += memcmp(gate->callers[k].from, address, sizeof gate->callers[k].from) == 0;
    return n;
}

/* Which of them is to give up its place. They are in the order in which they came. */
static int dispensable(const dc__gate *gate)
{
    int which = 0, most = 0;
    for (int k = 0; k < gate->n_callers; k++) {
        if (!gate->callers[k].knows_us) return k;
        const int n = callers_from(gate, gate->callers[k].from);
        if (n <= most) continue;
        most = n;
        which = k;
    }
    return which;
}

static void make_room(dc__gate *gate)
{
    if (gate->n_callers < DC__GATE_PENDING) return;
    const int k = dispensable(gate);
    end_caller(gate, &gate->callers[k]);
    gate->n_callers--;
    memmove(&gate->callers[k], &gate->callers[k + 1], (size_t)(gate->n_callers - k) * sizeof *gate->callers);
}

static void accept_all(dc__gate *gate, int64_t now_ns)
{
    for (int k = 0; k < ACCEPT_TURN; k++) {
        struct sockaddr_storage from = {0};
        socklen_t n = sizeof from;
        const int fd = accept4(gate->listen_fd, (struct sockaddr *)&from, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            if (errno != EAGAIN) gate->accept_after_ns = now_ns + ACCEPT_PAUSE_NS;
            return;
        }
        dc__tcp_tune(fd);
        make_room(gate);
        dc__caller *caller = &gate->callers[gate->n_callers++];
        *caller = (dc__caller){.fd = fd, .until_ns = now_ns + DC__GATE_HELLO_NS, .poll = -1};
        note_address(caller, &from);
        if (!listen_to(gate, caller, now_ns)) continue; /* what it has to say is often there already */
        end_caller(gate, caller);
        gate->n_callers--;
    }
}

void dc__accept(dc__gate *gate, int64_t now_ns)
{
    int left = 0;
    if (gate->keeper && dc__keeper_look(gate->keeper, now_ns)) expel(gate);
    for (int k = 0; k < gate->n_callers;
         k++) { /* in the order in which they came: the latest of a session wins */
        dc__caller *caller = &gate->callers[k];
        const bool event = dc__gate_events(gate, caller->poll) != 0;
        if (now_ns >= caller->until_ns || (event && listen_to(gate, caller, now_ns)))
            end_caller(gate, caller);
        else if (left++ != k)
            memcpy(&gate->callers[left - 1], caller, sizeof *caller);
    }
    gate->n_callers = left;
    if (dc__gate_events(gate, gate->listen_poll)) accept_all(gate, now_ns);
}

void dc__accept_free(dc__gate *gate)
{
    for (int k = 0; k < gate->n_callers; k++)
        (void)close(gate->callers[k].fd);
    dc__secret_free(gate->callers);
    if (gate->listen_fd >= 0) (void)close(gate->listen_fd);
    if (gate->path[0]) (void)unlink(gate->path);
}
