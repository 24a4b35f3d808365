/* fingerprint.h - what the workers of one run must have in
 * common, as text: see dc_worker_options.fingerprint. */
#ifndef DK_FINGERPRINT_H
#define DK_FINGERPRINT_H

#include "train/train.h"

/* dk_fingerprint - of a worker's cfg, class names and weights. Reads those files again; ends the program with
 * a line if one is gone. size: DC_FINGERPRINT_BYTES. */
void dk_fingerprint(const dk_train *train, char *text, size_t size);

#endif
