/* drop.c - what dc_server_drop asks for: a worker that nobody waits for any more. The caller's thread leaves its request
 * with the run loop, which owns the roster and the sessions, and waits for the answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

#define ANSWER_S 10 /* the run loop may be waiting for a session's end, or for the disk */

void dc__drop_init(dc__drop *d)
{
    pthread_condattr_t steady;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&d->news, &steady);
    pthread_condattr_destroy(&steady);
}

void dc__drop_destroy(dc__drop *d)
{
    pthread_cond_destroy(&d->news);
    pthread_mutex_destroy(&d->lock);
}

/* With the lock held: until the request is in that state; false when it takes too long. */
static bool await_state(dc__drop *d, dc__drop_state state, const struct timespec *until)
{
    while (d->state != state && d->state != DC__DROP_OFF)
        if (pthread_cond_timedwait(&d->news, &d->lock, until) == ETIMEDOUT) return false;
    return true;
}

dc_error dc_server_drop(dc_server *s, const char *who, char *line, size_t line_bytes)
{
    dc__drop *d = &s->drop;
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ANSWER_S;
    dc_error err = DC_OK;
    (void)snprintf(line, line_bytes, "no run is on");
    pthread_mutex_lock(&d->lock);
    bool answered = await_state(d, DC__DROP_NONE, &until);
    if (answered && d->state != DC__DROP_OFF) {
        (void)snprintf(d->who, sizeof d->who, "%s", who);
        d->state = DC__DROP_ASKED;
        d->awaited = true;
        answered = await_state(d, DC__DROP_ANSWERED, &until);
        d->awaited = false;
    }
    if (d->state == DC__DROP_OFF) {
        err = DC_EINVAL;
    } else if (!answered) {
        err = DC_ETIMEOUT;
        (void)snprintf(line, line_bytes,
                       "the server is busy: look whether the worker is dropped, and try again");
    } else {
        err = d->err;
        (void)snprintf(line, line_bytes, "%s", d->line);
        d->state = DC__DROP_NONE;
        pthread_cond_broadcast(&d->news);
    }
    pthread_mutex_unlock(&d->lock);
    return err ? dc__fail(err, "%s", line) : DC_OK;
}

/* ---- the run loop's ---- */

/* By its name, its number, or its id; as dynacomm members prints them. -1 if there is none. */
static int find(const dc__roster *r, const char *who)
{
    char *end;
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state != DC__MEMBER_FREE && r->member[i].name[0] &&
            strcmp(r->member[i].name, who) == 0)
            return i;
    const unsigned long long number = strtoull(who, &end, 10);
    if (*who && !*end && strlen(who) <= 4) return dc__roster_numbered(r, (int)number);
    const unsigned long long id = strtoull(who, &end, 16);
    return strlen(who) == 16 && !*end ? dc__roster_find(r, id) : -1;
}

/* Ends its part, whatever it is doing. */
static void end_part(dc_server *s, int slot)
{
    dc__roster *r = &s->training.roster;
    dc__member *m = &r->member[slot];
    dc__session *session = &s->sessions[slot];
    session->owed = false;
    if (m->state == DC__MEMBER_FINISHED) return;
    if (session->endpoint.threads) dc__session_close(session, DC__LINGER_MS);
    dc__watch_present(&s->training.watch, slot, false);
    dc__roster_gone(r, slot, DC__MEMBER_LEFT, "");
}

/* How many are left, where that is too few. */
static void say_few(dc_server *s, char *line, size_t bytes)
{
    const dc__roster *r = &s->training.roster;
    const int here = dc__server_members(s);
    const size_t n = strlen(line);
    if (r->training && here < r->least)
        (void)snprintf(line + n, bytes - n, "; the run waits: %d of at least %d workers are here", here,
                       r->least);
}

static dc_error drop(dc_server *s, const char *who, char *line, size_t bytes)
{
    dc__training *t = &s->training;
    dc__roster *r = &t->roster;
    const int slot = find(r, who);
    if (slot < 0)
        return dc__fail(DC_EINVAL, "no worker of this run is '%.60s': dynacomm members shows who is", who);
    dc__member *m = &r->member[slot];
    char called[DC__CALLED_BYTES];
    dc__member_words(m, called);
    if (t->on_loss == DC_ON_LOSS_END)
        return dc__fail(DC_EINVAL, "this run ends when a worker is lost, so %s cannot be dropped", called);
    (void)snprintf(line, bytes, "%s was dropped by the run's owner", called);
    if (!dc__barred_drop(&t->barred, m->id, line))
        return dc__fail(DC_EINVAL, "%d workers are kept out of this run, and no more can be listed",
                        DC__BARRED_MOST);
    s->tally.drops++;
    end_part(s, slot);
    dc__barred_save(&t->barred, &t->log);
    (void)snprintf(line, bytes, "%s is dropped: nobody waits for it, and it may not come back", called);
    s->announced = false; /* what the run waits for now is said anew */
    say_few(s, line, bytes);
    dc__log_line(&t->log, "%s", line);
    if (!m->known) dc__roster_vacate(r, slot);
    dc__server_forget_if_empty(s);
    return DC_OK;
}

void dc__server_take_request(dc_server *s)
{
    dc__drop *d = &s->drop;
    char who[sizeof d->who], line[DC__LINE_BYTES] = "";
    pthread_mutex_lock(&d->lock);
    const bool asked = d->state == DC__DROP_ASKED;
    memcpy(who, d->who, sizeof who);
    pthread_mutex_unlock(&d->lock);
    if (!asked) return;
    const dc_error err = drop(s, who, line, sizeof line);
    pthread_mutex_lock(&d->lock);
    d->err = err;
    (void)snprintf(d->line, sizeof d->line, "%s", err ? dc_last_error() : line);
    d->state = d->awaited ? DC__DROP_ANSWERED : DC__DROP_NONE;
    pthread_cond_broadcast(&d->news);
    pthread_mutex_unlock(&d->lock);
}

void dc__server_requests(dc_server *s, bool on)
{
    pthread_mutex_lock(&s->drop.lock);
    s->drop.state = on ? DC__DROP_NONE : DC__DROP_OFF;
    pthread_cond_broadcast(&s->drop.news);
    pthread_mutex_unlock(&s->drop.lock);
}
