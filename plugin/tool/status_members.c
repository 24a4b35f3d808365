/* status_members.c - a status's members for a terminal, and what all tables need to read one. See status_table.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/key.h"
#include "tool/status_view.h"

double dc__json_number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) && isfinite(item->valuedouble) ? item->valuedouble : NAN;
}

const char *dc__json_words(const cJSON *object, const char *name, char *text, size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    (void)snprintf(text, size, "%s", cJSON_IsString(item) ? item->valuestring : "?");
    dc__make_printable(text);
    return text;
}

const char *dc__duration_words(double s, char text[32])
{
    if (!isfinite(s) || s < 0 || s > 1e9)
        (void)snprintf(text, 32, "?");
    else if (s < 60)
        (void)snprintf(text, 32, "%.0f s", s);
    else if (s < 3600)
        (void)snprintf(text, 32, "%d:%02d min", (int)s / 60, (int)s % 60);
    else
        (void)snprintf(text, 32, "%d:%02d h", (int)(s / 3600), (int)fmod(s, 3600) / 60);
    return text;
}

dc_error dc__status_check(const cJSON *s, const char *url)
{
    if (cJSON_IsObject(s) && cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(s, "workers")) &&
        isfinite(dc__json_number(s, "round")) && cJSON_IsString(cJSON_GetObjectItemCaseSensitive(s, "state")))
        return DC_OK;
    return dc__fail(DC_EFORMAT, "%s is JSON, but no status of a dynacomm server: check the address", url);
}

/* Its name, without keys its number. */
static const char *called(const cJSON *w, char text[DC__MEMBER_BYTES])
{
    dc__json_words(w, "name", text, DC__MEMBER_BYTES);
    if (text[0] == '\0' || strcmp(text, "?") == 0)
        (void)snprintf(text, DC__MEMBER_BYTES, "%.0f", dc__json_number(w, "rank"));
    return text;
}

/* Who holds up the others, if somebody does. */
static void put_straggler(FILE *out, const cJSON *s)
{
    char name[DC__MEMBER_BYTES], cause[24];
    const cJSON *by = cJSON_GetObjectItemCaseSensitive(s, "held_up_by");
    if (!cJSON_IsObject(by)) return;
    (void)fprintf(out, "worker %s holds up the others by %.3g s a round", called(by, name),
                  dc__json_number(by, "seconds"));
    if (dc__json_number(by, "own_s") > 0)
        (void)fprintf(out, ": its %s takes %.3g s, the others' %.3g s",
                      dc__json_words(by, "cause", cause, sizeof cause), dc__json_number(by, "own_s"),
                      dc__json_number(by, "others_s"));
    (void)fputc('\n', out);
}

void dc__status_waits(FILE *out, const cJSON *s)
{
    char state[16], name[DC__MEMBER_BYTES], lost[32], left[32];
    int waited_for = 0;
    if (strcmp(dc__json_words(s, "state", state, sizeof state), "training") != 0) return;
    for (const cJSON *w = cJSON_GetObjectItemCaseSensitive(s, "workers")->child; w; w = w->next) {
        if (strcmp(dc__json_words(w, "state", state, sizeof state), "lost") != 0) continue;
        (void)fprintf(out, "waiting for worker %s, lost %s ago, %s left\n", called(w, name),
                      dc__duration_words(dc__json_number(w, "lost_s"), lost),
                      dc__duration_words(dc__json_number(w, "wait_left_s"), left));
        waited_for++;
    }
    const double here = dc__json_number(s, "workers_here"), least = dc__json_number(s, "workers_least");
    if (here + waited_for < least)
        (void)fprintf(out, "waiting for workers: %.0f of at least %.0f are here\n", here, least);
    put_straggler(out, s);
}

static void put_count(FILE *out, const cJSON *s, const char *name, const char *one, const char *many)
{
    const double n = dc__json_number(s, name);
    if (isfinite(n)) (void)fprintf(out, ", %.0f %s", n, n == 1 ? one : many);
}

static void put_member(FILE *out, const cJSON *w)
{
    char state[16], name[DC__MEMBER_BYTES], id[20], since[32], images[32] = "-";
    const double n = dc__json_number(w, "images");
    const bool nobody = strcmp(dc__json_words(w, "state", state, sizeof state), "awaited") == 0;
    if (n > 0) (void)snprintf(images, sizeof images, "%.0f", n);
    dc__json_words(w, "name", name, sizeof name);
    (void)fprintf(out, "%6.0f  %-16s  %-16s  %-9s%10s%8.0f%8.0f%8s\n", dc__json_number(w, "rank"),
                  name[0] ? name : "-", nobody ? "-" : dc__json_words(w, "id", id, sizeof id), state,
                  nobody ? "-" : dc__duration_words(dc__json_number(w, "since_s"), since),
                  dc__json_number(w, "losses"), dc__json_number(w, "round"), images);
}

dc_error dc__status_members(FILE *out, const cJSON *s, const char *url)
{
    const dc_error err = dc__status_check(s, url);
    if (err) return err;
    (void)fprintf(out, "%.0f of %.0f workers are here", dc__json_number(s, "workers_here"),
                  dc__json_number(s, "workers_wanted"));
    put_count(out, s, "joins", "join", "joins");
    put_count(out, s, "losses", "loss", "losses");
    put_count(out, s, "rejoins", "return", "returns");
    put_count(out, s, "drops", "dropped", "dropped");
    put_count(out, s, "restarts", "restart of the server", "restarts of the server");
    put_count(out, s, "rounds_held_up", "round held up", "rounds held up");
    (void)fputc('\n', out);
    dc__status_waits(out, s);
    (void)fprintf(out, "worker  %-16s  %-16s  %-9s%10s%8s%8s%8s\n", "name", "id", "state", "for", "losses",
                  "round", "images");
    for (const cJSON *w = cJSON_GetObjectItemCaseSensitive(s, "workers")->child; w; w = w->next)
        put_member(out, w);
    return DC_OK;
}
