/* channel_new.c - makes and frees the channels of a gate. */
#include <stdlib.h>

#include "base/error.h"
#include "net/gate.h"

dc_error dc__channel_new(dc__channel **channel, dc__gate *gate, const char *url, size_t most_bytes)
{
    static const int waiting[2] = {DC__ENGINE_WAITING, DC__INNER_WAITING};
    dc__channel *c = calloc(1, sizeof *c);
    int ends[2];
    if (!c || !dc__stream_init(&c->stream)) {
        free(c);
        return dc__fail(DC_ENOMEM, "out of memory for a connection");
    }
    const dc_error err = dc__socket_pair(ends, waiting);
    if (err) {
        dc__stream_free(&c->stream);
        free(c);
        return err;
    }
    c->engine = ends[0];
    c->inner = ends[1];
    c->gate = gate;
    c->connection.fd = -1;
    c->most_bytes = most_bytes;
    (void)snprintf(c->url, sizeof c->url, "%s", url);
    *channel = c;
    return DC_OK;
}

void dc__channel_free(dc__channel *c)
{
    dc__dialer_free(c->dialer);
    dc__connection_close(&c->connection);
    dc__connection_forget(&c->connection);
    dc__message_free(c->held);
    dc__stream_free(&c->stream);
    dc__buffers_leave(c->buffers);
    dc__socket_pair_close((const int[]){c->engine, c->inner});
    free(c);
}
