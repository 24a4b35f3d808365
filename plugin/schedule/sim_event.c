/* sim_event.c - what the simulator reports of a round. */
#include "schedule/sim.h"

void dc__sim_report(dc__sim *sim, const dc__sim_node *w, dc_event event)
{
    if (!sim->on_event || event.end_s <= sim->from_s || event.start_s >= sim->to_s) return;
    event.worker = (int)(w - sim->workers);
    event.start_s -= sim->from_s;
    event.end_s -= sim->from_s;
    sim->on_event(sim->context, &event);
}
