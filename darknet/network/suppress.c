/* suppress.c - see boxes.h. */
#include "network/boxes.h"

#include "layers/yolo_head.h"

#include <stdlib.h>

static int by_probability(const void *pa, const void *pb)
{
    const detection *a = pa, *b = pb;
    const float x = a->prob[b->sort_class], y = b->prob[b->sort_class];
    return (x < y) - (x > y);
}

/* Boxes without objectness go to the end; returns how many have some. */
static int bring_forward(detection *dets, int n)
{
    int last = n - 1;
    for (int i = 0; i <= last; i++) {
        if (dets[i].objectness > 0 || dets[i].objectness < 0) continue;
        const detection other = dets[last];
        dets[last--] = dets[i];
        dets[i--] = other;
    }
    return last + 1;
}

static bool suppresses(const dk_yolo *y, box a, box b, float thresh)
{
    switch (y->nms) {
    case DK_NMS_GREEDY:
        return dk_overlap_of(a, b, DK_OVERLAP_DIOU) > thresh;
    case DK_NMS_DIOU:
        return dk_overlap_diou(a, b, y->beta_nms) > thresh;
    default:
        return dk_overlap_iou(a, b) > thresh;
    }
}

void dk_suppress(const network *net, detection *dets, int n, int classes, float thresh)
{
    const dk_yolo *y = dk_yolo_of(&net->layers[net->n - 1]);
    if (y == NULL || y->nms == DK_NMS_DEFAULT) {
        do_nms_sort(dets, n, classes, thresh);
        return;
    }
    n = bring_forward(dets, n);
    for (int c = 0; c < classes; c++) {
        for (int i = 0; i < n; i++)
            dets[i].sort_class = c;
        qsort(dets, (size_t)n, sizeof *dets, by_probability);
        for (int i = 0; i < n; i++)
            for (int j = i + 1; j < n && dets[i].prob[c] > 0; j++)
                if (dets[j].prob[c] > 0 && suppresses(y, dets[i].bbox, dets[j].bbox, thresh))
                    dets[j].prob[c] = 0;
    }
}
