/* fingerprint.c - see fingerprint.h.
 *
 * DESIGN
 *   Every key of the cfg that changes the network, its loss or its input is an item: key=value where it
 * stands once and is short, else key=HASH of all its values and the layers they are in. Numbers are compared
 * as numbers
 * (.5 is 0.50). Keys that only say how much memory a worker has (batch and subdivisions: their product is in
 * the model), how long it trains, or that change nothing, are left out. How images are augmented is each
 * worker's own affair, and stands on the second line. */
#include "train/fingerprint.h"

#include "cfg/cfg.h"
#include "layers/extra.h"
#include "kernels/kernels.h"
#include "network/check_keys.h"
#include "layers/kinds.h"
#include "replace/fatal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#define SHORT_VALUE 40
#define REST_ITEM 32 /* bytes for the item that stands for all that found no room */

static const char *const private_keys[] = {"batch", "subdivisions", "max_batches", "max_chart_loss", NULL};
static const char *const augmenting_keys[] = {
    "angle",     "aspect",    "saturation",     "exposure", "hue",          "max_crop", "min_crop", "center",
    "max_ratio", "min_ratio", "mosaic",         "cutmix",   "mosaic_bound", "mixup",    "blur",     "flip",
    "jitter",    "resize",    "gaussian_noise", "random",   "resize_step",  NULL};

/* A line being written: what finds no room goes into rest. */
typedef struct line {
    char *text;
    size_t size, n;
    uint64_t rest;
} line;

static uint64_t mix(uint64_t hash, const char *text)
{
    return XXH64(text, strlen(text), hash);
}

static void add(line *to, const char *name, const char *value)
{
    const int n = snprintf(to->text + to->n, to->size - to->n, "%s%s=%s", to->n ? ", " : "", name, value);
    if (to->n + (size_t)n + REST_ITEM < to->size) {
        to->n += (size_t)n;
        return;
    }
    to->text[to->n] = '\0';
    to->rest = mix(mix(to->rest + 1, name), value);
}

static void add_hash(line *to, const char *name, uint64_t hash)
{
    char value[24];
    snprintf(value, sizeof value, "%08x", (unsigned)(hash ^ hash >> 32));
    add(to, name, value);
}

/* The end of the line's text. */
static char *close_line(line *to)
{
    if (to->rest)
        to->n += (size_t)snprintf(to->text + to->n, to->size - to->n, ", others=%08x",
                                  (unsigned)(to->rest ^ to->rest >> 32));
    return to->text + to->n;
}

static bool one_of(const char *key, const char *const *keys)
{
    for (; *keys; keys++)
        if (strcmp(key, *keys) == 0) return true;
    return false;
}

/* A list's items, numbers all written in one way. */
static void normal(const char *value, char *text, size_t size)
{
    size_t n = 0;
    for (const char *at = value; at && n < size; at = dk_cfg_item(at)) {
        char *end;
        const size_t length = strcspn(at, ",");
        const double x = strtod(at, &end);
        const char *comma = at == value ? "" : ",";
        if (length > 0 && end == at + length)
            n += (size_t)snprintf(text + n, size - n, "%s%.7g", comma, x);
        else
            n += (size_t)snprintf(text + n, size - n, "%s%.*s", comma, (int)length, at);
    }
}

/* The length of the run is part of the rate's schedule, or it is not. */
static bool length_matters(const dk_cfg *cfg)
{
    const char *policy = dk_cfg_text(&cfg->sections[0], "policy", "constant");
    return strcmp(policy, "poly") == 0 || strcmp(policy, "sgdr") == 0 ||
           strchr(dk_cfg_text(&cfg->sections[0], "steps", ""), '%');
}

static bool counts(const dk_cfg *cfg, const dk_cfg_section *section, const dk_cfg_option *option)
{
    if (dk_cfg_find(section, option->key) != option) return false; /* the first one is taken */
    if (strcmp(option->key, "max_batches") == 0) return length_matters(cfg);
    if (section == cfg->sections && one_of(option->key, private_keys)) return false;
    const dk_section_kind *kind =
        section == cfg->sections ? &dk_section_net : dk_section_kind_of(section->type);
    const dk_key *key = kind ? dk_key_of(kind, option->key) : NULL;
    return !key || key->use != DK_KEY_IDLE;
}

/* Adds a key's item: of all sections from the given one on, where it stands for the first time. */
static void add_key(const dk_cfg *cfg, int first, const char *key, line *to)
{
    char value[4096], where[16], shown[SHORT_VALUE + 1] = "";
    uint64_t hash = 0;
    int n = 0;
    for (int i = first; i < cfg->n; i++) {
        const dk_cfg_option *option = dk_cfg_find(&cfg->sections[i], key);
        if (!option || !counts(cfg, &cfg->sections[i], option)) continue;
        normal(option->value, value, sizeof value);
        snprintf(where, sizeof where, "%d", i);
        hash = mix(mix(hash, where), value);
        if (n++ == 0 && strlen(value) <= SHORT_VALUE) memcpy(shown, value, strlen(value) + 1);
    }
    if (n == 1 && shown[0])
        add(to, key, shown);
    else
        add_hash(to, key, hash);
}

static bool stands_before(const dk_cfg *cfg, int section, const char *key)
{
    for (int i = 0; i < section; i++) {
        const dk_cfg_option *option = dk_cfg_find(&cfg->sections[i], key);
        if (option && counts(cfg, &cfg->sections[i], option)) return true;
    }
    return false;
}

static void add_keys(const dk_cfg *cfg, bool augmenting, line *to)
{
    for (int i = 0; i < cfg->n; i++)
        for (int k = 0; k < cfg->sections[i].n; k++) {
            const dk_cfg_option *option = &cfg->sections[i].options[k];
            if (one_of(option->key, augmenting_keys) == augmenting &&
                counts(cfg, &cfg->sections[i], option) && !stands_before(cfg, i, option->key))
                add_key(cfg, i, option->key, to);
        }
}

static void add_layers(const dk_cfg *cfg, line *to)
{
    uint64_t hash = 0;
    for (int i = 1; i < cfg->n; i++)
        hash = mix(hash, cfg->sections[i].type);
    add_hash(to, "kinds of layers", hash);
}

static void add_classes(const dk_train *train, line *to)
{
    const dk_datafile *file = &train->input->file;
    const char *path = file->labels ? file->labels : file->names;
    char value[24];
    snprintf(value, sizeof value, "%d", train->args.classes);
    add(to, "classes of data", value);
    if (!path || access(path, R_OK) != 0) return;
    dk_lines names;
    uint64_t hash = 0;
    dk_lines_read(path, "class names", &names);
    for (int i = 0; i < names.n; i++)
        hash = mix(hash + 1, names.line[i]);
    add_hash(to, "class names", hash);
    dk_lines_free(&names);
}

/* The third line: a weights file's hash, and its name. */
static void write_weights(const char *path, char *text, size_t size)
{
    if (!path) return;
    struct stat file;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &file) != 0) dk_die("cannot read %s again: %s", path, strerror(errno));
    void *bytes = mmap(NULL, (size_t)file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) dk_die("cannot read %s again: %s", path, strerror(errno));
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    snprintf(text, size, "%016llx %.200s", (unsigned long long)XXH64(bytes, (size_t)file.st_size, 0), name);
    munmap(bytes, (size_t)file.st_size);
    close(fd);
}

void dk_fingerprint(const dk_train *train, char *text, size_t size)
{
    dk_cfg cfg;
    dk_cfg_read(train->input->cfg, &cfg);
    const size_t third = 256, second = size / 4;
    line shared = {.text = text, .size = size - second - third};
    add(&shared, "command", train->kind->name);
    add(&shared, "dialect", dk_network_extra_of(train->net)->forks ? "forks" : "pjreddie");
    add_classes(train, &shared);
    add_layers(&cfg, &shared);
    add_keys(&cfg, false, &shared);
    char *at = close_line(&shared);
    *at++ = '\n';
    *at = '\0';
    line own = {.text = at, .size = second};
    add_keys(&cfg, true, &own);
    at = close_line(&own);
    *at++ = '\n';
    *at = '\0';
    write_weights(train->input->weights, at, third);
    at += strlen(at);
    snprintf(at, size - (size_t)(at - text), "\nthreads=%d, batch=%d", dk_threads(), train->net->batch);
    dk_cfg_free(&cfg);
}
