/* spelling.c - see spelling.h. */
#include "cli/spelling.h"

#include "cli/cli.h"
#include "cli/forks.h"
#include "replace/fatal.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Names that hank-ai's Darknet has besides; without '-', '_' and capitals. */
static const char *const others[][2] = {{"threshold", "-thresh"}, {"showdetails", "-verbose"},
                                        {"nofuse", "-dontfuse"},  {"nocolor", "-nocolour"},
                                        {"nmsthresh", "-nms"},    {"camera", "-c"},
                                        {"heatmap", "-heatmaps"}, {"logfile", "-log"}};

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

static const char *flag_of(const char *arg, size_t n)
{
    char wanted[64], known[64];
    const char *name;
    for (size_t k = 0; (name = dk_cli_flag_at(k)) != NULL; k++)
        if (strlen(name) == n && strncmp(arg, name, n) == 0) return name;
    squeeze(arg, n, wanted);
    for (size_t k = 0; (name = dk_cli_flag_at(k)) != NULL; k++) {
        squeeze(name, strlen(name), known);
        if (strcmp(wanted, known) == 0) return name;
    }
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (strcmp(wanted, others[k][0]) == 0) return others[k][1];
    return NULL;
}

const char *dk_spelling_flag(const char *arg)
{
    return looks_like_flag(arg) ? flag_of(arg, strlen(arg)) : NULL;
}

char **dk_spelling_args(int *argc, char **argv, const char **log)
{
    char **out = calloc(2 * (size_t)*argc + 1, sizeof *out);
    if (!out) dk_die("out of memory");
    int n = 0;
    *log = NULL;
    for (int i = 0; i < *argc; i++) {
        const char *equals = i > 0 && looks_like_flag(argv[i]) ? strchr(argv[i], '=') : NULL;
        const char *flag = NULL;
        if (equals) flag = flag_of(argv[i], (size_t)(equals - argv[i]));
        if (i > 0 && !flag) {
            equals = NULL;
            flag = dk_spelling_flag(argv[i]);
        }
        if (flag && equals && !dk_cli_takes_value(flag))
            dk_die("%s takes no value; give it without '%s'", flag, equals);
        if (flag && strcmp(flag, "-log") == 0) {
            if (!equals && i + 1 == *argc) dk_die("-log needs a value, the file that is to hold the log");
            *log = equals ? equals + 1 : argv[++i];
            continue;
        }
        out[n++] = flag ? (char *)flag : argv[i];
        if (equals)
            out[n++] = (char *)equals + 1;
        else if (flag && i + 1 < *argc && dk_cli_takes_value(flag))
            out[n++] = argv[++i];
    }
    *argc = n;
    return out;
}
