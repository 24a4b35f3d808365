/* status_metrics.c - a status in Prometheus' text format, version 0.0.4: one family after the other, each
 * with its HELP and TYPE and a sample per worker where there is one. */
#include <math.h>

#include "tool/status_view.h"

/* In a label's value. */
static void put_escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            (void)fprintf(out, "\\%c", *text);
        else if (*text == '\n')
            (void)fputs("\\n", out);
        else
            (void)fputc(*text, out);
    }
}

static void head(FILE *out, const char *name, const char *type, const char *help)
{
    (void)fprintf(out, "# HELP dynacomm_%s %s\n# TYPE dynacomm_%s %s\n", name, help, name, type);
}

static void one(FILE *out, const char *name, const char *type, const char *help, double value)
{
    if (!isfinite(value)) return;
    head(out, name, type, help);
    (void)fprintf(out, "dynacomm_%s %.9g\n", name, value);
}

static void put_run(FILE *out, const dc_status *s)
{
    head(out, "run_info", "gauge", "The program's version and the model that is trained.");
    (void)fputs("dynacomm_run_info{version=\"", out);
    put_escaped(out, dc_version());
    (void)fputs("\",model=\"", out);
    put_escaped(out, s->model);
    (void)fputs("\"} 1\n", out);
    head(out, "run_state", "gauge", "1 for the state that the run is in.");
    for (int k = DC_RUN_WAITING; k <= DC_RUN_FAILED; k++)
        (void)fprintf(out, "dynacomm_run_state{state=\"%s\"} %d\n", dc__run_state_name((dc_run_state)k),
                      (int)s->state == k);
    head(out, "rounds_total", "counter", "Rounds of the run that are whole, resumed ones included.");
    (void)fprintf(out, "dynacomm_rounds_total %llu\n", (unsigned long long)s->round);
    one(out, "last_round", "gauge", "The round that the run is to end after.",
        s->last_round ? (double)s->last_round : NAN);
    one(out, "batches_total", "counter", "Batches of a worker in the rounds that are whole.",
        (double)s->batches);
    one(out, "local_steps", "gauge", "Batches that workers step alone in a round.",
        s->local_steps ? (double)s->local_steps : NAN);
    one(out, "saved_round", "gauge", "The last round in the backup.",
        s->saved_round ? (double)s->saved_round : NAN);
    one(out, "workers", "gauge", "Workers that are here.", s->here);
    one(out, "workers_wanted", "gauge", "Workers that the run is for.", s->wanted);
    one(out, "joins_total", "counter", "Workers that joined.", (double)s->joins);
    one(out, "losses_total", "counter", "Times that a worker was lost.", (double)s->losses);
    one(out, "rejoins_total", "counter", "Times that a worker came back.", (double)s->rejoins);
    one(out, "drops_total", "counter", "Workers dropped by the run's owner.", (double)s->drops);
    one(out, "restarts_total", "counter", "Servers that worked on the run before this one.", s->restarts);
    one(out, "rounds_held_up_total", "counter", "Rounds that a lost worker held up.", (double)s->rounds_held);
    one(out, "model_bytes", "gauge", "Trained parameters: what travels each way, per worker and round.",
        (double)s->trained_bytes);
    one(out, "elapsed_seconds", "gauge", "Since the first round began.", s->elapsed_s);
    one(out, "stalled_seconds", "gauge", "Since the last round was whole.", s->stalled_s);
    one(out, "round_seconds", "gauge", "A round, lately.", s->round_s > 0 ? s->round_s : NAN);
    one(out, "learning_rate", "gauge", "Of the last round.", s->rate);
    one(out, "loss", "gauge", "Mean of the workers' last ones.", s->loss);
}

/* What is said of each worker; NAN = not known. */
typedef struct gauge {
    const char *name, *help;
    double (*of)(const dc_status_worker *w);
} gauge;

static double reported(const dc_status_worker *w, double value)
{
    return w->reported_s >= 0 ? value : NAN;
}

static double known(double value)
{
    return value > 0 ? value : NAN;
}

#define GAUGE(name, expression)                   \
    static double name(const dc_status_worker *w) \
    {                                             \
        return (expression);                      \
    }
GAUGE(connected, w->state >= DC_WORKER_JOINING && w->state <= DC_WORKER_TRAINING)
GAUGE(lost, w->state == DC_WORKER_LOST ? w->lost_s : NAN)
GAUGE(wait_left, w->state == DC_WORKER_LOST ? w->wait_left_s : NAN)
GAUGE(reached, (double)w->round)
GAUGE(silent, w->state == DC_WORKER_TRAINING ? w->silent_s : NAN)
GAUGE(loss, reported(w, w->loss))
GAUGE(map, w->map)
GAUGE(images, reported(w, w->images_per_s))
GAUGE(round_time, reported(w, known(w->round_s)))
GAUGE(compute_time, reported(w, w->compute_s))
GAUGE(wait_time, reported(w, w->wait_s))
GAUGE(wait_ratio, w->round_s > 0 ? w->wait_s / w->round_s : NAN)
GAUGE(up, known(w->up_Bps))
GAUGE(down, known(w->down_Bps))
GAUGE(rtt, known(w->rtt_s))
GAUGE(overhead, known(w->overhead_s))
GAUGE(predicted, known(w->predicted_s))
GAUGE(least, known(w->floor_s))

static const gauge gauges[] = {
    {"connected", "1 while the worker takes part.", connected},
    {"lost_seconds", "Since it was lost.", lost},
    {"wait_left_seconds", "That it is waited for still.", wait_left},
    {"round", "Rounds whose gradients it has begun to send.", reached},
    {"silent_seconds", "Since its last heartbeat.", silent},
    {"loss", "Over its images, lately.", loss},
    {"map_ratio", "Mean average precision at its last evaluation.", map},
    {"images_per_second", "Images trained on, lately.", images},
    {"round_seconds", "A round, lately.", round_time},
    {"compute_seconds", "Of a round, layers computing.", compute_time},
    {"wait_seconds", "Of a round, computation waiting for the network.", wait_time},
    {"wait_ratio", "Share of a round that computation waits for the network.", wait_ratio},
    {"up_bytes_per_second", "Goodput of its link to the server, as measured.", up},
    {"down_bytes_per_second", "Goodput of its link from the server, as measured.", down},
    {"rtt_seconds", "Round trip of a small message, as measured.", rtt},
    {"message_seconds", "Fixed cost of a message, as measured.", overhead},
    {"predicted_round_seconds", "A round, as its plan predicts.", predicted},
    {"floor_round_seconds", "A round, as no plan could be faster on its link.", least},
};

static void put_gauge(FILE *out, const gauge *g, const dc_status *s)
{
    bool headed = false;
    for (int i = 0; i < s->n_workers; i++) {
        const double value = g->of(&s->workers[i]);
        char name[64];
        if (!isfinite(value)) continue;
        (void)snprintf(name, sizeof name, "worker_%s", g->name);
        if (!headed) head(out, name, "gauge", g->help);
        headed = true;
        (void)fprintf(out, "dynacomm_%s{worker=\"%d\"} %.9g\n", name, s->workers[i].rank, value);
    }
}

void dc__status_metrics(FILE *out, const dc_status *s)
{
    put_run(out, s);
    if (s->straggler >= 0) {
        head(out, "straggler_seconds", "gauge", "Of a round, that the others wait for this worker, and why.");
        (void)fprintf(out, "dynacomm_straggler_seconds{worker=\"%d\",cause=\"%s\"} %.9g\n",
                      s->workers[s->straggler].rank, dc_cause_name(s->cause), s->straggler_s);
    }
    head(out, "worker_info", "gauge", "1 for the state that the worker is in, and whose key it has.");
    for (int i = 0; i < s->n_workers; i++) {
        const dc_status_worker *w = &s->workers[i];
        (void)fprintf(out, "dynacomm_worker_info{worker=\"%d\",name=\"", w->rank);
        put_escaped(out, w->name);
        (void)fprintf(out, "\",state=\"%s\"} 1\n", dc__worker_state_name(w->state));
    }
    head(out, "worker_losses_total", "counter", "Times that the worker was lost.");
    for (int i = 0; i < s->n_workers; i++)
        (void)fprintf(out, "dynacomm_worker_losses_total{worker=\"%d\"} %llu\n", s->workers[i].rank,
                      (unsigned long long)s->workers[i].losses);
    head(out, "worker_up_bytes_total", "counter", "Received from the worker.");
    for (int i = 0; i < s->n_workers; i++)
        (void)fprintf(out, "dynacomm_worker_up_bytes_total{worker=\"%d\"} %llu\n", s->workers[i].rank,
                      (unsigned long long)s->workers[i].up_bytes);
    head(out, "worker_down_bytes_total", "counter", "Sent to the worker.");
    for (int i = 0; i < s->n_workers; i++)
        (void)fprintf(out, "dynacomm_worker_down_bytes_total{worker=\"%d\"} %llu\n", s->workers[i].rank,
                      (unsigned long long)s->workers[i].down_bytes);
    head(out, "worker_plans_total", "counter", "Plans that the worker has taken up.");
    for (int i = 0; i < s->n_workers; i++)
        (void)fprintf(out, "dynacomm_worker_plans_total{worker=\"%d\"} %llu\n", s->workers[i].rank,
                      (unsigned long long)s->workers[i].plans);
    head(out, "worker_strategy_info", "gauge", "1 for the strategy in force.");
    for (int i = 0; i < s->n_workers; i++)
        if (s->workers[i].plans)
            (void)fprintf(out, "dynacomm_worker_strategy_info{worker=\"%d\",strategy=\"%s\"} 1\n",
                          s->workers[i].rank, dc_strategy_name(s->workers[i].strategy));
    for (size_t k = 0; k < sizeof gauges / sizeof *gauges; k++)
        put_gauge(out, &gauges[k], s);
}
