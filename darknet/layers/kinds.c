/* kinds.c - see kinds.h. Kinds whose options the library
 * reads are made by its own parsers (kinds_library.c). */
#include "layers/kinds.h"

#include "layers/make.h"
#include "cfg/key_tables.h"
#include "layers/kinds_library.h"

#include <stddef.h>
#include <string.h>

#define KIND(a, b, keys, parse, resize)                      \
    {                                                        \
        {a, b, NULL}, keys, DK_KEY_BOTH, NULL, parse, resize \
    }
#define PACKAGED_KIND(a, b, keys, parse)                       \
    {                                                          \
        {a, b, NULL}, keys, DK_KEY_PACKAGED, NULL, parse, NULL \
    }
#define FORKS_KIND(a, keys, parse, resize)                       \
    {                                                            \
        {a, NULL, NULL}, keys, DK_KEY_FORKS, NULL, parse, resize \
    }
#define REFUSED_KIND(a, b, what)                                     \
    {                                                                \
        {a, b, NULL}, dk_keys_none, DK_KEY_REFUSED, what, NULL, NULL \
    }

const dk_section_kind dk_section_net = {
    {"[net]", "[network]", NULL}, dk_keys_net, DK_KEY_BOTH, NULL, NULL, NULL};

const dk_section_kind dk_section_kinds[] = {
    KIND("[convolutional]", "[conv]", dk_keys_convolutional, dk_parse_convolutional, dk_resize_convolutional),
    KIND("[connected]", "[conn]", dk_keys_connected, dk_library_connected, NULL),
    KIND("[maxpool]", "[max]", dk_keys_maxpool, dk_parse_maxpool, dk_resize_maxpool),
    KIND("[avgpool]", "[avg]", dk_keys_none, dk_library_avgpool, dk_library_resize_avgpool),
    KIND("[route]", NULL, dk_keys_route, dk_parse_route, dk_resize_route),
    KIND("[shortcut]", NULL, dk_keys_shortcut, dk_parse_shortcut, dk_resize_shortcut),
    KIND("[upsample]", NULL, dk_keys_upsample, dk_library_upsample, dk_library_resize_upsample),
    KIND("[reorg]", NULL, dk_keys_reorg, dk_library_reorg, dk_library_resize_reorg),
    KIND("[dropout]", NULL, dk_keys_dropout, dk_parse_dropout, dk_resize_dropout),
    KIND("[batchnorm]", NULL, dk_keys_none, dk_library_batchnorm, NULL),
    KIND("[activation]", NULL, dk_keys_activation, dk_library_activation, NULL),
    KIND("[normalization]", "[lrn]", dk_keys_normalization, dk_library_normalization,
         dk_library_resize_normalization),
    KIND("[local]", NULL, dk_keys_local, dk_library_local, NULL),
    KIND("[crop]", NULL, dk_keys_crop, dk_library_crop, dk_library_resize_crop),
    KIND("[rnn]", NULL, dk_keys_rnn, dk_library_rnn, NULL),
    KIND("[crnn]", NULL, dk_keys_crnn, dk_library_crnn, NULL),
    KIND("[gru]", NULL, dk_keys_gru, dk_library_gru, NULL),
    KIND("[lstm]", NULL, dk_keys_lstm, dk_library_lstm, NULL),
    KIND("[softmax]", "[soft]", dk_keys_softmax, dk_library_softmax, NULL),
    KIND("[cost]", NULL, dk_keys_cost, dk_library_cost, dk_library_resize_cost),
    KIND("[yolo]", NULL, dk_keys_yolo, dk_parse_yolo, dk_resize_yolo),
    KIND("[region]", NULL, dk_keys_region, dk_parse_region, dk_library_resize_region),
    KIND("[detection]", NULL, dk_keys_detection, dk_library_detection, NULL),
    PACKAGED_KIND("[deconvolutional]", "[deconv]", dk_keys_deconvolutional, dk_library_deconvolutional),
    PACKAGED_KIND("[iseg]", NULL, dk_keys_iseg, dk_library_iseg),
    PACKAGED_KIND("[logistic]", NULL, dk_keys_none, dk_library_logistic),
    PACKAGED_KIND("[l2norm]", NULL, dk_keys_none, dk_library_l2norm),
    FORKS_KIND("[scale_channels]", dk_keys_scale_channels, dk_parse_scale_channels, dk_resize_scale_channels),
    FORKS_KIND("[sam]", dk_keys_sam, dk_parse_sam, dk_resize_sam),
    FORKS_KIND("[Gaussian_yolo]", dk_keys_gaussian, dk_parse_gaussian_yolo, dk_resize_gaussian_yolo),
    REFUSED_KIND("[reorg3d]", NULL, "reorder pixels and channels"),
    REFUSED_KIND("[local_avgpool]", "[local_avg]", "average over windows"),
    REFUSED_KIND("[contrastive]", NULL, "train embeddings"),
    REFUSED_KIND("[conv_lstm]", NULL, "remember former frames"),
    REFUSED_KIND("[history]", NULL, "collect former frames"),
    REFUSED_KIND("[implicit]", NULL, "add trained constants"),
    REFUSED_KIND("[empty]", "[silence]", "do nothing"),
    {{NULL, NULL, NULL}, NULL, DK_KEY_BOTH, NULL, NULL, NULL},
};

static int is_called(const dk_section_kind *kind, const char *type)
{
    for (int i = 0; kind->names[i]; i++)
        if (strcmp(kind->names[i], type) == 0) return 1;
    return 0;
}

const dk_section_kind *dk_section_kind_of(const char *type)
{
    if (is_called(&dk_section_net, type)) return &dk_section_net;
    for (const dk_section_kind *kind = dk_section_kinds; kind->names[0]; kind++)
        if (is_called(kind, type)) return kind;
    return NULL;
}
