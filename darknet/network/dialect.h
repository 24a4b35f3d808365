/* dialect.h - whose meaning a cfg has: the packaged library's (pjreddie's) or the forks' (AlexeyAB's and
 * hank-ai's).
 *
 * DESIGN
 *   The same cfg trains another network in the forks than in the packaged library, even if it has no option
 * that only they know. A cfg or a flag that can only be the forks' is taken their way; any other the packaged
 * library's way, and one line says what would differ. -dialect says it outright. What differs:
 *   [yolo]      boxes' loss weighs 0.75 (iou_normalizer); objectness counts a box only where some class is
 *               above 0.25; an image may have 200 boxes instead of 90
 *   batch norm  divides by sqrt(variance + 1e-5); rolling statistics move by a tenth instead of a hundredth
 *   weights     of convolutions start uniform instead of normal; dropout's probability defaults to .2
 *   random=1    draws sizes from the cfg's / 1.4 to the cfg's x 1.4, width and height in proportion
 *   images    are stretched to the network's size unless letter_box=1
 *   stopbackward=1  layers before are not decayed; =N: until round N */
#ifndef DK_DIALECT_H
#define DK_DIALECT_H

#include "cfg/cfg.h"
#include "layers/extra.h"

typedef enum dk_dialect { DK_DIALECT_AUTO, DK_DIALECT_PJREDDIE, DK_DIALECT_FORKS } dk_dialect;

/* dk_dialect_select - for networks parsed from here on; AUTO: by the cfg and the flags. */
void dk_dialect_select(dk_dialect dialect);

/* dk_dialect_flag - a flag was given, without its dash, that only the forks have: what is not decided
 * otherwise is theirs. flag is borrowed. dk_dialect_selected - what is decided so far: AUTO if nothing is. */
void dk_dialect_flag(const char *flag);
dk_dialect dk_dialect_selected(void);

/* dk_dialect_choose - decides for a cfg: sets forks and because of extra. Ends the program with a line if
 * -dialect pjreddie was given for a cfg that has options only the forks know. */
void dk_dialect_choose(const dk_cfg *cfg, dk_network_extra *extra);

/* dk_dialect_tell - prints, on standard error, the one line of which dialect net is in and what would differ
 * in the other; none if -dialect was given. cfg is its file's name. */
void dk_dialect_tell(const network *net, const char *cfg);

#endif
