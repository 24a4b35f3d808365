/* agree.c - what workers bring with them. See server.h. */
#include <string.h>

#include "base/error.h"
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

/* passed: also if the round is closed without it, whose part it takes up again when nobody else is left. */
static uint32_t fed(dc_server *s, int slot, bool passed)
{
    dc__training *t = &s->training;
    const dc__member *m = &t->roster.member[slot];
    pthread_mutex_lock(&t->versions.lock);
    const bool on =
        m->known && !m->leaves &&
        (!t->roster.training ||
         ((passed || !m->closed) && dc__crew_has(dc__roster_crew(&t->roster, t->versions.round), slot)));
    const uint32_t images = on ? m->images : 0;
    pthread_mutex_unlock(&t->versions.lock);
    return images;
}

uint32_t dc__server_fed(dc_server *s, int slot)
{
    return fed(s, slot, false);
}

dc_error dc__server_agree_on_computing(dc_server *s, const dc__join *join, int slot)
{
    dc__training *t = &s->training;
    const dc__member *m = &t->roster.member[slot];
    char note[DC_NOTE_BYTES];
    dc__fingerprint_note(join->fingerprint, note, sizeof note);
    const uint32_t images = fed(s, slot, true);
    if (!images || t->ended || m->state == DC__MEMBER_FINISHED) return DC_OK; /* or no round is left */
    if (images % dc__model_part(t->model, join->part) != 0)
        return dc__fail(DC_EINVAL,
                        "worker %d feeds %u images of a round, and its batch is %u now: start it as before",
                        m->number, images, dc__model_part(t->model, join->part));
    if (!t->roster.training || strcmp(note, m->note) == 0) return DC_OK;
    return dc__fail(DC_EINVAL,
                    "worker %d computed with %s when it was lost, and now with %s: start it as before",
                    m->number, m->note, note);
}
