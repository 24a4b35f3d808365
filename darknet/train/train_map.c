/* train_map.c - see train_map.h.
 *
 * DESIGN
 *   The parameters go by a file: they are saved as NAME_map.weights, loaded into a second network of batch 1,
 * and measured there; if they are the best so far the file is renamed to NAME_best.weights, else removed. So
 * what is measured is exactly what a user would get from `darknet detector map` (the workers' mean statistics
 * among it), and nothing of the network in training is borrowed, resized or set aside. The other workers wait
 * for worker 0's next gradients meanwhile; the library's own threads keep its link alive.
 *   A run that is resumed does not know what its best was: the first measurement then also measures the
 * NAME_best.weights that is there, if it is of this network. */
#include "train/train_map.h"

#include "evaluate/detector_map.h"
#include "replace/fatal.h"
#include "check/preflight.h"
#include "replace/repair.h"
#include "train/stop.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_EPOCHS 4
#define DEFAULT_ROUNDS 100

struct dk_train_map {
    network *net; /* batch 1 */
    const dk_lines *valid;
    dk_lines names; /* of the classes; may be none, or too few */
    bool began, other;
    uint64_t measured; /* round of the last measurement, or of the start */
    double best;       /* -1 = none yet */
};

void dk_train_map_lists(const dk_datafile *file, int classes, dk_lines *valid)
{
    dk_lines_read(file->valid ? file->valid : file->train, "validation list", valid);
    dk_check_images(valid);
    dk_check_truths(valid, DETECTION_DATA, classes, DK_MISSING_MOST);
}

/* A copy of the cfg, as an open file without a name, whose [net] has batch=1. */
static int single_cfg(const char *cfg)
{
    FILE *in = fopen(cfg, "r");
    const int copy = memfd_create("darknet-map", MFD_CLOEXEC);
    if (!in || copy < 0) dk_die("cannot read %s again for -map: %s", cfg, strerror(errno));
    char *line = NULL;
    size_t size = 0;
    int section = 0;
    while (getline(&line, &size, in) > 0) {
        char key[16] = "";
        sscanf(line, " %15[a-z_[]", key);
        section += key[0] == '[';
        if (section == 1 && (strcmp(key, "batch") == 0 || strcmp(key, "subdivisions") == 0)) continue;
        dprintf(copy, "%s%s", line, section == 1 && key[0] == '[' ? "batch=1\nsubdivisions=1\n" : "");
    }
    free(line);
    fclose(in);
    return copy;
}

dk_train_map *dk_train_map_open(const char *cfg, const dk_datafile *file, const dk_lines *valid)
{
    dk_train_map *map = calloc(1, sizeof *map);
    if (!map) dk_die("out of memory for -map");
    char path[64];
    const int copy = single_cfg(cfg);
    snprintf(path, sizeof path, "/proc/self/fd/%d", copy);
    dk_chatter_hold(cfg);
    map->net = parse_network_cfg(path);
    dk_repair_network(map->net);
    dk_chatter_drop();
    close(copy);
    map->valid = valid;
    if (file->names && access(file->names, R_OK) == 0) dk_lines_read(file->names, "class names", &map->names);
    map->best = -1;
    return map;
}

void dk_train_map_close(dk_train_map *map)
{
    if (!map) return;
    free_network(map->net);
    dk_lines_free(&map->names);
    free(map);
}

static uint64_t rounds_between(const dk_train *train)
{
    const int epochs = train->cli->map_epochs ? train->cli->map_epochs : DEFAULT_EPOCHS;
    const uint64_t rounds = (uint64_t)epochs * (uint64_t)train->args.m / (uint64_t)train->images;
    const uint64_t least = train->cli->map_epochs ? 1 : DEFAULT_ROUNDS;
    return rounds > least ? rounds : least;
}

static uint64_t next_round(const dk_train *train)
{
    const uint64_t next = train->map->measured + rounds_between(train);
    const uint64_t burn_in = train->net->burn_in > 0 ? (uint64_t)train->net->burn_in : 0;
    return next > burn_in ? next : burn_in;
}

/* Measures the weights in a file; false if a signal came meanwhile. */
static bool measure(dk_train *train, const char *path, dk_map *result)
{
    dk_train_map *map = train->map;
    const dk_cli *cli = train->cli;
    dk_chatter_hold(path);
    load_weights(map->net, (char *)path);
    dk_chatter_drop();
    const dk_map_settings settings = {
        .iou = cli->iou, .thresh = cli->thresh, .points = cli->points, .stop = dk_stop_flag()};
    return dk_map_measure(map->net, map->valid, &settings, result);
}

static bool same_size(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_size == y.st_size;
}

static void report(const dk_train *train, const dk_map *result, uint64_t round, bool better, uint64_t last,
                   dk_progress *progress)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) return;
    const dk_cli *cli = train->cli;
    const dk_map_settings settings = {.iou = cli->iou, .thresh = cli->thresh, .points = cli->points};
    const dk_lines *names = &train->map->names;
    const int classes = train->map->net->layers[train->map->net->n - 1].classes;
    dk_map_print(out, result, &settings, names->n >= classes ? names->line : NULL);
    fprintf(out, "\n mean_average_precision (mAP@%0.2f) = %f \n", (double)cli->iou, result->mean);
    fprintf(out, "%s Last accuracy mAP@%0.2f = %2.2f %%, best = %2.2f %% (%llu iterations)\n",
            better ? "New best mAP!\n" : "", (double)cli->iou, 100 * result->mean, 100 * train->map->best,
            (unsigned long long)round);
    if (round != last)
        fprintf(out, " (next mAP calculation at %llu iterations)\n", (unsigned long long)next_round(train));
    fclose(out);
    dk_progress_text(progress, text);
    free(text);
}

static int measure_now(dk_train *train, dk_session *session, float loss, dk_progress *progress, uint64_t last)
{
    dk_train_map *map = train->map;
    char path[PATH_MAX], best[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s_map.weights", train->backup, train->base);
    snprintf(best, sizeof best, "%s/%s_best.weights", train->backup, train->base);
    dk_progress_break(progress);
    const int err = dk_session_save(session, path);
    if (err != DC_OK) {
        if (!dk_stop_signal()) dk_note("-map: %s", dc_last_error());
        return err;
    }
    dk_map result = {0};
    bool done = true;
    if (map->other && same_size(path, best)) {
        done = measure(train, best, &result);
        if (done) map->best = result.mean;
        dk_map_free(&result);
    }
    map->other = false;
    done = done && measure(train, path, &result);
    const bool better = done && result.mean > map->best;
    if (better) map->best = result.mean;
    if (better ? rename(path, best) != 0 : unlink(path) != 0)
        dk_note("-map: cannot %s %s: %s", better ? "rename" : "remove", path, strerror(errno));
    if (done) { /* else stopped: the loop sees the signal */
        map->measured = dk_session_round(session);
        report(train, &result, map->measured, better, last, progress);
        dk_session_report(session, (double)loss, result.mean, last);
        if (train->chart) {
            dk_chart_map(train->chart, (long long)map->measured, (float)result.mean);
            dk_chart_save(train->chart);
        }
    }
    dk_map_free(&result);
    return DC_OK;
}

int dk_train_map_round(dk_train *train, dk_session *session, float loss, dk_progress *progress, uint64_t last)
{
    dk_train_map *map = train->map;
    const uint64_t round = dk_session_round(session);
    if (!map || dk_session_rank(session) != 0) return DC_OK;
    if (!map->began) { /* the first round of this process is behind us */
        map->began = true;
        map->measured = round - 1;
        map->other = round > 1;
    }
    return round >= next_round(train) || round == last ? measure_now(train, session, loss, progress, last)
                                                       : DC_OK;
}
