/* data_cfg.c - read_data_cfg, in the place of the library's function of that name: the key = value lines of a
 * .data file.
 *
 * DESIGN
 *   The library drops every blank of a line, so that no
 * path may have one. Here those around key and value go. */
#include "replace/fatal.h"

#include <darknet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

/* In the library, not in its header. */
list *make_list(void);
void option_insert(list *options, char *key, char *value);
char *fgetl(FILE *file);

static char *trimmed(char *text)
{
    text += strspn(text, " \t\r");
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r", text[n - 1]))
        text[--n] = '\0';
    return text;
}

LIBRARY_ENTRY list *read_data_cfg(char *filename)
{
    FILE *file = fopen(filename, "r");
    if (!file) dk_die("cannot open data file %s: %s", filename, strerror(errno));
    list *options = make_list();
    char *line;
    for (int number = 1; (line = fgetl(file)) != NULL; number++) {
        char *text = trimmed(line), *equals = strchr(text, '=');
        if (*text == '\0' || *text == '#' || *text == ';') {
            free(line);
            continue;
        }
        if (!equals) dk_die("%s line %d is not key = value: '%s'", filename, number, text);
        *equals = '\0';
        option_insert(options, trimmed(text), trimmed(equals + 1)); /* they point into line, which stays */
    }
    fclose(file);
    return options;
}
