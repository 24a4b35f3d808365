/* check_keys.c - see check_keys.h. */
#include "network/check_keys.h"

#include "replace/fatal.h"

#include "dynacomm_options.h"
#include "kernels/activation.h"
#include "cfg/activations.h"

#include <stdlib.h>
#include <string.h>

static bool unused_allowed;

void dk_keys_allow_unused(bool allow)
{
    unused_allowed = allow;
}

static const dk_key *find(const dk_key *keys, const char *name)
{
    for (; keys->name; keys++)
        if (strcmp(keys->name, name) == 0) return keys;
    return NULL;
}

const dk_key *dk_key_of(const dk_section_kind *kind, const char *name)
{
    const dk_key *key = find(kind->keys, name);
    return key || kind == &dk_section_net ? key : find(dk_keys_any_layer, name);
}

static void take_nearest(const dk_key *keys, const char *name, const char **nearest, int *least)
{
    for (; keys->name; keys++) {
        const int distance = dc_word_distance(name, keys->name);
        if (distance >= *least) continue;
        *least = distance;
        *nearest = keys->name;
    }
}

static const char *nearest_key(const dk_section_kind *kind, const char *name)
{
    const char *nearest = NULL;
    int least = 1000;
    take_nearest(kind->keys, name, &nearest, &least);
    if (kind != &dk_section_net) take_nearest(dk_keys_any_layer, name, &nearest, &least);
    return nearest;
}

static const char *nearest_kind(const char *type)
{
    const char *nearest = NULL;
    int least = 1000;
    for (const dk_section_kind *kind = dk_section_kinds; kind->names[0]; kind++)
        for (int i = 0; kind->names[i]; i++) {
            const int distance = dc_word_distance(type, kind->names[i]);
            if (distance >= least) continue;
            least = distance;
            nearest = kind->names[i];
        }
    return nearest;
}

/* The same word, or the same number (0 and 0.0). */
static bool is_neutral(const dk_key *key, const char *value)
{
    if (!key->neutral) return false;
    if (strcmp(key->neutral, value) == 0) return true;
    char *end_a, *end_b;
    const double a = strtod(key->neutral, &end_a), b = strtod(value, &end_b);
    return *end_a == '\0' && *end_b == '\0' && end_b != value && !(a < b) && !(a > b);
}

static void check_twice(const dk_cfg *cfg, const dk_cfg_section *section, const dk_cfg_option *option)
{
    const dk_cfg_option *first = dk_cfg_find(section, option->key);
    if (first != option && strcmp(first->value, option->value) != 0)
        dk_note("%s line %d: %s=%s counts for nothing, line %d has %s=%s already: Darknet takes the first",
                cfg->path, option->line, option->key, option->value, first->line, first->key, first->value);
}

/* A name that it does not know is ReLU to the library, which only says so among the lines of its layers. The
 * gradient of some needs what went into them, which not every layer keeps. */
static void check_activation(const dk_cfg *cfg, const dk_cfg_section *section, const dk_cfg_option *option)
{
    const dk_activation *a = dk_activation_find(option->value);
    if (!a)
        dk_die("%s line %d: no Darknet knows activation=%s; the nearest is %s", cfg->path, option->line,
               option->value, dk_activation_nearest(option->value));
    if (a->use == DK_KEY_REFUSED)
        dk_die("%s line %d: activation=%s is not carried out here: it would %s", cfg->path, option->line,
               option->value, a->note);
    if (!dk_needs_before((ACTIVATION)a->value) || strcmp(section->type, "[convolutional]") == 0 ||
        strcmp(section->type, "[conv]") == 0 || strcmp(section->type, "[shortcut]") == 0)
        return;
    dk_die("%s line %d: activation=%s is not carried out in %s: only [convolutional] and [shortcut] have it",
           cfg->path, option->line, option->value, section->type);
}

static void check_option(const dk_cfg *cfg, const dk_cfg_section *section, const dk_section_kind *kind,
                         const dk_cfg_option *option)
{
    const dk_key *key = dk_key_of(kind, option->key);
    if (!key && !unused_allowed)
        dk_die("%s line %d: no Darknet reads '%s' in %s; the nearest key is '%s' (-allow-unused goes on "
               "without it)",
               cfg->path, option->line, option->key, section->type, nearest_key(kind, option->key));
    if (!key) {
        dk_note("%s line %d: '%s' in %s is passed over: no Darknet reads it", cfg->path, option->line,
                option->key, section->type);
        return;
    }
    check_twice(cfg, section, option);
    if (strcmp(key->name, "activation") == 0) check_activation(cfg, section, option);
    if (is_neutral(key, option->value)) return;
    if (key->use == DK_KEY_REFUSED)
        dk_die("%s line %d: %s=%s in %s is not carried out here: it would %s", cfg->path, option->line,
               option->key, option->value, section->type, key->note);
    if (key->use == DK_KEY_IDLE || key->use == DK_KEY_UNREAD)
        dk_note("%s line %d: %s=%s has no effect: %s", cfg->path, option->line, option->key, option->value,
                key->note);
}

void dk_keys_check(const dk_cfg *cfg)
{
    for (int i = 0; i < cfg->n; i++) {
        const dk_cfg_section *section = &cfg->sections[i];
        const dk_section_kind *kind = dk_section_kind_of(section->type);
        if (!kind)
            dk_die("%s line %d: no Darknet has a layer %s; the nearest is %s", cfg->path, section->line,
                   section->type, nearest_kind(section->type));
        if (kind->use == DK_KEY_REFUSED)
            dk_die("%s line %d: layer %s is not carried out here: it would %s", cfg->path, section->line,
                   section->type, kind->note);
        for (int j = 0; j < section->n; j++)
            check_option(cfg, section, kind, &section->options[j]);
    }
}

/* Values that only the forks know, of keys that all do. */
static bool forks_value(const dk_cfg_option *option)
{
    if (strcmp(option->key, "activation") == 0) {
        const dk_activation *a = dk_activation_find(option->value);
        return a && a->use == DK_KEY_FORKS;
    }
    if (strcmp(option->key, "policy") == 0) return strcmp(option->value, "sgdr") == 0;
    if (strcmp(option->key, "steps") == 0) return strchr(option->value, '%') != NULL;
    return (strcmp(option->key, "random") == 0 || strcmp(option->key, "from") == 0) &&
           strpbrk(option->value, ".,") != NULL;
}

const char *dk_keys_forks(const dk_cfg *cfg, int *line)
{
    for (int i = 0; i < cfg->n; i++) {
        const dk_cfg_section *section = &cfg->sections[i];
        const dk_section_kind *kind = dk_section_kind_of(section->type);
        if (!kind) continue;
        *line = section->line;
        if (kind->use == DK_KEY_FORKS) return section->type;
        for (int j = 0; j < section->n; j++) {
            const dk_key *key = dk_key_of(kind, section->options[j].key);
            *line = section->options[j].line;
            if (key &&
                (key->use == DK_KEY_FORKS || key->use == DK_KEY_IDLE || forks_value(&section->options[j])))
                return section->options[j].key;
        }
    }
    return NULL;
}
