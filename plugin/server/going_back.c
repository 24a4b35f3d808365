/* going_back.c - a run goes back to a checkpoint, while its server lives: see server.h.
 *
 * DESIGN
 *   What a codec has not sent yet, the momentum of local steps and what recurrent layers remember is with the worker, and on its disk
 * for the versions of checkpoints. A worker that was killed comes back with that: it cannot make the round that is on again,
 * but all rounds from such a checkpoint on. So the run does what it would do if the server had been killed and
 * started again: sessions end, everything is forgotten but the files, and workers join anew, each with what it had. The files
 * of later checkpoints go first, and the log is cut back, so that whoever starts from them finds one course.
 *   Over shards the first does so, and ends its links to the others, which do what they do when the first was killed (shard_losses.c). A run
 * that ends with whoever is lost has not begun when this is found: it ends with a line, and goes on from that checkpoint when all is started
 * once more.
 *   What a worker has of no checkpoint is lost wherever the run goes on. So it goes on where it is: a worker that cannot keep
 * anything, and is lost again and again, does not hold up the others. */
#include "base/error.h"
#include "server/server.h"

/* It has kept something of a checkpoint that there is. */
static bool has_any(const dc_server *s, int slot)
{
    const dc__generations *g = &s->training.checkpoint.generations;
    for (int k = 0; k < g->n; k++)
        if (dc__session_has_kept(&s->sessions[slot], g->version[k])) return true;
    return false;
}

/* All who are ready and were in the run have kept something of this version, or came into the run after it: with nothing, as they
 * will again. Who has nothing of any checkpoint begins with nothing wherever that is. */
static bool have_all(const dc_server *s, uint64_t version)
{
    const dc__roster *r = &s->training.roster;
    for (int i = 0; i < r->n; i++)
        if (r->member[i].state == DC__MEMBER_READY && r->member[i].known && !r->member[i].fresh &&
            !dc__session_has_kept(&s->sessions[i], version) &&
            !dc__session_came_after(&s->sessions[i], version) && has_any(s, i))
            return false;
    return true;
}

/* The newest checkpoint that they can go on from; the newest if there is none. */
static uint64_t choose(const dc_server *s)
{
    const dc__generations *g = &s->training.checkpoint.generations;
    for (int k = g->n - 1; k >= 0; k--)
        if (have_all(s, g->version[k])) return g->version[k];
    return g->version[g->n - 1];
}

void dc__server_forget(dc_server *s)
{
    for (int i = 0; i < s->training.roster.n; i++) {
        dc__session_forget(&s->sessions[i]);
        s->sessions[i].away = false;
        dc__watch_present(&s->training.watch, i, false);
    }
    dc__training_forget(&s->training);
    s->first_ready_ns = 0;
    s->held_round = 0;
    s->steps = (dc__steps_watch){0};
    s->announced = false;
}

void dc__server_forget_if_empty(dc_server *s)
{
    dc__roster *r = &s->training.roster;
    if (r->training || !s->training.model || dc__server_members(s) > 0) return;
    for (int i = 0; i < r->n; i++)
        if (s->sessions[i].endpoint.threads) return; /* one that is about to end */
    for (int i = 0; i < r->n; i++)
        dc__session_forget(&s->sessions[i]);
    if (s->shards.n > 1 && s->shards.index == 0) dc__first_forgets(&s->shards);
    dc__training_forget(&s->training);
}

dc_error dc__server_restart(dc_server *s, const char *why)
{
    dc__training *t = &s->training;
    dc__checkpoint *c = &t->checkpoint;
    if (s->shards.n > 1) dc__first_leaves(&s->shards);
    for (int i = 0; i < t->roster.n; i++)
        if (s->sessions[i].endpoint.threads) dc__session_close(&s->sessions[i], 0);
    dc__checkpoint_stop(c);
    if (s->shards.n > 1) dc__first_parts(&s->shards);
    if (c->generations.n == 0)
        return dc__fail(DC_EFILE, "%s, and there is no checkpoint that the run could go back to", why);
    const uint64_t version = choose(s);
    dc_error err = dc__generations_go_back(&c->generations, t->model, version);
    if (err) return err;
    dc__log_line(&t->log, "%s: the run goes back to round %llu", why, (unsigned long long)version);
    dc__server_forget(s);
    return dc__checkpoint_start(c);
}

/* There is a checkpoint of which it has kept something. */
static bool is_of_use(dc_server *s, int slot)
{
    uint64_t versions[DC__KEPT_MOST];
    const int n = dc__checkpoint_kept(&s->training.checkpoint, versions);
    bool has = false;
    for (int k = 0; k < n; k++)
        has |= dc__session_has_kept(&s->sessions[slot], versions[k]);
    return has;
}

/* Over shards, before a run begins that ends with whoever is lost. */
static void end_to_go_back(dc_server *s, const char *why)
{
    dc__training *t = &s->training;
    const uint64_t version = choose(s);
    char line[DC__LINE_BYTES];
    const dc_error err = dc__generations_go_back(&t->checkpoint.generations, t->model, version);
    (void)snprintf(line, sizeof line, "%.300s: start all again, and the run goes back to round %llu", why,
                   (unsigned long long)version);
    dc__roster_end(&t->roster, err ? err : DC_EPEER, err ? dc_last_error() : line);
}

static void go_back(dc_server *s, int slot)
{
    char called[DC__CALLED_BYTES], why[DC__LINE_BYTES];
    dc__member_words(&s->training.roster.member[slot], called);
    (void)snprintf(why, sizeof why, "%s is back without what it had kept", called);
    if (s->shards.n > 1 && s->training.on_loss == DC_ON_LOSS_END) {
        end_to_go_back(s, why);
        return;
    }
    s->expected = dc__server_members(s);
    const dc_error err = dc__server_restart(s, why);
    if (err) dc__roster_end(&s->training.roster, err, dc_last_error());
}

bool dc__server_goes_back(dc_server *s, int slot, uint64_t round)
{
    dc__training *t = &s->training;
    char called[DC__CALLED_BYTES];
    if (!t->keeps || dc__session_has_kept(&s->sessions[slot], round)) return false;
    /* Over shards, too, if it has nothing: which of its blocks had come is each shard's to know. */
    if (is_of_use(s, slot) || s->shards.n > 1) {
        go_back(s, slot);
        return true;
    }
    dc__member_words(&t->roster.member[slot], called);
    dc__log_line(&t->log,
                 "%s is back without what it had kept, also of all checkpoints: it begins with nothing",
                 called);
    return false;
}

bool dc__server_goes_back_further(dc_server *s)
{
    dc__training *t = &s->training;
    const dc__generations *g = &t->checkpoint.generations;
    const uint64_t round = t->versions.first_round;
    if (!t->keeps || !t->resumed || have_all(s, round) || g->n == 0 || choose(s) >= round) return false;
    for (int i = 0; i < t->roster.n; i++) {
        const dc__member *m = &t->roster.member[i];
        if (m->state != DC__MEMBER_READY || !m->known || m->fresh ||
            dc__session_has_kept(&s->sessions[i], round) || !has_any(s, i))
            continue;
        go_back(s, i);
        return true;
    }
    return false;
}
