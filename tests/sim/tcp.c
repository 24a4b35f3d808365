/* tcp.c - packets of a simulation's connections, on their way and where they arrive. See net.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/files.h"
#include "sim/packets.h"

static sim_weather weather;
static struct {
    int64_t cut_until, again_ns; /* nothing passes; then what was lost is sent again after so long */
} links[SIM_MACHINES];
static struct {
    const sim_process *process;
    int machine;
} places[512];
static int n_places;
sim_file *sim_listener;

void sim_net_begin(const sim_weather *w)
{
    weather = *w;
}

const sim_weather *sim_net_weather(void)
{
    return &weather;
}

void sim_net_at(const sim_process *p, int machine)
{
    if (n_places == 512) abort();
    places[n_places].process = p;
    places[n_places++].machine = machine;
}

int sim_net_machine(const sim_process *p)
{
    for (int i = 0; i < n_places; i++)
        if (places[i].process == p) return places[i].machine;
    abort();
}

/* ---- packets ---- */

void sim_packet_send(sim_connection *c, int side, sim_packet_kind kind, uint8_t *bytes, size_t n)
{
    sim_way *w = &c->way[side];
    int64_t at = sim_now() + weather.latency_ns + (int64_t)sim_draw((uint64_t)weather.jitter_ns + 1);
    if (kind == SIM_SYN && sim_draw(1024) < weather.late_connections) at += (int64_t)sim_draw(4 * SIM_S);
    if (at < w->last_ns) at = w->last_ns;
    w->last_ns = at += (int64_t)((double)n / weather.Bps * 1e9);
    sim_packet_put(&(sim_packet){.at_ns = at, .kind = kind, .c = c, .side = side, .bytes = bytes, .n = n});
}

static void reset(sim_connection *c, int side, int why)
{
    if (c->dead[side]) return;
    c->dead[side] = true;
    c->error[side] = why;
    sim_tcp_changed(c, side);
}

/* The kernel's answer to what arrives where nobody is. */
static void answer_nobody(sim_connection *c, int to)
{
    if (!c->dead[to] && !c->closed[to]) sim_packet_send(c, 1 - to, SIM_RST, NULL, 0);
}

static void take_syn(sim_connection *c)
{
    if (!sim_listener) {
        c->closed[1] = true;
        sim_packet_send(c, 1, SIM_RST, NULL, 0);
        return;
    }
    if (sim_listener->n_queue == (int)(sizeof sim_listener->queue / sizeof *sim_listener->queue)) return;
    sim_listener->queue[sim_listener->n_queue++] = c;
    c->up[1] = true;
    sim_file_changed(sim_listener);
    sim_packet_send(c, 1, SIM_SYNACK, NULL, 0);
}

static void take_data(sim_connection *c, int from, const sim_packet *p)
{
    sim_way *w = &c->way[from];
    w->under_way -= p->n;
    w->progress_ns = sim_now();
    if (c->closed[1 - from] || c->dead[1 - from]) {
        answer_nobody(c, from);
        return;
    }
    w->bytes = realloc(w->bytes, w->n + p->n);
    if (!w->bytes) abort();
    memcpy(w->bytes + w->n, p->bytes, p->n);
    w->n += p->n;
    sim_tcp_changed(c, 1 - from);
}

/* TCP_USER_TIMEOUT of what is sent. */
static void check_progress(sim_connection *c, int side)
{
    sim_way *w = &c->way[side];
    w->watched = false;
    if (w->under_way == 0 || c->dead[side]) return;
    if (sim_now() - w->progress_ns < SIM_TIMEOUT_NS) {
        w->watched = true;
        sim_packet_put(
            &(sim_packet){.at_ns = w->progress_ns + SIM_TIMEOUT_NS, .kind = SIM_CHECK, .c = c, .side = side});
        return;
    }
    c->lost[side] = true; /* it is not sent again */
    reset(c, side, ETIMEDOUT);
}

static void arrive(const sim_packet *p)
{
    sim_connection *c = p->c;
    const int to = 1 - p->side;
    switch (p->kind) {
    case SIM_SYN:
        take_syn(c);
        break;
    case SIM_SYNACK:
        if (c->closed[0]) {
            answer_nobody(c, 1);
            break;
        }
        c->up[0] = true;
        sim_tcp_changed(c, 0);
        break;
    case SIM_DATA:
        take_data(c, p->side, p);
        break;
    case SIM_FIN:
        c->way[p->side].fin_here = true;
        sim_tcp_changed(c, to);
        break;
    case SIM_RST:
        reset(c, to, c->up[to] ? ECONNRESET : ECONNREFUSED);
        break;
    case SIM_CHECK:
        check_progress(c, p->side);
        break;
    }
}

/* The link is cut, or it was when something before this packet arrived: it arrives later. */
static bool must_wait(sim_packet *p, int64_t now_ns)
{
    sim_way *w = &p->c->way[p->side];
    const int link = p->c->link;
    if (links[link].cut_until > now_ns) {
        const int64_t again_ns = links[link].cut_until + links[link].again_ns;
        if (w->again_ns < again_ns) w->again_ns = again_ns;
        if (w->last_ns < w->again_ns) w->last_ns = w->again_ns;
    }
    if (w->again_ns <= now_ns) return false;
    p->at_ns = w->again_ns;
    return true;
}

int64_t sim_net_advance(int64_t now_ns)
{
    const sim_packet *first;
    while ((first = sim_packet_first()) && first->at_ns <= now_ns) {
        sim_packet p = *first;
        sim_packet_drop();
        sim_connection *c = p.c;
        if (p.kind != SIM_CHECK && must_wait(&p, now_ns)) {
            sim_packet_again(&p);
            continue;
        }
        sim_mark((uint64_t)p.kind * 1000003 + p.n + (uint64_t)c->number * 8);
        if (p.kind == SIM_CHECK || !c->lost[p.side]) arrive(&p);
        free(p.bytes);
    }
    return first ? first->at_ns : SIM_FOREVER;
}

void sim_net_cut(int machine, int64_t until_ns)
{
    if (until_ns <= links[machine].cut_until) return;
    links[machine].cut_until = until_ns;
    links[machine].again_ns = (int64_t)sim_draw(SIM_S / 2);
}
