/* carry_state.c - a session gets a connection, and ends. The gate's thread. */
#include "net/gate.h"

void dc__carry_end(dc__channel *c, dc__ending why)
{
    dc__connection_close(&c->connection);
    if (c->state == DC__CHANNEL_ENDED) return;
    c->ending = why;
    c->state = DC__CHANNEL_ENDED;
}

void dc__carry_refused(dc__channel *c, dc__hello_status status)
{
    static const dc__ending endings[DC__HELLO_END] = {
        [DC__HELLO_UNKNOWN] = DC__END_UNKNOWN,     [DC__HELLO_VERSION] = DC__END_VERSION,
        [DC__HELLO_KEYS] = DC__END_KEYS,           [DC__HELLO_UNKNOWN_KEY] = DC__END_UNKNOWN_KEY,
        [DC__HELLO_UNINVITED] = DC__END_UNINVITED, [DC__HELLO_EXPIRED] = DC__END_EXPIRED,
        [DC__HELLO_USED] = DC__END_USED,           [DC__HELLO_FILES] = DC__END_FILES};
    if (endings[status] != DC__END_NONE) dc__carry_end(c, endings[status]);
    /* It had announced this key: so it was started again, and does not know the session either. */
    if (status == DC__HELLO_NOT_YET && c->state != DC__CHANNEL_CONNECTING) dc__carry_end(c, DC__END_UNKNOWN);
}

void dc__carry_attach(dc__channel *c, int fd, dc__seal *seal, dc__shared *shared, uint64_t received,
                      uint32_t partial, int64_t now_ns)
{
    const bool again = c->state != DC__CHANNEL_CONNECTING;
    dc__connection_open(&c->connection, fd, seal, now_ns);
    dc__connection_share(&c->connection, shared);
    c->deaf = false;
    if (!dc__stream_resume(&c->stream, received, partial)) {
        dc__carry_end(c, DC__END_PROTOCOL);
        return;
    }
    if (again) c->reconnects++;
    c->state = DC__CHANNEL_UP;
}
