/* found.c - see found.h. */
#include "detect/found.h"

#include "network/boxes.h"
#include "replace/fatal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

image dk_sized(const network *net, image im)
{
    return dk_letterbox(net) ? letterbox_image(im, net->w, net->h) : resize_image(im, net->w, net->h);
}

detection *dk_found(network *net, image sized, int w, int h, float thresh, float hier, float nms, int *n)
{
    network_predict(net, sized.data);
    detection *dets = get_network_boxes(net, w, h, thresh, hier, NULL, 1, n);
    dk_suppress(net, dets, *n, net->layers[net->n - 1].classes, nms);
    return dets;
}

float get_color(int c, int x, int max); /* of the library; its header has it not */

static bool shown(const char *name)
{
    return strncmp(name, "dont_show", strlen("dont_show")) != 0;
}

static int from_left(const void *a, const void *b)
{
    const detection *x = ((const dk_mark *)a)->box, *y = ((const dk_mark *)b)->box;
    const float s = x->bbox.x - x->bbox.w / 2, t = y->bbox.x - y->bbox.w / 2;
    if (s < t || s > t) return s < t ? -1 : 1;
    return (x > y) - (x < y);
}

int dk_marks(const detection *dets, int n, int classes, float thresh, char **names, dk_mark **marks)
{
    dk_mark *all = malloc(((size_t)n + 1) * sizeof *all);
    if (all == NULL) dk_die("out of memory");
    int count = 0;
    for (int i = 0; i < n; i++) {
        int best = -1;
        for (int c = 0; c < classes; c++)
            if (dets[i].prob[c] > (best < 0 ? thresh : dets[i].prob[best]) && shown(names[c])) best = c;
        if (best >= 0) all[count++] = (dk_mark){&dets[i], best};
    }
    qsort(all, (size_t)count, sizeof *all, from_left);
    *marks = all;
    return count;
}

static void print_class(FILE *out, const dk_mark *mark, int class, char **names, bool pixels, int w, int h)
{
    const box b = mark->box->bbox;
    fprintf(out, "%s: %.0f%%", names[class], (double)mark->box->prob[class] * 100);
    if (pixels)
        fprintf(out, "\t(left_x: %4.0f   top_y: %4.0f   width: %4.0f   height: %4.0f)",
                round((double)((b.x - b.w / 2) * (float)w)), round((double)((b.y - b.h / 2) * (float)h)),
                round((double)(b.w * (float)w)), round((double)(b.h * (float)h)));
    fputc('\n', out);
}

void dk_marks_print(FILE *out, const dk_mark *marks, int n, int classes, float thresh, char **names,
                    bool pixels, int w, int h)
{
    for (int i = 0; i < n; i++) {
        print_class(out, &marks[i], marks[i].class, names, pixels, w, h);
        for (int c = 0; c < classes; c++)
            if (c != marks[i].class && marks[i].box->prob[c] > thresh)
                print_class(out, &marks[i], c, names, pixels, w, h);
    }
}

void dk_marks_draw(dk_canvas *canvas, const dk_mark *marks, int n, char **names, int classes, int w, int h)
{
    for (int i = 0; i < n; i++) {
        const box b = marks[i].box->bbox;
        char text[256];
        const int class = marks[i].class, offset = (int)((long)class * 123457 % classes);
        snprintf(text, sizeof text, "%s: %.2f", names[class], (double)marks[i].box->prob[class]);
        const dk_framed framed = {.left = (int)((b.x - b.w / 2) * (float)w),
                                  .top = (int)((b.y - b.h / 2) * (float)h),
                                  .right = (int)((b.x + b.w / 2) * (float)w),
                                  .bottom = (int)((b.y + b.h / 2) * (float)h),
                                  .rgb = {get_color(2, offset, classes), get_color(1, offset, classes),
                                          get_color(0, offset, classes)},
                                  .text = text};
        dk_canvas_frame(canvas, &framed);
    }
}
