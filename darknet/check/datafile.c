/* datafile.c - reading .data files and lists, with the library's reader for the first. */
#include "check/datafile.h"

#include "replace/fatal.h"

#include <darknet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Blanks at the end, a Windows line end among them, are no part of a path or a name. */
static void trim_end(char *text)
{
    size_t n = strlen(text);
    while (n > 0 && strchr(" \t\r\n", text[n - 1]))
        text[--n] = '\0';
}

/* Windows programs begin a file with a byte order mark. */
static char *skip_mark(const char *path, const char *what, int number, char *text)
{
    if (number > 1) return text;
    if (strncmp(text, "\xff\xfe", 2) == 0 || strncmp(text, "\xfe\xff", 2) == 0)
        dk_die("%s %s is UTF-16; save it as UTF-8", what, path);
    return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

static void add_line(dk_lines *lines, size_t *room, const char *text, int number)
{
    if ((size_t)lines->n == *room) {
        *room = *room ? 2 * *room : 1024;
        lines->line = realloc(lines->line, *room * sizeof *lines->line);
        lines->number = realloc(lines->number, *room * sizeof *lines->number);
        if (!lines->line || !lines->number) dk_die("out of memory reading %s", lines->path);
    }
    lines->number[lines->n] = number;
    if (!(lines->line[lines->n++] = strdup(text))) dk_die("out of memory reading %s", lines->path);
}

/* `# words` is a comment, unless a file has that name. */
static bool is_comment(const char *line)
{
    return line[0] == '#' && access(line, F_OK) != 0;
}

static void read_lines(const char *path, const char *what, dk_lines *lines, bool comments)
{
    *lines = (dk_lines){.path = path};
    dk_file_check(path, what);
    FILE *file = fopen(path, "r");
    if (!file) dk_die("cannot open %s %s: %s", what, path, strerror(errno));
    char *text = NULL;
    size_t size = 0, room = 0;
    int number = 0;
    while (getline(&text, &size, file) > 0) {
        if (number == INT_MAX) dk_die("%s %s: too many lines", what, path);
        number++;
        trim_end(text);
        const char *line = skip_mark(path, what, number, text);
        if (*line && !(comments && is_comment(line))) add_line(lines, &room, line, number);
    }
    const bool bad = ferror(file);
    free(text);
    fclose(file);
    if (bad) dk_die("cannot read %s %s", what, path);
    if (lines->n == 0) dk_die("%s %s is empty", what, path);
}

void dk_lines_read(const char *path, const char *what, dk_lines *lines)
{
    read_lines(path, what, lines, true);
}

void dk_names_read(const char *path, const char *what, dk_lines *names)
{
    read_lines(path, what, names, false);
    for (int i = 0; i < names->n; i++)
        if (names->number[i] != i + 1)
            dk_die("%s %s: line %d is empty; remove it, since a name's line is its class", what, path, i + 1);
}

void dk_lines_free(dk_lines *lines)
{
    for (int i = 0; i < lines->n; i++)
        free(lines->line[i]);
    free(lines->line);
    free(lines->number);
    *lines = (dk_lines){0};
}

static const char *find(list *options, const char *key)
{
    const char *value = option_find_str(options, (char *)key, NULL);
    return value && *value ? value : NULL;
}

static const char *need(list *options, const char *key, const char *example, const char *path)
{
    const char *value = find(options, key);
    if (!value) dk_die("%s has no '%s' line; add one such as: %s = %s", path, key, key, example);
    return value;
}

static int number(const char *text, const char *key, const char *path, long least)
{
    char *end;
    const long n = strtol(text, &end, 10);
    if (*end != '\0' || end == text || n < least || n > INT_MAX)
        dk_die("%s: '%s = %s' is not a number from %ld up", path, key, text, least);
    return (int)n;
}

void dk_datafile_read(const char *path, dk_datafile_use use, dk_datafile *data)
{
    *data = (dk_datafile){.path = path};
    dk_file_check(path, "data file");
    dk_chatter_hold(path);
    list *options = read_data_cfg((char *)path);
    data->train = need(options, "train", "data/train.list", path);
    data->valid = find(options, "valid");
    data->names = find(options, "names");
    char *backup = (char *)need(options, "backup", "backup", path); /* nobody else has it */
    for (size_t n = strlen(backup); n > 1 && backup[n - 1] == '/'; n--)
        backup[n - 1] = '\0';
    data->backup = backup;
    if (use != DK_FOR_DETECTOR)
        data->classes = number(need(options, "classes", "10", path), "classes", path, 1);
    const char *every = find(options, "saveweights"), *last = find(options, "savelast");
    if (every) data->save_every = (unsigned)number(every, "saveweights", path, 1);
    if (last) data->last_every = (unsigned)number(last, "savelast", path, 1);
    if (use == DK_FOR_CLASSIFIER) {
        const char *tag = find(options, "tag");
        data->tag = tag && number(tag, "tag", path, 0) != 0;
        if (!data->tag) data->labels = need(options, "labels", "data/labels.list", path);
        data->tree = find(options, "tree");
    }
    dk_chatter_release();
    free_list(options); /* the list only: keys and values stay, data points into them */
}
