/* bench_model.c - a model of zeros with a profile's layers. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tool/bench.h"

/* Bytes stay whole floats, and a layer that had some keeps some. */
static uint64_t scaled_bytes(uint64_t bytes, double scale)
{
    if (bytes == 0) return 0;
    const uint64_t floats = (uint64_t)((double)bytes / scale) / sizeof(float);
    return (floats > 0 ? floats : 1) * sizeof(float);
}

/* The engine moves the floats themselves, the same both ways. */
static dc_error check_bytes(const dc__bench *b)
{
    for (int i = 0; i < b->table.n_layers; i++) {
        const dc_layer_cost *cost = &b->table.layers[i];
        if (cost->up_bytes != cost->down_bytes)
            return dc__fail(DC_EMODEL,
                            "%s: layer %d moves %llu bytes up and %llu down; a benchmark moves as many both "
                            "ways: give a profile with one column of bytes",
                            b->options.profile, i, (unsigned long long)cost->up_bytes,
                            (unsigned long long)cost->down_bytes);
    }
    return DC_OK;
}

static uint64_t scale_table(dc__bench *b)
{
    const double scale = b->options.scale, speed = b->options.speed;
    uint64_t bytes = 0;
    for (int i = 0; i < b->table.n_layers; i++) {
        dc_layer_cost *cost = &b->table.layers[i];
        cost->up_bytes = cost->down_bytes = scaled_bytes(cost->down_bytes, scale);
        cost->fc_s /= scale * speed;
        cost->bc_s /= scale * speed;
        b->compute_s += cost->fc_s + cost->bc_s;
        bytes += cost->down_bytes;
    }
    return bytes;
}

/* The file's name without its directory and ending, other characters than a model's name may have as '-'. */
static void model_name(const char *path, char name[48])
{
    const char *slash = strrchr(path, '/');
    (void)snprintf(name, 48, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot && dot != name) *dot = '\0';
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    for (char *c = name; *c; c++)
        if (!strchr(allowed, *c)) *c = '-';
}

static dc_error add_layers(dc__bench *b)
{
    float *value = b->values, *gradient = b->gradients;
    dc_error err = DC_OK;
    for (int i = 0; i < b->table.n_layers && !err; i++) {
        const size_t count = b->table.layers[i].down_bytes / sizeof(float);
        err = dc_model_add_layer(b->model, b->table.types[i]);
        if (err || count == 0) continue;
        const dc_tensor tensor = {.name = "weights",
                                  .role = DC_TRAINED,
                                  .is_weights = true,
                                  .saved = true,
                                  .count = count,
                                  .value = value,
                                  .gradient = gradient,
                                  .rate_scale = 1.f};
        err = dc_model_add_tensor(b->model, &tensor);
        value += count;
        gradient += count;
    }
    return err;
}

dc_error dc__bench_load(dc__bench *b)
{
    dc_error err = dc_profile_read(b->options.profile, &b->table);
    if (!err) err = check_bytes(b);
    if (err) return err;
    const uint64_t bytes = scale_table(b);
    if (bytes == 0)
        return dc__fail(DC_EMODEL, "%s has no layer with bytes: there is nothing to send",
                        b->options.profile);
    /* Zero pages: memory is taken when the engine first writes it. */
    b->values = calloc(1, bytes);
    b->gradients = calloc(1, bytes);
    b->rounds = calloc((size_t)b->options.rounds, sizeof *b->rounds);
    if (!b->values || !b->gradients || !b->rounds)
        return dc__fail(DC_ENOMEM, "out of memory for a model of %.1f MB", (double)bytes * 1e-6);
    char name[48];
    model_name(b->options.profile, name);
    const dc_optimizer sgd = {.algorithm = DC_SGD, .momentum = .9f};
    err = dc_model_new(&b->model, name, &sgd, 1);
    return err ? err : add_layers(b);
}

void dc__bench_unload(dc__bench *b)
{
    dc_model_free(b->model);
    dc_profile_table_free(&b->table);
    free(b->values);
    free(b->gradients);
    free(b->rounds);
}
