#include "endpoint/account.h"

#include <math.h>

#include "base/error.h"

void dc__account_init(dc__account *a)
{
    a->n = 0;
    a->window_bytes = 0;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->woken, NULL);
}

void dc__account_destroy(dc__account *a)
{
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->woken);
}

int dc__account_join(dc__account *a, const dc__link *link, pthread_mutex_t *lock, pthread_cond_t *work)
{
    int place = 0;
    pthread_mutex_lock(&a->lock);
    while (place < a->n && a->claims[place].link)
        place++;
    dc__assert(place < DC__ACCOUNT_MOST);
    if (place == a->n) a->n++;
    a->claims[place] = (dc__claim){.link = link, .lock = lock, .work = work, .position = INFINITY};
    pthread_mutex_unlock(&a->lock);
    return place;
}

void dc__account_leave(dc__account *a, int place)
{
    pthread_mutex_lock(&a->lock);
    dc__claim *c = &a->claims[place];
    c->position = INFINITY;
    while (c->waking > 0)
        pthread_cond_wait(&a->woken, &a->lock);
    *c = (dc__claim){0};
    pthread_mutex_unlock(&a->lock);
}

void dc__account_moved(dc__account *a, uint64_t *given, uint64_t *acked, uint64_t *taken)
{
    *given = *acked = *taken = 0;
    pthread_mutex_lock(&a->lock);
    for (int k = 0; k < a->n; k++) {
        const dc__link *link = a->claims[k].link;
        if (!link) continue;
        *acked += link->acked_bytes; /* before what was given, which only grows */
        *given += link->given_bytes;
        *taken += link->taken_bytes;
    }
    pthread_mutex_unlock(&a->lock);
}

/* All with the account's lock held. */
static uint64_t under_way(const dc__account *a)
{
    uint64_t bytes = 0;
    for (int k = 0; k < a->n; k++) {
        const dc__claim *c = &a->claims[k];
        if (!c->link) continue;
        const uint64_t acked = c->link->acked_bytes; /* before what was given, which only grows */
        bytes += c->link->given_bytes - acked + c->sending;
    }
    return bytes;
}

/* NULL: nobody has anything to send. */
static dc__claim *first(dc__account *a)
{
    dc__claim *found = NULL;
    for (int k = 0; k < a->n; k++) {
        dc__claim *c = &a->claims[k];
        if (c->link && !isinf(c->position) && (!found || c->position < found->position)) found = c;
    }
    return found;
}

bool dc__account_grants(dc__account *a, int place, double position, uint64_t bytes)
{
    pthread_mutex_lock(&a->lock);
    dc__claim *own = &a->claims[place];
    own->position = position;
    const uint64_t window = a->window_bytes, bytes_out = window && !isinf(position) ? under_way(a) : 0;
    const bool granted = !isinf(position) && (window == 0 || bytes_out < window / 2 ||
                                              (bytes_out < window && first(a)->position >= position));
    if (granted) {
        own->position = INFINITY;
        own->sending = bytes;
    }
    pthread_mutex_unlock(&a->lock);
    return granted;
}

void dc__account_wake(dc__account *a)
{
    pthread_mutex_lock(&a->lock);
    dc__claim *c = a->window_bytes == 0 || under_way(a) < a->window_bytes ? first(a) : NULL;
    if (c) c->waking++; /* it stays as long */
    pthread_mutex_unlock(&a->lock);
    if (!c) return;
    pthread_mutex_lock(c->lock);
    pthread_cond_signal(c->work);
    pthread_mutex_unlock(c->lock);
    pthread_mutex_lock(&a->lock);
    c->waking--;
    pthread_cond_broadcast(&a->woken);
    pthread_mutex_unlock(&a->lock);
}

void dc__account_sent(dc__account *a, int place)
{
    pthread_mutex_lock(&a->lock);
    a->claims[place].sending = 0;
    pthread_mutex_unlock(&a->lock);
    dc__account_wake(a);
}
