/* key_tables.h - the tables of keys, for kinds.c, which says which layer has which. */
#ifndef DK_KEY_TABLES_H
#define DK_KEY_TABLES_H

#include "cfg/keys.h"

extern const dk_key dk_keys_net[]; /* keys_net.c */
/* keys_layers.c */
extern const dk_key dk_keys_convolutional[], dk_keys_deconvolutional[], dk_keys_local[], dk_keys_connected[],
    dk_keys_maxpool[], dk_keys_none[], dk_keys_activation[], dk_keys_reorg[], dk_keys_upsample[],
    dk_keys_dropout[], dk_keys_normalization[], dk_keys_route[], dk_keys_shortcut[], dk_keys_scale_channels[],
    dk_keys_sam[], dk_keys_crop[], dk_keys_rnn[], dk_keys_crnn[], dk_keys_gru[], dk_keys_lstm[];
/* keys_heads.c */
extern const dk_key dk_keys_yolo[], dk_keys_gaussian[], dk_keys_region[], dk_keys_detection[], dk_keys_iseg[],
    dk_keys_softmax[], dk_keys_cost[];

#endif
