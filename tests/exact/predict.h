/* predict.h - what our build of the program makes of a .weights file, printed as Darknet prints it. */
#ifndef EXACT_PREDICT_H
#define EXACT_PREDICT_H

/* ex_classify, ex_detect - load cfg and weights with the library as our program links it (stock kernels),
 * predict on one image, print every class or box with all digits. Return an exit status. */
int ex_classify(const char *cfg, const char *weights, const char *image);
int ex_detect(const char *cfg, const char *weights, const char *image);

#endif
