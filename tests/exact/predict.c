/* predict.c - see predict.h. */
#include "exact/predict.h"

#include <darknet.h>
#include <stdlib.h>

#include "kernels/kernels.h"

enum { TOP = 5 };

static network *load(const char *cfg, const char *weights)
{
    gpu_index = -1;
    (void)dk_kernels_select("stock");
    network *net = load_network((char *)cfg, (char *)weights, 0);
    set_batch_network(net, 1);
    return net;
}

/* The packaged `classifier predict` with labels 0, 1, 2, ... prints these lines. */
int ex_classify(const char *cfg, const char *weights, const char *image_path)
{
    network *net = load(cfg, weights);
    const image im = load_image_color((char *)image_path, 0, 0);
    const image boxed = letterbox_image(im, net->w, net->h);
    const float *p = network_predict(net, boxed.data);
    int best[TOP];
    const int top = net->outputs < TOP ? net->outputs : TOP;
    top_k((float *)p, net->outputs, top, best);
    for (int i = 0; i < top; i++)
        printf("%5.2f%%: %d\n", (double)(p[best[i]] * 100), best[i]);
    free_image(boxed);
    free_image(im);
    return 0;
}

static float at_least(float x, float low)
{
    return x < low ? low : x;
}

static float at_most(float x, int high)
{
    return x > (float)high ? (float)high : x;
}

/* The packaged `detector valid` writes these lines, without the class, to a file per class. */
int ex_detect(const char *cfg, const char *weights, const char *image_path)
{
    network *net = load(cfg, weights);
    const image im = load_image_color((char *)image_path, 0, 0);
    const image boxed = letterbox_image(im, net->w, net->h);
    const int classes = net->layers[net->n - 1].classes;
    int n = 0;
    network_predict(net, boxed.data);
    detection *found = get_network_boxes(net, im.w, im.h, .005f, .5f, NULL, 0, &n);
    do_nms_sort(found, n, classes, .45f);
    char *id = basecfg((char *)image_path);
    for (int i = 0; i < n; i++) {
        const box b = found[i].bbox;
        const float left = (float)(b.x - b.w / 2. + 1), right = (float)(b.x + b.w / 2. + 1);
        const float top = (float)(b.y - b.h / 2. + 1), bottom = (float)(b.y + b.h / 2. + 1);
        for (int k = 0; k < classes; k++)
            if (found[i].prob[k] != 0)
                printf("%d %s %f %f %f %f %f\n", k, id, (double)found[i].prob[k], (double)at_least(left, 1),
                       (double)at_least(top, 1), (double)at_most(right, im.w), (double)at_most(bottom, im.h));
    }
    free(id);
    free_detections(found, n);
    free_image(boxed);
    free_image(im);
    return 0;
}
