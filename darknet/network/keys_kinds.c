/* keys_kinds.c - every kind of layer that some Darknet has, and its keys. */
#include "network/key_tables.h"

#include <stddef.h>

#define KIND(a, b, keys)                      \
    {                                         \
        {a, b, NULL}, keys, DK_KEY_BOTH, NULL \
    }
#define PACKAGED_KIND(a, b, keys)                 \
    {                                             \
        {a, b, NULL}, keys, DK_KEY_PACKAGED, NULL \
    }
#define REFUSED_KIND(a, b, what)                         \
    {                                                    \
        {a, b, NULL}, dk_keys_none, DK_KEY_REFUSED, what \
    }

const dk_section_kind dk_section_kinds[] = {
    KIND("[convolutional]", "[conv]", dk_keys_convolutional),
    KIND("[connected]", "[conn]", dk_keys_connected),
    KIND("[maxpool]", "[max]", dk_keys_maxpool),
    KIND("[avgpool]", "[avg]", dk_keys_none),
    KIND("[route]", NULL, dk_keys_route),
    KIND("[shortcut]", NULL, dk_keys_shortcut),
    KIND("[upsample]", NULL, dk_keys_upsample),
    KIND("[reorg]", NULL, dk_keys_reorg),
    KIND("[dropout]", NULL, dk_keys_dropout),
    KIND("[batchnorm]", NULL, dk_keys_none),
    KIND("[activation]", NULL, dk_keys_activation),
    KIND("[normalization]", "[lrn]", dk_keys_normalization),
    KIND("[local]", NULL, dk_keys_local),
    KIND("[crop]", NULL, dk_keys_crop),
    KIND("[rnn]", NULL, dk_keys_rnn),
    KIND("[crnn]", NULL, dk_keys_crnn),
    KIND("[gru]", NULL, dk_keys_gru),
    KIND("[lstm]", NULL, dk_keys_lstm),
    KIND("[softmax]", "[soft]", dk_keys_softmax),
    KIND("[cost]", NULL, dk_keys_cost),
    KIND("[yolo]", NULL, dk_keys_yolo),
    KIND("[region]", NULL, dk_keys_region),
    KIND("[detection]", NULL, dk_keys_detection),
    PACKAGED_KIND("[deconvolutional]", "[deconv]", dk_keys_deconvolutional),
    PACKAGED_KIND("[iseg]", NULL, dk_keys_iseg),
    PACKAGED_KIND("[logistic]", NULL, dk_keys_none),
    PACKAGED_KIND("[l2norm]", NULL, dk_keys_none),
    REFUSED_KIND("[scale_channels]", NULL, "weigh another layer's channels"),
    REFUSED_KIND("[sam]", NULL, "weigh another layer's outputs"),
    REFUSED_KIND("[Gaussian_yolo]", NULL, "predict boxes with their uncertainty"),
    REFUSED_KIND("[reorg3d]", NULL, "reorder pixels and channels"),
    REFUSED_KIND("[local_avgpool]", "[local_avg]", "average over windows"),
    REFUSED_KIND("[contrastive]", NULL, "train embeddings"),
    REFUSED_KIND("[conv_lstm]", NULL, "remember former frames"),
    REFUSED_KIND("[history]", NULL, "collect former frames"),
    REFUSED_KIND("[implicit]", NULL, "add trained constants"),
    REFUSED_KIND("[empty]", "[silence]", "do nothing"),
    {{NULL, NULL, NULL}, NULL, DK_KEY_BOTH, NULL},
};
