/* planner.h - planning at run time, on a thread of its own.
 *
 * DESIGN
 *   After each round the compute thread gives the costs as measured. If any has moved by more than
 * DC__REPLAN_CHANGE of the round since the plan in force was made, the planner's thread makes a new plan from
 * a copy of them; if by more than DC__REPREDICT_CHANGE, it only simulates the old one anew. The compute
 * thread adopts the outcome at the end of a later round. It knows neither link nor model.
 *
 *   Lock: planner->lock, a leaf, guards what is marked (L). The rest belongs to the compute thread. */
#ifndef DC__PLANNER_H
#define DC__PLANNER_H

#include <pthread.h>

#include "dynacomm_plan.h"
#include "schedule/credit.h"

#define DC__REPLAN_CHANGE 0.05    /* plan again when a cost moved by this share of the round */
#define DC__REPREDICT_CHANGE 0.01 /* from here on the plan is only predicted again */

typedef struct dc__planner {
    dc_strategy strategy; /* asked for */
    dc_plan plan;         /* in force; round_s is 0 as long as it was made from guesses */
    dc_profile planned;   /* what it was made for; layers are planned_costs */
    dc_layer_cost *planned_costs;
    double change; /* of the costs, which made the last plan be made */

    /* When the first costs are measured and a plan is made for them; on the planner's thread. NULL: nothing. */
    void (*on_first)(void *context, const dc_profile *measured);
    void *context;

    pthread_mutex_t lock;
    pthread_cond_t wanted;
    pthread_t thread;
    bool runs, reported;       /* reported: on_first was called; the thread's */
    bool want, here, quit;     /* (L) a plan is to be made; is made and not adopted */
    bool replan;               /* (L) from scratch; else `next`, a copy, is predicted anew */
    double next_change;        /* (L) */
    dc_plan next;              /* (L), but the thread's while want */
    dc_profile next_profile;   /* likewise; layers are next_costs */
    dc_layer_cost *next_costs; /* likewise */
    char failure[256];         /* (L) why the last plan could not be made */
} dc__planner;

/* dc__planner_init - a first plan for costs that are guesses. first->layers[n]: bytes and guessed seconds.
 * dc__planner_start - the thread. dc__planner_free - ends it and frees; also after a failed init. */
dc_error dc__planner_init(dc__planner *p, const dc_profile *first, dc_strategy strategy);
dc_error dc__planner_start(dc__planner *p);
void dc__planner_free(dc__planner *p);

/* dc__planner_review - wakes the thread if costs have moved. dc__planner_adopt - takes over what it has made;
 * *adopted if there was something; *news if the plan differs from the one before. Compute thread. */
void dc__planner_review(dc__planner *p, const dc_profile *now);
void dc__planner_adopt(dc__planner *p, bool *adopted, bool *news);

/* dc__planner_line - the plan in force and its costs as a line. dc__planner_failure - why a plan could not be
 * made since the last call, "" if none failed. */
void dc__planner_line(const dc__planner *p, uint64_t round, char *line, size_t n);
void dc__planner_failure(dc__planner *p, char *line, size_t n);

/* What is assumed until something is measured: layers that cost the same, and a slow link, for slices that
 * turn out too small cost little. */
#define DC__GUESS_BPS 12.5e6
#define DC__GUESS_OVERHEAD_S 50e-6
#define DC__GUESS_LAYER_S 1e-3

/* dc__measured - a figure if it is known (> 0), else the guess. */
static inline double dc__measured(double figure, double guess)
{
    return figure > 0 ? figure : guess;
}

#endif
