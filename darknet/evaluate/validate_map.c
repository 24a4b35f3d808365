/* validate_map.c - `darknet detector map DATA CFG WEIGHTS`: mean average precision, per class and together,
 * in the words of the darknet forks. */
#include "evaluate/detector_map.h"

#include "check/datafile.h"
#include "check/preflight.h"
#include "evaluate/validate.h"
#include "replace/fatal.h"

void dk_map_print(FILE *out, const dk_map *map, const dk_map_settings *settings, char **names)
{
    for (int c = 0; c < map->n; c++) {
        char number[16];
        snprintf(number, sizeof number, "%d", c);
        fprintf(out, "class_id = %d, name = %s, ap = %2.2f%%   \t (TP = %d, FP = %d) \n", c,
                names ? names[c] : number, map->class[c].ap * 100, map->class[c].hits, map->class[c].misses);
    }
    const int found = map->hits + map->misses;
    const double precision = map->hits > 0 ? (double)map->hits / found : 0;
    const double recall = map->objects > 0 ? (double)map->hits / map->objects : 0;
    fprintf(out, "\n for conf_thresh = %1.2f, precision = %1.2f, recall = %1.2f, F1-score = %1.2f \n",
            (double)settings->thresh, precision, recall,
            precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0);
    fprintf(out, " for conf_thresh = %0.2f, TP = %d, FP = %d, FN = %d, average IoU = %2.2f %% \n",
            (double)settings->thresh, map->hits, map->misses, map->objects - map->hits,
            found > 0 ? 100 * map->iou_sum / found : 0);
    fprintf(out, "\n IoU threshold = %2.0f %%, used ", (double)settings->iou * 100);
    if (settings->points > 0)
        fprintf(out, "%d Recall-points \n", settings->points);
    else
        fprintf(out, "Area-Under-Curve for each unique Recall \n");
    fprintf(out, " mean average precision (mAP@%0.2f) = %f, or %2.2f %% \n", (double)settings->iou, map->mean,
            100 * map->mean);
}

/* The data file's list `difficult`, if it has one; true if so. */
static bool read_difficult(const dk_eval *e, const dk_lines *images, dk_lines *list)
{
    const char *path = dk_eval_option(e, "difficult", "");
    if (path[0] == '\0') return false;
    dk_lines_read(path, "list of difficult objects", list);
    if (list->n != images->n)
        dk_die("%s has %d lines, but %s has %d: line for line they are about one image", path, list->n,
               images->path, images->n);
    dk_check_truths(list, DETECTION_DATA, e->classes, DK_MISSING_ALL);
    return true;
}

int dk_cmd_detector_map(int argc, char **argv)
{
    dk_eval e;
    dk_eval_open(&e, DK_EVAL_MAP, argc, argv, 2, "dcw");
    dk_eval_thresh(&e, .25f, .25f);
    char **names = dk_eval_names(&e, dk_eval_option(&e, "names", NULL));
    dk_lines images, difficult;
    dk_lines_read(dk_eval_option(&e, "valid", NULL), "validation list", &images);
    dk_check_images(&images);
    dk_check_truths(&images, DETECTION_DATA, e.classes, DK_MISSING_MOST);
    const bool some_difficult = read_difficult(&e, &images, &difficult);
    const dk_map_settings settings = {.iou = e.iou,
                                      .thresh = e.thresh,
                                      .points = e.points,
                                      .difficult = some_difficult ? &difficult : NULL};
    const double start = what_time_is_it_now();
    dk_map map;
    printf("\n calculation mAP (mean average precision)...\n");
    dk_map_measure(e.net, &images, &settings, &map);
    printf("\n detections_count = %d, unique_truth_count = %d  \n", map.detections, map.objects);
    dk_map_print(stdout, &map, &settings, names);
    fprintf(stderr, "Total Detection Time: %.2f Seconds\n", what_time_is_it_now() - start);
    dk_map_free(&map);
    dk_lines_free(&images);
    if (some_difficult) dk_lines_free(&difficult);
    free_network(e.net);
    return 0;
}
