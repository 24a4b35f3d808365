/* image_load.cpp - load_image_cv, in the place of the library's function of that name.
 *
 * DESIGN
 *   The library decodes with OpenCV and divides bytes by 255. On a file that it cannot decode it runs a shell
 * command that appends the name to bad.list, and trains on a black 10x10 image. Here the loader gets to know.
 * The float values are the library's, bit for bit (tests/numeric/test_image.c): planes in RGB order. */
#include "replace/image_load.h"

#include <darknet.h>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>

extern "C" {
#include "replace/fatal.h"
}

#define LIBRARY_ENTRY extern "C" __attribute__((visibility("default")))

static thread_local bool catching;
static thread_local bool failed;

/* OpenCV's own warning about an unreadable file would stand beside our one line. */
static void quiet_opencv()
{
    static const bool done = [] {
        cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
        return true;
    }();
    (void)done;
}

extern "C" bool dk_image_recognised(const char *path)
{
    quiet_opencv();
    return cv::haveImageReader(path);
}

extern "C" void dk_image_catch(void)
{
    catching = true;
    failed = false;
}

extern "C" bool dk_image_failed(void)
{
    const bool was = failed;
    failed = false;
    return was;
}

static image unreadable(const char *path)
{
    if (!catching) dk_die("cannot read image %s", path);
    failed = true;
    return make_image(10, 10, 3);
}

LIBRARY_ENTRY image load_image_cv(char *path, int channels)
{
    quiet_opencv();
    const int flag = channels == 0   ? cv::IMREAD_UNCHANGED
                     : channels == 1 ? cv::IMREAD_GRAYSCALE
                                     : cv::IMREAD_COLOR;
    cv::Mat m;
    try {
        m = cv::imread(path, flag);
    } catch (const cv::Exception &) {
        m.release(); /* a header that claims an absurd size: as unreadable as any other */
    }
    if (m.empty() || m.depth() != CV_8U) return unreadable(path);

    const int w = m.cols, h = m.rows, c = m.channels();
    image im = make_image(w, h, c);
    const size_t plane = (size_t)w * (size_t)h;
    for (int y = 0; y < h; y++) {
        const unsigned char *row = m.ptr<unsigned char>(y);
        for (int k = 0; k < c; k++) {
            const int to = c >= 3 && k < 3 ? 2 - k : k; /* OpenCV keeps blue first */
            float *out = im.data + (size_t)to * plane + (size_t)y * (size_t)w;
            for (int x = 0; x < w; x++)
                out[x] = (float)(row[x * c + k] / 255.);
        }
    }
    return im;
}
