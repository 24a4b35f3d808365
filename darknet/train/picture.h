/* picture.h - a decoded image, and views of it for a
 * network's input: a part, scaled, mirrored, recoloured. */
#ifndef DK_PICTURE_H
#define DK_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dk_picture dk_picture;

/* What is looked at, and how. left, top, width and height are pixels of the image and may reach beyond it:
 * there is its mean colour. */
typedef struct dk_view {
    int left, top, width, height;
    bool flip;
    float hue; /* share of the circle that hues turn by */
    bool
        hue_stops; /* turned below 0, a hue is 0 (in the forks it is a byte); else it goes round the circle */
    float saturation, exposure; /* factors */
    int blur;                   /* 0 none, 1 all but the kept boxes, more: all, by that many pixels */
    int noise;                  /* standard deviation of 0 to 255, 0 = none */
    uint64_t noise_seed;
    const float
        *kept; /* boxes x, y, width, height, class as shares of the view; ends with x = 0 or after n */
    int n_kept;
} dk_view;

/* dk_picture_read - channels 1: grey, else colour. NULL if the file cannot be decoded. dk_picture_free - NULL
 * is fine. Any thread. */
dk_picture *dk_picture_read(const char *path, int channels);
void dk_picture_free(dk_picture *picture);

int dk_picture_width(const dk_picture *picture);
int dk_picture_height(const dk_picture *picture);

/* dk_picture_view - writes the view as w x h x channels floats of 0 to 1 to out: planes, red first. */
void dk_picture_view(const dk_picture *picture, const dk_view *view, int w, int h, float *out);

/* dk_planes_blur - blurs w x h x c floats in place; pixels: the kernel's, made odd. */
void dk_planes_blur(float *x, int w, int h, int c, int pixels);

#ifdef __cplusplus
}
#endif
#endif
