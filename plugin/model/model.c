/* model.c - building a model and its arena. */
#include "model/model.h"

#include <string.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"

dc_error dc_model_new(dc_model **out, const char *name, const dc_optimizer *optimizer,
                      uint32_t images_per_round)
{
    *out = NULL;
    if (!name || !*name || strlen(name) >= DC__NAME_BYTES)
        return dc__fail(DC_EINVAL, "a model's name must have 1 to %d characters", DC__NAME_BYTES - 1);
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && !strchr("._-", *c))
            return dc__fail(DC_EINVAL, "the model name '%s' may only have letters, digits, '.', '_' and '-'",
                            name);
    if (images_per_round == 0 || images_per_round > INT32_MAX)
        return dc__fail(DC_EINVAL, "a round must have between 1 and %d images per worker", INT32_MAX);
    const float settings[] = {optimizer->momentum, optimizer->decay, optimizer->b1, optimizer->b2,
                              optimizer->eps};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (!isfinite(settings[i]))
            return dc__fail(DC_EINVAL,
                            "an optimizer setting (momentum, decay, B1, B2, eps) is not a finite number");
    if (optimizer->algorithm != DC_SGD && optimizer->algorithm != DC_ADAM)
        return dc__fail(DC_EINVAL, "unknown optimizer %d", (int)optimizer->algorithm);
    if (optimizer->gradient_sign != DC_DESCENT && optimizer->gradient_sign != DC_ASCENT)
        return dc__fail(DC_EINVAL, "unknown gradient sign %d: DC_DESCENT or DC_ASCENT",
                        (int)optimizer->gradient_sign);
    if (!(optimizer->average >= 0 && optimizer->average < 1))
        return dc__fail(DC_EINVAL, "an average keeps a share of at least 0 and less than 1 of itself");
    dc_model *model = calloc(1, sizeof *model);
    if (!model) return dc__fail(DC_ENOMEM, "out of memory for a model");
    strcpy(model->name, name);
    model->optimizer = *optimizer;
    if (optimizer->average <= 0) { /* what then says nothing is the same at all ends; -0 is none, too */
        model->optimizer.average = 0;
        model->optimizer.average_from = model->optimizer.average_until = 0;
    }
    model->images_per_round = images_per_round;
    *out = model;
    return DC_OK;
}

void dc_model_free(dc_model *model)
{
    if (!model) return;
    free(model->layers);
    free(model->tensors);
    free(model->by_offset);
    free(model->block_offset);
    free(model->block_layer);
    free(model->adam_m);
    free(model->adam_v);
    free(model->average);
    free(model);
}

static void *grow(void *array, int n, int *cap, size_t size)
{
    if (n < *cap) return array;
    int wider = *cap ? 2 * *cap : 64;
    void *p = realloc(array, (size_t)wider * size);
    if (p) *cap = wider;
    return p;
}

dc_error dc_model_add_layer(dc_model *model, const char *type)
{
    dc__assert(!model->sealed);
    if (model->n_layers >= DC__MAX_LAYERS)
        return dc__fail(DC_EINVAL, "a model may have at most %d layers", DC__MAX_LAYERS);
    dc__layer *layers = grow(model->layers, model->n_layers, &model->cap_layers, sizeof *layers);
    if (!layers) return dc__fail(DC_ENOMEM, "out of memory for layer %d", model->n_layers);
    model->layers = layers;
    dc__layer *layer = &layers[model->n_layers++];
    memset(layer, 0, sizeof *layer);
    (void)snprintf(layer->type, sizeof layer->type, "%s", type);
    return DC_OK;
}

dc_error dc_model_add_tensor(dc_model *model, const dc_tensor *tensor)
{
    dc__assert(!model->sealed && model->n_layers > 0);
    if (model->n_tensors >= DC__MAX_TENSORS)
        return dc__fail(DC_EINVAL, "a model may have at most %d tensors", DC__MAX_TENSORS);
    if ((int)tensor->role < 0 || tensor->role >= DC_ROLE_COUNT || tensor->count == 0 ||
        tensor->count > DC__MAX_MODEL_FLOATS || !isfinite(tensor->rate_scale) || !(tensor->clip >= 0))
        return dc__fail(DC_EINVAL, "tensor '%s' of layer %d has a role, size, rate or clip that is not valid",
                        tensor->name, model->n_layers - 1);
    dc__arena_tensor *tensors = grow(model->tensors, model->n_tensors, &model->cap_tensors, sizeof *tensors);
    if (!tensors)
        return dc__fail(DC_ENOMEM, "out of memory for tensor '%s' of layer %d", tensor->name,
                        model->n_layers - 1);
    model->tensors = tensors;
    dc__arena_tensor *mine = &tensors[model->n_tensors++];
    memset(mine, 0, sizeof *mine);
    mine->t = *tensor;
    mine->t.name = NULL; /* the array moves as it grows: the name is read from mine->name */
    (void)snprintf(mine->name, sizeof mine->name, "%s", tensor->name);
    mine->layer = model->n_layers - 1;
    return DC_OK;
}

int dc_model_layers(const dc_model *model)
{
    return model->n_layers;
}

uint64_t dc_model_trained_bytes(const dc_model *model, int layer)
{
    uint64_t count = 0;
    for (int i = 0; i < model->n_tensors; i++)
        if (model->tensors[i].t.role == DC_TRAINED && (layer < 0 || model->tensors[i].layer == layer))
            count += model->tensors[i].t.count;
    return count * sizeof(float);
}

/* Gives every tensor of one role its offset; trained ones also make up their layers' ranges. */
static uint64_t place_role(dc_model *model, dc_role role, uint64_t offset, int *placed)
{
    model->start[role] = offset;
    for (int i = 0; i < model->n_tensors; i++) {
        dc__arena_tensor *tensor = &model->tensors[i];
        if (tensor->t.role != role) continue;
        if (role == DC_TRAINED) {
            dc__layer *layer = &model->layers[tensor->layer];
            if (layer->count == 0) layer->offset = offset;
            layer->count += tensor->t.count;
        }
        tensor->offset = offset;
        model->by_offset[(*placed)++] = i;
        offset += tensor->t.count;
    }
    return offset;
}

static uint32_t blocks_of(const dc_model *model, const dc__layer *layer)
{
    return (uint32_t)((layer->count + model->block_floats - 1) / model->block_floats);
}

static dc_error place_blocks(dc_model *model)
{
    uint32_t n = 0;
    if (!model->block_floats) /* a shard has the whole model's */
        model->block_floats = dc__block_floats(model->start[DC_TRAINED + 1] - model->start[DC_TRAINED]);
    for (int i = 0; i < model->n_layers; i++) {
        model->layers[i].first_block = n;
        model->layers[i].n_blocks = blocks_of(model, &model->layers[i]);
        n += model->layers[i].n_blocks;
    }
    model->n_blocks = n;
    model->block_offset = calloc((size_t)n + 1, sizeof *model->block_offset);
    model->block_layer = calloc((size_t)n + 1, sizeof *model->block_layer);
    if (!model->block_offset || !model->block_layer)
        return dc__fail(DC_ENOMEM, "out of memory for the model's %u blocks", n);
    for (int i = 0; i < model->n_layers; i++) {
        const dc__layer *layer = &model->layers[i];
        for (uint32_t b = 0; b < layer->n_blocks; b++) {
            model->block_offset[layer->first_block + b] = layer->offset + (uint64_t)b * model->block_floats;
            model->block_layer[layer->first_block + b] = i;
        }
    }
    model->block_offset[n] = model->start[DC_TRAINED + 1];
    return DC_OK;
}

dc_error dc__model_seal(dc_model *model)
{
    if (model->sealed) return DC_OK;
    if (model->n_layers == 0) return dc__fail(DC_EINVAL, "the model '%s' has no layers", model->name);
    uint64_t total = 0;
    for (int i = 0; i < model->n_tensors; i++)
        total += model->tensors[i].t.count;
    if (total > DC__MAX_MODEL_FLOATS)
        return dc__fail(DC_EINVAL, "the model '%s' has more than %llu parameters", model->name,
                        (unsigned long long)DC__MAX_MODEL_FLOATS);
    model->by_offset = calloc((size_t)model->n_tensors + 1, sizeof *model->by_offset);
    if (!model->by_offset) return dc__fail(DC_ENOMEM, "out of memory for the model's offsets");
    uint64_t offset = 0;
    int placed = 0;
    for (int role = 0; role < DC_ROLE_COUNT; role++)
        offset = place_role(model, (dc_role)role, offset, &placed);
    model->start[DC_ROLE_COUNT] = offset;
    /* Trained tensors of one layer lie together because tensors are added layer by layer. */
    dc_error err = place_blocks(model);
    model->sealed = err == DC_OK;
    return err;
}

int dc__model_find(const dc_model *model, uint64_t offset)
{
    int low = 0, high = model->n_tensors - 1;
    while (low < high) {
        int mid = low + (high - low + 1) / 2;
        if (model->tensors[model->by_offset[mid]].offset <= offset)
            low = mid;
        else
            high = mid - 1;
    }
    return low;
}

/* The block that begins at offset; n_blocks for the end of the trained part; UINT32_MAX if none does. */
static uint32_t block_at(const dc_model *model, uint64_t offset)
{
    uint32_t low = 0, high = model->n_blocks;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2;
        if (model->block_offset[mid] < offset)
            low = mid + 1;
        else
            high = mid;
    }
    return model->block_offset[low] == offset ? low : UINT32_MAX;
}

bool dc__model_blocks(const dc_model *model, uint64_t offset, uint64_t count, uint32_t *first, uint32_t *end)
{
    if (count == 0 || count > UINT32_MAX || offset > dc__model_floats(model)) return false;
    *first = block_at(model, offset);
    *end = block_at(model, offset + count);
    return *first < model->n_blocks && *end <= model->n_blocks;
}

uint32_t dc__model_part(const dc_model *m, uint32_t part)
{
    const uint32_t images = m->images_per_round;
    return part > 0 && part <= images && images % part == 0 ? part : images;
}
