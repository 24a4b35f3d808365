/* rebalance.c - --balance: when the images of the workers' rounds change; see balance.h, server.h.
 *
 * DESIGN
 *   The run loop compares what a round takes with what it could take, out of the workers' reports. A change is planned for
 * a round that is far enough ahead: a worker hears of it (IMAGES) before the first block of the version that the round after
 * next begins with, and reads images one round ahead. It takes effect at that round's border, and is in the run's log
 * with the roster. Until then, and until all have reported of rounds with the new images, nothing else is planned. */
#include <math.h>

#include "base/clock.h"
#include "base/error.h"
#include "schedule/rates.h"
#include "server/balance.h"
#include "server/server.h"

#define AHEAD 4 /* rounds; IMAGES comes with the next but one at the latest, and two are read ahead of it */
#define LOOK_NS 500000000

/* What a worker's rounds cost, of reports since its images changed; false if it has not reported, or has left meanwhile. With
 * the watch's lock held. */
static bool load_of(const dc__watched *w, const dc__member *m, dc__load *load)
{
    const dc__telemetry *r = &w->report;
    if (!w->present || w->plans == 0 || r->rounds == 0 || w->reported_round < m->images_round + r->rounds)
        return false;
    const double busy_s = r->round_s - r->wait_s;
    load->parts = m->images / m->part;
    load->part_s = busy_s / load->parts;
    load->fixed_s = fmax(0, r->predicted_s - dc__compute_s(&w->shown.profile)); /* its link, as planned */
    return busy_s > 0;
}

/* The crew's; false if something is not known, or somebody is not there. */
static bool gather(dc__training *t, const dc__crew *crew, dc__load *loads)
{
    bool all = true;
    const uint32_t part = t->roster.member[crew->member[0].slot].part;
    pthread_mutex_lock(&t->watch.lock);
    for (int k = 0; k < crew->n && all; k++) {
        const dc__member *m = &t->roster.member[crew->member[k].slot];
        all = m->state == DC__MEMBER_RUNNING && m->part == part && m->next_images == 0 &&
              load_of(&t->watch.workers[crew->member[k].slot], m, &loads[k]);
    }
    pthread_mutex_unlock(&t->watch.lock);
    return all;
}

/* Parts of a round of so many workers, as the cfg has it: who came or left has changed their sum. */
static uint64_t whole_of(const dc__training *t, const dc__crew *crew)
{
    return (uint64_t)crew->n * (t->model->images_per_round / t->roster.member[crew->member[0].slot].part);
}

static void plan(dc_server *s, const dc__crew *crew, uint64_t round, const uint32_t *parts)
{
    dc__roster *r = &s->training.roster;
    for (int k = 0; k < crew->n; k++) {
        const int slot = crew->member[k].slot;
        const uint32_t images = parts[k] * r->member[slot].part;
        if (images == r->member[slot].images) continue;
        dc__roster_plan_images(r, slot, round, images);
        dc__session_say_images(&s->sessions[slot], round, images);
    }
}

static void say(dc_server *s, const dc__crew *crew, uint64_t round, const uint32_t *parts, double now_s,
                double then_s)
{
    char list[DC__LINE_BYTES / 2] = "";
    size_t n = 0;
    for (int k = 0; k < crew->n && n < sizeof list - 40; k++)
        n += (size_t)snprintf(list + n, sizeof list - n, "%sworker %d %u", k ? ", " : "",
                              crew->member[k].number,
                              parts[k] * s->training.roster.member[crew->member[k].slot].part);
    dc__log_line(&s->training.log,
                 "from round %llu on, images of a round: %s; it is to take %.3g s instead of %.3g s",
                 (unsigned long long)round + 1, list, then_s, now_s);
}

void dc__server_balance(dc_server *s)
{
    dc__training *t = &s->training;
    const int64_t now_ns = dc__now_ns();
    if (!t->balance || now_ns - s->balanced_ns < LOOK_NS) return;
    s->balanced_ns = now_ns;
    dc__load loads[DC__CREW_MOST];
    uint32_t parts[DC__CREW_MOST];
    pthread_mutex_lock(&t->versions.lock); /* the round that is on stays it */
    const uint64_t round = t->versions.round + AHEAD;
    const dc__crew *crew = dc__roster_crew(&t->roster, t->versions.round);
    if (crew->n < 2 || !gather(t, crew, loads)) {
        pthread_mutex_unlock(&t->versions.lock);
        return;
    }
    const uint64_t all = whole_of(t, crew);
    uint64_t sum = 0;
    for (int k = 0; k < crew->n; k++)
        sum += loads[k].parts;
    dc__balance(loads, crew->n, all, parts);
    const double now_s = dc__balance_s(loads, crew->n, NULL), then_s = dc__balance_s(loads, crew->n, parts);
    const bool pays = sum != all || then_s <= (1 - DC__BALANCE_PAYS) * now_s;
    if (pays) plan(s, crew, round, parts);
    const dc__crew reported = *crew;
    pthread_mutex_unlock(&t->versions.lock);
    if (pays) say(s, &reported, round, parts, now_s, then_s);
}
