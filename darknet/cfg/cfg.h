/* cfg.h - a .cfg file as sections and keys, with line numbers. */
#ifndef DK_CFG_H
#define DK_CFG_H

typedef struct dk_cfg_option {
    char *key, *value; /* no blanks; of the value, what stands before a # */
    int line;
} dk_cfg_option;

typedef struct dk_cfg_section {
    char *type; /* with its brackets */
    int line;
    dk_cfg_option *options; /* [n] */
    int n;
} dk_cfg_section;

typedef struct dk_cfg {
    const char *path;
    dk_cfg_section *sections; /* [n]; 0 is [net], layer i is i + 1 */
    int n;
} dk_cfg;

/* dk_cfg_read - reads path as the library does, but ends the program with a line where that would crash. */
void dk_cfg_read(const char *path, dk_cfg *cfg);
void dk_cfg_free(dk_cfg *cfg);

/* dk_cfg_find - the option, or NULL; of two with one key the first, as every Darknet takes it. */
const dk_cfg_option *dk_cfg_find(const dk_cfg_section *section, const char *key);

/* dk_cfg_int - the option's value or, if it is not there, otherwise; ends
 * the program if it is no whole number of at least least. dk_cfg_float -
 * the same for any finite number. dk_cfg_text - the same for words. */
int dk_cfg_int(const dk_cfg *cfg, const dk_cfg_section *section, const char *key, int otherwise, int least);
float dk_cfg_float(const dk_cfg *cfg, const dk_cfg_section *section, const char *key, float otherwise);
const char *dk_cfg_text(const dk_cfg_section *section, const char *key, const char *otherwise);

/* dk_cfg_items - how many comma-separated items value has. */
int dk_cfg_items(const char *value);

/* dk_cfg_item - start of the next item after the one at `at`; NULL after the last. */
const char *dk_cfg_item(const char *at);

#endif
