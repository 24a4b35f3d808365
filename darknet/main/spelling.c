/* spelling.c - see spelling.h. */
#include "main/spelling.h"

#include "cli/flags.h"
#include "replace/fatal.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that hank-ai's Darknet has besides; without '-', '_' and capitals. */
static const char *const others[][2] = {{"threshold", "thresh"}, {"showdetails", "verbose"},
                                        {"nofuse", "dontfuse"},  {"nocolor", "nocolour"},
                                        {"nmsthresh", "nms"},    {"camera", "c"},
                                        {"heatmap", "heatmaps"}, {"logfile", "log"}};

static void squeeze(const char *arg, size_t n, char out[64])
{
    size_t length = 0;
    for (size_t i = 0; i < n && length < 63; i++)
        if (arg[i] != '-' && arg[i] != '_') out[length++] = (char)tolower((unsigned char)arg[i]);
    out[length] = '\0';
}

/* A number (-5, -.3) is a value, not a flag. */
static bool looks_like_flag(const char *arg)
{
    if (arg[0] != '-') return false;
    while (*arg == '-')
        arg++;
    return isalpha((unsigned char)*arg) != 0;
}

/* The name, without dashes, of the flag that arg[0..n) means; NULL if there is none. */
static const char *flag_of(const char *arg, size_t n)
{
    char wanted[64], known[64];
    const dc_option *flag = dk_flags_find(arg);
    if (flag) return flag->name;
    squeeze(arg, n, wanted);
    for (size_t k = 0; (flag = dk_flags_at(k)) != NULL; k++) {
        squeeze(flag->name, strlen(flag->name), known);
        if (strcmp(wanted, known) == 0) return flag->name;
    }
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (strcmp(wanted, others[k][0]) == 0) return others[k][1];
    return NULL;
}

char **dk_spelling_args(int *argc, char **argv, const char **log)
{
    char **out = calloc((size_t)*argc + 1, sizeof *out);
    if (!out) dk_die("out of memory");
    int n = 0;
    *log = NULL;
    for (int i = 0; i < *argc; i++) {
        const size_t length = strcspn(argv[i], "=");
        const char *equals = argv[i][length] ? argv[i] + length : NULL;
        const char *name = i > 0 && looks_like_flag(argv[i]) ? flag_of(argv[i], length) : NULL;
        const dc_option *flag = name ? dk_flags_find(name) : NULL;
        const bool has_value = flag && dc_option_has_value(flag);
        if (name && strcmp(name, "log") == 0) {
            if (!equals && i + 1 == *argc) dk_die("-log needs a value, the file that is to hold the log");
            *log = equals ? equals + 1 : argv[++i];
            continue;
        }
        out[n] = argv[i];
        if (name && asprintf(&out[n], "-%s%s", name, equals ? equals : "") < 0) dk_die("out of memory");
        n++;
        if (has_value && !equals && i + 1 < *argc) out[n++] = argv[++i];
    }
    *argc = n;
    return out;
}
