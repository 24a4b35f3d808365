/* world.c - plays a plan: begins the processes, does to them and their machines what the plan says, and starts again what has
 * ended otherwise than it should. The supervisor is a simulated process of its own, which nothing happens to. */
#include <stdio.h>
#include <string.h>

#include "sim/disk.h"
#include "sim/run.h"
#include "sim/threads.h"

#define RESTART_NS (500 * SIM_MS) /* as a service manager waits */
#define LIMIT_NS (600 * SIM_S)    /* whatever happens, all is over by then */
#define QUEUE 256

static sim_deed queue[QUEUE];
static int n_queue;

static void later(int64_t at_ns, sim_what what, int machine)
{
    if (n_queue < QUEUE) queue[n_queue++] = (sim_deed){.at_ns = at_ns, .what = what, .machine = machine};
}

/* The next deed that is due, or when one will be. */
static bool take_due(sim_deed *deed, int64_t *when_ns)
{
    int first = -1;
    for (int k = 0; k < n_queue; k++)
        if (first < 0 || queue[k].at_ns < queue[first].at_ns) first = k;
    *when_ns = first < 0 ? SIM_FOREVER : queue[first].at_ns;
    if (first < 0 || *when_ns > sim_now()) return false;
    *deed = queue[first];
    queue[first] = queue[--n_queue];
    return true;
}

static void begin(sim_run_state *r, sim_node *node)
{
    char name[24];
    if (sim_lives(node->process) || node->done || r->nodes[0].done) return;
    (void)snprintf(name, sizeof name, node->machine ? "worker-%d" : "server", node->machine);
    node->over = false;
    node->process = sim_spawn(name, node->machine ? sim_worker_main : sim_server_main, node);
    sim_net_at(node->process, node->machine);
}

/* A server that is gone may go on from a checkpoint before its workers' last round: those who are done come again, unless the end
 * is saved. */
static void recall_workers(sim_run_state *r, int64_t at_ns)
{
    r->life++;
    r->told_before = r->count.told;
    if (r->ended) return;
    for (int k = 1; k <= r->plan->workers; k++) {
        if (!r->nodes[k].done) continue;
        r->nodes[k].done = false;
        later(at_ns + (int64_t)sim_draw(SIM_S), SIM_BEGIN, k);
    }
}

static void kill_node(sim_run_state *r, sim_node *node, const sim_deed *deed)
{
    const int64_t back_ns = sim_now() + deed->for_ns;
    if (deed->what == SIM_POWER) {
        sim_net_power(node->process);
        if (node->machine && r->twin.machine == node->machine && sim_lives(r->twin.process)) {
            sim_net_power(r->twin.process);
            sim_kill(r->twin.process);
        }
        for (int k = 1; k <= r->plan->workers; k++)
            if (node->machine == 0 || node->machine == k) sim_net_cut(k, back_ns);
    }
    sim_kill(node->process);
    node->server = NULL;
    if (deed->what != SIM_AWAY || !r->trains) later(back_ns, SIM_BEGIN, node->machine);
    if (node->machine == 0) recall_workers(r, back_ns);
}

static void act(sim_run_state *r, const sim_deed *deed)
{
    sim_node *node = &r->nodes[deed->machine];
    const int64_t until_ns = sim_now() + deed->for_ns;
    static const char *const names[] = {"begin", "kill", "power",     "stop",     "cut",
                                        "leave", "away", "slow disk", "full disk"};
    if (deed->what == SIM_BEGIN) {
        begin(r, node);
        return;
    }
    if (r->nodes[0].done || ((deed->what <= SIM_STOP || deed->what == SIM_LEAVE || deed->what == SIM_AWAY) &&
                             !sim_lives(node->process)))
        return;
    r->count.deeds[deed->what]++;
    sim_event("%s %d for %.3f s", names[deed->what], deed->machine, (double)deed->for_ns * 1e-9);
    switch (deed->what) {
    case SIM_KILL:
    case SIM_POWER:
    case SIM_AWAY:
        kill_node(r, node, deed);
        break;
    case SIM_STOP:
        sim_stop(node->process, until_ns);
        break;
    case SIM_CUT:
        sim_net_cut(deed->machine, until_ns);
        break;
    case SIM_LEAVE:
        node->leave = 1;
        if (node->server) dc_server_stop(node->server);
        break;
    case SIM_SLOW_DISK:
        sim_disk_slow(deed->machine, until_ns);
        break;
    default:
        sim_disk_full(deed->machine, until_ns);
    }
}

/* Somebody is there, or comes, who is to hear of the end. */
static bool anybody_left(const sim_run_state *r)
{
    bool left = sim_lives(r->twin.process);
    for (int k = 1; k <= r->plan->workers; k++)
        left |= sim_lives(r->nodes[k].process);
    for (int k = 0; k < n_queue; k++)
        left |= queue[k].what == SIM_BEGIN && !r->nodes[queue[k].machine].done;
    return left;
}

/* The server was killed when it had saved the end, and everybody has heard of it meanwhile: its user stops it. */
static void settle(sim_run_state *r)
{
    if (r->life == 0 || r->nodes[0].done || !r->ended || anybody_left(r)) return;
    if (r->count.told > r->told_before || !r->nodes[0].server) return;
    r->stopped = true;
    dc_server_stop(r->nodes[0].server);
}

/* A process has ended by itself. */
static void look_at(sim_run_state *r, sim_node *node)
{
    if (!node->over || sim_lives(node->process)) return;
    node->over = false;
    const bool counts = node->machine == 0 || node->life == r->life || r->ended;
    node->done = node->err == DC_OK && (counts || r->nodes[0].done);
    if (node->machine == 0 && r->stopped) {
        node->err = DC_OK;
        node->done = true;
    }
    if (node->done || r->nodes[0].done) return;
    r->count.restarts += node->err != DC_OK;
    const int64_t at_ns = sim_now() + RESTART_NS + (int64_t)sim_draw(SIM_S);
    later(at_ns, SIM_BEGIN, node->machine);
    if (node->machine == 0) recall_workers(r, at_ns);
}

static bool is_over(const sim_run_state *r)
{
    bool over = r->nodes[0].done && !sim_lives(r->twin.process);
    for (int k = 0; k <= r->plan->workers; k++)
        over &= !sim_lives(r->nodes[k].process);
    return over;
}

static void tear(sim_run_state *r)
{
    later(sim_now() + (int64_t)sim_draw(5 * SIM_MS), SIM_KILL, r->tears);
    queue[n_queue - 1].for_ns = r->plan->torn_ns;
    r->tears = 0;
}

/* Just when the end is saved: some have heard of it. */
static void darken(sim_run_state *r)
{
    r->saved = false;
    if (r->dark || r->plan->last_ns == 0) return;
    r->dark = true;
    later(sim_now() + (int64_t)sim_draw(25 * SIM_MS), SIM_POWER, 0);
    queue[n_queue - 1].for_ns = r->plan->last_ns;
}

/* Something happens to a worker that waits to hear of the end, or to its link. */
static void disturb(sim_run_state *r)
{
    const sim_plan *p = r->plan;
    later(sim_now() + (int64_t)sim_draw(40 * SIM_MS), p->late_what, r->lates);
    queue[n_queue - 1].for_ns = p->late_ns;
    r->lates = 0;
}

/* A second process of a worker, while the first one runs, or is stopped; nobody starts it again. */
static void begin_twin(sim_run_state *r)
{
    const sim_plan *p = r->plan;
    sim_node *node = &r->nodes[p->twin];
    char name[24];
    if (!p->twin || r->twin.machine || sim_now() < p->twin_at || !sim_lives(node->process) ||
        r->nodes[0].done)
        return;
    r->count.twins++;
    r->twin = (sim_node){.machine = p->twin, .twin = true};
    if (p->twin_ns) sim_stop(node->process, sim_now() + p->twin_ns);
    (void)snprintf(name, sizeof name, "twin-%d", p->twin);
    r->twin.process = sim_spawn(name, sim_worker_main, &r->twin);
    sim_net_at(r->twin.process, p->twin);
}

/* It counts only if it has trained to the end. */
static void look_at_twin(sim_run_state *r)
{
    sim_node *twin = &r->twin;
    if (!twin->over || sim_lives(twin->process)) return;
    twin->over = false;
    twin->done = twin->err == DC_OK && (twin->life == r->life || r->ended);
}

static void world_main(void *argument)
{
    sim_run_state *r = argument;
    r->world = sim_thread_self();
    for (;;) {
        sim_deed deed;
        int64_t when_ns;
        for (int k = 0; k <= r->plan->workers; k++)
            look_at(r, &r->nodes[k]);
        begin_twin(r);
        look_at_twin(r);
        settle(r);
        if (r->saved) darken(r);
        if (r->tears) tear(r);
        if (r->lates) disturb(r);
        if (is_over(r)) break;
        if (take_due(&deed, &when_ns))
            act(r, &deed);
        else
            (void)sim_block("the next deed",
                            when_ns < sim_now() + 20 * SIM_MS ? when_ns : sim_now() + 20 * SIM_MS);
    }
    r->done = true;
}

static void forget(sim_thread *t)
{
    sim_threads_forget(t);
    sim_net_forget(t);
}

static void close_all(const sim_process *p)
{
    sim_net_close(p);
    sim_disk_close(p);
}

static const sim_kernel kernel = {.advance = sim_net_advance, .forget = forget, .close = close_all};

bool sim_play(sim_run_state *r, uint64_t seed, bool traces, char *why, size_t size)
{
    const sim_plan *p = r->plan;
    sim_now_run = r;
    sim_net_begin(&p->weather);
    sim_disk_begin(p->disk_ns);
    sim_threads_preempt(p->preempt, p->hold_ns);
    n_queue = p->n_deeds;
    memcpy(queue, p->deeds, (size_t)n_queue * sizeof *queue);
    for (int k = 0; k <= p->workers; k++)
        r->nodes[k].machine = k;
    sim_begin(seed, traces, LIMIT_NS, &kernel);
    sim_spawn("world", world_main, r);
    sim_run(&r->done);
    r->count.steps += sim_steps();
    /* With all of them needed, nobody comes too late for the run. */
    const bool calm = p->n_deeds == p->workers + 1 && !p->torn && !p->late && !p->twin &&
                      p->server.min_workers == p->workers;
    for (int k = 0; calm && k <= p->workers; k++)
        if (r->nodes[k].err) {
            (void)snprintf(why, size, "nothing happened, but %s %d ended with: %s", k ? "worker" : "server",
                           k, r->nodes[k].line);
            return false;
        }
    return true;
}
