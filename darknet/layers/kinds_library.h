/* kinds_library.h - kinds of layer whose options the packaged library reads: its parsers and its resizing as
 * kinds.c wants them. */
#ifndef DK_KINDS_LIBRARY_H
#define DK_KINDS_LIBRARY_H

#include "layers/source.h"

layer dk_library_activation(const dk_source *s);
layer dk_library_avgpool(const dk_source *s);
layer dk_library_batchnorm(const dk_source *s);
layer dk_library_connected(const dk_source *s);
layer dk_library_cost(const dk_source *s);
layer dk_library_crnn(const dk_source *s);
layer dk_library_crop(const dk_source *s);
layer dk_library_deconvolutional(const dk_source *s);
layer dk_library_detection(const dk_source *s);
layer dk_library_gru(const dk_source *s);
layer dk_library_iseg(const dk_source *s);
layer dk_library_l2norm(const dk_source *s);
layer dk_library_local(const dk_source *s);
layer dk_library_logistic(const dk_source *s);
layer dk_library_lstm(const dk_source *s);
layer dk_library_normalization(const dk_source *s);
layer dk_library_region(const dk_source *s);
layer dk_library_reorg(const dk_source *s);
layer dk_library_rnn(const dk_source *s);
layer dk_library_softmax(const dk_source *s);
layer dk_library_upsample(const dk_source *s);

void dk_library_resize_avgpool(layer *l, int w, int h, int inputs, network *net);
void dk_library_resize_cost(layer *l, int w, int h, int inputs, network *net);
void dk_library_resize_crop(layer *l, int w, int h, int inputs, network *net);
void dk_library_resize_normalization(layer *l, int w, int h, int inputs, network *net);
void dk_library_resize_region(layer *l, int w, int h, int inputs, network *net);
void dk_library_resize_reorg(layer *l, int w, int h, int inputs, network *net);
void dk_library_resize_upsample(layer *l, int w, int h, int inputs, network *net);

#endif
