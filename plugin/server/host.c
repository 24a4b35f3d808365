#include "server/host.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "server/server.h"

#define AGAIN_NS 200000000 /* between two attempts */

static dc_error check_stop(const dc__meet_options *o)
{
    return o->stop && *o->stop ? dc__fail(DC_ESTOPPED, "stopped on request") : DC_OK;
}

static dc_error dial(const dc__meet_options *o, double connect_s, dc__met *met)
{
    const dc__dial_options options = {.connect_s = connect_s,
                                      .patience_s = o->silence_s,
                                      .most_bytes = DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES};
    char name[sizeof met->link.peer];
    dc__channel *channel;
    const dc_error err = dc__channel_dial(&channel, o->url, &options);
    if (err) return err;
    (void)snprintf(name, sizeof name, "the meeting server at %.40s", o->url);
    dc__link_open(&met->link, channel, name, o->silence_s, NULL);
    return DC_OK;
}

static dc_error await_place(const dc__meet_options *o, dc__met *met)
{
    dc__frame frame = {0};
    dc_error err = DC_OK;
    while (!err && !frame.message) {
        err = check_stop(o);
        if (!err) err = dc__link_receive(&met->link, &frame, DC__POLL_MS);
    }
    if (!err) err = dc__shard_place_read(&met->place, &frame, met->link.peer);
    dc__frame_free(&frame);
    return err;
}

static dc_error ask(const dc__meet_options *o, double connect_s, dc__met *met)
{
    dc__shard_hello hello = {.mesh = true, .rank = o->rank, .Bps = o->Bps, .id = o->id};
    (void)snprintf(hello.url, sizeof hello.url, "%s", met->own);
    dc_error err = dial(o, connect_s, met);
    if (err) return err;
    err = dc__shard_hello_send(&met->link, &hello);
    if (!err) err = await_place(o, met);
    if (!err) return DC_OK;
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%s", dc_last_error());
    dc__link_close(&met->link, 0);
    return dc__fail(err, "%s", line);
}

dc_error dc__meet(const dc__meet_options *o, dc__met *met)
{
    const int64_t until_ns = dc__now_ns() + (int64_t)(o->connect_s * 1e9);
    memset(met, 0, sizeof *met);
    met->rank = o->rank;
    met->Bps = o->Bps;
    met->id = o->id;
    (void)snprintf(met->url, sizeof met->url, "%s", o->url);
    (void)snprintf(met->own, sizeof met->own, "%s", o->own);
    dc_error err = dc__shards_own(met->url, met->own);
    for (double left_s = o->connect_s; !err; left_s = dc__seconds(until_ns - dc__now_ns())) {
        err = ask(o, left_s, met);
        if (err != DC_EPEER || dc__now_ns() + AGAIN_NS >= until_ns) break;
        const struct timespec pause = {.tv_nsec = AGAIN_NS};
        nanosleep(&pause, NULL);
        err = check_stop(o);
    }
    return err;
}

dc_error dc__server_host(dc_server **server, dc__met *met, dc__listener *listener, dc__listener *inner,
                         dc__account *account)
{
    const dc_server_options options = {.url = met->own,
                                       .workers = met->place.workers,
                                       .timeout_s = met->place.timeout_s,
                                       .bounds = {.trim = met->place.trim},
                                       .on_loss = DC_ON_LOSS_END,
                                       .mesh = true,
                                       .shard = met->place.shard,
                                       .shards = met->place.shards,
                                       .first_url = met->url};
    const dc_error err = dc__server_make(server, &options, listener, inner);
    if (err) {
        dc__link_close(&met->link, 0);
        return err;
    }
    dc__shards *sh = &(*server)->shards;
    (*server)->training.account = account;
    sh->rank = met->rank;
    sh->Bps = met->Bps;
    sh->id = met->id;
    dc__other_goes_on(sh, &met->link);
    return DC_OK;
}

void dc__server_end(dc_server *server, const char *line)
{
    server->shards.worker_left = true;
    dc__roster_end(&server->training.roster, DC_EPEER, line);
}
