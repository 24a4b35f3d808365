/* plan.h - what a seed draws: the run, its network and what happens to its machines; and the toy that is trained, whose
 * gradients depend on the layer's values, the worker, the batch and the subdivision, so that any error shows. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "dynacomm_server.h"
#include "sim/net.h"

#define SIM_WORKERS 4
#define SIM_LAYERS 6
#define SIM_DEEDS 20
#define SIM_IMAGES 2 /* of a worker, in a subdivision */
#define SIM_MEMORY 8 /* floats that layers remember */

typedef enum sim_what {
    SIM_BEGIN, /* the process is started */
    SIM_KILL,  /* kill -9; started again after a while */
    SIM_POWER, /* the machine goes dark; nobody hears of it */
    SIM_STOP,  /* SIGSTOP, SIGCONT after a while */
    SIM_CUT,   /* the link is cut for a while (workers) */
    SIM_LEAVE, /* SIGTERM; started again after a while */
    SIM_AWAY,  /* kill -9 of a worker that does not come back, if it has trained */
    SIM_SLOW_DISK,
    SIM_FULL_DISK
} sim_what;

typedef struct sim_deed {
    int64_t at_ns, for_ns;
    sim_what what;
    int machine; /* 0: the server's */
} sim_deed;

typedef struct sim_plan {
    /* the model */
    int layers, frozen;
    size_t count[SIM_LAYERS], stats[SIM_LAYERS];
    dc_algorithm algorithm;
    float average;
    /* the run */
    int workers, rounds, subdivisions, local_steps;
    bool local_auto; /* the server finds their number */
    bool remembers;  /* gradients depend on all forward passes before */
    bool bad;        /* worker 1's gradient and statistics are not finite now and then */
    int torn,
        torn_layer;      /* this machine's worker is killed when it has begun to push this layer, 0 = none, */
    uint64_t torn_batch; /* of this batch; */
    int64_t torn_ns;     /* started again after so long */
    int late;            /* to this machine's worker, when it waits to hear of the end, 0 = none: */
    sim_what late_what;  /* this happens, */
    int64_t late_ns;     /* for so long */
    int twin; /* this machine's worker is started once more while it runs, as the same one, 0 = none: */
    int64_t twin_at; /* then; */
    int64_t twin_ns; /* the first one is stopped for so long then; 0 = it goes on */
    int64_t last_ns; /* the server's machine goes dark for so long when the end is saved; 0 = it does not */
    dc_server_options server;              /* url and backup_dir are the runner's */
    dc_strategy strategy[SIM_WORKERS + 1]; /* by machine */
    bool ranked;                           /* workers ask for their numbers */
    const char *codec;
    double patience_s;
    int64_t layer_ns[SIM_WORKERS + 1]; /* to compute a layer, one way */
    /* the world */
    sim_weather weather;
    int64_t disk_ns;
    unsigned preempt; /* see threads.h */
    int64_t hold_ns;  /* likewise: a machine that has much else to do */
    int look_ms;      /* how often the server's run loop looks */
    sim_deed deeds[SIM_DEEDS];
    int n_deeds;
} sim_plan;

void sim_plan_draw(sim_plan *p, uint64_t seed);

/* sim_plan_text - in a few words. */
void sim_plan_text(const sim_plan *p, char *text, size_t size);

/* The toy. */
typedef struct sim_toy {
    const sim_plan *plan;
    dc_model *model;
    float *value[SIM_LAYERS], *gradient[SIM_LAYERS], *stats[SIM_LAYERS];
    float memory[SIM_MEMORY];
} sim_toy;

sim_toy *sim_toy_new(const sim_plan *p, int times); /* for so many workers' images */
void sim_toy_free(sim_toy *n);
float sim_rate(uint64_t batch);
void sim_remember(sim_toy *n, int number, uint64_t batch,
                  int subdivision); /* before the first layer's forward */
void sim_forward(sim_toy *n, int layer, int number, uint64_t batch);
/* Adds to n's gradients those of the values at. */
void sim_backward(sim_toy *n, const sim_toy *at, int layer, int number, uint64_t batch, int subdivision);

#endif
