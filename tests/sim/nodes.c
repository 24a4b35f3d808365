/* nodes.c - what the simulated processes do: as `dynacomm server` and the darknet program do it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dynacomm_file.h"
#include "net/link.h"
#include "server/server.h"
#include "sim/run.h"

sim_run_state *sim_now_run;

static void ends(sim_node *node, dc_error err, const char *line)
{
    node->err = err;
    node->over = true;
    sim_now_run->count.unheard += err && strstr(line, " all rounds are done and their last values are here");
    (void)snprintf(node->line, sizeof node->line, "%s", err ? line : "");
    sim_event("is over: %s %s", err ? "error," : "well", node->line);
    sim_wake(sim_now_run->world);
}

/* ---- the server ---- */

static void count_line(const char *line)
{
    sim_count *c = &sim_now_run->count;
    sim_now_run->trains |= strstr(line, "saved round ") ==
                           line; /* a server that dies before begins anew, with worker 0's values */
    c->resumed += strstr(line, "resuming ") == line;
    c->passed += strstr(line, " goes on without worker ") != NULL;
    c->back += strstr(line, " is back, and goes on ") != NULL;
    c->entered += strstr(line, " takes part from round ") != NULL;
    c->went_back += strstr(line, ": the run goes back to round ") != NULL;
    c->balanced += strstr(line, ", images of a round: ") != NULL;
    c->told += strstr(line, " hears that the run has ended") || strstr(line, " no rounds to do, and fetch");
    c->bad += strstr(line, ": left out of that round ") != NULL;
    c->stepped += strstr(line, "local steps: from round ") == line;
    c->rejoined += strstr(line, "; joining it again") != NULL;
}

/* Whether the file is there, and is more than the word that what was kept is lost. */
static bool is_kept(const char *path)
{
    char magic[8] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool kept = read(fd, magic, sizeof magic) == sizeof magic && memcmp(magic, "DYNCKEPT", 8) == 0;
    (void)close(fd);
    return kept;
}

static bool has_kept(const sim_node *node, uint64_t version)
{
    char path[160];
    (void)snprintf(path, sizeof path, "%s/sim.kept-%d-%llu", node->dir, node->number,
                   (unsigned long long)version);
    return is_kept(path);
}

/* 1 + a version that a worker has on its disk, as all others have, and the server a checkpoint of; 0 = none. */
static uint64_t had_kept(const sim_node *node)
{
    const sim_run_state *r = sim_now_run;
    const dc_server *s = r->nodes[0].server;
    for (int k = 0; s && k < s->training.checkpoint.n_kept; k++) {
        const uint64_t version = s->training.checkpoint.kept[k];
        bool all = has_kept(node, version);
        for (int i = 1; all && i <= r->plan->workers; i++)
            all = has_kept(&r->nodes[i], version);
        if (all) return 1 + version;
    }
    return 0;
}

/* The last that it says of a round counts: the server may have died since, and the run gone on from before. */
static void note_loss(const sim_node *node, uint64_t round)
{
    sim_run_state *r = sim_now_run;
    int k = 0;
    while (k < r->n_losses && (r->losses[k].number != node->number || r->losses[k].round != round))
        k++;
    if (k == SIM_LOSSES) abort();
    if (k == r->n_losses) r->n_losses++;
    r->losses[k] = (sim_loss){.number = node->number, .round = round, .had = had_kept(node)};
}

static void on_worker_line(sim_node *node, const char *line)
{
    unsigned long long round;
    if (strncmp(line, "joined ", 7) == 0) (void)sscanf(strstr(line, " as "), " as worker %d", &node->number);
    if (sscanf(line, "no file here has what this worker had kept by round %llu", &round) == 1)
        note_loss(node, round);
}

static void on_line(void *node, const char *line)
{
    if (node) on_worker_line(node, line);
    count_line(line);
    if (strstr(line, "saved round ") == line && strstr(line, "_final.weights")) {
        sim_now_run->saved = sim_now_run->ended = true;
        sim_wake(sim_now_run->world);
    }
    sim_event("| %s", line);
}

/* Its run loop waits here. Who is joining is looked at more often: that stays as it is. */
dc__channel *__real_dc__listener_accept(dc__listener *listener, int wait_ms);
dc__channel *__wrap_dc__listener_accept(dc__listener *listener, int wait_ms);
dc__channel *__wrap_dc__listener_accept(dc__listener *listener, int wait_ms)
{
    return __real_dc__listener_accept(listener,
                                      wait_ms == DC__POLL_MS ? sim_now_run->plan->look_ms : wait_ms);
}

void sim_server_main(void *argument)
{
    sim_node *node = argument;
    const sim_run_state *r = sim_now_run;
    dc_server *server;
    dc_server_options options = r->plan->server;
    char line[512];
    options.url = "tcp://127.0.0.1:7700";
    options.backup_dir = r->dir;
    options.log = on_line;
    dc_error err = dc_server_start(&server, &options);
    if (!err) {
        node->server = server;
        err = dc_server_run(server);
        (void)snprintf(line, sizeof line, "%s", dc_last_error());
        node->server = NULL;
        dc_server_free(server);
    } else {
        (void)snprintf(line, sizeof line, "%s", dc_last_error());
    }
    ends(node, err, line);
}

/* ---- a worker ---- */

static void save_memory(void *toy, float *to)
{
    memcpy(to, ((const sim_toy *)toy)->memory, SIM_MEMORY * sizeof *to);
}

static void load_memory(void *toy, const float *from)
{
    memcpy(((sim_toy *)toy)->memory, from, SIM_MEMORY * sizeof *from);
}

/* Some of what this worker has pushed may be at the server, and blocks be made of it. */
static void tear(const sim_plan *p, int machine, uint64_t batch, int layer)
{
    sim_run_state *r = sim_now_run;
    if (p->torn != machine || p->torn_batch != batch || p->torn_layer != layer || r->torn) return;
    r->torn = true;
    r->tears = machine;
    sim_wake(r->world);
}

static dc_error train_batch(sim_toy *t, dc_worker *w, const sim_plan *p, int machine)
{
    const int64_t layer_ns = p->layer_ns[machine];
    const dc_worker_info info = dc_worker_info_get(w);
    dc_round_report report;
    dc_error err = dc_worker_round_begin(w);
    const int subdivisions = err ? 0 : (int)dc_worker_images(w, info.round) / SIM_IMAGES;
    for (int s = 0; !err && s < subdivisions; s++) {
        err = dc_worker_subdivision(w, s == subdivisions - 1);
        sim_remember(t, info.rank, info.round, s);
        for (int i = 0; !err && i < p->layers; i++) {
            err = dc_worker_forward_begin(w, i);
            if (!err) sim_forward(t, i, info.rank, info.round);
            if (layer_ns) sim_sleep((int64_t)sim_draw((uint64_t)layer_ns));
            if (!err) err = dc_worker_forward_end(w, i);
        }
        if (!err && s == subdivisions - 1) err = dc_worker_rate(w, sim_rate(info.round));
        for (int i = p->layers - 1; !err && i >= p->frozen; i--) {
            err = dc_worker_backward_begin(w, i);
            if (!err) sim_backward(t, t, i, info.rank, info.round, s);
            if (layer_ns) sim_sleep((int64_t)sim_draw((uint64_t)layer_ns));
            if (!err) err = dc_worker_backward_end(w, i);
            if (s == subdivisions - 1) tear(p, machine, info.round, i);
        }
    }
    if (err) return err;
    err = dc_worker_round_end(w, &report);
    const dc_report figures = {.loss = 1, .map = 0, .last_round = (uint64_t)p->rounds};
    if (!err) dc_worker_report(w, &figures);
    return err;
}

static void disturb(const sim_plan *p, int machine)
{
    sim_run_state *r = sim_now_run;
    if (p->late != machine || r->late) return;
    r->late = true;
    r->lates = machine;
    sim_wake(r->world);
}

/* To the last round, and its weights: as dk_train does. */
static dc_error train(sim_node *node, sim_toy *t, dc_worker *w)
{
    const sim_plan *p = t->plan;
    dc_error err;
    do {
        err = DC_OK;
        node->life = sim_now_run->life;
        while (!err && (dc_worker_info_get(w).round < (uint64_t)p->rounds || dc_worker_info_get(w).alone))
            err = node->leave ? dc_error_set(DC_ESTOPPED, "SIGTERM") : train_batch(t, w, p, node->machine);
        if (!err) {
            (void)snprintf(node->saved, sizeof node->saved, "%s/sim_final.weights", node->dir);
            err = dc_worker_save(w, node->saved, 0);
        }
        if (!err) disturb(p, node->machine);
        if (!err) err = dc_worker_finish(w);
    } while (err && !node->leave && dc_worker_lost_server(w) && !(err = dc_worker_rejoin(w)) &&
             !dc_worker_ended(w));
    return err;
}

void sim_worker_main(void *argument)
{
    sim_node *node = argument;
    const sim_run_state *r = sim_now_run;
    const sim_plan *p = r->plan;
    sim_toy *t = sim_toy_new(p, 1);
    dc_worker *w;
    char line[512] = "", steps[16] = "auto";
    if (!p->local_auto) (void)snprintf(steps, sizeof steps, "%d", p->local_steps);
    node->leave = 0;
    node->saved[0] = 0;
    (void)snprintf(node->dir, sizeof node->dir, "%s/worker-%d%s", r->dir, node->machine,
                   node->twin ? "-twin" : "");
    (void)mkdir(node->dir, 0777);
    dc_sweep(node->dir);
    const dc_worker_options options = {.url = "tcp://127.0.0.1:7700",
                                       .rank = p->ranked ? node->machine - 1 : -1,
                                       .id = 1000 + (uint64_t)node->machine,
                                       .strategy = p->strategy[node->machine],
                                       .seed = 5,
                                       .last_round = (uint64_t)p->rounds,
                                       .part = SIM_IMAGES,
                                       .memory = {.floats = p->remembers ? SIM_MEMORY : 0,
                                                  .save = save_memory,
                                                  .load = load_memory,
                                                  .context = t},
                                       .timeout_s = p->patience_s,
                                       .codec = p->codec,
                                       .local_steps = p->local_steps > 1 || p->local_auto ? steps : NULL,
                                       .keep_dir = node->dir,
                                       .leave = &node->leave,
                                       .log = on_line,
                                       .log_context = node};
    dc_error err = dc_worker_join(&w, t->model, &options);
    if (!err) {
        err = train(node, t, w);
        (void)snprintf(line, sizeof line, "%s", err ? dc_last_error() : "");
        const dc_error left = dc_worker_leave(w, err == DC_OK, line);
        if (!err && left) (void)snprintf(line, sizeof line, "%s", dc_last_error());
        if (!err) err = left;
    } else {
        (void)snprintf(line, sizeof line, "%s", dc_last_error());
    }
    sim_toy_free(t);
    ends(node, err, line);
}
