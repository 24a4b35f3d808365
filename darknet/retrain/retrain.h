/* retrain.h - the parts of `darknet detector retrain`: a network is trained further on what a camera sees,
 * with boxes from a stronger network or from files. Private to retrain*.c. */
#ifndef DK_RETRAIN_H
#define DK_RETRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "cli/cli.h"
#include "check/datafile.h"

typedef struct dk_retrain {
    const char *source;        /* video, camera, stream or folder */
    const char *teacher[2];    /* cfg and weights of the network that labels, or NULL */
    const char *teacher_names; /* its classes; NULL: the student's */
    const char *labels;        /* folder of label files, or NULL */
    const char *out;           /* folder, "retrain" */
    bool png;                  /* images are .png, not .jpg */
    int every;                 /* takes each every-th frame */
    int frames;                /* takes so many at most, 0 = no limit */
    float thresh;              /* the teacher's least score */
    bool empty;                /* keeps frames in which the teacher sees nothing */
    bool only_list;            /* does not train */
    bool relabel;              /* starts anew where -out has been filled */
    char **names;              /* the student's classes */
    int classes;
} dk_retrain;

/* dk_retrain_options - reads retrain's own flags into retrain, the others and the words into cli; both borrow
 * argv. Ends the program with a line on bad input. */
void dk_retrain_options(int argc, char **argv, dk_retrain *retrain, dk_cli *cli);

/* dk_retrain_help - retrain's flags, for a terminal. */
void dk_retrain_help(FILE *out);

/* Who says what a frame shows. */
typedef struct dk_labeller dk_labeller;

/* dk_labeller_open - loads the teacher, or checks the folder of labels. Ends the program with a line if its
 * classes and the student's do not go together. */
dk_labeller *dk_labeller_open(const dk_retrain *retrain);

/* dk_labeller_boxes - the label file's text for frame `number` called name, whose image is in the file
 * image: lines of class, x, y, width, height, the caller's to free. NULL if the frame has none and is to be
 * passed over. *boxes: how many. */
char *dk_labeller_boxes(dk_labeller *labeller, int number, const char *name, const char *picture, int *boxes);

/* dk_labeller_why - what to tell the user when no frame had labels. */
const char *dk_labeller_why(const dk_labeller *labeller);

void dk_labeller_close(dk_labeller *labeller);

/* dk_retrain_collect - fills retrain->out: images/, labels/, train.list and, last, retrain.data, whose path
 * is returned (the caller's to free). What is there already from the same source and labels is taken as it
 * is. Ends the program with a line on failure. */
char *dk_retrain_collect(const dk_retrain *retrain, const dk_datafile *file);

#endif
