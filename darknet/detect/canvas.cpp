/* canvas.cpp - see canvas.h. */
#include "detect/canvas.h"

#include "detect/canvas_mat.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <opencv2/highgui.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <vector>

extern "C" dk_canvas *dk_canvas_of(const float *planes, int w, int h, int channels)
{
    auto *canvas = new dk_canvas{cv::Mat(h, w, CV_8UC3)};
    const size_t plane = (size_t)w * (size_t)h;
    for (int k = 0; k < 3; k++) { /* OpenCV keeps blue first */
        const float *from = planes + (channels >= 3 ? (size_t)(2 - k) : 0) * plane;
        for (int y = 0; y < h; y++) {
            unsigned char *row = canvas->mat.ptr<unsigned char>(y);
            for (int x = 0; x < w; x++)
                row[3 * x + k] =
                    cv::saturate_cast<unsigned char>(from[(size_t)y * (size_t)w + (size_t)x] * 255);
        }
    }
    return canvas;
}

extern "C" void dk_canvas_free(dk_canvas *canvas)
{
    delete canvas;
}

static cv::Scalar colour(const float rgb[3])
{
    return {255. * rgb[2], 255. * rgb[1], 255. * rgb[0]};
}

extern "C" void dk_canvas_frame(dk_canvas *canvas, const dk_framed *box)
{
    cv::Mat &m = canvas->mat;
    const int thick = std::max(1, m.rows / 500);
    const cv::Point from(std::max(box->left, 0), std::max(box->top, 0)),
        to(std::min(box->right, m.cols - 1), std::min(box->bottom, m.rows - 1));
    cv::rectangle(m, from, to, colour(box->rgb), thick);
    if (!box->text || !*box->text) return;
    const double scale = std::max(.35, m.rows / 900.);
    int below = 0;
    const cv::Size text = cv::getTextSize(box->text, cv::FONT_HERSHEY_SIMPLEX, scale, thick, &below);
    const int top = std::max(0, from.y - text.height - below - thick);
    cv::rectangle(m, {from.x, top}, {from.x + text.width, top + text.height + below}, colour(box->rgb),
                  cv::FILLED);
    const float light = .3f * box->rgb[0] + .6f * box->rgb[1] + .1f * box->rgb[2];
    cv::putText(m, box->text, {from.x, top + text.height}, cv::FONT_HERSHEY_SIMPLEX, scale,
                light > .5f ? cv::Scalar(0, 0, 0) : cv::Scalar(255, 255, 255), thick, cv::LINE_AA);
}

extern "C" bool dk_canvas_write(const dk_canvas *canvas, const char *path, char *text, size_t size)
{
    std::vector<unsigned char> bytes;
    const char *dot = strrchr(path, '.');
    try {
        cv::imencode(dot ? dot : ".jpg", canvas->mat, bytes);
    } catch (const cv::Exception &) {
        bytes.clear();
    }
    if (bytes.empty()) {
        snprintf(text, size, "cannot write %s: OpenCV has no such format", path);
        return false;
    }
    FILE *file = fopen(path, "wb");
    const bool written = file && fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
    if ((file && fclose(file) != 0) || !written) {
        snprintf(text, size, "cannot write %s: %s", path, strerror(errno));
        return false;
    }
    return true;
}

extern "C" int dk_canvas_show(const dk_canvas *canvas, const char *title, int milliseconds, char *text,
                              size_t size)
{
    try {
        cv::namedWindow(title, cv::WINDOW_NORMAL);
        cv::imshow(title, canvas->mat);
        return cv::waitKey(milliseconds);
    } catch (const cv::Exception &) {
        snprintf(text, size, "cannot open a window; -dont_show does without");
        return -2;
    }
}
