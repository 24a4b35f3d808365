#include "net/lookup.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct dc__lookup {
    dc__address address;
    dc__sockaddr found[DC__SOCKADDRS];
    int n;
    int done;          /* eventfd */
    _Atomic int users; /* freed by whoever is last */
};

void dc__lookup_drop(dc__lookup *l)
{
    if (!l || --l->users > 0) return;
    (void)close(l->done);
    free(l);
}

static void *look_up(void *argument)
{
    dc__lookup *l = argument;
    const char *why;
    const uint64_t one = 1;
    l->n = dc__tcp_lookup(&l->address, false, l->found, &why);
    (void)!write(l->done, &one, sizeof one);
    dc__lookup_drop(l);
    return NULL;
}

dc__lookup *dc__lookup_start(const dc__address *address)
{
    dc__lookup *l = calloc(1, sizeof *l);
    if (!l) return NULL;
    l->address = *address;
    l->users = 2;
    l->done = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_t thread;
    if (l->done >= 0 && pthread_create(&thread, NULL, look_up, l) == 0) {
        (void)pthread_detach(thread);
        return l;
    }
    if (l->done >= 0) (void)close(l->done);
    free(l);
    return NULL;
}

int dc__lookup_fd(const dc__lookup *l)
{
    return l->done;
}

int dc__lookup_take(dc__lookup *l, dc__sockaddr out[DC__SOCKADDRS])
{
    uint64_t count;
    if (read(l->done, &count, sizeof count) != sizeof count) return -1;
    memcpy(out, l->found, sizeof l->found);
    return l->n;
}
