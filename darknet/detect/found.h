/* found.h - an image through a detector, and which of the boxes found are shown. */
#ifndef DK_FOUND_H
#define DK_FOUND_H

#include <darknet.h>
#include <stdbool.h>
#include <stdio.h>

#include "detect/canvas.h"

/* dk_sized - im as net takes images: the caller frees it with free_image. */
image dk_sized(const network *net, image im);

/* dk_found - runs net (batch 1) on an image of dk_sized, which was w x h pixels
 * before, and returns boxes above thresh, as shares of the image, after
 * non-maximum suppression at nms; the caller frees them with free_detections. */
detection *dk_found(network *net, image sized, int w, int h, float thresh, float hier, float nms, int *n);

/* One box that is shown. */
typedef struct dk_mark {
    const detection *box;
    int class; /* the likeliest above the threshold */
} dk_mark;

/* dk_marks - the boxes among dets[0..n) with a class above thresh, from left to right; returns how many.
 * Classes whose name begins with dont_show are not shown. The caller frees *marks. */
int dk_marks(const detection *dets, int n, int classes, float thresh, char **names, dk_mark **marks);

/* dk_marks_print - a line for each class of each box, as the forks print it; pixels: with its place in a
 * image of w x h pixels. */
void dk_marks_print(FILE *out, const dk_mark *marks, int n, int classes, float thresh, char **names,
                    bool pixels, int w, int h);

/* dk_marks_draw - draws the boxes into an image of w x h pixels, each in its class's colour. */
void dk_marks_draw(dk_canvas *canvas, const dk_mark *marks, int n, char **names, int classes, int w, int h);

/* dk_found_json - all classes of dets[0..n) as the forks' JSON object, without a line end. path: of the
 * image, NULL for a frame of a video. */
void dk_found_json(FILE *out, const detection *dets, int n, int classes, char **names, long frame,
                   const char *path);

/* dk_found_labels - writes dets[0..n) as the image's label file, where the forks write it: beside the image,
 * but in labels/ for the folders of COCO and PASCAL VOC. Shares beyond the image are cut to it. Ends the
 * program with a line if the file cannot be written. */
void dk_found_labels(const char *image, const detection *dets, int n, int classes, float thresh);

#endif
