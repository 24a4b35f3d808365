/* run.h - one schedule: a server and its workers, each a process that is started again whenever it ends otherwise than it
 * should, until the run is over; and what must be true then. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "sim/plan.h"

/* What has happened, for those who want to know that a test is one. */
typedef struct sim_count {
    uint64_t deeds[SIM_FULL_DISK + 1];
    uint64_t restarts;    /* of processes that had ended by themselves, with an error */
    uint64_t resumed;     /* servers that went on from a checkpoint */
    uint64_t stepped;     /* other numbers of local steps */
    uint64_t rejoined;    /* workers that have joined anew in their process */
    uint64_t passed;      /* rounds that went on without somebody */
    uint64_t back;        /* workers that came back into their round */
    uint64_t went_back;   /* runs that a worker without what it had kept made go back to a checkpoint */
    uint64_t balanced;    /* times that images were given to others */
    uint64_t told;        /* workers that heard of the end from a server that was started again */
    uint64_t twins;       /* workers that were there twice */
    uint64_t unheard;     /* workers that ended without hearing of the end */
    uint64_t bad;         /* rounds without a gradient that is not finite */
    uint64_t entered;     /* workers that came while others trained */
    uint64_t undisturbed; /* runs that had to equal one that nothing happens to */
    uint64_t partial;     /* runs in which only a part of a worker's blocks counted */
    uint64_t rounds, steps;
} sim_count;

#define SIM_LOSSES 64

/* A worker had nothing kept as it began with this round. */
typedef struct sim_loss {
    int number;
    uint64_t round;
    uint64_t
        had; /* 1 + a version that it had kept, and the server a checkpoint of: the run should have gone back there. 0: none */
} sim_loss;

/* A process and its machine; 0 is the server's. */
typedef struct sim_node {
    int machine;
    bool twin; /* a second process of that machine's worker */
    sim_process *process;
    bool over;          /* it has ended by itself, and the supervisor does not know yet */
    dc_error err;       /* with which */
    bool done;          /* it is not started again */
    int life;           /* of the server that it has joined last */
    volatile int leave; /* SIGTERM */
    dc_server *server;  /* the server's, while it runs */
    int number;         /* a worker's, that it joined as last */
    char line[512];
    char dir[96], saved[128]; /* a worker's directory; its .weights there, "" = none */
} sim_node;

typedef struct sim_run_state {
    const sim_plan *plan;
    const char *dir;
    sim_node nodes[SIM_WORKERS + 1], twin;
    bool done;            /* all of it */
    bool trains;          /* it has begun to */
    int life;             /* the server's: one more when it has died */
    int tears;            /* machine whose worker is in the midst of its pushes, and is to be killed */
    bool torn;            /* it was, once */
    bool saved;           /* the end has just been */
    bool dark;            /* the server's machine was, just then */
    bool stopped;         /* the server was, as nobody waits for it any more */
    bool ended;           /* the end was saved, */
    uint64_t told_before; /* and so many had heard of it when the server died last */
    int lates;            /* machine whose worker waits to hear of the end, and is to be disturbed */
    bool late;            /* it was, once */
    sim_thread *world;    /* the supervisor's */
    sim_loss losses[SIM_LOSSES];
    int n_losses;
    sim_count count;
} sim_run_state;

/* world.c: plays the plan, in an order that the seed decides; false with a line if processes end otherwise than they should. */
bool sim_play(sim_run_state *r, uint64_t seed, bool traces, char *why, size_t size);

/* nodes.c: the processes' main functions; argument: a sim_node. */
void sim_server_main(void *node);
void sim_worker_main(void *node);
extern sim_run_state *sim_now_run;

/* check.c: files, weights and log are as they must be; false with a line. */
bool sim_check(sim_run_state *r, char *why, size_t size);

#endif
