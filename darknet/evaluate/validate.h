/* validate.h - the commands that use a trained network: predict, validate, measure. They run through our
 * kernels and take the packaged program's arguments; each returns the exit status.
 *
 * DESIGN
 *   dk_eval is what they share: the command line, the data file, the network at batch 1. Images are read by
 * threads of their own, a few ahead of the network (dk_ahead). Results are written as the packaged program
 * writes them, to a temporary file renamed when complete. Bad input ends the program with one line before
 * anything is written. */
#ifndef DK_VALIDATE_H
#define DK_VALIDATE_H

#include <darknet.h>
#include <stdbool.h>
#include <stdio.h>

#include "dynacomm_file.h"

/* darknet detector valid|recall|map DATA CFG WEIGHTS, yolo valid CFG WEIGHTS, classifier valid|predict DATA
 * CFG WEIGHTS [IMAGE], classify CFG WEIGHTS [IMAGE]. Images with boxes: detect/detect.h. */
int dk_cmd_detector_valid(int argc, char **argv);
int dk_cmd_detector_recall(int argc, char **argv);
int dk_cmd_detector_map(int argc, char **argv);
int dk_cmd_yolo_valid(int argc, char **argv);
int dk_cmd_classifier_valid(int argc, char **argv);
int dk_cmd_classifier_predict(int argc, char **argv);
int dk_cmd_classify(int argc, char **argv);

/* What a command does: which flags it reads. */
typedef enum dk_eval_use {
    DK_EVAL_TEST = 1,  /* boxes of single images */
    DK_EVAL_VALID = 2, /* detections as files */
    DK_EVAL_RECALL = 4,
    DK_EVAL_MAP = 8,
    DK_EVAL_DEMO = 16, /* boxes of a video */
    DK_EVAL_ANCHORS = 32,
    DK_EVAL_PREDICT = 64, /* classes of images */
    DK_EVAL_COPY = 128,   /* weights to weights */
    DK_EVAL_ALL = 255
} dk_eval_use;

typedef struct dk_eval {
    dk_eval_use use;
    const char *data, *cfg, *weights, *image; /* as given; data and image may be NULL */
    const char *to, *number;                  /* of DK_EVAL_COPY */
    const char *out, *list;
    float thresh, hier, iou;
    int top, points;
    int clusters, width, height, seed; /* of calc_anchors; 0 = not given */
    bool show, want_show; /* a window; as the command line has it, whether there is a display or not */
    bool ext_output, save_labels, no_boxes;
    const char *film, *prefix, *json, *json_port; /* of DK_EVAL_DEMO: files to write; NULL: none */
    int camera, seconds;                          /* its number; of the demo, 0 = to its end */
    bool forks;           /* what is printed and written is in the words of the darknet forks */
    struct list *options; /* of the data file, or NULL */
    network *net;
    int classes;
} dk_eval;

/* dk_eval_words - reads flags (flags.h) and `words` file names that follow the command's `skip` words,
 * selects kernels and threads and reads the data file. words: of "dcwion", data, cfg, weights, image, a file
 * to write, a number; all must be there, but an image. dk_eval_open - besides parses cfg and
 * weights, in their dialect. Both end the program with a line on bad input. */
void dk_eval_words(dk_eval *e, dk_eval_use use, int argc, char **argv, int skip, const char *words);
void dk_eval_open(dk_eval *e, dk_eval_use use, int argc, char **argv, int skip, const char *words);

/* dk_eval_choose - the number of the packaged Darknet or of the forks, by the network's dialect.
 * dk_eval_thresh - sets e->thresh so if the command line did not. */
float dk_eval_choose(const dk_eval *e, float packaged, float forks);
void dk_eval_thresh(dk_eval *e, float packaged, float forks);

/* dk_eval_option - a key of the data file; fallback if it is not there. If fallback is NULL the key is
 * needed: its absence ends the program with a line. */
const char *dk_eval_option(const dk_eval *e, const char *key, const char *fallback);

/* dk_eval_names - the file of class names, checked to have one for each of the network's classes. */
char **dk_eval_names(const dk_eval *e, const char *path);

/* dk_has_display - true if there may be windows. */
bool dk_has_display(void);

/* dk_eval_need_detector - ends the program with a line unless the network detects. dk_eval_need_voc - unless
 * it does so for the classes of PASCAL VOC, dk_voc_names. */
void dk_eval_need_detector(const dk_eval *e);
void dk_eval_need_voc(const dk_eval *e);
extern const char *const dk_voc_names[20];

/* dk_eval_next_image - the path given, once, or lines read from stdin after a prompt; NULL at the end. */
const char *dk_eval_next_image(const dk_eval *e, char *line, size_t size);

/* Images read ahead of the network. */
typedef struct dk_ahead dk_ahead;

/* dk_ahead_open - starts reading paths[0..n), as type (LETTERBOX_DATA or IMAGE_DATA) for a w x h network.
 * Borrows paths. dk_ahead_next - the next image as it is and as the network takes it; the caller frees both
 * with free_image. False after the last. dk_ahead_stop - starts no more; those begun are still to be taken.
 * dk_ahead_close - after the last, frees. */
dk_ahead *dk_ahead_open(char **paths, int n, data_type type, int w, int h);
bool dk_ahead_next(dk_ahead *a, image *original, image *sized);
void dk_ahead_stop(dk_ahead *a);
void dk_ahead_close(dk_ahead *a);

/* A file written beside its name and renamed when complete. */
typedef struct dk_result {
    dc_output *output;
    FILE *file; /* the output's */
} dk_result;

/* dk_result_open, dk_result_at - end the program with a line if it cannot be written. dk_result_close - the
 * same for a write that failed; else the file is in place. */
void dk_result_open(dk_result *r, const char *directory, const char *name, const char *suffix);
void dk_result_at(dk_result *r, const char *path);
void dk_result_close(dk_result *r);

#endif
