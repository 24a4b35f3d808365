/* trace_read.c - a Chrome trace file into spans. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dynacomm_file.h"
#include "tool/trace.h"

#define FILE_BYTES_MOST (1u << 30)

static const struct {
    const char *name;
    dc_lane lane;
    dc_event_kind kind;
} kinds[] = {
    {"forward", DC_LANE_COMPUTE, DC_EVENT_FORWARD}, {"backward", DC_LANE_COMPUTE, DC_EVENT_BACKWARD},
    {"wait", DC_LANE_COMPUTE, DC_EVENT_WAIT},       {"push", DC_LANE_UP, DC_EVENT_PUSH},
    {"pull", DC_LANE_DOWN, DC_EVENT_PULL},
};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

static dc_error read_text(const char *path, char **text, size_t *size)
{
    FILE *in;
    if (dc_input_open(&in, path, "the trace")) return DC_EFILE;
    size_t room = 1 << 16, n;
    dc_error err = DC_OK;
    *size = 0;
    *text = malloc(room);
    while (*text && (n = fread(*text + *size, 1, room - *size - 2, in)) > 0) { /* 2: room for an end */
        *size += n;
        if (*size < room - 2) continue;
        char *more = room < FILE_BYTES_MOST ? realloc(*text, 2 * room) : NULL;
        if (!more) {
            err = dc__fail(DC_EFORMAT, "%s: too large for a trace, or for this machine's memory", path);
            break;
        }
        *text = more;
        room *= 2;
    }
    if (!*text) err = dc__fail(DC_ENOMEM, "out of memory for %s", path);
    if (!err && ferror(in)) err = dc__fail(DC_EFILE, "cannot read the trace %s: %s", path, strerror(errno));
    (void)fclose(in);
    if (!err) (*text)[*size] = '\0';
    return err;
}

/* A run that was killed leaves an array without its end, perhaps in the middle of an event. */
static cJSON *parse(char *text, size_t size)
{
    cJSON *root = cJSON_Parse(text);
    for (size_t at = size; !root && at > 0; at--) {
        if (text[at - 1] != '\n') continue; /* events are lines: what follows the last is not whole */
        size_t end = at - 1;
        while (end > 0 && (text[end - 1] == ',' || text[end - 1] == ' '))
            end--;
        if (end == 0) return NULL;
        memcpy(text + end, "]", 2);
        return cJSON_Parse(text);
    }
    return root;
}

/* A number of an object, from 0 to most; otherwise when there is none or it is out of range. */
static double number(const cJSON *object, const char *name, double most, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= most ? item->valuedouble
                                                                                       : otherwise;
}

static void keep_span(dc__trace_file *t, const cJSON *event, int k)
{
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(event, "args");
    const double ts = number(event, "ts", 1e18, -1), dur = number(event, "dur", 1e18, -1),
                 round = number(args, "round", 0x1p53, -1);
    if (ts < 0 || dur < 0 || round < 0) return;
    dc__span *s = &t->spans[t->n_spans++];
    s->round = (uint64_t)round;
    s->bar = (dc__bar){.lane = (int)kinds[k].lane,
                       .kind = kinds[k].kind,
                       .start_s = ts * 1e-6,
                       .end_s = (ts + dur) * 1e-6,
                       .first_layer = (int)number(args, "first", DC_LAYERS_MAX, 0),
                       .last_layer = (int)number(args, "last", DC_LAYERS_MAX, 0),
                       .bytes = (uint64_t)number(args, "bytes", 0x1p53, 0)};
    if (s->bar.last_layer >= t->n_layers) t->n_layers = s->bar.last_layer + 1;
    if (kinds[k].lane != DC_LANE_COMPUTE) return;
    if (s->round < t->first_round) t->first_round = s->round;
    if (s->round > t->last_round) t->last_round = s->round;
}

static void take_event(dc__trace_file *t, const cJSON *event)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(event, "name");
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(event, "cat");
    const cJSON *args = cJSON_GetObjectItemCaseSensitive(event, "args");
    for (int k = 0; k < KINDS && cJSON_IsString(kind); k++)
        if (strcmp(kind->valuestring, kinds[k].name) == 0) keep_span(t, event, k);
    if (!cJSON_IsString(name)) return;
    const cJSON *who = cJSON_GetObjectItemCaseSensitive(args, "name");
    if (strcmp(name->valuestring, "process_name") == 0 && cJSON_IsString(who))
        (void)snprintf(t->name, sizeof t->name, "%s", who->valuestring);
    if (strcmp(name->valuestring, "dropped_events") == 0)
        t->dropped = (uint64_t)number(args, "count", 0x1p53, 0);
}

static int by_start(const void *a, const void *b)
{
    const double x = ((const dc__span *)a)->bar.start_s, y = ((const dc__span *)b)->bar.start_s;
    return (x > y) - (x < y);
}

dc_error dc__trace_read(const char *path, dc__trace_file *t)
{
    *t = (dc__trace_file){.path = path, .first_round = UINT64_MAX};
    char *text = NULL;
    size_t size = 0;
    dc_error err = read_text(path, &text, &size);
    cJSON *root = err ? NULL : parse(text, size);
    if (!err && !cJSON_IsArray(root))
        err = dc__fail(DC_EFORMAT, "%s: not a trace that -dynacomm-trace or --trace wrote", path);
    if (!err && !(t->spans = calloc((size_t)cJSON_GetArraySize(root) + 1, sizeof *t->spans)))
        err = dc__fail(DC_ENOMEM, "out of memory for %s", path);
    for (const cJSON *event = err ? NULL : root->child; event; event = event->next)
        take_event(t, event);
    if (!err && t->first_round == UINT64_MAX)
        err = dc__fail(DC_EFORMAT, "%s: no computation in it: the run ended before its first layer", path);
    if (!err) qsort(t->spans, (size_t)t->n_spans, sizeof *t->spans, by_start);
    cJSON_Delete(root);
    free(text);
    return err;
}

void dc__trace_file_free(dc__trace_file *t)
{
    free(t->spans);
    *t = (dc__trace_file){0};
}
