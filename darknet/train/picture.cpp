/* picture.cpp - see picture.h. Bytes until the last step: OpenCV's loops are several times as fast on them as
 * the library's on floats. */
#include "train/picture.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

struct dk_picture {
    cv::Mat bytes; /* blue first */
};

namespace
{

constexpr int background_blur = 17; /* pixels of the kernel */

cv::Mat cut(const cv::Mat &from, const dk_view &view, int w, int h)
{
    const cv::Rect wanted(view.left, view.top, view.width, view.height);
    const cv::Rect there = wanted & cv::Rect({0, 0}, from.size());
    cv::Mat part, sized;
    if (there == wanted) {
        part = from(wanted);
    } else {
        part = cv::Mat(wanted.size(), from.type(), cv::mean(from));
        if (!there.empty()) from(there).copyTo(part(there - wanted.tl()));
    }
    cv::resize(part, sized, {w, h}, 0, 0, cv::INTER_LINEAR);
    if (view.flip) cv::flip(sized, sized, 1);
    return sized;
}

/* Bytes times a factor, as a table. */
void scaled(std::array<uint8_t, 256> &table, float factor)
{
    for (int i = 0; i < 256; i++)
        table[(size_t)i] = cv::saturate_cast<uint8_t>((float)i * factor);
}

void recolour(cv::Mat &m, const dk_view &view)
{
    const bool turned = view.hue > 0 || view.hue < 0;
    const bool same =
        !turned && std::fabs(view.saturation - 1) < 1e-6f && std::fabs(view.exposure - 1) < 1e-6f;
    if (same) return;
    std::array<uint8_t, 256> hue, saturation, exposure;
    scaled(exposure, view.exposure);
    if (m.channels() == 1) {
        cv::LUT(m, cv::Mat(1, 256, CV_8U, exposure.data()), m);
        return;
    }
    constexpr int circle = 180; /* of OpenCV's byte hues */
    scaled(saturation, view.saturation);
    for (int i = 0; i < 256; i++) {
        const int to = view.hue_stops ? (int)cv::saturate_cast<uint8_t>((float)i + view.hue * (circle - 1))
                                      : i + (int)std::lround(view.hue * circle) + 2 * circle;
        hue[(size_t)i] = (uint8_t)(to % circle);
    }
    cv::Mat hsv, table(1, 256, CV_8UC3);
    for (int i = 0; i < 256; i++)
        table.at<cv::Vec3b>(0, i) = {hue[(size_t)i], saturation[(size_t)i], exposure[(size_t)i]};
    cv::cvtColor(m, hsv, cv::COLOR_BGR2HSV);
    cv::LUT(hsv, table, hsv);
    cv::cvtColor(hsv, m, cv::COLOR_HSV2BGR);
}

void soften(cv::Mat &m, const dk_view &view)
{
    if (view.blur < 1) return;
    const int kernel = view.blur == 1 ? background_blur : view.blur / 2 * 2 + 1;
    cv::Mat soft;
    cv::GaussianBlur(m, soft, {kernel, kernel}, 0);
    for (int i = 0; view.blur == 1 && i < view.n_kept; i++) {
        const float *box = view.kept + 5 * i;
        if (!(box[0] > 0)) break;
        const float w = (float)m.cols, h = (float)m.rows;
        const cv::Rect kept = cv::Rect((int)((box[0] - box[2] / 2) * w), (int)((box[1] - box[3] / 2) * h),
                                       (int)(box[2] * w), (int)(box[3] * h)) &
                              cv::Rect({0, 0}, m.size());
        if (!kept.empty()) m(kept).copyTo(soft(kept));
    }
    m = soft;
}

void roughen(cv::Mat &m, const dk_view &view)
{
    if (view.noise < 1) return;
    cv::Mat noise(m.size(), CV_16SC(m.channels()));
    cv::RNG generator(view.noise_seed);
    generator.fill(noise, cv::RNG::NORMAL, 0, std::min(view.noise, 127));
    cv::add(m, noise, m, cv::noArray(), m.type());
}

void to_planes(const cv::Mat &m, float *out)
{
    static const std::array<float, 256> share = [] {
        std::array<float, 256> t;
        for (int i = 0; i < 256; i++)
            t[(size_t)i] = (float)(i / 255.);
        return t;
    }();
    const int c = m.channels();
    const size_t plane = (size_t)m.cols * (size_t)m.rows;
    for (int y = 0; y < m.rows; y++) {
        const uint8_t *row = m.ptr<uint8_t>(y);
        for (int k = 0; k < c; k++) {
            float *to = out + (size_t)(c - 1 - k) * plane + (size_t)y * (size_t)m.cols;
            for (int x = 0; x < m.cols; x++)
                to[x] = share[row[x * c + k]];
        }
    }
}

} // namespace

extern "C" dk_picture *dk_picture_read(const char *path, int channels)
{
    cv::Mat m;
    try {
        m = cv::imread(path, channels == 1 ? cv::IMREAD_GRAYSCALE : cv::IMREAD_COLOR);
    } catch (const cv::Exception &) {
        return nullptr; /* a header that claims an absurd size */
    }
    return m.empty() || m.depth() != CV_8U ? nullptr : new dk_picture{m};
}

extern "C" void dk_picture_free(dk_picture *picture)
{
    delete picture;
}

extern "C" int dk_picture_width(const dk_picture *picture)
{
    return picture->bytes.cols;
}

extern "C" int dk_picture_height(const dk_picture *picture)
{
    return picture->bytes.rows;
}

extern "C" void dk_picture_view(const dk_picture *picture, const dk_view *view, int w, int h, float *out)
{
    cv::Mat m = cut(picture->bytes, *view, w, h);
    recolour(m, *view);
    soften(m, *view);
    roughen(m, *view);
    to_planes(m, out);
}

extern "C" void dk_planes_blur(float *x, int w, int h, int c, int pixels)
{
    for (int k = 0; k < c; k++) {
        cv::Mat plane(h, w, CV_32F, x + (size_t)k * (size_t)w * (size_t)h);
        cv::GaussianBlur(plane, plane, {pixels / 2 * 2 + 1, pixels / 2 * 2 + 1}, 0);
    }
}
