/* preflight_cfg.c - what a cfg must have so that the library
 * neither crashes on it nor trains something else. */
#include "check/preflight.h"

#include "replace/fatal.h"
#include "cfg/cfg.h"
#include "network/dialect.h"
#include "network/check_keys.h"

#include <stdlib.h>
#include <string.h>

static bool is(const dk_cfg_section *section, const char *a, const char *b)
{
    return strcmp(section->type, a) == 0 || strcmp(section->type, b) == 0;
}

static void check_float(const dk_cfg *cfg, const dk_cfg_section *section, const char *key)
{
    const dk_cfg_option *option = dk_cfg_find(section, key);
    char *end = NULL;
    if (option && (strtod(option->value, &end), *end != '\0' || end == option->value))
        dk_die("%s line %d: %s=%s is not a number", cfg->path, option->line, key, option->value);
}

static void check_net(const dk_cfg *cfg)
{
    const dk_cfg_section *net = &cfg->sections[0];
    const int batch = dk_cfg_int(cfg, net, "batch", 1, 1);
    const int subdivisions = dk_cfg_int(cfg, net, "subdivisions", 1, 1);
    if (batch % subdivisions != 0)
        dk_die("%s: batch=%d is not a multiple of subdivisions=%d", cfg->path, batch, subdivisions);
    const char *const counts[] = {"width",       "height",  "channels",  "inputs",
                                  "max_batches", "burn_in", "time_steps"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        dk_cfg_int(cfg, net, counts[i], 0, 0);
    const char *const numbers[] = {"learning_rate", "momentum", "decay", "power",
                                   "saturation",    "exposure", "hue"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        check_float(cfg, net, numbers[i]);
    const dk_cfg_option *policy = dk_cfg_find(net, "policy");
    if (!policy || strcmp(policy->value, "steps") != 0) return;
    const dk_cfg_option *steps = dk_cfg_find(net, "steps"), *scales = dk_cfg_find(net, "scales");
    if (!steps || !scales)
        dk_die("%s line %d: policy=steps needs steps= and scales=", cfg->path, policy->line);
    if (dk_cfg_items(steps->value) != dk_cfg_items(scales->value))
        dk_die("%s line %d: steps= has %d values but scales= has %d", cfg->path, steps->line,
               dk_cfg_items(steps->value), dk_cfg_items(scales->value));
}

/* Layer numbers in value must name earlier layers; negative ones count back from this layer. */
static void check_references(const dk_cfg *cfg, int layer_index, const char *key)
{
    const dk_cfg_section *section = &cfg->sections[layer_index + 1];
    const dk_cfg_option *option = dk_cfg_find(section, key);
    if (!option) dk_die("%s line %d: %s needs %s=", cfg->path, section->line, section->type, key);
    for (const char *p = option->value; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        char *end;
        const long n = strtol(p, &end, 10);
        const long from = n < 0 ? layer_index + n : n;
        if (end == p || (*end != '\0' && *end != ',') || from < 0 || from >= layer_index)
            dk_die("%s line %d: %s=%s does not name layers before this one (layer %d)", cfg->path,
                   option->line, key, option->value, layer_index);
    }
}

static bool is_head(const dk_cfg_section *section)
{
    return is(section, "[yolo]", "[region]") || is(section, "[Gaussian_yolo]", "[Gaussian_yolo]");
}

/* Published cfgs of the forks have too many anchors or too few: the forks take as many as num= says, and half
 * a pixel for those that are not there. */
static void check_anchors(const dk_cfg *cfg, const dk_cfg_option *anchors, int num)
{
    const int items = anchors ? dk_cfg_items(anchors->value) : 2 * num;
    int line;
    if (items == 2 * num) return;
    if (!dk_keys_forks(cfg, &line))
        dk_die("%s line %d: num=%d needs %d anchors values, here are %d", cfg->path, anchors->line, num,
               2 * num, items);
    dk_note("%s line %d: num=%d takes %d anchors values, here are %d: %s", cfg->path, anchors->line, num,
            2 * num, items, items > 2 * num ? "the last count for nothing" : "the missing are 0.5");
}

static void check_mask(const dk_cfg *cfg, const dk_cfg_option *mask, const dk_cfg_option *anchors, int num)
{
    int line;
    const int listed = anchors && dk_keys_forks(cfg, &line) ? dk_cfg_items(anchors->value) / 2 : num;
    for (const char *p = mask ? mask->value : NULL; p; p = dk_cfg_item(p)) {
        if (atoi(p) < 0 || (atoi(p) >= num && atoi(p) >= listed))
            dk_die("%s line %d: mask=%s names an anchor outside 0..%d (num=%d)", cfg->path, mask->line,
                   mask->value, num - 1, num);
        if (atoi(p) < num) continue;
        dk_note("%s line %d: mask=%s names an anchor beyond num=%d: all %d of anchors= are taken", cfg->path,
                mask->line, mask->value, num, listed);
        return;
    }
}

/* The commonest slip in a detector's cfg: classes changed, filters of the layer in front forgotten. */
static void check_head(const dk_cfg *cfg, int s)
{
    const dk_cfg_section *head = &cfg->sections[s], *before = &cfg->sections[s - 1];
    const bool gaussian = strcmp(head->type, "[Gaussian_yolo]") == 0;
    const bool yolo = strcmp(head->type, "[yolo]") == 0 || gaussian;
    const int classes = dk_cfg_int(cfg, head, "classes", 20, 1);
    const int num = dk_cfg_int(cfg, head, "num", 1, 1);
    const int coords = gaussian ? 8 : yolo ? 4 : dk_cfg_int(cfg, head, "coords", 4, 1);
    const dk_cfg_option *mask = dk_cfg_find(head, "mask"), *anchors = dk_cfg_find(head, "anchors");
    const int boxes = yolo && mask ? dk_cfg_items(mask->value) : num;
    check_mask(cfg, yolo ? mask : NULL, anchors, num);
    check_anchors(cfg, anchors, num);
    if (!is(before, "[convolutional]", "[conv]")) return;
    const int filters = dk_cfg_int(cfg, before, "filters", 1, 1);
    const int needed = boxes * (classes + coords + 1);
    if (filters != needed)
        dk_die("%s line %d: filters=%d in front of %s (line %d) must be %d: %d boxes x (%d classes + %d)",
               cfg->path, before->line, filters, head->type, head->line, needed, boxes, classes, coords + 1);
}

void dk_check_cfg(const char *path)
{
    dk_cfg cfg;
    dk_cfg_read(path, &cfg);
    if (cfg.n == 0) dk_die("%s has no sections; a cfg starts with [net] and lists layers", path);
    if (!is(&cfg.sections[0], "[net]", "[network]"))
        dk_die("%s line %d: the first section must be [net], not %s", path, cfg.sections[0].line,
               cfg.sections[0].type);
    if (cfg.n == 1) dk_die("%s has no layers after [net]", path);
    dk_keys_check(&cfg);
    check_net(&cfg);
    const char *const counts[] = {"filters", "size", "stride", "output", "groups"};
    for (int s = 1; s < cfg.n; s++) {
        const dk_cfg_section *section = &cfg.sections[s];
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
            dk_cfg_int(&cfg, section, counts[i], 1, 1);
        if (is(section, "[route]", "[route]")) check_references(&cfg, s - 1, "layers");
        if (is(section, "[shortcut]", "[shortcut]")) check_references(&cfg, s - 1, "from");
        if (is_head(section)) check_head(&cfg, s);
        if (s == 1 && is(section, "[dropout]", "[dropout]"))
            dk_die("%s line %d: [dropout] cannot be the first layer", path, section->line);
    }
    dk_cfg_free(&cfg);
}

dk_detector_head dk_check_detector_cfg(const char *path)
{
    dk_check_cfg(path);
    dk_cfg cfg;
    dk_cfg_read(path, &cfg);
    const dk_cfg_section *last = &cfg.sections[cfg.n - 1];
    if (!is_head(last))
        dk_die("%s line %d: a detector's last layer is [yolo] or [region], not %s%s", path, last->line,
               last->type,
               is(last, "[detection]", "[detection]") ? " (train it with the packaged `darknet yolo train`)"
                                                      : "");
    int line = 0;
    const dk_detector_head head = {.forks = dk_dialect_selected() == DK_DIALECT_FORKS ||
                                            dk_keys_forks(&cfg, &line) != NULL,
                                   .region = is(last, "[region]", "[region]") ? last->line : 0,
                                   .classes = dk_cfg_int(&cfg, last, "classes", 20, 1),
                                   .max_batches = dk_cfg_int(&cfg, &cfg.sections[0], "max_batches", 0, 0)};
    dk_cfg_free(&cfg);
    return head;
}
