/* keys_layers.c - the keys of layers that compute, and of
 * every layer. Detectors' last layers: keys_heads.c. */
#include "cfg/key_table.h"
#include "cfg/key_tables.h"

#define STREAM "it is about a GPU's streams"

const dk_key dk_keys_any_layer[] = {
    BOTH("onlyforward"),
    BOTH("stopbackward"),
    BOTH("dontload"),
    BOTH("dontloadscales"),
    BOTH("learning_rate"),
    PACKAGED("truth"),
    PACKAGED("dontsave"),
    PACKAGED("numload"),
    PACKAGED("smooth"),
    REFUSED("clip", "0", "bound this layer's gradient"),
    REFUSED("dont_update", "0", "leave this layer's weights as they are until that round"),
    REFUSED("burnin_update", "0", "leave this layer's weights as they are during burn_in"),
    REFUSED("train_only_bn", "0", "train only the batch norm of this layer and those before it"),
    END,
};

const dk_key dk_keys_convolutional[] = {
    BOTH("filters"),
    BOTH("size"),
    BOTH("stride"),
    BOTH("pad"),
    BOTH("padding"),
    BOTH("groups"),
    BOTH("activation"),
    BOTH("batch_normalize"),
    BOTH("binary"),
    BOTH("xnor"),
    BOTH("flipped"),
    BOTH("dot"),
    FORKS("stride_x"),
    FORKS("stride_y"),
    FORKS("dilation"),
    FORKS("antialiasing"),
    FORKS("share_index"),
    IDLE("bin_output", "0", "it makes inference with bits faster"),
    IDLE("stream", "-1", STREAM),
    IDLE("wait_stream", "-1", STREAM),
    IDLE("angle", NULL, "it belongs to rotate=1"),
    REFUSED("assisted_excitation", "0", "raise activations inside the labels' boxes"),
    REFUSED("cbn", "0", "normalize over several batches"),
    REFUSED("sway", "0", "deform filters"),
    REFUSED("rotate", "0", "rotate filters"),
    REFUSED("stretch", "0", "stretch filters"),
    REFUSED("stretch_sway", "0", "stretch and deform filters"),
    REFUSED("grad_centr", "0", "centre each filter's gradient"),
    REFUSED("reverse", "0", "train by the reversed gradient"),
    REFUSED("coordconv", "0", "feed coordinates to the filters"),
    END,
};

const dk_key dk_keys_deconvolutional[] = {
    PACKAGED("filters"), PACKAGED("size"),       PACKAGED("stride"),          PACKAGED("pad"),
    PACKAGED("padding"), PACKAGED("activation"), PACKAGED("batch_normalize"), END,
};

const dk_key dk_keys_local[] = {
    BOTH("filters"), BOTH("size"), BOTH("stride"), BOTH("pad"), BOTH("activation"), END,
};

const dk_key dk_keys_connected[] = {BOTH("output"), BOTH("activation"), BOTH("batch_normalize"), END};

const dk_key dk_keys_maxpool[] = {
    BOTH("size"),
    BOTH("stride"),
    BOTH("padding"),
    FORKS("stride_x"),
    FORKS("stride_y"),
    REFUSED("maxpool_depth", "0", "take maxima over channels"),
    IDLE("out_channels", "1", "it belongs to maxpool_depth=1"),
    FORKS("antialiasing"),
    REFUSED("maxpool_zero_nonmax", "0", "set what is no maximum to zero in the layer before"),
    END,
};

const dk_key dk_keys_none[] = {END};
const dk_key dk_keys_activation[] = {BOTH("activation"), END};
const dk_key dk_keys_reorg[] = {
    BOTH("stride"), BOTH("reverse"), PACKAGED("flatten"), PACKAGED("extra"), END,
};
const dk_key dk_keys_upsample[] = {BOTH("stride"), BOTH("scale"), END};

const dk_key dk_keys_dropout[] = {
    BOTH("probability"),
    REFUSED("dropblock", "0", "drop blocks of pixels instead of single ones"),
    REFUSED("dropblock_size_rel", "0", "set the size of such blocks"),
    REFUSED("dropblock_size_abs", "0", "set the size of such blocks"),
    END,
};

const dk_key dk_keys_normalization[] = {BOTH("alpha"), BOTH("beta"), BOTH("kappa"), BOTH("size"), END};

const dk_key dk_keys_route[] = {
    BOTH("layers"),
    FORKS("groups"),
    FORKS("group_id"),
    IDLE("stream", "-1", STREAM),
    IDLE("wait_stream", "-1", STREAM),
    END,
};

const dk_key dk_keys_shortcut[] = {
    BOTH("from"),
    BOTH("activation"),
    PACKAGED("alpha"),
    PACKAGED("beta"),
    FORKS("weights_type"),
    FORKS("weights_normalization"),
    END,
};

const dk_key dk_keys_scale_channels[] = {FORKS("from"), FORKS("scale_wh"), FORKS("activation"), END};
const dk_key dk_keys_sam[] = {FORKS("from"), FORKS("activation"), END};
const dk_key dk_keys_crop[] = {
    BOTH("crop_height"), BOTH("crop_width"), BOTH("flip"),  BOTH("angle"), BOTH("saturation"),
    BOTH("exposure"),    BOTH("noadjust"),   BOTH("shift"), END,
};

const dk_key dk_keys_rnn[] = {
    BOTH("output"),
    BOTH("activation"),
    BOTH("batch_normalize"),
    BOTH("shortcut"),
    UNREAD("hidden", NULL, "the packaged library's hidden state is as wide as output="),
    REFUSED("logistic", "0", "end in a logistic function"),
    END,
};

const dk_key dk_keys_crnn[] = {
    PACKAGED("output_filters"),
    PACKAGED("hidden_filters"),
    BOTH("activation"),
    BOTH("batch_normalize"),
    BOTH("shortcut"),
    REFUSED("output", NULL, "set the channels of its output (here output_filters does)"),
    REFUSED("hidden", NULL, "set the channels of its state (here hidden_filters does)"),
    REFUSED("size", "3", "take larger or smaller filters"),
    REFUSED("stride", "1", "step over pixels"),
    REFUSED("dilation", "1", "spread the filter over pixels further apart"),
    REFUSED("pad", "1", "leave out the border"),
    REFUSED("padding", "1", "set the border"),
    REFUSED("groups", "1", "convolve groups of channels"),
    REFUSED("xnor", "0", "compute with bits"),
    END,
};

const dk_key dk_keys_gru[] = {BOTH("output"), BOTH("batch_normalize"), PACKAGED("tanh"), END};
const dk_key dk_keys_lstm[] = {BOTH("output"), BOTH("batch_normalize"), END};
