/* options.c - see dynacomm_options.h: from a command line into structs. options_text.c is the other way. */
#include "base/options.h"

#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "base/quantity.h"

enum { SHOWN = 128 }; /* bytes of a name in a message */

int dc_word_distance(const char *a, const char *b)
{
    enum { LONGEST = 63 };
    int row[LONGEST + 1];
    const int n = (int)strnlen(b, LONGEST);
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 1; a[i - 1]; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            const int replaced = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            const int shorter = row[j - 1] < row[j] ? row[j - 1] : row[j];
            row[j] = replaced < shorter + 1 ? replaced : shorter + 1;
        }
    }
    return row[n];
}

bool dc_option_has_value(const dc_option *option)
{
    if (option->kind == DC_OPTION_IGNORED) return option->value != NULL;
    return option->kind != DC_OPTION_SWITCH && option->kind != DC_OPTION_OFF &&
           option->kind != DC_OPTION_HELP;
}

/* The name in "--name=value", which is *n long. */
static const char *name_in(const char *arg, size_t *n)
{
    if (*arg == '-') arg++;
    if (*arg == '-') arg++;
    *n = strcspn(arg, "=");
    return arg;
}

const dc_option *dc_options_find(const dc_options *options, const char *arg, void **into)
{
    size_t n;
    const char *name = name_in(arg, &n);
    for (size_t g = 0; g < options->n_groups; g++)
        for (size_t k = 0; k < options->groups[g].n; k++) {
            const dc_option *option = &options->groups[g].list[k];
            if (strlen(option->name) != n || strncmp(option->name, name, n) != 0) continue;
            if (into) *into = options->groups[g].into;
            return option;
        }
    return NULL;
}

static dc_error unknown(const dc_options *options, const char *arg)
{
    const char *best = NULL;
    char wanted[SHOWN];
    int least = INT_MAX;
    size_t n;
    const char *name = name_in(arg, &n);
    (void)snprintf(wanted, sizeof wanted, "%.*s", (int)(n < SHOWN ? n : SHOWN), name);
    for (size_t g = 0; g < options->n_groups; g++)
        for (size_t k = 0; k < options->groups[g].n; k++) {
            const int distance = dc_word_distance(wanted, options->groups[g].list[k].name);
            if (distance >= least) continue;
            least = distance;
            best = options->groups[g].list[k].name;
        }
    const char *hint = options->hint;
    return dc__fail(DC_EINVAL, "unknown %s %.*s; the nearest is %s%s%s%s%s", options->noun,
                    (int)(name - arg) + (int)strlen(wanted), arg, options->dash, best ? best : "",
                    hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
}

void dc__option_put(const dc_option *option, void *into, uint64_t x)
{
    void *at = (char *)into + option->at;
    switch (option->store) {
    case DC_STORE_BOOL:
        *(bool *)at = x != 0;
        break;
    case DC_STORE_INT:
        *(int *)at = (int)x;
        break;
    case DC_STORE_UNSIGNED:
        *(unsigned *)at = (unsigned)x;
        break;
    default:
        *(uint64_t *)at = x;
    }
}

const char **dc__option_pair(const dc_option *option, void *into)
{
    return (const char **)(void *)((char *)into + option->at);
}

static void put_number(const dc_option *option, void *into, double x)
{
    void *at = (char *)into + option->at;
    if (option->store == DC_STORE_FLOAT)
        *(float *)at = (float)x;
    else
        *(double *)at = x;
}

static dc_error choose(const dc_option *option, void *into, const char *name, const char *value)
{
    char words[256];
    size_t used = 0;
    uint64_t index = 0;
    const size_t length = strlen(value);
    for (const char *at = option->choices;; index++) {
        const size_t n = strcspn(at, "|");
        if (n == length && strncmp(at, value, n) == 0) {
            dc__option_put(option, into, index);
            return DC_OK;
        }
        const int wrote = snprintf(words + used, sizeof words - used, "%s%.*s", used ? ", " : "", (int)n, at);
        if (wrote > 0 && used + (size_t)wrote < sizeof words) used += (size_t)wrote;
        if (at[n] == '\0') return dc__fail(DC_EINVAL, "%s: '%s' is not one of %s", name, value, words);
        at += n + 1;
    }
}

dc_error dc_option_set(const dc_option *option, void *into, const char *name, const char *value)
{
    uint64_t whole = 1;
    double number = 0;
    dc_error err = DC_OK;
    switch (option->kind) {
    case DC_OPTION_SWITCH:
    case DC_OPTION_HELP:
        dc__option_put(option, into, 1);
        break;
    case DC_OPTION_OFF:
        dc__option_put(option, into, 0);
        break;
    case DC_OPTION_WHOLE:
        err = dc__parse_whole(name, value, option->least, option->most, &whole);
        if (!err) dc__option_put(option, into, whole);
        break;
    case DC_OPTION_NUMBER:
        err = dc__parse_number(name, value, option->low, option->high, option->above_low, &number);
        if (!err) put_number(option, into, number);
        break;
    case DC_OPTION_TEXT:
    case DC_OPTION_PAIR:
        *dc__option_pair(option, into) = value;
        break;
    case DC_OPTION_CHOICE:
        err = choose(option, into, name, value);
        break;
    case DC_OPTION_TIME:
        err = dc__parse_time(name, value, &number);
        if (!err) put_number(option, into, number);
        break;
    case DC_OPTION_RATE:
        err = dc__parse_rate(name, value, &number);
        if (!err) put_number(option, into, number);
        break;
    case DC_OPTION_EVERY:
        err =
            dc__parse_every(name, value, option->least == 0, (dc_every *)(void *)((char *)into + option->at));
        break;
    case DC_OPTION_CALL:
        err = option->call(into, name, value);
        break;
    case DC_OPTION_IGNORED:
        break;
    }
    return err;
}

static void note_given(dc_parsed *parsed, const dc_option *option)
{
    for (size_t k = 0; k < parsed->n_given; k++)
        if (parsed->given[k] == option) return;
    if (parsed->n_given < DC_MAX_OPTIONS) parsed->given[parsed->n_given++] = option;
}

/* The value that argv[*i], which has none of its own, takes from the next argument; NULL if it may not. */
static const char *next_value(const dc_options *options, const char *name, int argc, char *const *argv,
                              int *i)
{
    const char *value = *i + 1 < argc ? argv[*i + 1] : NULL;
    if (!value) {
        (void)dc__fail(DC_EINVAL, "%s needs a value", name);
        return NULL;
    }
    if (value[0] == '-' && value[1] != '\0' && dc_options_find(options, value, NULL)) {
        (void)dc__fail(DC_EINVAL, "%s needs a value; after it comes %s, which is a %s itself", name, value,
                       options->noun);
        return NULL;
    }
    ++*i;
    return value;
}

/* Takes the option in argv[*i] and its values; *i is then the last argument used. *done: nothing is read
 * after it. */
static dc_error take(const dc_options *options, int argc, char *const *argv, int *i, dc_parsed *parsed,
                     bool *done)
{
    const char *arg = argv[*i], *equals = strchr(arg, '=');
    void *into;
    char name[SHOWN];
    const dc_option *option = dc_options_find(options, arg, &into);
    if (!option) return unknown(options, arg);
    (void)snprintf(name, sizeof name, "%s%s", options->dash, option->name);
    const char *value = equals ? equals + 1 : NULL;
    const bool has_value = dc_option_has_value(option), pair = option->kind == DC_OPTION_PAIR;
    if (value && !has_value)
        return dc__fail(DC_EINVAL, "%s takes no value; give it without '%s'", name, equals);
    if (pair && (value || *i + 2 >= argc))
        return dc__fail(DC_EINVAL, "%s needs two values: %s %s", name, name, option->value);
    if (has_value && !value && !(value = next_value(options, name, argc, argv, i))) return DC_EINVAL;
    if (pair) dc__option_pair(option, into)[1] = argv[++*i];
    note_given(parsed, option);
    *done = option->kind == DC_OPTION_HELP;
    return dc_option_set(option, into, name, value);
}

dc_error dc_options_parse(const dc_options *options, int argc, char *const *argv, dc_parsed *parsed)
{
    *parsed = (dc_parsed){0};
    bool words = false, done = false;
    for (int i = 1; i < argc && !done; i++) {
        if (!words && strcmp(argv[i], "--") == 0) {
            words = true;
        } else if (!words && argv[i][0] == '-' && argv[i][1] != '\0') {
            const dc_error err = take(options, argc, argv, &i, parsed, &done);
            if (err) return err;
        } else {
            if (parsed->n_words == options->most_words)
                return dc__fail(DC_EINVAL, "'%s' is one argument too many", argv[i]);
            options->words[parsed->n_words++] = argv[i];
            words = words || options->words_end;
        }
    }
    return DC_OK;
}
