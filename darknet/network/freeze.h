/* freeze.h - stopbackward in the forks' dialect. */
#ifndef DK_FREEZE_H
#define DK_FREEZE_H

#include <darknet.h>

/* dk_freeze - right after a network of the forks' dialect is parsed. stopbackward=1: the layers before the
 * last that has it compute as they do in inference and never change; it itself gets no gradient.
 * stopbackward=N: it and the layers before get no gradient until round N; their backward is called and does
 * nothing, so that whoever hooks it sees every layer in every round. */
void dk_freeze(network *net);

#endif
