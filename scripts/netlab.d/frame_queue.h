/* frame_queue.h - frames that wait for their time: a bounded first-in first-out ring of bytes.
 *
 * DESIGN
 *   One mapping of a fixed size, made once; nothing is allocated per frame. A frame lies
 * contiguously, behind a small record with its due time, so that the kernel can write it
 * and read it in place. Where the end of the ring is too short for the largest frame, a
 * skip record marks it and the next frame starts at the beginning. Not thread-safe. */
#ifndef NETLAB_FRAME_QUEUE_H
#define NETLAB_FRAME_QUEUE_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define FRAME_SKIP UINT32_MAX

struct frame {
    int64_t due_ns; /* CLOCK_MONOTONIC */
    uint32_t bytes; /* of data; FRAME_SKIP = nothing here, go on at the ring's beginning */
    uint32_t unused;
    uint8_t data[];
};

struct frame_queue {
    uint8_t *ring;
    size_t size;       /* of the ring, bytes */
    size_t head, tail; /* offsets of the oldest record and of free space; equal = empty */
    size_t frames;     /* waiting now */
    uint64_t bytes;    /* of frames waiting now */
};

/* fq_record_bytes - room that a frame of so many bytes takes in the ring. */
static inline size_t fq_record_bytes(size_t bytes)
{
    return (sizeof(struct frame) + bytes + 15) & ~(size_t)15;
}

/* fq_init - maps a ring of size bytes (a multiple of 16). False, with errno, if there is no memory. */
static inline bool fq_init(struct frame_queue *q, size_t size)
{
    assert(size % 16 == 0);
    *q = (struct frame_queue){.size = size};
    void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ring == MAP_FAILED) return false;
    q->ring = ring;
    return true;
}

/* fq_free - returns the ring. */
static inline void fq_free(struct frame_queue *q)
{
    if (q->ring) munmap(q->ring, q->size);
    *q = (struct frame_queue){0};
}

/* fq_head - the oldest frame, or NULL if none waits. Valid until fq_pop. */
static inline struct frame *fq_head(const struct frame_queue *q)
{
    return q->frames ? (struct frame *)(void *)(q->ring + q->head) : NULL;
}

/* fq_reserve - a record with room for max_bytes of data, to be filled and then passed to fq_commit; NULL if
 * the queue is full. A reservation that is not committed costs nothing. */
static inline struct frame *fq_reserve(struct frame_queue *q, size_t max_bytes)
{
    size_t need = fq_record_bytes(max_bytes);
    if (!q->frames) q->head = q->tail = 0; /* an idle link keeps to the same, warm, memory */
    if (q->tail >= q->head) {
        if (q->size - q->tail >= need) return (struct frame *)(void *)(q->ring + q->tail);
        if (q->head <= need) /* strictly more than need: tail must not catch up with head */
            return NULL;
        if (q->size - q->tail >= sizeof(struct frame))
            ((struct frame *)(void *)(q->ring + q->tail))->bytes = FRAME_SKIP;
        q->tail = 0;
    }
    return q->head - q->tail > need ? (struct frame *)(void *)(q->ring + q->tail) : NULL;
}

/* fq_commit - queues the record of the last fq_reserve with its true length, at most what was reserved. */
static inline void fq_commit(struct frame_queue *q, uint32_t bytes, int64_t due_ns)
{
    struct frame *f = (struct frame *)(void *)(q->ring + q->tail);
    f->bytes = bytes;
    f->due_ns = due_ns;
    q->tail += fq_record_bytes(bytes);
    q->frames++;
    q->bytes += bytes;
}

/* fq_pop - forgets the oldest frame. */
static inline void fq_pop(struct frame_queue *q)
{
    struct frame *f = fq_head(q);
    assert(f && f->bytes != FRAME_SKIP);
    q->frames--;
    q->bytes -= f->bytes;
    q->head += fq_record_bytes(f->bytes);
    if (!q->frames) return;
    if (q->size - q->head < sizeof(struct frame) ||
        ((struct frame *)(void *)(q->ring + q->head))->bytes == FRAME_SKIP)
        q->head = 0;
}

#endif
