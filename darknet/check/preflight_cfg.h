/* preflight_cfg.h - a .cfg file as sections and keys, with line numbers. Private to the checks of cfg files.
 */
#ifndef DK_PREFLIGHT_CFG_H
#define DK_PREFLIGHT_CFG_H

typedef struct dk_cfg_option {
    char *key, *value;
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

/* dk_cfg_find - the option, or NULL. */
const dk_cfg_option *dk_cfg_find(const dk_cfg_section *section, const char *key);

/* dk_cfg_int - the option's value or, if it is not there, otherwise; ends the program if it is no whole
 * number of at least least. */
int dk_cfg_int(const dk_cfg *cfg, const dk_cfg_section *section, const char *key, int otherwise, int least);

/* dk_cfg_items - how many comma-separated items value has. */
int dk_cfg_items(const char *value);

#endif
