/* packets.c - a heap by time of arrival. See packets.h. */
#include "sim/packets.h"

#include <stdlib.h>

static sim_packet *heap;
static int n_heap, room;
static uint64_t order;

static bool is_before(const sim_packet *a, const sim_packet *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(int i, int j)
{
    const sim_packet p = heap[i];
    heap[i] = heap[j];
    heap[j] = p;
}

void sim_packet_again(const sim_packet *p)
{
    if (n_heap == room) {
        room = room ? 2 * room : 256;
        heap = realloc(heap, (size_t)room * sizeof *heap);
        if (!heap) abort();
    }
    int at = n_heap++;
    heap[at] = *p;
    for (; at > 0 && is_before(&heap[at], &heap[(at - 1) / 2]); at = (at - 1) / 2)
        swap(at, (at - 1) / 2);
    sim_by(p->at_ns);
}

void sim_packet_put(const sim_packet *p)
{
    sim_packet mine = *p;
    mine.order = order++;
    sim_packet_again(&mine);
}

const sim_packet *sim_packet_first(void)
{
    return n_heap > 0 ? &heap[0] : NULL;
}

void sim_packet_drop(void)
{
    heap[0] = heap[--n_heap];
    for (int at = 0;;) {
        int least = at;
        for (int k = 2 * at + 1; k <= 2 * at + 2 && k < n_heap; k++)
            if (is_before(&heap[k], &heap[least])) least = k;
        if (least == at) return;
        swap(at, least);
        at = least;
    }
}
