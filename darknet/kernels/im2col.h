/* im2col.h - the library's functions of these names. data_im is [channels][height][width]; data_col is
 * [channels * ksize * ksize][out_h * out_w]. col2im adds to data_im. */
#ifndef DK_IM2COL_H
#define DK_IM2COL_H

#include <darknet.h>

void im2col_cpu(float *data_im, int channels, int height, int width, int ksize, int stride, int pad,
                float *data_col);
void col2im_cpu(float *data_col, int channels, int height, int width, int ksize, int stride, int pad,
                float *data_im);

/* dk_im2col, dk_col2im - the same for one group of a convolutional
 * layer's channels, by its own steps and dilation. */
void dk_im2col(const layer *l, float *image, float *col);
void dk_col2im(const layer *l, float *col, float *image);

#endif
