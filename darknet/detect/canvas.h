/* canvas.h - an image to draw boxes into, through OpenCV. One thread. */
#ifndef DK_CANVAS_H
#define DK_CANVAS_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dk_canvas dk_canvas;

/* One box: pixels, a colour of red, green and blue from 0 to 1, and what stands at it. */
typedef struct dk_framed {
    int left, top, right, bottom;
    float rgb[3];
    const char *text;
} dk_framed;

/* dk_canvas_of - an image of planes (red, green, blue; or one of grey) of values from 0 to 1. */
dk_canvas *dk_canvas_of(const float *planes, int w, int h, int channels);
void dk_canvas_free(dk_canvas *canvas);

/* dk_canvas_frame - draws a box; what is beyond the image is cut off. */
void dk_canvas_frame(dk_canvas *canvas, const dk_framed *box);

/* dk_canvas_write - in the format of path's suffix. False with a line in text if that fails. */
bool dk_canvas_write(const dk_canvas *canvas, const char *path, char *text, size_t size);

/* dk_canvas_show - in a window of that title, until a key is pressed or for so many milliseconds (0: for
 * ever). Returns the key, -1 if none was pressed; -2 with a line in text if there can be no window. */
int dk_canvas_show(const dk_canvas *canvas, const char *title, int milliseconds, char *text, size_t size);

#ifdef __cplusplus
}
#endif
#endif
