/* im2col.h - the library's functions of these names. data_im is [channels][height][width]; data_col is
 * [channels * ksize * ksize][out_h * out_w]. col2im adds to data_im. */
#ifndef DK_IM2COL_H
#define DK_IM2COL_H

void im2col_cpu(float *data_im, int channels, int height, int width, int ksize, int stride, int pad,
                float *data_col);
void col2im_cpu(float *data_col, int channels, int height, int width, int ksize, int stride, int pad,
                float *data_im);

#endif
