#include "codec/codec.h"

#include "base/error.h"

static const dc__codec *const codecs[DC__CODEC_END] = {
    [DC__CODEC_F32] = &dc__codec_f32,    [DC__CODEC_BF16] = &dc__codec_bf16,
    [DC__CODEC_INT8] = &dc__codec_int8,  [DC__CODEC_TOPK] = &dc__codec_topk,
    [DC__CODEC_INT4] = &dc__codec_int4,  [DC__CODEC_INT3] = &dc__codec_int3,
    [DC__CODEC_TOPK5] = &dc__codec_topk5};

const dc__codec *dc__codec_of(unsigned id)
{
    return id < DC__CODEC_END ? codecs[id] : NULL;
}

dc_error dc__codec_decode(const dc__codec *codec, const void *payload, size_t bytes, float *values, size_t n)
{
    if (codec->check(payload, bytes, n, NULL) != bytes || (bytes == 0 && n > 0))
        return dc__fail(DC_EPROTO, "a payload of %zu bytes is not %zu floats in %s", bytes, n, codec->name);
    codec->decode(payload, values, n);
    return DC_OK;
}
