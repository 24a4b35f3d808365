/* options_text.c - see dynacomm_options.h: from structs and tables to a command line, the help, a check. */
#include "base/options.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { COLUMNS = 100, NAME_MOST = 26, NUMBER_BYTES = 64 };

static uint64_t get_whole(const dc_option *option, const void *into)
{
    const void *at = (const char *)into + option->at;
    switch (option->store) {
    case DC_STORE_BOOL:
        return *(const bool *)at;
    case DC_STORE_INT:
        return (uint64_t) * (const int *)at;
    case DC_STORE_UNSIGNED:
        return *(const unsigned *)at;
    default:
        return *(const uint64_t *)at;
    }
}

static double get_number(const dc_option *option, const void *into)
{
    const void *at = (const char *)into + option->at;
    return option->store == DC_STORE_FLOAT ? (double)*(const float *)at : *(const double *)at;
}

static dc_every get_every(const dc_option *option, const void *into)
{
    return *(const dc_every *)(const void *)((const char *)into + option->at);
}

static const char *get_text(const dc_option *option, const void *into, int index)
{
    return ((const char *const *)(const void *)((const char *)into + option->at))[index];
}

/* The index-th word of "fast|stock"; *n: its length. */
static const char *choice_at(const char *choices, uint64_t index, size_t *n)
{
    for (; index > 0 && strchr(choices, '|'); index--)
        choices = strchr(choices, '|') + 1;
    *n = strcspn(choices, "|");
    return choices;
}

void dc_option_text(const dc_option *option, const void *into, char *text, size_t size)
{
    size_t n;
    const char *word;
    (void)snprintf(text, size, "%s", "");
    switch (option->kind) {
    case DC_OPTION_WHOLE:
        (void)snprintf(text, size, "%llu", (unsigned long long)get_whole(option, into));
        break;
    case DC_OPTION_NUMBER:
        (void)snprintf(text, size, option->store == DC_STORE_FLOAT ? "%.9g" : "%.17g",
                       get_number(option, into));
        break;
    case DC_OPTION_TEXT:
    case DC_OPTION_PAIR:
        word = get_text(option, into, 0);
        (void)snprintf(text, size, "%s", word ? word : "");
        break;
    case DC_OPTION_CHOICE:
        word = choice_at(option->choices, get_whole(option, into), &n);
        (void)snprintf(text, size, "%.*s", (int)n, word);
        break;
    case DC_OPTION_TIME:
        (void)snprintf(text, size, "%.9fs", get_number(option, into));
        break;
    case DC_OPTION_RATE:
        (void)snprintf(text, size, "%.3fb/s", get_number(option, into));
        break;
    case DC_OPTION_EVERY:
        dc_every_text(get_every(option, into), text, size);
        break;
    case DC_OPTION_SWITCH:
    case DC_OPTION_OFF:
    case DC_OPTION_CALL:
    case DC_OPTION_IGNORED:
    case DC_OPTION_HELP:
        break;
    }
}

static bool text_differs(const dc_option *option, const void *into, const void *start, int index)
{
    const char *text = get_text(option, into, index), *before = get_text(option, start, index);
    return text && (!before || strcmp(text, before) != 0);
}

static bool every_differs(dc_every a, dc_every b)
{
    return a.rounds != b.rounds || a.seconds < b.seconds || a.seconds > b.seconds;
}

/* True if the member of into is to be said, because start has another value. */
static bool differs(const dc_option *option, const void *into, const void *start)
{
    switch (option->kind) {
    case DC_OPTION_SWITCH:
        return get_whole(option, into) && !get_whole(option, start);
    case DC_OPTION_OFF:
        return !get_whole(option, into) && get_whole(option, start);
    case DC_OPTION_WHOLE:
    case DC_OPTION_CHOICE:
        return get_whole(option, into) != get_whole(option, start);
    case DC_OPTION_NUMBER:
    case DC_OPTION_TIME:
    case DC_OPTION_RATE:
        return get_number(option, into) < get_number(option, start) ||
               get_number(option, into) > get_number(option, start);
    case DC_OPTION_EVERY:
        return every_differs(get_every(option, into), get_every(option, start));
    case DC_OPTION_TEXT:
        return text_differs(option, into, start, 0);
    case DC_OPTION_PAIR:
        return text_differs(option, into, start, 0) || text_differs(option, into, start, 1);
    case DC_OPTION_CALL:
    case DC_OPTION_IGNORED:
    case DC_OPTION_HELP:
        break;
    }
    return false;
}

/* Bytes that the option and its value need at most, each with its end. */
static size_t bytes_of(const dc_options *options, const dc_option *option, const void *into)
{
    size_t n = strlen(options->dash) + strlen(option->name) + 1 + NUMBER_BYTES;
    const bool pair = option->kind == DC_OPTION_PAIR, texts = pair || option->kind == DC_OPTION_TEXT;
    const char *text = texts ? get_text(option, into, 0) : option->choices;
    const char *second = pair ? get_text(option, into, 1) : NULL;
    return n + (text ? strlen(text) : 0) + 1 + (second ? strlen(second) : 0) + 1;
}

dc_error dc_options_argv(const dc_options *options, size_t n_words, char ***argv, int *argc)
{
    size_t pointers = n_words + 1, bytes = 0;
    for (size_t g = 0; g < options->n_groups; g++) {
        pointers += 3 * options->groups[g].n;
        for (size_t k = 0; k < options->groups[g].n; k++)
            if (options->groups[g].start)
                bytes += bytes_of(options, &options->groups[g].list[k], options->groups[g].into);
    }
    char **out = malloc(pointers * sizeof *out + bytes);
    if (!out) return dc__fail(DC_ENOMEM, "out of memory for a command line");
    char *at = (char *)(out + pointers);
    int n = 0;
    while ((size_t)n < n_words) {
        out[n] = (char *)(uintptr_t)options->words[n];
        n++;
    }
    for (size_t g = 0; g < options->n_groups; g++) {
        const dc_option_group *group = &options->groups[g];
        for (size_t k = 0; k < group->n && group->start; k++) {
            const dc_option *option = &group->list[k];
            if (!differs(option, group->into, group->start)) continue;
            if (dc_options_find(options, option->name, NULL) != option) continue;
            const size_t room = bytes_of(options, option, group->into);
            out[n++] = at;
            size_t used = (size_t)snprintf(at, room, "%s%s", options->dash, option->name) + 1;
            if (dc_option_has_value(option)) {
                out[n++] = at + used;
                dc_option_text(option, group->into, at + used, room - used);
            }
            if (option->kind == DC_OPTION_PAIR) {
                used += strlen(at + used) + 1;
                out[n++] = at + used;
                (void)snprintf(at + used, room - used, "%s", get_text(option, group->into, 1));
            }
            at += room;
        }
    }
    out[n] = NULL;
    *argv = out;
    *argc = n;
    return DC_OK;
}

/* "-name VALUE"; returns its length. */
static int heading(const dc_option *option, const char *dash, char text[256])
{
    const char *value = option->value ? option->value : option->choices;
    const bool shown = value && dc_option_has_value(option);
    return snprintf(text, 256, "%s%s%s%s", dash, option->name, shown ? " " : "", shown ? value : "");
}

void dc_options_help(FILE *out, const dc_option *list, size_t n, const char *dash)
{
    int width = 0;
    char head[256];
    for (size_t k = 0; k < n; k++) {
        const int length = list[k].help ? heading(&list[k], dash, head) : 0;
        if (length > width && length <= NAME_MOST) width = length;
    }
    for (size_t k = 0; k < n; k++) {
        if (!list[k].help) continue;
        int column = 2 + heading(&list[k], dash, head);
        (void)fprintf(out, "  %s", head);
        if (column > width + 2) {
            (void)fputc('\n', out);
            column = 0;
        }
        (void)fprintf(out, "%*s", width + 4 - column, "");
        column = width + 4;
        for (const char *word = list[k].help; *word;) {
            const int length = (int)strcspn(word, " ");
            const bool first = word == list[k].help;
            if (!first && column + 1 + length > COLUMNS) {
                (void)fprintf(out, "\n%*s", width + 4, "");
                column = width + 4;
            } else if (!first) {
                (void)fputc(' ', out);
                column++;
            }
            (void)fprintf(out, "%.*s", length, word);
            column += length;
            word += length + (word[length] == ' ');
        }
        (void)fputc('\n', out);
    }
}

/* True if the member can hold what the kind makes. */
static bool fits(const dc_option *o)
{
    const dc_option_store s = o->store;
    switch (o->kind) {
    case DC_OPTION_SWITCH:
    case DC_OPTION_OFF:
    case DC_OPTION_HELP:
        return s == DC_STORE_BOOL;
    case DC_OPTION_WHOLE:
        return o->least <= o->most && (s == DC_STORE_U64 || (s == DC_STORE_INT && o->most <= INT_MAX));
    case DC_OPTION_NUMBER:
        return o->low < o->high && (s == DC_STORE_FLOAT || s == DC_STORE_DOUBLE);
    case DC_OPTION_TEXT:
        return s == DC_STORE_TEXT;
    case DC_OPTION_CHOICE:
        return o->choices && (s == DC_STORE_BOOL || s == DC_STORE_INT || s == DC_STORE_UNSIGNED);
    case DC_OPTION_PAIR:
        return s == DC_STORE_PAIR && o->value;
    case DC_OPTION_TIME:
    case DC_OPTION_RATE:
        return s == DC_STORE_DOUBLE;
    case DC_OPTION_EVERY:
        return s == DC_STORE_EVERY;
    case DC_OPTION_CALL:
        return o->call != NULL;
    case DC_OPTION_IGNORED:
        return true;
    }
    return false;
}

dc_error dc_options_check(const dc_options *options)
{
    size_t n = 0;
    for (size_t g = 0; g < options->n_groups; g++)
        n += options->groups[g].n;
    if (n > DC_MAX_OPTIONS) return dc__fail(DC_EINVAL, "tables of %zu options: too many", n);
    for (size_t g = 0; g < options->n_groups; g++)
        for (size_t k = 0; k < options->groups[g].n; k++) {
            const dc_option *option = &options->groups[g].list[k];
            if (!fits(option))
                return dc__fail(DC_EINVAL, "table of options: %s has a member or a range that does not fit",
                                option->name);
            for (size_t other = 0; other < k; other++)
                if (strcmp(options->groups[g].list[other].name, option->name) == 0)
                    return dc__fail(DC_EINVAL, "table of options: %s is there twice", option->name);
        }
    return DC_OK;
}
