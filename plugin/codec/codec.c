#include "codec/codec.h"

#include <string.h>

#include "base/error.h"

static const dc__codec *const codecs[DC__CODEC_END] = {[DC__CODEC_F32] = &dc__codec_f32};

const dc__codec *dc__codec_of(unsigned id)
{
    return id < DC__CODEC_END ? codecs[id] : NULL;
}

dc_error dc__codec_named(const char *name, const dc__codec **codec)
{
    char list[128] = "";
    size_t used = 0;
    for (int id = 0; id < DC__CODEC_END; id++) {
        if (name && strcmp(name, codecs[id]->name) == 0) {
            *codec = codecs[id];
            return DC_OK;
        }
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", id ? ", " : "", codecs[id]->name);
        dc__assert(used < sizeof list);
    }
    return dc__fail(DC_EINVAL, "no codec is named '%s'; choose one of: %s", name ? name : "", list);
}
