/* model_describe.c - a model without its values, in bytes: written, read back from peers that are not trusted, compared. */
#include <string.h>
#include <stdlib.h>

#include "base/error.h"
#include "model/model.h"

enum { TENSOR_IS_WEIGHTS = 1, TENSOR_SAVED = 2, TENSOR_AVERAGED = 4 };
#define ASCENT 0x80u   /* beside the algorithm: the sign of gradients */
#define AVERAGED 0x40u /* likewise: the settings of an average follow */

/* Room per layer and tensor: type or name, and the numbers of each tensor. */
#define LAYER_BYTES (2 + DC__LABEL_BYTES + 4)
#define TENSOR_BYTES (2 + DC__LABEL_BYTES + 1 + 1 + 8 + 4 + 4)

size_t dc__model_describe_bytes(const dc_model *model)
{
    return 128 + DC__NAME_BYTES + (size_t)model->n_layers * LAYER_BYTES +
           (size_t)model->n_tensors * TENSOR_BYTES;
}

void dc__model_describe(const dc_model *model, dc__bytes *out)
{
    const dc_optimizer *o = &model->optimizer;
    dc__put_text(out, model->name);
    dc__put_uint(out,
                 (uint64_t)o->algorithm | (o->gradient_sign == DC_ASCENT ? ASCENT : 0) |
                     (o->average > 0 ? AVERAGED : 0),
                 1);
    const float settings[] = {o->momentum, o->decay, o->b1, o->b2, o->eps};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        dc__put_float(out, settings[i]);
    if (o->average > 0) {
        dc__put_float(out, o->average);
        dc__put_uint(out, o->average_from, 8);
        dc__put_uint(out, o->average_until, 8);
    }
    dc__put_uint(out, model->images_per_round, 4);
    dc__put_uint(out, (uint64_t)model->n_layers, 4);
    int t = 0;
    for (int i = 0; i < model->n_layers; i++) {
        dc__put_text(out, model->layers[i].type);
        int n = 0;
        while (t + n < model->n_tensors && model->tensors[t + n].layer == i)
            n++;
        dc__put_uint(out, (uint64_t)n, 4);
        for (; n > 0; n--, t++) {
            const dc__arena_tensor *tensor = &model->tensors[t];
            dc__put_text(out, tensor->name);
            dc__put_uint(out, (uint64_t)tensor->t.role, 1);
            dc__put_uint(out,
                         (tensor->t.is_weights ? TENSOR_IS_WEIGHTS : 0u) |
                             (tensor->t.saved ? TENSOR_SAVED : 0u) |
                             (tensor->t.averaged ? TENSOR_AVERAGED : 0u),
                         1);
            dc__put_uint(out, tensor->t.count, 8);
            dc__put_float(out, tensor->t.rate_scale);
            dc__put_float(out, tensor->t.clip);
        }
    }
}

static dc_error parse_layer(dc_model *model, dc__bytes *in)
{
    char text[DC__LABEL_BYTES];
    dc__get_text(in, text, sizeof text);
    dc__make_printable(text);
    uint64_t n = dc__get_uint(in, 4);
    if (in->failed) return dc__fail(DC_EFORMAT, "a model description ends in layer %d", model->n_layers);
    dc_error err = dc_model_add_layer(model, text);
    for (; !err && n > 0; n--) {
        dc_tensor tensor = {0};
        dc__get_text(in, text, sizeof text);
        dc__make_printable(text);
        tensor.name = text;
        tensor.role = (dc_role)dc__get_uint(in, 1);
        uint64_t flags = dc__get_uint(in, 1);
        tensor.is_weights = flags & TENSOR_IS_WEIGHTS;
        tensor.saved = flags & TENSOR_SAVED;
        tensor.averaged = flags & TENSOR_AVERAGED;
        tensor.count = dc__get_uint(in, 8);
        tensor.rate_scale = dc__get_float(in);
        tensor.clip = dc__get_float(in);
        if (in->failed)
            return dc__fail(DC_EFORMAT, "a model description ends in layer %d", model->n_layers - 1);
        err = dc_model_add_tensor(model, &tensor);
    }
    return err;
}

dc_error dc__model_parse(dc_model **out, dc__bytes *in)
{
    *out = NULL;
    char name[DC__NAME_BYTES];
    dc_optimizer o = {0};
    dc__get_text(in, name, sizeof name);
    const uint64_t algorithm = dc__get_uint(in, 1);
    o.algorithm = (dc_algorithm)(algorithm & ~(uint64_t)(ASCENT | AVERAGED));
    o.gradient_sign = algorithm & ASCENT ? DC_ASCENT : DC_DESCENT;
    float *settings[] = {&o.momentum, &o.decay, &o.b1, &o.b2, &o.eps};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        *settings[i] = dc__get_float(in);
    if (algorithm & AVERAGED) {
        o.average = dc__get_float(in);
        o.average_from = dc__get_uint(in, 8);
        o.average_until = dc__get_uint(in, 8);
    }
    uint64_t images = dc__get_uint(in, 4);
    uint64_t layers = dc__get_uint(in, 4);
    if (in->failed || layers == 0 || layers > DC__MAX_LAYERS)
        return dc__fail(DC_EFORMAT, "a model description is cut short or has no layers");
    dc_model *model;
    dc_error err = dc_model_new(&model, name, &o, (uint32_t)images);
    if (err) return err;
    for (uint64_t i = 0; !err && i < layers; i++)
        err = parse_layer(model, in);
    if (!err) err = dc__model_seal(model);
    if (err) {
        dc_model_free(model);
        return err;
    }
    *out = model;
    return DC_OK;
}

static dc_error same_tensor(const dc_model *a, const dc_model *b, int i, const char *ours, const char *theirs)
{
    const dc__arena_tensor *x = &a->tensors[i], *y = &b->tensors[i];
    const char *type = a->layers[x->layer].type;
    if (x->layer != y->layer || strcmp(x->name, y->name) != 0)
        return dc__fail(DC_EMODEL, "layer %d (%s) has %s at %s where layer %d has %s at %s: use the same cfg",
                        x->layer, type, x->name, ours, y->layer, y->name, theirs);
    if (x->t.count != y->t.count)
        return dc__fail(DC_EMODEL,
                        "the %s of layer %d (%s) have %zu values at %s and %zu at %s: use the same cfg",
                        x->name, x->layer, type, x->t.count, ours, y->t.count, theirs);
    if (x->t.role != y->t.role || x->t.saved != y->t.saved || x->t.is_weights != y->t.is_weights ||
        x->t.averaged != y->t.averaged)
        return dc__fail(
            DC_EMODEL,
            "layer %d (%s) is frozen, saved or averaged at only one of %s and %s: use the same cfg", x->layer,
            type, ours, theirs);
    if (memcmp(&x->t.rate_scale, &y->t.rate_scale, sizeof(float)) != 0 ||
        memcmp(&x->t.clip, &y->t.clip, sizeof(float)) != 0)
        return dc__fail(DC_EMODEL,
                        "layer %d (%s) has another learning_rate or clip at %s than at %s: use the same cfg",
                        x->layer, type, ours, theirs);
    return DC_OK;
}

dc_error dc__model_same(const dc_model *a, const dc_model *b, const char *ours, const char *theirs)
{
    if (strcmp(a->name, b->name) != 0)
        return dc__fail(DC_EMODEL, "%s trains '%s' and %s '%s': use the same cfg", ours, a->name, theirs,
                        b->name);
    if (a->n_layers != b->n_layers)
        return dc__fail(DC_EMODEL, "'%s' has %d layers at %s and %d at %s: use the same cfg", a->name,
                        a->n_layers, ours, b->n_layers, theirs);
    for (int i = 0; i < a->n_layers; i++)
        if (strcmp(a->layers[i].type, b->layers[i].type) != 0)
            return dc__fail(DC_EMODEL, "layer %d is %s at %s and %s at %s: use the same cfg", i,
                            a->layers[i].type, ours, b->layers[i].type, theirs);
    const int shared = a->n_tensors < b->n_tensors ? a->n_tensors : b->n_tensors;
    for (int i = 0; i < shared; i++) {
        dc_error err = same_tensor(a, b, i, ours, theirs);
        if (err) return err;
    }
    if (a->n_tensors != b->n_tensors)
        return dc__fail(DC_EMODEL, "'%s' has %d tensors at %s and %d at %s: use the same cfg", a->name,
                        a->n_tensors, ours, b->n_tensors, theirs);
    if (a->images_per_round != b->images_per_round)
        return dc__fail(DC_EMODEL,
                        "%s trains with batch=%u and %s with batch=%u: set the same batch in [net]", ours,
                        a->images_per_round, theirs, b->images_per_round);
    if (a->optimizer.gradient_sign != b->optimizer.gradient_sign)
        return dc__fail(DC_EMODEL,
                        "the gradients of %s and %s have opposite signs: use the same gradient_sign "
                        "(DC_DESCENT is Darknet's)",
                        ours, theirs);
    if (memcmp(&a->optimizer, &b->optimizer, sizeof a->optimizer) != 0)
        return dc__fail(
            DC_EMODEL,
            "momentum, decay, the optimizer or its average differ between %s and %s: use the same [net] section",
            ours, theirs);
    return DC_OK;
}
