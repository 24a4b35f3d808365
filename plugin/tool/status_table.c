/* status_table.c - a status for a terminal: two lines about the run, one per worker. What it reads has come
 * over a network: every member is checked, and words are made printable. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/key.h"
#include "tool/status_view.h"

#define SPARKS 24

static void put(FILE *out, const char *format, double value, int width)
{
    char text[32] = "-";
    if (isfinite(value)) (void)snprintf(text, sizeof text, format, value);
    (void)fprintf(out, "%*s", width, text);
}

/* The curve's means as at most SPARKS columns of eight heights. */
static void put_sparks(FILE *out, const cJSON *points)
{
    static const char *const heights[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    const int n = cJSON_GetArraySize(points);
    double sum[SPARKS] = {0}, least = INFINITY, most = -INFINITY;
    int of[SPARKS] = {0}, k = 0;
    const int columns = n < SPARKS ? n : SPARKS;
    for (const cJSON *point = points->child; point; point = point->next) {
        const cJSON *mean = cJSON_GetArrayItem(point, 2);
        const int column = (int)((long long)k++ * columns / n);
        if (!cJSON_IsNumber(mean) || !isfinite(mean->valuedouble)) continue;
        sum[column] += mean->valuedouble;
        of[column]++;
    }
    for (int c = 0; c < columns; c++) {
        if (of[c] == 0) continue;
        sum[c] /= of[c];
        least = fmin(least, sum[c]);
        most = fmax(most, sum[c]);
    }
    for (int c = 0; c < columns; c++)
        (void)fputs(of[c] == 0 ? " "
                               : heights[most > least ? (int)((sum[c] - least) / (most - least) * 7.99) : 0],
                    out);
}

static const cJSON *points_of(const cJSON *status, const char *curve)
{
    const cJSON *object = cJSON_GetObjectItemCaseSensitive(status, curve);
    const cJSON *points = cJSON_GetObjectItemCaseSensitive(object, "points");
    return cJSON_IsArray(points) ? points : NULL;
}

static double sum_of(const cJSON *workers, const char *name)
{
    double sum = 0;
    for (const cJSON *w = workers->child; w; w = w->next) {
        const double value = dc__json_number(w, name);
        if (isfinite(value)) sum += value;
    }
    return sum;
}

static void put_run(FILE *out, const cJSON *s, const cJSON *workers)
{
    char model[80], state[16], line[DC__LINE_BYTES], elapsed[32], eta[32];
    const double round = dc__json_number(s, "round"), last = dc__json_number(s, "last_round"),
                 loss = dc__json_number(s, "loss");
    const cJSON *maps = points_of(s, "map_curve"), *losses = points_of(s, "loss_curve");
    const int n = cJSON_GetArraySize(maps);
    dc__json_words(s, "state", state, sizeof state);
    (void)fprintf(out, "%s: %s, round %.0f", dc__json_words(s, "model", model, sizeof model), state, round);
    if (last > 0) (void)fprintf(out, " of %.0f (%.0f %%)", last, 100 * round / last);
    (void)fprintf(out, ", %s", dc__duration_words(dc__json_number(s, "elapsed_s"), elapsed));
    if (isfinite(dc__json_number(s, "eta_s")))
        (void)fprintf(out, ", about %s to go", dc__duration_words(dc__json_number(s, "eta_s"), eta));
    (void)fputc('\n', out);
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(s, "insecure")))
        (void)fputs("insecure: whoever reaches the server can take part; nothing is encrypted\n", out);
    if (*dc__json_words(s, "line", line, sizeof line)) (void)fprintf(out, "%s\n", line);
    if (losses && losses->child && isfinite(loss)) {
        (void)fprintf(out, "loss %.4g ", loss);
        put_sparks(out, losses);
        (void)fputs("   ", out);
    }
    if (n > 0) {
        const cJSON *mean = cJSON_GetArrayItem(cJSON_GetArrayItem(maps, n - 1), 2);
        (void)fprintf(out, "mAP %.1f %% ", 100 * (cJSON_IsNumber(mean) ? mean->valuedouble : NAN));
        put_sparks(out, maps);
        (void)fputs("   ", out);
    }
    const bool found = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(s, "local_steps_auto"));
    if (found || dc__json_number(s, "local_steps") > 1)
        (void)fprintf(out, "local steps %.0f%s   ", dc__json_number(s, "local_steps"),
                      found ? " (auto)" : "");
    (void)fprintf(out, "round %.4g ms   %.4g images/s   up %.4g MB   down %.4g MB\n",
                  1e3 * dc__json_number(s, "round_s"), sum_of(workers, "images_per_s"),
                  1e-6 * sum_of(workers, "up_bytes"), 1e-6 * sum_of(workers, "down_bytes"));
}

static void put_worker(FILE *out, const cJSON *w)
{
    char state[16], strategy[16], name[DC__MEMBER_BYTES];
    const bool silent = strcmp(dc__json_words(w, "state", state, sizeof state), "training") == 0 &&
                        dc__json_number(w, "silent_s") > 3;
    const bool planned = dc__json_number(w, "plans") > 0;
    (void)fprintf(out, "%6.0f  %-9s", dc__json_number(w, "rank"), silent ? "silent" : state);
    put(out, "%.0f", dc__json_number(w, "round"), 8);
    put(out, "%.4g", dc__json_number(w, "loss"), 10);
    put(out, "%.4g", dc__json_number(w, "images_per_s"), 10);
    put(out, "%.0f %%", 100 * dc__json_number(w, "wait_share"), 9);
    put(out, "%.4g", 1e3 * dc__json_number(w, "round_s"), 10);
    put(out, "%.4g", planned ? 1e3 * dc__json_number(w, "predicted_s") : NAN, 11);
    (void)fprintf(out, "  %-10s", planned ? dc__json_words(w, "strategy", strategy, sizeof strategy) : "-");
    const double up = 8e-6 * dc__json_number(w, "up_Bps"), down = 8e-6 * dc__json_number(w, "down_Bps");
    put(out, "%.4g", up > 0 ? up : NAN, 10);
    put(out, "%.4g", down > 0 ? down : NAN, 13);
    put(out, "%.3g", 1e3 * dc__json_number(w, "rtt_s"), 8);
    if (cJSON_IsString(cJSON_GetObjectItemCaseSensitive(w, "name")))
        (void)fprintf(out, "  %s", dc__json_words(w, "name", name, sizeof name));
    (void)fputc('\n', out);
}

dc_error dc__status_table(FILE *out, const cJSON *s, const char *url)
{
    const cJSON *workers = cJSON_GetObjectItemCaseSensitive(s, "workers");
    const dc_error err = dc__status_check(s, url);
    if (err) return err;
    put_run(out, s, workers);
    dc__status_waits(out, s);
    (void)fprintf(out, "worker  %-9s%8s%10s%10s%9s%10s%11s  %-10s%10s%13s%8s\n", "state", "round", "loss",
                  "images/s", "waiting", "round ms", "planned ms", "strategy", "up Mbit/s", "down Mbit/s",
                  "rtt ms");
    for (const cJSON *w = workers->child; w; w = w->next)
        put_worker(out, w);
    return DC_OK;
}
