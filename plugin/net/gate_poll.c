/* gate_poll.c - what a gate waits for in a turn of its thread. */
#include <stdlib.h>
#include <unistd.h>

#include "net/gate.h"

void dc__gate_wake(dc__gate *gate)
{
    const uint64_t one = 1;
    (void)!write(gate->wake, &one, sizeof one); /* fails only when it is due already */
}

int dc__gate_poll(dc__gate *gate, int fd, short events)
{
    if (gate->n_fds == gate->room) {
        const int room = gate->room ? 2 * gate->room : 32;
        struct pollfd *more = realloc(gate->fds, (size_t)room * sizeof *more);
        if (!more) return -1;
        gate->fds = more;
        gate->room = room;
    }
    gate->fds[gate->n_fds] = (struct pollfd){.fd = fd, .events = events};
    return gate->n_fds++;
}

short dc__gate_events(const dc__gate *gate, int place)
{
    return place < 0 ? 0 : gate->fds[place].revents;
}

void dc__gate_by(dc__gate *gate, int64_t when_ns)
{
    if (when_ns < gate->next_ns) gate->next_ns = when_ns;
}
