/* carry_state.c - a session gets a connection, and ends. The gate's thread. */
#include "net/gate.h"

void dc__carry_end(dc__channel *c, dc__ending why)
{
    dc__connection_close(&c->connection);
    if (c->state == DC__CHANNEL_ENDED) return;
    c->ending = why;
    c->state = DC__CHANNEL_ENDED;
}

void dc__carry_attach(dc__channel *c, int fd, dc__seal *seal, uint64_t received, uint32_t partial,
                      int64_t now_ns)
{
    const bool again = c->state != DC__CHANNEL_CONNECTING;
    dc__connection_open(&c->connection, fd, seal, now_ns);
    c->deaf = false;
    if (!dc__stream_resume(&c->stream, received, partial)) {
        dc__carry_end(c, DC__END_PROTOCOL);
        return;
    }
    if (again) c->reconnects++;
    c->state = DC__CHANNEL_UP;
}
