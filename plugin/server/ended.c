/* ended.c - a run's end is saved before a worker hears of it. A server that is killed in between, and started again, finds
 * workers that have nothing left to do but to hear it, and perhaps not all: those who had heard do not come back. So it
 * begins no run, answers whoever asks, and ends. See server.h. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

#define JOIN_AGAIN_S 10.0 /* a worker whose server is there again finds it well within that */

bool dc__server_had_ended(dc_server *s, const dc__join *join)
{
    dc__training *t = &s->training;
    const uint64_t round = t->versions.round;
    if (!join->done || join->path.n > 0 || s->shards.n > 1 || !t->resumed || t->roster.training) return false;
    if (join->round != dc__batches_of(&t->versions.batches, round).batch ||
        !dc__checkpoint_has_end(&t->checkpoint, round))
        return false;
    return !join->model || !dc__model_same(t->whole, join->model, "the run", "this worker");
}

/* Its number, if it made the last round; else -1: it may have done as many rounds of a course that the run has left. */
static int number_of(const dc__crew *saved, uint64_t id)
{
    for (int k = 0; k < saved->n; k++)
        if (saved->member[k].id == id) return saved->member[k].number;
    return -1;
}

dc_error dc__server_tell_end(dc_server *s, dc__joining *j)
{
    dc__training *t = &s->training;
    const int number = number_of(&t->roster.saved, j->join.worker_id);
    if (number < 0)
        return dc__fail(DC_EINVAL, "the run has ended, with round %llu, without this worker",
                        (unsigned long long)t->versions.round);
    const dc__welcome welcome = {.rank = number,
                                 .workers = t->roster.wanted,
                                 .resumed = true,
                                 .ended = true,
                                 .coding = t->codes.coding};
    s->answered++;
    s->answers_due = t->roster.saved.n;
    s->answered_ns = dc__now_ns();
    dc__log_line(&t->log, "worker %d hears that the run has ended, with round %llu", welcome.rank,
                 (unsigned long long)t->versions.round);
    j->refused = true; /* as one that is, it has a moment to close */
    j->until_ns = s->answered_ns + DC__LINGER_MS * (int64_t)1000000;
    return dc__welcome_send(&j->link, &welcome);
}

bool dc__server_has_answered(dc_server *s)
{
    if (s->answered == 0 || s->n_joining > 0 || s->training.roster.training || dc__server_members(s) > 0)
        return false;
    const double after_s = fmax(dc__server_start_after_s(s), JOIN_AGAIN_S);
    return s->answered >= s->answers_due || dc__seconds(dc__now_ns() - s->answered_ns) >= after_s;
}
