/* labels.h - a detector's label files: where an image's is, and what it says. */
#ifndef DK_LABELS_H
#define DK_LABELS_H

#include <darknet.h>
#include <stdbool.h>
#include <stddef.h>

/* The boxes of one image, in the file's order. */
typedef struct dk_labels {
    box_label *box; /* [n], left, right, top and bottom among it; the caller's to free */
    int n;
} dk_labels;

/* dk_labels_beside_first - looks for NAME.txt beside the image before labels/NAME.txt, as the forks do; the
 * default is the packaged library's order. Set once, before threads start. */
void dk_labels_beside_first(bool first);

/* dk_labels_lenient - a line that is wrong is passed over
 * from here on (-force). Set once, before threads start. */
void dk_labels_lenient(bool lenient);

/* dk_labels_path - the label file of an image: with the first "images", "JPEGImages" and "raw" in its path
 * replaced by "labels", as the packaged library does, or with the last folder "images" so, or beside the
 * image; the suffix becomes .txt in each. Returns true if one of them is there. If none is, path is where the
 * first was looked for. Any thread. */
bool dk_labels_path(const char *image, char path[4096]);

/* dk_labels_read - reads a label file: lines of class, x, y, width, height, the last four as shares of the
 * image from 0 to 1. Empty lines, Windows line ends and a byte order mark are fine. Returns 0; or -1 and a
 * message in text that names file and line, with *labels empty, for what is no such line. classes 0: any
 * class is right. Any thread. */
int dk_labels_read(const char *path, int classes, dk_labels *labels, char *text, size_t size);

/* dk_labels_of - the boxes of an image; none if it has no label file or that cannot be read (which was
 * checked before). Any thread. */
dk_labels dk_labels_of(const char *image, int classes);

#endif
