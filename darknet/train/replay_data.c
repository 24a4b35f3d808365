#include "train/replay_data.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "replace/fatal.h"

#define ID_DIGITS 16

/* Whether word calls this member: by its id, all digits of it, or by its number. */
static bool is_called(const dc_replay_member *m, const char *word)
{
    char *end;
    if (strlen(word) == ID_DIGITS) return strtoull(word, &end, 16) == m->id && *end == '\0';
    return isdigit((unsigned char)*word) && strtol(word, &end, 10) == m->number && *end == '\0';
}

/* "0, 1 and 2". */
static const char *list_members(const dc_replay_info *info, char *text, size_t size)
{
    size_t n = 0;
    int before = -1;
    text[0] = '\0';
    for (int k = 0; k < info->n_members; k++) {
        if (info->members[k].number == before || n > size - 32) continue;
        before = info->members[k].number;
        n += (size_t)snprintf(text + n, size - n, "%s%d", n ? ", " : "", before);
    }
    return text;
}

/* One WORKER=FILE. */
static void take(char *item, const char *log, const dc_replay_info *info, char **data)
{
    char *file = strchr(item, '='), known[512];
    int number = -1;
    if (!file || file == item || !file[1])
        dk_die("-data-of: '%.200s' is not WORKER=FILE, such as 0=a.data", item);
    *file++ = '\0';
    for (int k = 0; k < info->n_members; k++)
        if (is_called(&info->members[k], item)) number = info->members[k].number;
    if (number < 0)
        dk_die("-data-of %.200s=%.200s: %.200s has no such worker, but %s", item, file, log,
               list_members(info, known, sizeof known));
    for (int k = 0; k < info->n_members; k++) {
        if (info->members[k].number != number) continue;
        if (data[k]) dk_die("-data-of: worker %d's data is given twice", number);
        if (!(data[k] = strdup(file))) dk_die("out of memory for -data-of");
    }
}

char **dk_replay_data(const char *data_of, const char *log, const dc_replay_info *info)
{
    if (!data_of) return NULL;
    char **data = calloc((size_t)info->n_members, sizeof *data), *copy = strdup(data_of), *rest = copy;
    if (!data || !copy) dk_die("out of memory for -data-of");
    for (char *item; (item = strsep(&rest, ","));)
        take(item, log, info, data);
    free(copy);
    for (int k = 0; k < info->n_members; k++)
        if (!data[k])
            dk_die("-data-of does not say where worker %d's data is: add %d=FILE", info->members[k].number,
                   info->members[k].number);
    return data;
}

void dk_replay_data_free(char **data, const dc_replay_info *info)
{
    for (int k = 0; data && k < info->n_members; k++)
        free(data[k]);
    free(data);
}
