/* library.h - functions of the packaged library that its header does not declare, with its own names. */
#ifndef DK_LIBRARY_H
#define DK_LIBRARY_H

#include <darknet.h>

/* Where a layer stands: what the library's parsers get besides the options. Its order is theirs. */
typedef struct dk_place {
    int batch, inputs;
    int h, w, c; /* of the input */
    int index;
    int time_steps;
    network *net;
} dk_place;

void parse_net_options(list *options, network *net);
layer parse_activation(list *options, dk_place at);
layer parse_avgpool(list *options, dk_place at);
layer parse_batchnorm(list *options, dk_place at);
layer parse_connected(list *options, dk_place at);
layer parse_convolutional(list *options, dk_place at);
layer parse_cost(list *options, dk_place at);
layer parse_crnn(list *options, dk_place at);
layer parse_crop(list *options, dk_place at);
layer parse_deconvolutional(list *options, dk_place at);
layer parse_detection(list *options, dk_place at);
layer parse_dropout(list *options, dk_place at);
layer parse_gru(list *options, dk_place at);
layer parse_iseg(list *options, dk_place at);
layer parse_l2norm(list *options, dk_place at);
layer parse_local(list *options, dk_place at);
layer parse_logistic(list *options, dk_place at);
layer parse_lstm(list *options, dk_place at);
layer parse_maxpool(list *options, dk_place at);
layer parse_normalization(list *options, dk_place at);
layer parse_region(list *options, dk_place at);
layer parse_reorg(list *options, dk_place at);
layer parse_rnn(list *options, dk_place at);
layer parse_route(list *options, dk_place at, network *net);
layer parse_shortcut(list *options, dk_place at, network *net);
layer parse_softmax(list *options, dk_place at);
layer parse_upsample(list *options, dk_place at, network *net);
layer parse_yolo(list *options, dk_place at);

layer make_convolutional_layer(int batch, int h, int w, int c, int n, int groups, int size, int stride,
                               int padding, ACTIVATION activation, int batch_normalize, int binary, int xnor,
                               int adam);
layer make_maxpool_layer(int batch, int h, int w, int c, int size, int stride, int padding);
layer make_route_layer(int batch, int n, int *input_layers, int *input_sizes);
layer make_shortcut_layer(int batch, int index, int w, int h, int c, int w2, int h2, int c2);
layer make_yolo_layer(int batch, int w, int h, int n, int total, int *mask, int classes);

network *make_network(int n);
list *make_list(void);
void option_insert(list *options, char *key, char *value);
void free_list_contents(list *l);

#endif
