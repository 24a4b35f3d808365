/* frames.cpp - see frames.h.
 *
 * DESIGN
 *   The library exports open_video_stream and get_image_from_stream, but they cannot tell the end from a
 * failure, say nothing about a source that is not there, and turn bytes into floats, which would have to be
 * turned back to be written. A frame here stays as OpenCV has it, blue first, until it is encoded. */
#include "detect/frames.h"

#include "dynacomm_file.h"

#include "replace/image_load.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <opencv2/core.hpp>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

struct dk_frames {
    cv::VideoCapture video;
    std::string folder;
    std::vector<std::string> files;   /* of the folder */
    bool live = false, ahead = false; /* ahead: the first frame was fetched when the source was opened */
    int number = -1;
    cv::Mat frame;
    std::string name;
};

static std::string stem(const std::string &file)
{
    return file.substr(0, file.rfind('.'));
}

static bool list_folder(dk_frames *f, char *text, size_t size)
{
    DIR *dir = opendir(f->folder.c_str());
    if (!dir) {
        snprintf(text, size, "cannot open folder %s: %s", f->folder.c_str(), strerror(errno));
        return false;
    }
    while (const dirent *entry = readdir(dir)) {
        const std::string path = f->folder + "/" + entry->d_name;
        struct stat st;
        if (entry->d_name[0] == '.' || stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) continue;
        if (dk_image_recognised(path.c_str())) f->files.emplace_back(entry->d_name);
    }
    closedir(dir);
    std::sort(f->files.begin(), f->files.end());
    if (f->files.empty()) {
        snprintf(text, size, "folder %s holds no image that OpenCV can read", f->folder.c_str());
        return false;
    }
    for (size_t i = 1; i < f->files.size(); i++)
        if (stem(f->files[i - 1]) == stem(f->files[i])) {
            snprintf(text, size, "folder %s: %s and %s would have one label file; rename one",
                     f->folder.c_str(), f->files[i - 1].c_str(), f->files[i].c_str());
            return false;
        }
    return true;
}

/* A camera's number from "2" or "/dev/video2", -1 if source is something else. */
static int camera(const char *source)
{
    const char *digits = strncmp(source, "/dev/video", 10) == 0 ? source + 10 : source;
    if (*digits == '\0' || strlen(digits) > 4 || strspn(digits, "0123456789") != strlen(digits)) return -1;
    return atoi(digits);
}

static bool open_video(dk_frames *f, const char *source, char *text, size_t size)
{
    const int index = camera(source);
    const bool stream = strstr(source, "://") != nullptr;
    f->live = index >= 0 || stream;
    if (!f->live && access(source, R_OK) != 0) {
        snprintf(text, size, "cannot open %s: %s", source, strerror(errno));
        return false;
    }
    setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0); /* one line of ours, none of its decoder's */
    const bool open = index >= 0 ? f->video.open(index) : f->video.open(source);
    f->ahead = open && f->video.read(f->frame) && !f->frame.empty();
    if (f->ahead) return true;
    if (index >= 0)
        snprintf(text, size, "cannot open camera %d: is it connected, and may this user read /dev/video%d?",
                 index, index);
    else if (stream)
        snprintf(text, size, "cannot open stream %s: is its address right and its camera on?", source);
    else
        snprintf(text, size, "%s is not a video that OpenCV can read", source);
    return false;
}

extern "C" dk_frames *dk_frames_open(const char *source, char *text, size_t size)
{
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
    auto *f = new dk_frames;
    struct stat st;
    bool good;
    try {
        if (stat(source, &st) == 0 && S_ISDIR(st.st_mode)) {
            f->folder = source;
            good = list_folder(f, text, size);
        } else {
            good = open_video(f, source, text, size);
        }
    } catch (const cv::Exception &) {
        snprintf(text, size, "%s: OpenCV cannot read it", source);
        good = false;
    }
    if (good) return f;
    delete f;
    return nullptr;
}

extern "C" bool dk_frames_live(const dk_frames *f)
{
    return f->live;
}

static int next_file(dk_frames *f, char *text, size_t size)
{
    if (f->number == (int)f->files.size()) return 0;
    const std::string &file = f->files[(size_t)f->number], path = f->folder + "/" + file;
    f->name = stem(file);
    f->frame = cv::imread(path, cv::IMREAD_COLOR);
    if (!f->frame.empty()) return 1;
    snprintf(text, size, "cannot read image %s", path.c_str());
    return -1;
}

static int next_frame(dk_frames *f)
{
    if (!f->ahead && (!f->video.read(f->frame) || f->frame.empty())) return 0;
    f->ahead = false;
    char name[32];
    snprintf(name, sizeof name, "frame_%06d", f->number);
    f->name = name;
    return 1;
}

extern "C" int dk_frames_next(dk_frames *f, char *text, size_t size)
{
    f->number++;
    try {
        return f->folder.empty() ? next_frame(f) : next_file(f, text, size);
    } catch (const cv::Exception &) {
        snprintf(text, size, "frame %d cannot be decoded", f->number);
        return -1;
    }
}

extern "C" int dk_frames_number(const dk_frames *f)
{
    return f->number;
}

extern "C" const char *dk_frames_name(const dk_frames *f)
{
    return f->name.c_str();
}

extern "C" bool dk_frames_write(const dk_frames *f, const char *path, const char *suffix, char *text,
                                size_t size)
{
    std::vector<unsigned char> bytes;
    try {
        cv::imencode(suffix, f->frame, bytes);
    } catch (const cv::Exception &) {
        bytes.clear();
    }
    if (bytes.empty()) {
        snprintf(text, size, "frame %d cannot be encoded as %s", f->number, suffix);
        return false;
    }
    dc_output *output;
    if (dc_output_begin(&output, path) == DC_OK) {
        (void)!fwrite(bytes.data(), 1, bytes.size(), dc_output_stream(output));
        if (dc_output_commit(output) == DC_OK) return true;
    }
    snprintf(text, size, "%s", dc_last_error());
    return false;
}

extern "C" void dk_frames_size(const dk_frames *f, int *w, int *h)
{
    *w = f->frame.cols;
    *h = f->frame.rows;
}

extern "C" void dk_frames_planes(const dk_frames *f, float *out)
{
    const int w = f->frame.cols, h = f->frame.rows;
    const size_t plane = (size_t)w * (size_t)h;
    for (int y = 0; y < h; y++) {
        const unsigned char *row = f->frame.ptr<unsigned char>(y);
        float *to = out + (size_t)y * (size_t)w;
        for (int x = 0; x < w; x++)
            for (int k = 0; k < 3; k++) /* OpenCV keeps blue first */
                to[(size_t)(2 - k) * plane + (size_t)x] = (float)(row[3 * x + k] / 255.);
    }
}

extern "C" double dk_frames_rate(const dk_frames *f)
{
    const double rate = f->folder.empty() ? f->video.get(cv::CAP_PROP_FPS) : 0;
    return rate > 0 && rate < 1000 ? rate : 0;
}

extern "C" void dk_frames_close(dk_frames *f)
{
    delete f;
}
