/* film.cpp - see film.h. */
#include "detect/film.h"

#include "detect/canvas_mat.h"

#include <cstdio>
#include <cstdlib>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/videoio.hpp>

struct dk_film {
    cv::VideoWriter video;
    cv::Size size;
};

extern "C" dk_film *dk_film_open(const char *path, double rate, const dk_canvas *first, char *text,
                                 size_t size)
{
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);
    auto *film = new dk_film{{}, first->mat.size()};
    const int formats[] = {cv::VideoWriter::fourcc('D', 'I', 'V', 'X'), /* the forks' */
                           cv::VideoWriter::fourcc('m', 'p', '4', 'v'), /* in .mp4 */
                           cv::VideoWriter::fourcc('M', 'J', 'P', 'G')};
    for (const int format : formats) {
        try {
            if (film->video.open(path, format, rate, film->size)) return film;
        } catch (const cv::Exception &) {
            continue; /* as one that does not open */
        }
    }
    delete film;
    snprintf(text, size, "cannot write a video to %s: is the directory there, and its suffix .avi or .mp4?",
             path);
    return nullptr;
}

extern "C" bool dk_film_add(dk_film *film, const dk_canvas *canvas, char *text, size_t size)
{
    if (canvas->mat.size() != film->size) {
        snprintf(text, size, "a video has one size, %d x %d; here is an image of %d x %d", film->size.width,
                 film->size.height, canvas->mat.cols, canvas->mat.rows);
        return false;
    }
    film->video.write(canvas->mat);
    return true;
}

extern "C" void dk_film_close(dk_film *film)
{
    if (!film) return;
    film->video.release();
    delete film;
}
