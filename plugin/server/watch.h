/* watch.h - what people are shown of a run: the workers' words (endpoint/telemetry.h), kept and merged.
 *
 * DESIGN
 *   A worker's receiver brings its REPORT here; dc_server_status copies out. Both hold watch->lock for no
 * longer than copying takes, and nothing of the training waits for it. A plan is read into the spare of its
 * worker, which only that receiver touches, and then changes places with the one shown. */
#ifndef DC__WATCH_H
#define DC__WATCH_H

#include <pthread.h>

#include "codec/coding.h"
#include "model/model.h"
#include "net/link.h"
#include "endpoint/telemetry.h"
#include "server/curve.h"

/* A plan and the costs it was made for. */
typedef struct dc__shown_plan {
    dc_plan plan;
    dc_profile profile;
    dc_layer_cost *costs; /* [layers]; NULL until the first */
} dc__shown_plan;

typedef struct dc__watched {
    dc__telemetry report;
    int64_t reported_ns;     /* 0 = never */
    uint64_t reported_round; /* rounds done then */
    double map;              /* the last one reported, NAN = none */
    bool present;            /* it has a session */
    bool news;               /* reported since the loss curve's last point */
    double pace_s;           /* a round, over the last reports */
    uint64_t plans;
    dc__shown_plan shown, spare;
} dc__watched;

typedef struct dc__watch {
    pthread_mutex_t lock;     /* guards all but the spares */
    int n;                    /* slots of the roster */
    int wanted;               /* workers of the run */
    const dc__coding *coding; /* the run's; NULL: exact */
    dc__watched *workers;     /* [n] */
    dc__curve *loss, *map;
} dc__watch;

/* dc__watch_init - for n slots; DC_ENOMEM. dc__watch_free also after it failed, or never ran. */
dc_error dc__watch_init(dc__watch *watch, int n, int wanted);
void dc__watch_free(dc__watch *watch);

/* dc__watch_present - a slot's worker has a session from here on, and has reported nothing; or has none. */
void dc__watch_present(dc__watch *watch, int slot, bool present);

/* dc__watch_rtt_s - the round trip that a slot's worker has reported, 0 = none. */
double dc__watch_rtt_s(dc__watch *watch, int slot);

/* dc__watch_take - a REPORT frame of a slot's worker, whose receiver calls. began_ns: the run's start. DC_EPROTO
 * if it makes no sense. */
dc_error dc__watch_take(dc__watch *watch, int slot, const dc_model *model, const dc__frame *frame,
                        int64_t began_ns);

#endif
