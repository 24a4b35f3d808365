#include "worker/recurrent.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

dc_error dc__recurrent_init(dc__recurrent *m, const dc_memory *of)
{
    *m = (dc__recurrent){.of = *of, .version = {UINT64_MAX, UINT64_MAX}};
    for (int i = 0; i < 2 && of->floats > 0; i++)
        if (!(m->at[i] = calloc(of->floats, sizeof *m->at[i])))
            return dc__fail(DC_ENOMEM, "out of memory for what %zu floats of layers remember", of->floats);
    return DC_OK;
}

void dc__recurrent_free(dc__recurrent *m)
{
    for (int i = 0; i < 2; i++) {
        free(m->at[i]);
        m->at[i] = NULL;
    }
}

bool dc__recurrent_has(const dc__recurrent *m, uint64_t version)
{
    return m->of.floats == 0 || m->version[version & 1] == version;
}

void dc__recurrent_note(dc__recurrent *m, uint64_t version)
{
    if (m->of.floats == 0) return;
    m->of.save(m->of.context, m->at[version & 1]);
    m->version[version & 1] = version;
}

void dc__recurrent_restore(const dc__recurrent *m, uint64_t version)
{
    if (m->of.floats > 0) m->of.load(m->of.context, m->at[version & 1]);
}

void dc__recurrent_forget(dc__recurrent *m, uint64_t version)
{
    if (m->of.floats == 0) return;
    memset(m->at[version & 1], 0, m->of.floats * sizeof *m->at[0]);
    m->version[version & 1] = version;
}
