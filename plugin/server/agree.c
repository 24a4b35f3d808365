/* agree.c - what a new run's workers bring with them. See server.h. */
#include "endpoint/fingerprint.h"
#include "server/server.h"

dc_error dc__server_agree_on_start(dc_server *s, const dc__join *join, int slot, int number)
{
    const dc__training *t = &s->training;
    bool warned = false;
    for (int i = 0; i < t->roster.n; i++) {
        const char *other = s->sessions[i].fingerprint;
        const dc__member_state state = t->roster.member[i].state;
        char line[DC__LINE_BYTES];
        if (i == slot || state == DC__MEMBER_FREE || state >= DC__MEMBER_LOST) continue;
        const int its = t->roster.member[i].number;
        const dc_error err = t->resumed || t->roster.training
                                 ? DC_OK
                                 : dc__fingerprint_start(join->fingerprint, number, other, its);
        if (err) return err;
        if (warned || !dc__fingerprint_warn(other, its, join->fingerprint, number, line, sizeof line))
            continue;
        dc__log_line(&s->training.log, "%s", line);
        warned = true;
    }
    return DC_OK;
}
