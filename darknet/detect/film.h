/* film.h - writes images as a video file, through OpenCV. One thread. */
#ifndef DK_FILM_H
#define DK_FILM_H

#include "detect/canvas.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dk_film dk_film;

/* dk_film_open - starts a video of that many images per second; its format is that of path's suffix. The
 * size is the first image's. NULL with a line in text if OpenCV cannot write such a file there. */
dk_film *dk_film_open(const char *path, double rate, const dk_canvas *first, char *text, size_t size);

/* dk_film_add - appends an image; false with a line in text if its size is another. */
bool dk_film_add(dk_film *film, const dk_canvas *canvas, char *text, size_t size);

/* dk_film_close - completes the file; film may be NULL. */
void dk_film_close(dk_film *film);

#ifdef __cplusplus
}
#endif
#endif
