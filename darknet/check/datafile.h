/* datafile.h - what a .data file names: lists of images, labels, the backup directory. */
#ifndef DK_DATAFILE_H
#define DK_DATAFILE_H

#include "replace/readable.h"

#include <stdbool.h>

/* The lines of a text file; owned by the struct. */
typedef struct dk_lines {
    const char *path; /* borrowed */
    char **line;      /* [n], also what the library wants as char ** */
    int *number;      /* [n] where in the file each stands, from 1 */
    int n;
} dk_lines;

typedef struct dk_datafile {
    const char *path;   /* borrowed */
    const char *train;  /* list of images */
    const char *valid;  /* list of images to measure on, or NULL */
    const char *names;  /* file of a detector's class names, or NULL */
    const char *labels; /* list of class names; NULL for detectors and tags */
    const char *tree;   /* hierarchy of classes, or NULL */
    const char *backup; /* directory, without a trailing slash */
    int classes;
    bool tag;                        /* many labels per image, in files */
    unsigned save_every, last_every; /* rounds between NAME_N.weights, NAME_last.weights; 0 = the default */
} dk_datafile;

/* dk_lines_read - reads a list such as `train = FILE` names; empty lines and those of a comment (#), a byte
 * order mark, and blanks and Windows line ends after a path, are passed over. what says in messages which
 * list it is. Ends the program with a line if it cannot be read or is empty. dk_names_read - the same for a
 * file of class names, where no line between two names may be empty, and # is a name like any other. */
void dk_lines_read(const char *path, const char *what, dk_lines *lines);
void dk_names_read(const char *path, const char *what, dk_lines *names);
void dk_lines_free(dk_lines *lines);

typedef enum dk_datafile_use { DK_FOR_CLASSIFIER, DK_FOR_DETECTOR, DK_FOR_REGRESSOR } dk_datafile_use;

/* dk_datafile_read - reads what a training command of that kind needs. Strings live until
 * the program ends. Ends the program with a line that names a missing key. */
void dk_datafile_read(const char *path, dk_datafile_use use, dk_datafile *data);

#endif
