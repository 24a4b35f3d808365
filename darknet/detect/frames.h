/* frames.h - images one after the other from a video file, a camera, a stream or a folder, through OpenCV.
 * One thread. */
#ifndef DK_FRAMES_H
#define DK_FRAMES_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dk_frames dk_frames;

/* dk_frames_open - opens a camera (its number, or /dev/videoN), a stream (anything with ://), a folder of
 * images (in the order of their names) or a video file, and makes sure that there is a first frame. NULL with
 * one line in text if not. */
dk_frames *dk_frames_open(const char *source, char *text, size_t size);

/* dk_frames_live - true for cameras and streams: they may never end. */
bool dk_frames_live(const dk_frames *frames);

/* dk_frames_next - goes to the next frame: 1, 0 at the end, -1 with a line in text if it cannot be read. */
int dk_frames_next(dk_frames *frames, char *text, size_t size);

/* dk_frames_number - of the current frame, from 0. dk_frames_name - what it is called: frame_000000, or its
 * file's name without directory and suffix; valid until the next call of dk_frames_next. */
int dk_frames_number(const dk_frames *frames);
const char *dk_frames_name(const dk_frames *frames);

/* dk_frames_write - writes the current frame to path, in the format that suffix (".jpg", ".png") names. False
 * with a line in text if that fails; a file begun is then removed. */
bool dk_frames_write(const dk_frames *frames, const char *path, const char *suffix, char *text, size_t size);

/* dk_frames_size - of the current frame, in pixels. dk_frames_planes - copies it to out[3][h][w]: red, green
 * and blue from 0 to 1, as the library's load_image_color gives an image. dk_frames_rate - frames per second
 * of the video; 0 if it is not known. */
void dk_frames_size(const dk_frames *frames, int *w, int *h);
void dk_frames_planes(const dk_frames *frames, float *out);
double dk_frames_rate(const dk_frames *frames);

void dk_frames_close(dk_frames *frames);

#ifdef __cplusplus
}
#endif
#endif
