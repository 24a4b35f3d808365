/* image_load.h - image files into float planes: what the library does, but a file that cannot be read is
 * reported instead of replaced by noise. */
#ifndef DK_IMAGE_LOAD_H
#define DK_IMAGE_LOAD_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* dk_image_recognised - true if path starts like an image
 * of a known format (only its first bytes are read). */
bool dk_image_recognised(const char *path);

/* dk_image_catch - from now on an unreadable image does not end the program on this thread: the library gets
 * a small blank one and dk_image_failed is true. */
void dk_image_catch(void);

/* dk_image_failed - true if an image could not be read on this thread since the last call. */
bool dk_image_failed(void);

#ifdef __cplusplus
}
#endif
#endif
