/* shard_ends.c - the end of links between shards, and of a run over shards that waits for those who are lost. See shards.h.
 *
 * DESIGN
 *   As with one server (ended.c) a goodbye is answered when the end is saved: the others say BYE when all workers are done with them, and
 * stay; the first puts the last version together and saves it, and tells the others (KEEP with END), which answer then. They
 * serve whoever fetches the end until the first needs nothing more (BYE_ACK), for it decides for how long that is. */
#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

/* ---- links ---- */

void dc__first_part(dc__shards *sh, int number)
{
    dc__peer *p = &sh->peers[number];
    dc__endpoint_stop(&p->endpoint);
    dc__link_close(&p->endpoint.link, 0);
    p->present = false;
    pthread_mutex_lock(&sh->lock);
    p->ready = p->left = p->sending = p->run_due = p->begin_due = p->stop_due = p->ack_due = p->members_due =
        false;
    p->end_due = p->requested = false;
    p->now_due = p->got = DC__NO_ROUND;
    p->go.n = p->came.n = 0;
    pthread_mutex_unlock(&sh->lock);
}

void dc__first_leaves(dc__shards *sh)
{
    pthread_mutex_lock(&sh->lock);
    sh->leaving = true;
    pthread_cond_broadcast(&sh->news);
    pthread_mutex_unlock(&sh->lock);
    dc__checkpoint_leave(&sh->server->training.checkpoint);
}

void dc__first_parts(dc__shards *sh)
{
    for (int k = 1; k < sh->n; k++) {
        sh->peers[k].awaited = sh->peers[k].present || sh->peers[k].awaited;
        if (sh->peers[k].present) dc__first_part(sh, k);
    }
    sh->went_back = true;
    if (sh->mesh) sh->lost_ns = dc__now_ns();
    pthread_mutex_lock(&sh->lock);
    sh->leaving = false;
    sh->keep_end = 0; /* nothing of the run that is announced next has been */
    sh->gathering = DC__NO_ROUND;
    pthread_mutex_unlock(&sh->lock);
}

void dc__first_forgets(dc__shards *sh)
{
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n; k++) {
        dc__peer *p = &sh->peers[k];
        p->run_due = p->ready = false;
        while (p->sending && !p->over)
            dc__wait_until(&sh->news, &sh->lock, dc__now_ns() + DC__POLL_NS);
    }
    pthread_mutex_unlock(&sh->lock);
}

/* ---- the run ---- */

bool dc__first_may_end(dc__shards *sh, uint64_t version)
{
    bool all = true;
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n; k++)
        all = all && sh->peers[k].left && sh->peers[k].at == version && !sh->peers[k].over;
    pthread_mutex_unlock(&sh->lock);
    return all;
}

void dc__first_says_end(dc__shards *sh)
{
    pthread_mutex_lock(&sh->lock);
    for (int k = 1; k < sh->n; k++) {
        sh->peers[k].end_due = true;
        dc__endpoint_wake(&sh->peers[k].endpoint);
    }
    pthread_mutex_unlock(&sh->lock);
}

/* Goodbyes are answered from here on. */
static void end(dc_server *s)
{
    dc__training *t = &s->training;
    t->ended = true;
    for (int i = 0; i < t->roster.n; i++)
        if (t->roster.member[i].state == DC__MEMBER_FINISHED && s->sessions[i].endpoint.threads &&
            !s->sessions[i].over)
            dc__session_say_ack(&s->sessions[i]);
}

bool dc__other_is_done(dc__shards *sh)
{
    dc_server *s = sh->server;
    dc__training *t = &s->training;
    dc__peer *p = &sh->peers[0];
    const uint64_t round = t->versions.round;
    const bool all = !t->ended && dc__roster_all_finished(&t->roster, round);
    pthread_mutex_lock(&sh->lock);
    if (all && !sh->end_said) {
        sh->end_said = true;
        p->at = round;
        p->bye_due = true;
        dc__endpoint_wake(&p->endpoint);
    }
    const bool saved = sh->end_saved, acked = p->acked;
    pthread_mutex_unlock(&sh->lock);
    if (saved && !t->ended) end(s);
    return acked;
}
