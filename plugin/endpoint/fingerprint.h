/* fingerprint.h - what workers of one run must share beyond the model: the text of
 * dc_worker_options.fingerprint.
 *
 * DESIGN
 *   Up to four lines. The first is what must be the same: items NAME=VALUE, in any order, separated by ", ",
 * so that a refusal can name the one that differs. The second, of such items too, is what may differ at the
 * price of a warning (how images are augmented). The third is the hash of the values that the worker brings,
 * a blank, and what people call them (a weights file's name); it is empty if the worker brings none of its
 * own: a new run starts from worker 0's values, and those of another worker must not be lost without a word.
 * The fourth is what the run's log keeps of how the worker computes, for a replay.
 * Pure functions. */
#ifndef DC__FINGERPRINT_H
#define DC__FINGERPRINT_H

#include "dynacomm.h"

/* dc__fingerprint_same - DC_EMODEL and a line with the first item that differs if the first lines do. */
dc_error dc__fingerprint_same(const char *run, const char *worker);

/* dc__fingerprint_warn - true, with a line for people in text, if the second lines of two workers differ. */
bool dc__fingerprint_warn(const char *a, int rank_a, const char *b, int rank_b, char *text, size_t size);

/* dc__fingerprint_start - DC_EMODEL and a line if two workers of a new run bring different values, or if one
 * brings some and worker 0 none. */
dc_error dc__fingerprint_start(const char *a, int rank_a, const char *b, int rank_b);

/* dc__fingerprint_note - the fourth line, cut to size. */
void dc__fingerprint_note(const char *fingerprint, char *note, size_t size);

#endif
