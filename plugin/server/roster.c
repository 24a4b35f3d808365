#include "server/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

dc_error dc__roster_init(dc__roster *r, int wanted, int least)
{
    pthread_mutex_init(&r->lock, NULL);
    r->wanted = wanted;
    r->least = least;
    /* A run for one worker has one, whoever it is. Others may have to come before those who left are let go. */
    r->n = wanted == 1 ? 1 : 2 * wanted;
    r->member = calloc((size_t)r->n, sizeof *r->member);
    if (!r->member) return dc__fail(DC_ENOMEM, "out of memory for a server of %d workers", wanted);
    dc__roster_forget(r);
    return DC_OK;
}

void dc__roster_destroy(dc__roster *r)
{
    free(r->member);
    pthread_mutex_destroy(&r->lock);
}

void dc__roster_forget(dc__roster *r)
{
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < r->n; i++) {
        memset(&r->member[i], 0, sizeof r->member[i]);
        r->member[i].number = -1;
    }
    r->next_number = r->saved.n = 0;
    r->training = false;
    pthread_mutex_unlock(&r->lock);
}

void dc__member_enter(dc__member *m, dc__member_state state)
{
    if (m->state != state) m->state_ns = dc__now_ns();
    m->state = state;
}

void dc__member_words(const dc__member *m, char words[DC__CALLED_BYTES])
{
    const bool named = m->name[0] != '\0';
    (void)snprintf(words, DC__CALLED_BYTES, "worker %d%s%s%s", m->number, named ? " (" : "", m->name,
                   named ? ")" : "");
}

/* With the lock held. */
static void takes_part(dc__roster *r, int slot)
{
    dc__member *m = &r->member[slot];
    m->known = true;
    if (m->number >= r->next_number) r->next_number = m->number + 1;
}

void dc__roster_call(dc__roster *r)
{
    for (int i = 0; i < r->n; i++)
        r->member[i].called = r->member[i].state == DC__MEMBER_READY;
    for (int i = 0; i < r->n; i++)
        r->member[i].absent = false;
}

static bool is_called(const dc__member *m)
{
    return m->called && (m->state == DC__MEMBER_READY || m->absent);
}

bool dc__roster_start(dc__roster *r, uint64_t round, int need)
{
    pthread_mutex_lock(&r->lock);
    dc__crew *crew = &r->crew[round & 1];
    int ready = 0;
    for (int i = 0; i < r->n; i++)
        ready += is_called(&r->member[i]);
    if (ready < need) {
        pthread_mutex_unlock(&r->lock);
        return false;
    }
    crew->n = 0;
    crew->images = 0;
    r->began_ns = dc__now_ns();
    for (int i = 0; i < r->n; i++) {
        dc__member *m = &r->member[i];
        if (is_called(m)) {
            const bool fresh = r->saved.n > 0 && !m->known; /* the run goes on with it */
            if (!m->absent) dc__member_enter(m, DC__MEMBER_RUNNING);
            takes_part(r, i);
            dc__crew_add(crew, m, i, fresh);
        } else if (m->state == DC__MEMBER_LOST) { /* of the run that is resumed, and not here */
            dc__member_enter(m, DC__MEMBER_LEFT);
        }
    }
    dc__crew_group(r, crew);
    r->crew[(round + 1) & 1] = *crew;
    r->training = true;
    pthread_mutex_unlock(&r->lock);
    return true;
}

void dc__roster_plan_images(dc__roster *r, int slot, uint64_t round, uint32_t images)
{
    pthread_mutex_lock(&r->lock);
    r->member[slot].next_round = round;
    r->member[slot].next_images = images;
    pthread_mutex_unlock(&r->lock);
}

/* What was planned for this round; whether it changes anything. With the lock held. */
static bool take_images(dc__member *m, uint64_t round)
{
    if (m->next_images == 0 || m->next_round > round) return false;
    const bool changed = m->images != m->next_images;
    m->images = m->next_images;
    m->images_round = round;
    m->next_images = 0;
    return changed;
}

/* Whether a member of the round before is one of this round, too. With the lock held. */
static bool stays(const dc__roster *r, const dc__member *m, uint64_t round)
{
    return r->spread ? !m->leaves || round <= m->until : m->state != DC__MEMBER_LEFT && !m->closed;
}

/* Whether one that comes begins with this round. Likewise. */
static bool begins(const dc__roster *r, const dc__member *m, uint64_t round)
{
    return m->enters == round && (r->spread ? m->due : m->state == DC__MEMBER_ENTERING);
}

/* How many do: without those who are away. Likewise. */
static int count_sure(const dc__roster *r, const dc__crew *was, uint64_t round)
{
    int n = 0;
    for (int i = 0; i < r->n; i++) {
        const dc__member *m = &r->member[i];
        n += (dc__crew_has(was, i) && stays(r, m, round)) || begins(r, m, round);
    }
    return n;
}

/* Left with all of its round given: one of the next, too, if those would be fewer than it takes, until somebody comes. */
static bool is_missed(const dc__roster *r, const dc__member *m, int sure)
{
    return !r->spread && sure < r->least && m->state == DC__MEMBER_LEFT && !m->closed;
}

bool dc__roster_border(dc__roster *r, uint64_t round)
{
    pthread_mutex_lock(&r->lock);
    const dc__crew *was = dc__roster_crew(r, round - 1);
    dc__crew *crew = &r->crew[round & 1];
    bool changed = false;
    int sure = count_sure(r, was, round);
    crew->n = 0;
    crew->images = 0;
    for (int k = 0; k < was->n; k++) {
        const int slot = was->member[k].slot;
        const bool missed = is_missed(r, &r->member[slot], sure);
        r->member[slot].fresh = false;
        changed |= take_images(&r->member[slot], round);
        sure += missed;
        if (!missed && !stays(r, &r->member[slot], round))
            changed = true;
        else
            dc__crew_add(crew, &r->member[slot], slot, false);
        if (r->spread) r->member[slot].closed = false; /* of the round before */
        changed |= was->member[k].fresh;
    }
    for (int i = 0; i < r->n; i++) {
        dc__member *m = &r->member[i];
        if (!begins(r, m, round)) continue;
        if (m->state == DC__MEMBER_ENTERING) dc__member_enter(m, DC__MEMBER_RUNNING);
        if (!r->spread && dc__crew_has(was, i) && !m->closed) continue; /* it was away for a while */
        m->closed = m->due = false;
        m->leaves = m->leaves && m->until >= round; /* else it had left before */
        takes_part(r, i);
        dc__crew_add(crew, m, i, true);
        changed = true;
    }
    dc__crew_group(r, crew);
    pthread_mutex_unlock(&r->lock);
    return changed;
}

void dc__roster_close(dc__roster *r, int slot)
{
    pthread_mutex_lock(&r->lock);
    r->member[slot].closed = true;
    pthread_mutex_unlock(&r->lock);
}

void dc__roster_take_over(dc__roster *r, uint64_t round, int slot)
{
    pthread_mutex_lock(&r->lock);
    dc__member_enter(&r->member[slot], DC__MEMBER_RUNNING);
    r->member[slot].closed = false; /* of a round before, which went on without it */
    takes_part(r, slot);
    dc__crew_add(&r->crew[round & 1], &r->member[slot], slot, true);
    dc__crew_group(r, &r->crew[round & 1]);
    pthread_mutex_unlock(&r->lock);
}

void dc__roster_reopen(dc__roster *r, uint64_t round, int slot)
{
    const dc__crew *crew = dc__roster_crew(r, round);
    dc__member *m = &r->member[slot];
    pthread_mutex_lock(&r->lock);
    dc__member_enter(m, DC__MEMBER_RUNNING);
    m->closed = false;
    for (int k = 0; k < crew->n; k++)
        if (crew->member[k].slot == slot) m->images = crew->member[k].images;
    pthread_mutex_unlock(&r->lock);
}

/* ---- members ---- */

int dc__roster_find(const dc__roster *r, uint64_t id)
{
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state != DC__MEMBER_FREE && r->member[i].id == id) return i;
    return -1;
}

int dc__roster_numbered(const dc__roster *r, int number)
{
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state != DC__MEMBER_FREE && r->member[i].number == number) return i;
    return -1;
}

/* A slot that is free, or that belongs to somebody who left and whose gradients nobody waits for. */
static int free_slot(const dc__roster *r, uint64_t round, int requested)
{
    if (requested >= 0 && requested < r->n && r->member[requested].state == DC__MEMBER_FREE) return requested;
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state == DC__MEMBER_FREE) return i;
    for (int i = 0; r->training && i < r->n; i++)
        if (r->member[i].state == DC__MEMBER_LEFT && !r->member[i].due &&
            !dc__crew_has(&r->crew[round & 1], i) && !dc__crew_has(&r->crew[(round + 1) & 1], i))
            return i;
    return -1;
}

int dc__roster_place(dc__roster *r, uint64_t round, int requested, int *number)
{
    *number = requested >= 0 ? requested : r->next_number;
    while (requested < 0 && dc__roster_numbered(r, *number) >= 0)
        ++*number;
    return free_slot(r, round, *number);
}

void dc__roster_recall(dc__roster *r, const dc__crew *crew, int *slots)
{
    pthread_mutex_lock(&r->lock);
    r->saved = *crew;
    for (int k = 0; k < crew->n; k++) {
        const dc__crew_member *member = &crew->member[k];
        slots[k] = crew->n <= r->n ? free_slot(r, 0, member->number) : -1;
        r->saved.member[k].slot = slots[k] < 0 ? 0 : slots[k];
        if (slots[k] < 0) continue;
        dc__member *m = &r->member[slots[k]];
        m->id = member->id;
        m->number = member->number;
        m->images = member->images;
        m->fresh = member->fresh;
        dc__member_enter(m, DC__MEMBER_LOST);
        takes_part(r, slots[k]);
    }
    pthread_mutex_unlock(&r->lock);
}

int dc__roster_count(dc__roster *r, dc__member_state least, dc__member_state most)
{
    int n = 0;
    pthread_mutex_lock(&r->lock);
    for (int i = 0; i < r->n; i++)
        n += r->member[i].state >= least && r->member[i].state <= most;
    pthread_mutex_unlock(&r->lock);
    return n;
}

void dc__roster_set(dc__roster *r, int slot, dc__member_state state)
{
    pthread_mutex_lock(&r->lock);
    dc__member_enter(&r->member[slot], state);
    pthread_mutex_unlock(&r->lock);
}

void dc__roster_vacate(dc__roster *r, int slot)
{
    pthread_mutex_lock(&r->lock);
    dc__member_enter(&r->member[slot], DC__MEMBER_FREE);
    r->member[slot].number = -1;
    pthread_mutex_unlock(&r->lock);
}

bool dc__roster_advance(dc__roster *r, int slot, dc__member_state from, dc__member_state to)
{
    pthread_mutex_lock(&r->lock);
    const bool was = r->member[slot].state == from;
    if (was) dc__member_enter(&r->member[slot], to);
    pthread_mutex_unlock(&r->lock);
    return was;
}

void dc__roster_gone(dc__roster *r, int slot, dc__member_state state, const char *reason)
{
    dc__member *m = &r->member[slot];
    pthread_mutex_lock(&r->lock);
    if (m->state != state) {
        if (m->state < DC__MEMBER_LOST) m->since_ns = dc__now_ns();
        dc__member_enter(m, state);
        (void)snprintf(m->reason, sizeof m->reason, "%s", reason);
    }
    pthread_mutex_unlock(&r->lock);
}

/* ---- the run ---- */

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

void dc__roster_fail(dc__roster *r, dc_error err, const char *line)
{
    pthread_mutex_lock(&r->lock);
    r->result = err;
    (void)snprintf(r->result_line, sizeof r->result_line, "%s", line);
    pthread_mutex_unlock(&r->lock);
}

static dc_error uneven(const dc__roster *r, int finished, int other)
{
    return dc__fail(
        DC_EPEER,
        "worker %d finished after round %llu but worker %d goes on: give all the same rounds and model",
        r->member[finished].number, (unsigned long long)r->member[finished].finished_round,
        r->member[other].number);
}

dc_error dc__roster_pushes(dc__roster *r, int slot, uint64_t round)
{
    dc_error err = DC_OK;
    pthread_mutex_lock(&r->lock);
    r->member[slot].reached = round + 1;
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state == DC__MEMBER_FINISHED && round >= r->member[i].finished_round)
            err = uneven(r, i, slot);
    pthread_mutex_unlock(&r->lock);
    return err;
}

dc_error dc__roster_finish(dc__roster *r, int slot, uint64_t rounds)
{
    dc_error err = DC_OK;
    pthread_mutex_lock(&r->lock);
    r->member[slot].finished_round = rounds;
    dc__member_enter(&r->member[slot], DC__MEMBER_FINISHED);
    for (int i = 0; !err && i < r->n; i++)
        if (r->member[i].state == DC__MEMBER_RUNNING && r->member[i].reached > rounds)
            err = uneven(r, slot, i);
    pthread_mutex_unlock(&r->lock);
    return err;
}

dc_error dc__roster_result(dc__roster *r, char *line)
{
    pthread_mutex_lock(&r->lock);
    const dc_error err = r->result;
    (void)snprintf(line, DC__LINE_BYTES, "%s", r->result_line);
    pthread_mutex_unlock(&r->lock);
    return err;
}
