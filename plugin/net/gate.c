#include "net/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"

/* Asks for everything that is waited for. */
static void prepare(dc__gate *gate, int64_t now_ns)
{
    gate->n_fds = 0;
    gate->next_ns = now_ns + DC__GATE_HEARTBEAT_NS;
    (void)dc__gate_poll(gate, gate->wake, POLLIN);
    dc__accept_prepare(gate, now_ns);
    for (dc__channel *c = gate->channels; c; c = c->next)
        dc__carry_prepare(c, now_ns);
}

static void wait(dc__gate *gate, int64_t now_ns)
{
    const int64_t left_ns = gate->next_ns - now_ns;
    const struct timespec most = {.tv_sec = left_ns > 0 ? left_ns / 1000000000 : 0,
                                  .tv_nsec = left_ns > 0 ? left_ns % 1000000000 : 0};
    if (ppoll(gate->fds, (nfds_t)gate->n_fds, &most, NULL) < 0)
        for (int i = 0; i < gate->n_fds; i++)
            gate->fds[i].revents = 0;
    uint64_t count;
    if (gate->n_fds > 0 && gate->fds[0].revents) (void)!read(gate->wake, &count, sizeof count);
}

/* Channels that are over on both sides leave the list; their owners wait for that. */
static void sweep(dc__gate *gate)
{
    bool any = false;
    pthread_mutex_lock(&gate->lock);
    for (dc__channel **at = &gate->channels; *at;) {
        dc__channel *c = *at;
        const bool over = c->close_by_ns != 0 && c->state == DC__CHANNEL_ENDED && c->connection.fd < 0;
        if (over) {
            *at = c->next;
            c->finished = any = true;
        } else {
            at = &c->next;
        }
    }
    if (any) pthread_cond_broadcast(&gate->changed);
    pthread_mutex_unlock(&gate->lock);
}

/* Channels that nobody has accepted do not count: they go with the gate. */
static bool is_over(dc__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool over = gate->quit;
    for (const dc__channel *c = gate->channels; c; c = c->next)
        over &= c->waits_to_be_accepted;
    pthread_mutex_unlock(&gate->lock);
    return over;
}

static void *run(void *argument)
{
    dc__gate *gate = argument;
    while (!is_over(gate)) {
        int64_t now_ns = dc__now_ns();
        prepare(gate, now_ns);
        wait(gate, now_ns);
        now_ns = dc__now_ns();
        dc__accept(gate, now_ns);
        for (dc__channel *c = gate->channels; c; c = c->next)
            dc__carry(c, now_ns);
        sweep(gate);
    }
    return NULL;
}

dc_error dc__gate_start(dc__gate *gate)
{
    gate->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&gate->lock, NULL);
    dc__condition_init(&gate->changed);
    if (gate->wake >= 0 && pthread_create(&gate->thread, NULL, run, gate) == 0) return DC_OK;
    const int why = errno;
    if (gate->wake >= 0) (void)close(gate->wake);
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->changed);
    return dc__fail(DC_ENET, "cannot start a thread for connections: %s", strerror(why));
}

void dc__gate_stop(dc__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->quit = true;
    pthread_mutex_unlock(&gate->lock);
    dc__gate_wake(gate);
    pthread_join(gate->thread, NULL);
    while (gate->channels) {
        dc__channel *c = gate->channels;
        gate->channels = c->next;
        dc__channel_free(c);
    }
    dc__accept_free(gate);
    (void)close(gate->wake);
    free(gate->fds);
    pthread_mutex_destroy(&gate->lock);
    pthread_cond_destroy(&gate->changed);
    free(gate);
}
