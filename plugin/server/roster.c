#include "server/roster.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

dc_error dc__roster_init(dc__roster *r, int n)
{
    pthread_mutex_init(&r->lock, NULL);
    r->n = n;
    r->member = calloc((size_t)n, sizeof *r->member);
    return r->member ? DC_OK : dc__fail(DC_ENOMEM, "out of memory for a server of %d workers", n);
}

void dc__roster_destroy(dc__roster *r)
{
    free(r->member);
    pthread_mutex_destroy(&r->lock);
}

uint64_t dc__roster_images(const dc__roster *r)
{
    uint64_t images = 0;
    for (int i = 0; i < r->n; i++)
        images += r->member[i].images;
    return images;
}

int dc__roster_missing(dc__roster *r, dc__member_state state)
{
    int missing = 0;
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < r->n; i++)
        missing += r->member[i].state < state;
    pthread_mutex_unlock(&r->lock);
    return missing;
}

void dc__roster_set(dc__roster *r, int rank, dc__member_state state)
{
    pthread_mutex_lock(&r->lock);
    r->member[rank].state = state;
    pthread_mutex_unlock(&r->lock);
}

bool dc__roster_advance(dc__roster *r, int rank, dc__member_state from, dc__member_state to)
{
    pthread_mutex_lock(&r->lock);
    const bool was = r->member[rank].state == from;
    if (was) r->member[rank].state = to;
    pthread_mutex_unlock(&r->lock);
    return was;
}

bool dc__roster_start(dc__roster *r)
{
    pthread_mutex_lock(&r->lock);
    bool starts = !r->training && !r->ending;
    for (int i = 0; i < r->n; i++)
        starts &= r->member[i].state == DC__MEMBER_READY;
    if (starts) {
        r->began_ns = dc__now_ns();
        for (int i = 0; i < r->n; i++)
            r->member[i].state = DC__MEMBER_RUNNING;
        r->training = true;
    }
    pthread_mutex_unlock(&r->lock);
    return starts;
}

void dc__roster_end(dc__roster *r, dc_error err, const char *line)
{
    pthread_mutex_lock(&r->lock);
    if (!r->ending) {
        r->result = err;
        r->ended_ns = dc__now_ns();
        (void)snprintf(r->result_line, sizeof r->result_line, "%s", line);
        r->ending = true;
    }
    pthread_mutex_unlock(&r->lock);
}

static dc_error uneven(const dc__roster *r, int finished, int other)
{
    return dc__fail(
        DC_EPEER,
        "worker %d finished after round %llu but worker %d goes on: give all the same rounds and model",
        finished, (unsigned long long)r->member[finished].finished_round, other);
}

dc_error dc__roster_pushes(dc__roster *r, int rank, uint64_t round)
{
    dc_error err = DC_OK;
    pthread_mutex_lock(&r->lock);
    r->member[rank].reached = round + 1;
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state == DC__MEMBER_FINISHED && round >= r->member[i].finished_round)
            err = uneven(r, i, rank);
    pthread_mutex_unlock(&r->lock);
    return err;
}

dc_error dc__roster_finish(dc__roster *r, int rank, uint64_t rounds)
{
    dc_error err = DC_OK;
    pthread_mutex_lock(&r->lock);
    r->member[rank].finished_round = rounds;
    r->member[rank].state = DC__MEMBER_FINISHED;
    for (int i = 0; !err && i < r->n; i++)
        if (r->member[i].reached > rounds) err = uneven(r, rank, i);
    pthread_mutex_unlock(&r->lock);
    return err;
}

bool dc__roster_all_finished(dc__roster *r)
{
    bool all = true;
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < r->n; i++)
        all &= r->member[i].state == DC__MEMBER_FINISHED;
    pthread_mutex_unlock(&r->lock);
    return all;
}

dc_error dc__roster_result(dc__roster *r, char *line)
{
    pthread_mutex_lock(&r->lock);
    const dc_error err = r->result;
    (void)snprintf(line, DC__LINE_BYTES, "%s", r->result_line);
    pthread_mutex_unlock(&r->lock);
    return err;
}
