/* guard.c - a server's keys, and what it says of those who have none. See server.h. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "net/tcp.h"
#include "server/server.h"

#define WARN_NS 600000000000       /* an open server says so as often */
#define TURNED_AWAY_NS 20000000000 /* between two lines about unauthenticated peers: three in a minute */
#define COMINGS_NS 60000000000
#define COMINGS 3 /* lines in that time */

static dc_error load_keys(dc_server *s)
{
    const dc_server_options *o = &s->options;
    dc__keeper *k = &s->keeper;
    const bool follows = s->shards.index > 0;
    dc_error err;
    if (strcmp(o->key_path, "-") == 0)
        err = dc__keeper_read(k, stdin, &s->training.log);
    else if (follows)
        err = dc__keeper_follow(k, o->key_path, &s->training.log);
    else
        err = dc__keeper_open(k, o->key_path, o->members_path, &s->training.log);
    k->follows = follows;
    k->has_shards = s->shards.n > 1 && !follows;
    return err;
}

dc_error dc__server_guard(dc_server *s)
{
    dc__address address;
    if (s->options.key_path) return load_keys(s);
    if (s->options.members_path) return dc__fail(DC_EINVAL, "a list of members needs the server's key, too");
    dc_error err = dc__address_parse(s->url, &address);
    if (err || dc__tcp_is_local(&address)) return err;
    s->open = s->options.insecure;
    if (s->open) return DC_OK;
    return dc__fail(
        DC_EKEY,
        "other machines reach %s: without a key (dynacomm keygen makes one) whoever connects could take part "
        "and read the model",
        s->url);
}

bool dc__server_tells(dc_server *s)
{
    if (!s->comings_ns) s->comings_ns = dc__now_ns();
    if (s->comings == COMINGS) {
        s->unreported++;
        return false;
    }
    s->comings++;
    return true;
}

/* A minute is over: what was not reported, as a number. */
static void count_comings(dc_server *s, int64_t now_ns)
{
    if (!s->comings_ns || now_ns - s->comings_ns < COMINGS_NS) return;
    if (s->unreported)
        dc__log_line(&s->training.log,
                     "in the last minute %llu more workers were refused, or left before the start",
                     (unsigned long long)s->unreported);
    s->comings_ns = 0;
    s->comings = 0;
    s->unreported = 0;
}

void dc__server_watch_gate(dc_server *s)
{
    const int64_t now_ns = dc__now_ns();
    count_comings(s, now_ns);
    if (s->open && (!s->warned_ns || now_ns - s->warned_ns > WARN_NS)) {
        s->warned_ns = now_ns;
        dc__log_line(&s->training.log,
                     "insecure: whoever reaches %s can take part, read the model and change it; nothing is "
                     "encrypted (a key for the server ends that)",
                     s->url);
    }
    const uint64_t n = dc__listener_turned_away(s->listener);
    if (n == s->turned_away || (s->turned_away_ns && now_ns - s->turned_away_ns < TURNED_AWAY_NS)) return;
    dc__log_line(&s->training.log, "%llu connection%s closed before %s had shown who %s",
                 (unsigned long long)(n - s->turned_away), n - s->turned_away > 1 ? "s were" : " was",
                 n - s->turned_away > 1 ? "they" : "it", n - s->turned_away > 1 ? "they are" : "it is");
    s->turned_away = n;
    s->turned_away_ns = now_ns;
}
