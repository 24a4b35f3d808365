/* shard_losses.c - shards that are lost, and come back. See shards.h.
 *
 * DESIGN
 *   What a shard held is lost with it, but for checkpoints, and those are the first's. So whichever shard is lost, all go back to the last
 * checkpoint: the first does what it does when a worker cannot go on where it is (going_back.c), and ends its links; the others
 * forget everything and come to it anew, as they do when it was killed itself; and workers, whose sessions all end, join
 * anew. Nothing of the time before counts at anybody: the run is announced with another number. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

#define PATIENCE_S \
    DC_DEFAULT_PATIENCE_S /* another shard tries to reach the first one for as long as workers do */

/* ---- at the first ---- */

/* A mesh's run that has not begun is forgotten when all have left it: workers come anew, for some may be about to reach a process that is no more. */
static void begin_again(dc_server *s)
{
    dc__training *t = &s->training;
    for (int i = 0; i < t->roster.n; i++) {
        if (!s->sessions[i].endpoint.threads) continue;
        dc__roster_gone(&t->roster, i, DC__MEMBER_LEFT, "a shard is lost");
        dc__session_close(&s->sessions[i], 0);
        dc__watch_present(&t->watch, i, false);
        dc__roster_vacate(&t->roster, i);
    }
}

void dc__first_lost(dc__shards *sh, int number, const char *why)
{
    dc_server *s = sh->server;
    dc__training *t = &s->training;
    uint64_t versions[DC__KEPT_MOST];
    char line[DC__LINE_BYTES];
    const bool again =
        sh->mesh && sh->went_back; /* workers may be about to reach its worker's process, which is no more */
    if (again) sh->lost_ns = dc__now_ns();
    if ((!t->roster.training && !(again && t->model)) || t->ended) {
        dc__log_line(&t->log, "%s", why);
        dc__first_part(sh, number);
        sh->peers[number].awaited = false;
        if (sh->mesh && t->model && !t->roster.training && dc__shards_are_elastic(sh)) begin_again(s);
        return;
    }
    if (t->on_loss == DC_ON_LOSS_END || (!again && dc__checkpoint_kept(&t->checkpoint, versions) == 0)) {
        (void)snprintf(
            line, sizeof line, "%.400s%s", why,
            t->on_loss == DC_ON_LOSS_END ? "" : ", and there is no checkpoint that the run could go back to");
        dc__roster_end(&t->roster, DC_EPEER, line);
        return;
    }
    (void)snprintf(line, sizeof line, "%.460s", why); /* of the peer's, which is about to be closed */
    s->expected = 0;
    sh->lost_ns = dc__now_ns();
    const dc_error err = dc__server_restart(s, line);
    sh->peers[number].awaited = false;
    if (err)
        dc__roster_end(&t->roster, err, dc_last_error());
    else
        dc__log_line(&t->log, "waiting for the %s, %.0f s", sh->mesh ? "mesh's workers" : "shards",
                     t->loss_wait_s);
}

void dc__first_awaits(dc__shards *sh)
{
    dc_server *s = sh->server;
    char text[DC__SHARD_TEXT_BYTES] = "", line[DC__LINE_BYTES];
    int missing = 0;
    if (!sh->lost_ns) return;
    for (int k = sh->n - 1; k > 0; k--)
        if (!sh->peers[k].present) {
            dc__shards_text(sh, k, text);
            missing++;
        }
    if (missing == 0) sh->lost_ns = 0;
    if (missing == 0 || dc__seconds(dc__now_ns() - sh->lost_ns) < s->training.loss_wait_s) return;
    (void)snprintf(line, sizeof line, "%s%s%s did not come back in time", sh->mesh ? "the worker with " : "",
                   text, missing > 1 ? " and others" : "");
    dc__roster_end(&s->training.roster, DC_EPEER, line);
}

/* ---- at another one ---- */

/* As it was before it had a run. */
static void forget(dc__shards *sh)
{
    dc__peer *p = &sh->peers[0];
    p->present = p->asked = p->over = p->acked = sh->met = false;
    pthread_mutex_lock(&sh->lock);
    p->run_due = p->ready = p->ready_due = p->bye_due = false;
    p->send = DC__NO_ROUND;
    p->go.n = p->came.n = 0;
    dc__other_omitted_free(p);
    dc_model_free(sh->coming);
    sh->coming = NULL;
    sh->adopting = sh->state_here = sh->begin = sh->end_said = sh->end_saved = false;
    sh->run = 0;
    sh->n_admitted = 0;
    pthread_mutex_unlock(&sh->lock);
}

void dc__other_lost(dc__shards *sh)
{
    dc_server *s = sh->server;
    dc__training *t = &s->training;
    dc__peer *p = &sh->peers[0];
    const int64_t now_ns = dc__now_ns();
    if (t->model || !sh->again) { /* else the last attempt has come to nothing */
        const double patience_s = t->model ? PATIENCE_S : DC__FIND_FIRST_S;
        dc__log_line(&t->log, "%s; trying to reach it for %.0f s", p->why, patience_s);
        sh->again_until_ns = now_ns + (int64_t)(patience_s * 1e9);
        sh->had_end = t->ended;
    }
    sh->again = true;
    dc__checkpoint_leave(&t->checkpoint);
    for (int i = 0; i < t->roster.n; i++)
        if (s->sessions[i].endpoint.threads) dc__session_close(&s->sessions[i], 0);
    dc__checkpoint_stop(&t->checkpoint);
    dc__endpoint_stop(&p->endpoint);
    dc__link_close(&p->endpoint.link, 0);
    p->endpoint.stop = false;
    dc__server_forget(s);
    forget(sh);
    const dc_error err = dc__checkpoint_start(&t->checkpoint);
    if (err) dc__roster_end(&t->roster, err, dc_last_error());
}
