/* layers.h - functions of the library that ours stand in for and that its public header does not declare,
 * with the library's own names and meaning; and what our layers share. */
#ifndef DK_LAYERS_H
#define DK_LAYERS_H

#include <darknet.h>

void forward_convolutional_layer(layer l, network net);
void backward_convolutional_layer(layer l, network net);
void update_convolutional_layer(layer l, update_args a);
void update_connected_layer(layer l, update_args a);
void forward_batchnorm_layer(layer l, network net);
void backward_batchnorm_layer(layer l, network net);
void forward_maxpool_layer(const layer l, network net);
void backward_maxpool_layer(const layer l, network net);
void forward_avgpool_layer(const layer l, network net);
void backward_avgpool_layer(const layer l, network net);
void forward_shortcut_layer(const layer l, network net);
void backward_shortcut_layer(const layer l, network net);
void forward_dropout_layer(layer l, network net);
void backward_dropout_layer(layer l, network net);
void backward_activation_layer(layer l, network net);
void upsample_cpu(float *in, int w, int h, int c, int batch, int stride, int forward, float scale,
                  float *out);

void activate_array(float *x, const int n, const ACTIVATION a);
void gradient_array(const float *x, const int n, const ACTIVATION a, float *delta);
float activate(float x, ACTIVATION a);
float gradient(float x, ACTIVATION a);

void add_bias(float *output, float *biases, int batch, int n, int size);
void scale_bias(float *output, float *scales, int batch, int n, int size);
void backward_bias(float *bias_updates, float *delta, int batch, int n, int size);

#endif
