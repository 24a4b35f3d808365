#include "net/inproc.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/address.h"

#define WAITING 256 /* messages for a side: their bytes are bounded by the link's credit */

struct dc__inproc {
    char name[DC__URL_BYTES];
    int ends[2];
    int64_t until_ns; /* side 0 waits so long for a listener */
    bool left[2];     /* (L) */
    bool up;          /* (L) somebody listens */
    bool accepted;    /* (L) */
    dc__inproc *next; /* (L) among those that nobody accepted, in the order in which they came */
};

struct dc__inproc_listener {
    char name[DC__URL_BYTES];
    dc__inproc_listener *next; /* (L) */
};

/* The process's names. (L) is guarded by the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t came;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static dc__inproc *waiting;
static dc__inproc_listener *listeners;

static void init(void)
{
    dc__condition_init(&came);
}

static dc__inproc_listener *find(const char *name)
{
    dc__inproc_listener *l = listeners;
    while (l && strcmp(l->name, name) != 0)
        l = l->next;
    return l;
}

dc_error dc__inproc_dial(dc__inproc **connection, const char *name, double connect_s)
{
    static const int most[2] = {WAITING, WAITING};
    pthread_once(&once, init);
    dc__inproc *c = calloc(1, sizeof *c);
    if (!c) return dc__fail(DC_ENOMEM, "out of memory for a connection");
    const dc_error err = dc__socket_pair(c->ends, most);
    if (err) {
        free(c);
        return err;
    }
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    c->until_ns = dc__now_ns() + (int64_t)(connect_s * 1e9);
    pthread_mutex_lock(&lock);
    c->up = find(name) != NULL;
    dc__inproc **at = &waiting;
    while (*at)
        at = &(*at)->next;
    *at = c;
    pthread_cond_broadcast(&came);
    pthread_mutex_unlock(&lock);
    *connection = c;
    return DC_OK;
}

/* With the lock held. */
static void forget(const dc__inproc *c)
{
    dc__inproc **at = &waiting;
    while (*at && *at != c)
        at = &(*at)->next;
    if (*at) *at = c->next;
}

void dc__inproc_leave(dc__inproc *c, int side)
{
    pthread_mutex_lock(&lock);
    c->left[side] = true;
    if (!c->accepted && side == 0) {
        forget(c);
        c->left[1] = true;
    }
    const bool last = c->left[0] && c->left[1];
    pthread_mutex_unlock(&lock);
    if (!last) return;
    dc__socket_pair_close(c->ends);
    free(c);
}

int dc__inproc_socket(const dc__inproc *c, int side)
{
    return c->ends[side];
}

dc__channel_state dc__inproc_state(dc__inproc *c, int side)
{
    pthread_mutex_lock(&lock);
    dc__channel_state state = c->up ? DC__CHANNEL_UP : DC__CHANNEL_CONNECTING;
    if (c->left[1 - side] || (!c->up && dc__now_ns() > c->until_ns)) state = DC__CHANNEL_ENDED;
    pthread_mutex_unlock(&lock);
    return state;
}

bool dc__inproc_was_up(dc__inproc *c)
{
    pthread_mutex_lock(&lock);
    const bool up = c->up;
    pthread_mutex_unlock(&lock);
    return up;
}

dc_error dc__inproc_listen(dc__inproc_listener **listener, const char *name)
{
    pthread_once(&once, init);
    dc__inproc_listener *l = calloc(1, sizeof *l);
    if (!l) return dc__fail(DC_ENOMEM, "out of memory for a listener");
    (void)snprintf(l->name, sizeof l->name, "%s", name);
    pthread_mutex_lock(&lock);
    const bool taken = find(name) != NULL;
    if (!taken) {
        l->next = listeners;
        listeners = l;
        for (dc__inproc *c = waiting; c; c = c->next)
            c->up |= strcmp(c->name, name) == 0;
    }
    pthread_mutex_unlock(&lock);
    if (taken) {
        free(l);
        return dc__fail(DC_ENET, "inproc://%s is taken: listen on another name", name);
    }
    *listener = l;
    return DC_OK;
}

/* With the lock held. */
static dc__inproc *next_of(const char *name)
{
    dc__inproc *c = waiting;
    while (c && strcmp(c->name, name) != 0)
        c = c->next;
    if (c) {
        forget(c);
        c->accepted = c->up = true;
    }
    return c;
}

dc__inproc *dc__inproc_accept(dc__inproc_listener *l, int wait_ms)
{
    const int64_t until_ns = dc__now_ns() + (int64_t)wait_ms * 1000000;
    pthread_mutex_lock(&lock);
    dc__inproc *c;
    while (!(c = next_of(l->name)) && dc__now_ns() < until_ns)
        dc__wait_until(&came, &lock, until_ns);
    pthread_mutex_unlock(&lock);
    return c;
}

void dc__inproc_unlisten(dc__inproc_listener *l)
{
    dc__inproc *c;
    for (;;) {
        pthread_mutex_lock(&lock);
        c = next_of(l->name);
        pthread_mutex_unlock(&lock);
        if (!c) break;
        dc__inproc_leave(c, 1);
    }
    pthread_mutex_lock(&lock);
    dc__inproc_listener **at = &listeners;
    while (*at && *at != l)
        at = &(*at)->next;
    if (*at) *at = l->next;
    pthread_mutex_unlock(&lock);
    free(l);
}
