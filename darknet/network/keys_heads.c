/* keys_heads.c - the keys of layers that have a loss. */
#include "network/key_table.h"
#include "network/key_tables.h"

#define TRACKING "track objects from frame to frame"
#define UNREAD "no Darknet reads it"

/* [yolo] and [Gaussian_yolo] */
#define YOLO_KEYS                                                                             \
    BOTH("classes"), BOTH("num"), BOTH("mask"), BOTH("anchors"), BOTH("max"), BOTH("jitter"), \
        BOTH("ignore_thresh"), BOTH("truth_thresh"), BOTH("random"), BOTH("map"),             \
        REFUSED("scale_x_y", "1", "scale where in its cell a box may lie"),                   \
        REFUSED("iou_loss", "mse", "train boxes by how they overlap the labels"),             \
        REFUSED("iou_normalizer", NULL, "weigh the loss of boxes"),                           \
        REFUSED("obj_normalizer", "1", "weigh the loss of objectness"),                       \
        REFUSED("cls_normalizer", "1", "weigh the loss of classes"),                          \
        REFUSED("delta_normalizer", "1", "weigh the whole gradient"),                         \
        REFUSED("max_delta", NULL, "bound the gradient of boxes"),                            \
        REFUSED("iou_thresh", "1", "train further anchors on a label"),                       \
        REFUSED("iou_thresh_kind", "iou", "choose the measure of iou_thresh"),                \
        REFUSED("nms_kind", "default", "choose how detections suppress each other"),          \
        REFUSED("beta_nms", NULL, "set the exponent of nms_kind=diounms"),                    \
        REFUSED("objectness_smooth", "0", "train objectness towards the overlap"),            \
        REFUSED("label_smooth_eps", "0", "smooth the labels' classes"),                       \
        REFUSED("counters_per_class", NULL, "weigh rare classes more"),                       \
        REFUSED("focal_loss", "0", "train classes by the focal loss"),                        \
        REFUSED("resize", "1", "scale pictures at random")

const dk_key dk_keys_yolo[] = {
    YOLO_KEYS,
    REFUSED("new_coords", "0", "take boxes from logistic outputs"),
    IDLE("show_details", NULL, "the log has the same lines either way"),
    IDLE("uc_normalizer", NULL, UNREAD),
    REFUSED("embedding_layer", NULL, TRACKING),
    REFUSED("track_history_size", NULL, TRACKING),
    REFUSED("sim_thresh", NULL, TRACKING),
    REFUSED("dets_for_track", NULL, TRACKING),
    REFUSED("dets_for_show", NULL, TRACKING),
    REFUSED("track_ciou_norm", NULL, TRACKING),
    END,
};

const dk_key dk_keys_gaussian[] = {
    YOLO_KEYS,
    REFUSED("uc_normalizer", "1", "weigh the loss of boxes' uncertainty"),
    REFUSED("yolo_point", "center", "predict a corner of the box instead of its centre"),
    END,
};

const dk_key dk_keys_region[] = {
    BOTH("coords"),
    BOTH("classes"),
    BOTH("num"),
    BOTH("anchors"),
    BOTH("max"),
    BOTH("log"),
    BOTH("sqrt"),
    BOTH("softmax"),
    BOTH("jitter"),
    BOTH("rescore"),
    BOTH("thresh"),
    BOTH("classfix"),
    BOTH("absolute"),
    BOTH("random"),
    BOTH("coord_scale"),
    BOTH("object_scale"),
    BOTH("noobject_scale"),
    BOTH("mask_scale"),
    BOTH("class_scale"),
    BOTH("bias_match"),
    BOTH("tree"),
    BOTH("map"),
    PACKAGED("background"),
    REFUSED("focal_loss", "0", "train classes by the focal loss"),
    REFUSED("resize", "1", "scale pictures at random"),
    END,
};

const dk_key dk_keys_detection[] = {
    BOTH("coords"),
    BOTH("classes"),
    BOTH("rescore"),
    BOTH("num"),
    BOTH("side"),
    BOTH("softmax"),
    BOTH("sqrt"),
    BOTH("max"),
    BOTH("coord_scale"),
    BOTH("forced"),
    BOTH("object_scale"),
    BOTH("noobject_scale"),
    BOTH("class_scale"),
    BOTH("jitter"),
    BOTH("random"),
    BOTH("reorg"),
    REFUSED("resize", "1", "scale pictures at random"),
    END,
};

const dk_key dk_keys_iseg[] = {PACKAGED("classes"), PACKAGED("ids"), END};
const dk_key dk_keys_softmax[] = {
    BOTH("groups"), BOTH("temperature"), BOTH("tree"), BOTH("spatial"), BOTH("noloss"), END,
};
const dk_key dk_keys_cost[] = {
    BOTH("type"), BOTH("scale"), BOTH("ratio"), PACKAGED("noobj"), PACKAGED("thresh"), END,
};
