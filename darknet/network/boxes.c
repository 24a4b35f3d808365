/* boxes.c - num_detections, make_network_boxes and fill_network_boxes, in the place of the library's, which
 * know no [yolo] of the forks' and no stretched images. get_network_boxes calls them. */
#include "network/boxes.h"

#include "layers/make.h"
#include "layers/yolo_head.h"
#include "layers/extra.h"

#include <stdlib.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

int yolo_num_detections(layer l, float thresh);
int num_detections(network *net, float thresh);
detection *make_network_boxes(network *net, float thresh, int *num);
void fill_network_boxes(network *net, int w, int h, float thresh, float hier, int *map, int relative,
                        detection *dets);

static bool letterbox_always;

bool dk_letterbox(const network *net)
{
    return letterbox_always || dk_network_extra_of(net)->letter_box;
}

void dk_letterbox_set(bool letterbox)
{
    letterbox_always = letterbox;
}

data_type dk_picture_data(const network *net)
{
    return dk_letterbox(net) ? LETTERBOX_DATA : IMAGE_DATA;
}

/* ---- the forks' [yolo] ------------------------------------------------------------------------------ */

static int count_yolo(const layer *l, float thresh)
{
    const int coords = dk_yolo_coords(l), cells = l->w * l->h;
    int count = 0;
    for (int n = 0; n < l->n; n++) {
        const float *objects = l->output + dk_yolo_at(l, coords, 0, n, 0, coords);
        for (int i = 0; i < cells; i++)
            count += objects[i] > thresh;
    }
    return count;
}

/* Shares of the network's image become shares, or pixels, of the image that was put into it. */
static box in_picture(box b, const network *net, int w, int h, int relative)
{
    float across = 1, down = 1;
    if (dk_letterbox(net)) {
        const bool wide = (float)net->w / (float)w < (float)net->h / (float)h;
        const int new_w = wide ? net->w : w * net->h / h, new_h = wide ? h * net->w / w : net->h;
        across = (float)new_w / (float)net->w;
        down = (float)new_h / (float)net->h;
    }
    b = (box){.x = (b.x - (1 - across) / 2) / across,
              .y = (b.y - (1 - down) / 2) / down,
              .w = b.w / across,
              .h = b.h / down};
    if (!relative) b = (box){b.x * (float)w, b.y * (float)h, b.w * (float)w, b.h * (float)h};
    return b;
}

/* How sure [Gaussian_yolo] is of the box itself. */
static float certainty(const layer *l, const float *x, size_t step)
{
    if (dk_yolo_coords(l) == 4) return 1;
    return 1 - (x[step] + x[3 * step] + x[5 * step] + x[7 * step]) / 4;
}

static int fill_yolo(const layer *l, const network *net, int w, int h, float thresh, int relative,
                     detection *dets)
{
    const dk_yolo *y = dk_yolo_of(l);
    const int coords = dk_yolo_coords(l), cells = l->w * l->h;
    const size_t step = (size_t)cells;
    int count = 0;
    for (int i = 0; i < cells; i++)
        for (int n = 0; n < l->n; n++) {
            const float *x = l->output + dk_yolo_at(l, coords, 0, n, i, 0);
            const float object = x[(size_t)coords * step];
            if (!(object > thresh)) continue;
            detection *d = &dets[count++];
            const box b = dk_yolo_box(l, y, x, step, l->mask[n], i % l->w, i / l->w, net->w, net->h);
            d->bbox = in_picture(b, net, w, h, relative);
            d->objectness = object;
            d->classes = l->classes;
            const float sure = object * certainty(l, x, step);
            for (int c = 0; c < l->classes; c++) {
                const float p = sure * x[(size_t)(coords + 1 + c) * step];
                d->prob[c] = p > thresh ? p : 0;
            }
        }
    return count;
}

/* ---- the library's functions ------------------------------------------------------------------------ */

LIBRARY_ENTRY int num_detections(network *net, float thresh)
{
    int sum = 0;
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if (dk_yolo_of(l) != NULL)
            sum += count_yolo(l, thresh);
        else if (l->type == YOLO)
            sum += yolo_num_detections(*l, thresh);
        else if (l->type == DETECTION || l->type == REGION)
            sum += l->w * l->h * l->n;
    }
    return sum;
}

LIBRARY_ENTRY detection *make_network_boxes(network *net, float thresh, int *num)
{
    const layer *l = &net->layers[net->n - 1];
    const int n = num_detections(net, thresh);
    if (num) *num = n;
    detection *dets = dk_room((size_t)n, sizeof *dets);
    for (int i = 0; i < n; i++) {
        dets[i].prob = dk_room((size_t)l->classes, sizeof(float));
        if (l->coords > 4) dets[i].mask = dk_room((size_t)(l->coords - 4), sizeof(float));
    }
    return dets;
}

LIBRARY_ENTRY void fill_network_boxes(network *net, int w, int h, float thresh, float hier, int *map,
                                      int relative, detection *dets)
{
    for (int i = 0; i < net->n; i++) {
        const layer l = net->layers[i];
        if (dk_yolo_of(&l) != NULL) {
            dets += fill_yolo(&l, net, w, h, thresh, relative, dets);
        } else if (l.type == YOLO) {
            dets += get_yolo_detections(l, w, h, net->w, net->h, thresh, map, relative, dets);
        } else if (l.type == REGION) {
            get_region_detections(l, w, h, net->w, net->h, thresh, map, hier, relative, dets);
            dets += l.w * l.h * l.n;
        } else if (l.type == DETECTION) {
            get_detection_detections(l, w, h, thresh, dets);
            dets += l.w * l.h * l.n;
        }
    }
}
