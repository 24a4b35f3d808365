/* cfg.c - see cfg.h. */
#include "cfg/cfg.h"

#include "replace/fatal.h"
#include "replace/readable.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The library drops all blanks, inside a line too, and our fgetl Windows line ends. */
static void strip_blanks(char *s)
{
    char *to = s;
    for (; *s; s++)
        if (*s != ' ' && *s != '\t' && *s != '\n' && *s != '\r') *to++ = *s;
    *to = '\0';
}

static void *grow(void *array, int n, size_t size)
{
    if (n > 0 && (n & (n - 1)) != 0) return array; /* room doubles at powers of two */
    void *p = realloc(array, (size_t)(n ? 2 * n : 1) * size);
    if (!p) dk_die("out of memory");
    return p;
}

static char *copy(const char *s)
{
    char *p = strdup(s);
    if (!p) dk_die("out of memory");
    return p;
}

static void read_line(dk_cfg *cfg, char *text, int line)
{
    strip_blanks(text);
    if (text[0] == '\0' || text[0] == '#' || text[0] == ';') return;
    if (text[0] == '[') {
        cfg->sections = grow(cfg->sections, cfg->n, sizeof *cfg->sections);
        cfg->sections[cfg->n++] = (dk_cfg_section){.type = copy(text), .line = line};
        return;
    }
    char *equals = strchr(text, '=');
    if (equals) equals[1 + strcspn(equals + 1, "#")] = '\0';
    if (!equals || equals[1] == '\0' || equals == text)
        dk_die("%s line %d is neither a [section] nor key=value: '%s'", cfg->path, line, text);
    if (cfg->n == 0)
        dk_die("%s line %d: '%s' comes before the first section; a cfg starts with [net]", cfg->path, line,
               text);
    dk_cfg_section *section = &cfg->sections[cfg->n - 1];
    section->options = grow(section->options, section->n, sizeof *section->options);
    *equals = '\0';
    section->options[section->n++] =
        (dk_cfg_option){.key = copy(text), .value = copy(equals + 1), .line = line};
}

void dk_cfg_read(const char *path, dk_cfg *cfg)
{
    *cfg = (dk_cfg){.path = path};
    dk_file_check(path, "cfg file");
    FILE *file = fopen(path, "r");
    if (!file) dk_die("cannot open cfg file %s: %s", path, strerror(errno));
    char *text = NULL;
    size_t size = 0;
    int line = 0;
    while (getline(&text, &size, file) > 0)
        read_line(cfg, text, ++line);
    free(text);
    fclose(file);
}

void dk_cfg_free(dk_cfg *cfg)
{
    for (int i = 0; i < cfg->n; i++) {
        for (int j = 0; j < cfg->sections[i].n; j++) {
            free(cfg->sections[i].options[j].key);
            free(cfg->sections[i].options[j].value);
        }
        free(cfg->sections[i].options);
        free(cfg->sections[i].type);
    }
    free(cfg->sections);
    *cfg = (dk_cfg){0};
}

const dk_cfg_option *dk_cfg_find(const dk_cfg_section *section, const char *key)
{
    for (int i = 0; i < section->n; i++)
        if (strcmp(section->options[i].key, key) == 0) return &section->options[i];
    return NULL;
}

int dk_cfg_int(const dk_cfg *cfg, const dk_cfg_section *section, const char *key, int otherwise, int least)
{
    const dk_cfg_option *option = dk_cfg_find(section, key);
    if (!option) return otherwise;
    char *end;
    errno = 0;
    const long n = strtol(option->value, &end, 10);
    if (*end != '\0' || errno == ERANGE || n < least || n > INT_MAX)
        dk_die("%s line %d: %s=%s, but it must be a whole number from %d up", cfg->path, option->line, key,
               option->value, least);
    return (int)n;
}

float dk_cfg_float(const dk_cfg *cfg, const dk_cfg_section *section, const char *key, float otherwise)
{
    const dk_cfg_option *option = dk_cfg_find(section, key);
    if (!option) return otherwise;
    char *end;
    const float x = strtof(option->value, &end);
    if (end == option->value || *end != '\0' || !isfinite(x))
        dk_die("%s line %d: %s=%s is not a number", cfg->path, option->line, key, option->value);
    return x;
}

const char *dk_cfg_text(const dk_cfg_section *section, const char *key, const char *otherwise)
{
    const dk_cfg_option *option = dk_cfg_find(section, key);
    return option ? option->value : otherwise;
}

int dk_cfg_items(const char *value)
{
    int n = 1;
    for (; *value; value++)
        n += *value == ',';
    return n;
}

const char *dk_cfg_item(const char *at)
{
    const char *comma = strchr(at, ',');
    return comma ? comma + 1 : NULL;
}
