/* keys_heads.c - the keys of layers that have a loss. */
#include "cfg/key_table.h"
#include "cfg/key_tables.h"

#define TRACKING "track objects from frame to frame"
#define NOBODY "no Darknet reads it"

/* [yolo] and [Gaussian_yolo] */
#define YOLO_KEYS                                                                                     \
    BOTH("classes"), BOTH("num"), BOTH("mask"), BOTH("anchors"), BOTH("max"), BOTH("jitter"),         \
        BOTH("ignore_thresh"), BOTH("truth_thresh"), BOTH("random"), BOTH("map"), FORKS("scale_x_y"), \
        FORKS("iou_loss"), FORKS("iou_normalizer"), FORKS("obj_normalizer"), FORKS("cls_normalizer"), \
        FORKS("delta_normalizer"), FORKS("max_delta"), FORKS("iou_thresh"), FORKS("iou_thresh_kind"), \
        FORKS("nms_kind"), FORKS("beta_nms"), FORKS("objectness_smooth"), FORKS("label_smooth_eps"),  \
        FORKS("counters_per_class"), FORKS("resize")

const dk_key dk_keys_yolo[] = {
    YOLO_KEYS,
    FORKS("focal_loss"),
    FORKS("new_coords"),
    IDLE("show_details", NULL, "the log has the same lines either way"),
    UNREAD("uc_normalizer", NULL, NOBODY),
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
    IDLE("focal_loss", "0", "the forks read it and do not use it here"),
    FORKS("uc_normalizer"),
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
    REFUSED("resize", "1", "scale images at random"),
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
    REFUSED("resize", "1", "scale images at random"),
    END,
};

const dk_key dk_keys_iseg[] = {PACKAGED("classes"), PACKAGED("ids"), END};
const dk_key dk_keys_softmax[] = {
    BOTH("groups"), BOTH("temperature"), BOTH("tree"), BOTH("spatial"), BOTH("noloss"), END,
};
const dk_key dk_keys_cost[] = {
    BOTH("type"), BOTH("scale"), BOTH("ratio"), PACKAGED("noobj"), PACKAGED("thresh"), END,
};
