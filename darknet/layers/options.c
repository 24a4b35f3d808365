/* options.c - what the kinds of layer share when they are made; see make.h. */
#include "layers/make.h"

#include "cfg/activations.h"
#include "replace/fatal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int dk_option_int(const dk_source *s, const char *key, int otherwise)
{
    return dk_cfg_int(s->cfg, s->section, key, otherwise, INT_MIN);
}

float dk_option_float(const dk_source *s, const char *key, float otherwise)
{
    return dk_cfg_float(s->cfg, s->section, key, otherwise);
}

const char *dk_option_text(const dk_source *s, const char *key, const char *otherwise)
{
    return dk_cfg_text(s->section, key, otherwise);
}

int *dk_option_layers(const dk_source *s, const char *key, int *n)
{
    const char *at = dk_option_text(s, key, NULL);
    if (!at) dk_wrong(s, "needs %s=", key);
    *n = dk_cfg_items(at);
    int *layers = dk_room((size_t)*n, sizeof *layers);
    for (int i = 0; i < *n; i++, at = dk_cfg_item(at)) {
        const long given = strtol(at, NULL, 10), index = given < 0 ? s->at.index + given : given;
        if (index < 0 || index >= s->at.index)
            dk_wrong(s, "%s=%ld does not name a layer before this one (layer %d)", key, given, s->at.index);
        layers[i] = (int)index;
    }
    return layers;
}

ACTIVATION dk_option_activation(const dk_source *s, const char *otherwise)
{
    return get_activation((char *)dk_option_text(s, "activation", otherwise));
}

void dk_need_picture(const dk_source *s)
{
    if (!s->at.h || !s->at.w || !s->at.c) dk_wrong(s, "the layer before it gives no image");
}

void dk_wrong(const dk_source *s, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dk_die("%s line %d: %s: %s", s->cfg->path, s->section->line, s->section->type, text);
}

void *dk_room(size_t n, size_t size)
{
    void *p = calloc(n > 0 ? n : 1, size);
    if (!p) dk_die("out of memory for a network; use a smaller batch= or more subdivisions=");
    return p;
}

float *dk_resized(float *old, size_t floats)
{
    free(old);
    return dk_room(floats, sizeof(float));
}

size_t dk_values(const layer *l)
{
    return (size_t)l->batch * (size_t)l->outputs;
}
