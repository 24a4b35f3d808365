/* make.h - kinds of layer whose options this program reads itself, one file each: how they are made from a
 * cfg's section and follow another input size (source.h and kinds.h say what the functions get). */
#ifndef DK_MAKE_H
#define DK_MAKE_H

#include "layers/source.h"

layer dk_parse_convolutional(const dk_source *s);
void dk_resize_convolutional(layer *l, int w, int h, int inputs, network *net);

/* dk_forget_shared - before the library frees l: what is another layer's (share_index=) is not its. */
void dk_forget_shared(layer *l);

layer dk_parse_dropout(const dk_source *s);
void dk_resize_dropout(layer *l, int w, int h, int inputs, network *net);

layer dk_parse_maxpool(const dk_source *s);
void dk_resize_maxpool(layer *l, int w, int h, int inputs, network *net);

layer dk_parse_route(const dk_source *s);
void dk_resize_route(layer *l, int w, int h, int inputs, network *net);

layer dk_parse_shortcut(const dk_source *s);
void dk_resize_shortcut(layer *l, int w, int h, int inputs, network *net);

layer dk_parse_yolo(const dk_source *s);
void dk_resize_yolo(layer *l, int w, int h, int inputs, network *net);

layer dk_parse_gaussian_yolo(const dk_source *s);
void dk_resize_gaussian_yolo(layer *l, int w, int h, int inputs, network *net);

layer dk_parse_region(const dk_source *s);

layer dk_parse_scale_channels(const dk_source *s);
void dk_resize_scale_channels(layer *l, int w, int h, int inputs, network *net);

layer dk_parse_sam(const dk_source *s);
void dk_resize_sam(layer *l, int w, int h, int inputs, network *net);

/* ---- what they share -------------------------------------------------------------------------------- */

/* dk_option_int, dk_option_float, dk_option_text - an option of the section, as cfg.h says. */
int dk_option_int(const dk_source *s, const char *key, int otherwise);
float dk_option_float(const dk_source *s, const char *key, float otherwise);
const char *dk_option_text(const dk_source *s, const char *key, const char *otherwise);

/* dk_option_layers - the earlier layers that key names, by index; negative numbers count back from this
 * layer. *n: how many. The caller frees it. */
int *dk_option_layers(const dk_source *s, const char *key, int *n);

/* dk_option_activation - the value of activation=. */
ACTIVATION dk_option_activation(const dk_source *s, const char *otherwise);

/* dk_need_picture - ends the program with a line unless the layer before gives an image. */
void dk_need_picture(const dk_source *s);

/* dk_wrong - ends the program with a line that names file and line of the section, then the message. */
void dk_wrong(const dk_source *s, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

/* dk_room - calloc that ends the program with a line if there is no memory. dk_resized - floats of a buffer
 * of that many, old contents lost; old may be NULL. */
void *dk_room(size_t n, size_t size);
float *dk_resized(float *old, size_t floats);

/* dk_values - how many values of all images of a batch the layer puts out. */
size_t dk_values(const layer *l);

#endif
