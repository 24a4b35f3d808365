/* canvas_mat.h - what a canvas is, for C++. */
#ifndef DK_CANVAS_MAT_H
#define DK_CANVAS_MAT_H

#include <opencv2/core.hpp>

struct dk_canvas {
    cv::Mat mat; /* 8 bits, blue first */
};

#endif
