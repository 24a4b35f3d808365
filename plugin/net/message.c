#include "net/message.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "net/buffers.h"

/* Sizes are kept by powers of two, from 4 KiB to 2 MiB: what is smaller is cheap, what is larger is rare. */
#define LEAST_SHIFT 12
#define CLASSES 10
#define NO_CLASS CLASSES
#define KEPT_MOST ((size_t)128 << 20)

/* Before every message; keeps it 16-byte aligned. */
typedef struct head {
    union {
        struct head *next; /* while it is kept */
        size_t class;      /* while it is in use */
    } u;
    uint64_t unused;
} head;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static head *kept[CLASSES];
static size_t kept_bytes;

static size_t class_bytes(size_t class)
{
    return sizeof(head) + ((size_t)1 << (LEAST_SHIFT + class));
}

/* Under a sanitizer every message has memory of its own, so that one that is used after its end is seen. */
static size_t class_of(size_t n)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)n;
    return NO_CLASS;
#else
    size_t class = 0;
    if (n < (size_t)1 << (LEAST_SHIFT - 1)) return NO_CLASS;
    while (class < CLASSES && n > class_bytes(class) - sizeof(head))
        class ++;
    return class;
#endif
}

static head *take_kept(size_t class)
{
    pthread_mutex_lock(&lock);
    head *h = kept[class];
    if (h) {
        kept[class] = h->u.next;
        kept_bytes -= class_bytes(class);
    }
    pthread_mutex_unlock(&lock);
    return h;
}

void *dc__message_alloc(size_t n)
{
    const size_t class = class_of(n);
    head *h = class == NO_CLASS ? NULL : take_kept(class);
    if (!h) h = malloc(class == NO_CLASS ? sizeof *h + n : class_bytes(class));
    if (!h) return NULL;
    h->u.class = class;
    return h + 1;
}

void dc__message_free(void *message)
{
    if (!message || dc__buffers_free(message)) return;
    head *h = (head *)message - 1;
    const size_t class = h->u.class;
    if (class != NO_CLASS) {
        pthread_mutex_lock(&lock);
        const bool keeps = kept_bytes + class_bytes(class) <= KEPT_MOST;
        if (keeps) {
            kept_bytes += class_bytes(class);
            h->u.next = kept[class];
            kept[class] = h;
            h = NULL;
        }
        pthread_mutex_unlock(&lock);
    }
    free(h);
}

/* Nothing is left to leak at the end of the process. */
__attribute__((destructor)) static void free_kept(void)
{
    for (size_t class = 0; class < CLASSES; class ++)
        while (kept[class]) {
            head *h = kept[class];
            kept[class] = h->u.next;
            free(h);
        }
}
