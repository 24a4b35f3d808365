#include "relay/passing.h"

#include <stdlib.h>

#include "base/error.h"

void dc__passing_init(dc__passing *p)
{
    p->first = NULL;
    p->last = &p->first;
    p->n = 0;
}

dc_error dc__passing_put(dc__passing *p, const dc__header *header, void *message, int of)
{
    dc__passed *passed = message ? malloc(sizeof *passed) : NULL;
    if (!passed) {
        dc__link_discard(message);
        return dc__fail(DC_ENOMEM, "out of memory for a frame that is to be passed on");
    }
    *passed = (dc__passed){.header = *header, .message = message, .of = of};
    *p->last = passed;
    p->last = &passed->next;
    p->n++;
    return DC_OK;
}

dc__passed *dc__passing_take(dc__passing *p)
{
    dc__passed *passed = p->first;
    if (!passed) return NULL;
    p->first = passed->next;
    if (!p->first) p->last = &p->first;
    p->n--;
    return passed;
}

void dc__passing_clear(dc__passing *p)
{
    for (dc__passed *passed; (passed = dc__passing_take(p));) {
        dc__link_discard(passed->message);
        free(passed);
    }
}
