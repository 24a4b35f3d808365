#include "net/buffers.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/error.h"

struct dc__buffers {
    dc__buffers *next;
    void *map;
    size_t map_bytes;
    dc__buffer_row out, in;
    uint64_t sent, received; /* bits of those whose messages this process has not freed */
    uint32_t users;
};

/* All of this process: a handful, and a message of a quarter of a megabyte asks once. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static dc__buffers *all;
static _Atomic bool any; /* most processes never have one, and need no lock to know */

dc__buffers *dc__buffers_new(void *map, size_t map_bytes, dc__buffer_row out, dc__buffer_row in)
{
    dc__buffers *b = malloc(sizeof *b);
    if (!b) return NULL;
    *b = (dc__buffers){.map = map, .map_bytes = map_bytes, .out = out, .in = in, .users = 1};
    pthread_mutex_lock(&lock);
    b->next = all;
    all = b;
    any = true;
    pthread_mutex_unlock(&lock);
    return b;
}

void dc__buffers_join(dc__buffers *b)
{
    pthread_mutex_lock(&lock);
    b->users++;
    pthread_mutex_unlock(&lock);
}

/* With the lock held. */
static void free_unused(dc__buffers *b)
{
    if (b->users || b->sent || b->received) return;
    dc__buffers **at = &all;
    while (*at != b)
        at = &(*at)->next;
    *at = b->next;
    any = all != NULL;
    (void)munmap(b->map, b->map_bytes);
    free(b);
}

void dc__buffers_leave(dc__buffers *b)
{
    if (!b) return;
    pthread_mutex_lock(&lock);
    b->users--;
    free_unused(b);
    pthread_mutex_unlock(&lock);
}

/* The lowest that is free: its bytes are the likeliest to be in a cache. */
void *dc__buffers_alloc(dc__buffers *b, size_t n)
{
    uint8_t *found = NULL;
    if (n < DC__BUFFER_LEAST || n > DC__BUFFER_BYTES) return NULL;
    pthread_mutex_lock(&lock);
    for (uint32_t k = 0; k < DC__BUFFERS && !found; k++) {
        if ((b->sent >> k & 1) || b->out.held[k]) continue;
        b->sent |= (uint64_t)1 << k;
        found = b->out.bytes + k * DC__BUFFER_BYTES;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static int number_in(const dc__buffer_row *lane, const void *message)
{
    const uintptr_t at = (uintptr_t)message, begin = (uintptr_t)lane->bytes;
    if (at < begin || at - begin >= DC__BUFFERS * DC__BUFFER_BYTES) return -1;
    dc__assert((at - begin) % DC__BUFFER_BYTES == 0);
    return (int)((at - begin) / DC__BUFFER_BYTES);
}

int dc__buffers_number(const dc__buffers *b, const void *message)
{
    return number_in(&b->out, message);
}

void *dc__buffers_take(dc__buffers *b, uint32_t number, size_t n)
{
    void *message = NULL;
    if (number >= DC__BUFFERS || n < DC__BUFFER_LEAST || n > DC__BUFFER_BYTES) return NULL;
    pthread_mutex_lock(&lock);
    if (!(b->received >> number & 1)) {
        b->received |= (uint64_t)1 << number;
        b->in.held[number] = 1;
        message = b->in.bytes + number * DC__BUFFER_BYTES;
    }
    pthread_mutex_unlock(&lock);
    return message;
}

/* With the lock held; *number: of its buffer. NULL if it is in none. */
static dc__buffers *find(const void *message, int *number, bool *received)
{
    for (dc__buffers *b = all; b; b = b->next) {
        *number = number_in(&b->in, message);
        *received = *number >= 0;
        if (!*received) *number = number_in(&b->out, message);
        if (*number >= 0) return b;
    }
    return NULL;
}

bool dc__buffers_free(void *message)
{
    int number;
    bool received;
    if (!any) return false;
    pthread_mutex_lock(&lock);
    dc__buffers *b = find(message, &number, &received);
    if (b && received) {
        b->received &= ~((uint64_t)1 << number);
        b->in.held[number] = 0;
    } else if (b) {
        b->sent &= ~((uint64_t)1 << number);
    }
    if (b) free_unused(b);
    pthread_mutex_unlock(&lock);
    return b != NULL;
}

bool dc__buffers_received(const void *message)
{
    int number;
    bool received = false;
    if (!any) return false;
    pthread_mutex_lock(&lock);
    if (!find(message, &number, &received)) received = false;
    pthread_mutex_unlock(&lock);
    return received;
}
