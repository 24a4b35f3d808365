/* truth.c - fill_truth_detection, in the place of the library's function of that name: the boxes of an image
 * after it was scaled, shifted and flipped, as one row of truth.
 *
 * DESIGN
 *   The library finds the label file by replacing ".jpg" and ".png" only, ends the
 * program when there is none, and takes NaN and infinities for sizes. Here it is
 * found and read by check/labels.c; what is done to the boxes is the library's own
 * (randomize_boxes, correct_boxes), so that the rows are the same bit for bit. */
#include "check/labels.h"

#include <stdlib.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

/* In the library, not in its header. */
void randomize_boxes(box_label *b, int n);
void correct_boxes(box_label *boxes, int n, float dx, float dy, float sx, float sy, int flip);

LIBRARY_ENTRY void fill_truth_detection(char *path, int num_boxes, float *truth, int classes, int flip,
                                        float dx, float dy, float sx, float sy);

LIBRARY_ENTRY void fill_truth_detection(char *path, int num_boxes, float *truth, int classes, int flip,
                                        float dx, float dy, float sx, float sy)
{
    const double least = .001; /* smaller boxes are left out */
    dk_labels labels = dk_labels_of(path, classes);
    randomize_boxes(labels.box, labels.n);
    correct_boxes(labels.box, labels.n, dx, dy, sx, sy, flip);
    for (int i = 0; i < labels.n && i < num_boxes; i++) {
        const box_label *b = &labels.box[i];
        if ((double)b->w < least || (double)b->h < least) continue;
        const float row[] = {b->x, b->y, b->w, b->h, (float)b->id};
        for (size_t k = 0; k < sizeof row / sizeof *row; k++)
            *truth++ = row[k];
    }
    free(labels.box);
}
