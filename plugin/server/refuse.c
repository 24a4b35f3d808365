/* refuse.c - a member's values of a round are not finite: what that means for it, and for the run (--on-bad-value). */
#include "base/error.h"
#include "server/training.h"

#define REFUSALS_MOST 3      /* rounds in a row with values that are not finite */
#define REFUSALS_REPORTED 10 /* lines about one worker; then only for each power of two */

/* A round in which nobody's gradient counts makes no version. */
static bool is_anybody_left(dc__training *t, uint64_t round)
{
    const dc__crew *crew = dc__roster_crew(&t->roster, round);
    const dc__reduce *reduce = dc__training_reduce(t, round);
    for (int k = 0; k < crew->n; k++)
        if (!crew->member[k].follows && reduce->refused[crew->member[k].slot] != round + 1) return true;
    return false;
}

/* Whether a refusal's line is to be written: a worker may send as many as there are rounds. */
static bool is_reported(uint64_t times)
{
    return times <= REFUSALS_REPORTED || (times & (times - 1)) == 0;
}

bool dc__training_spares(dc__training *t, int slot)
{
    dc__roster *r = &t->roster;
    const dc__crew *crew = dc__roster_crew(r, t->versions.round);
    return t->ended || (t->on_loss != DC_ON_LOSS_END && dc__roster_staying(r, crew, slot) >= r->least);
}

/* With the line that its member's session ends with, and the run, too, unless it goes on: nothing more is made of this round then. */
static dc_error end(dc__training *t, const char *line, const char *why, bool goes_on)
{
    const dc_error err = dc__fail(DC_EVALUE, "%s%s", line, why);
    if (!goes_on) dc__roster_end(&t->roster, err, dc_last_error());
    return err;
}

dc_error dc__training_refuse(dc__training *t, int slot, uint64_t round)
{
    char line[DC__LINE_BYTES], why[64];
    dc__refusal now;
    (void)snprintf(line, sizeof line, "%.300s", dc_last_error());
    const bool expels = t->bounds.on_bad_value == DC_BAD_EXPEL;
    /* First, for two threads may have found it in two blocks: neither may sum it, whoever is the second to say so. */
    dc__reduce_refuse(dc__training_reduce(t, round), slot, round);
    if (!dc__refusals_add(&t->refusals, slot, round, REFUSALS_MOST, expels, &now)) return DC_OK;
    if (t->bounds.on_bad_value == DC_BAD_STOP) return end(t, line, ": the run ends there", false);
    if (expels) return end(t, line, ": the worker is expelled", dc__training_spares(t, slot));
    (void)snprintf(why, sizeof why, ", the %drd round in a row: the worker is expelled", REFUSALS_MOST);
    if (now.expelled) return end(t, line, why, dc__training_spares(t, slot));
    if (!is_anybody_left(t, round))
        return end(t, line, ", and no other worker's gradient is left to train with", false);
    if (is_reported(now.times))
        dc__log_line(&t->log, "%s: left out of that round (%llu time%s so far)", line,
                     (unsigned long long)now.times, now.times > 1 ? "s" : "");
    return DC_OK;
}
