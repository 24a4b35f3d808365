/* progress.h - what a training run prints: Darknet's lines where they are read by programs, one line in place
 * on a terminal. */
#ifndef DK_PROGRESS_H
#define DK_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/session.h"

typedef struct dk_progress {
    bool terminal; /* stdout is one */
    bool quiet;
    uint64_t first, last; /* rounds done at the start, and to do in all (0 = open end) */
    int images;           /* per round of this worker */
    double began_s;       /* monotonic */
    float average;        /* of the loss, as Darknet smooths it */
    double round_s;       /* smoothed duration of a round, its images' loading included */
    double hours;         /* the run still takes; 0 if it has no end */
    bool drawn;           /* the terminal line is on the screen */
    int out;              /* the terminal; -1 if stdout itself is written to */
} dk_progress;

/* dk_steady_s - seconds on a clock that nobody sets, unlike the time of day. */
double dk_steady_s(void);

/* dk_progress_start - first: rounds done, last: rounds to do in all (0 = no end), images: per round of this
 * worker. From here to dk_progress_finish, on a terminal or when quiet, what the library prints on stdout
 * (detectors: a line per head and subdivision) is dropped: it would tear the line in place. */
void dk_progress_start(dk_progress *progress, uint64_t first, uint64_t last, int images, bool quiet);
void dk_progress_finish(dk_progress *progress);

/* dk_progress_take - takes a round's loss and duration into
 * the averages. Once per round, before it is shown. */
void dk_progress_take(dk_progress *progress, const dk_round *round, double load_s);

/* dk_progress_round - shows a round. line is Darknet's own text for it, without the newline. */
void dk_progress_round(dk_progress *progress, const dk_round *round, double load_s, const char *line);

/* dk_progress_text - shows text as it is, beside the rounds. */
void dk_progress_text(dk_progress *progress, const char *text);

/* dk_progress_break - ends the line in place, so that other text may follow. */
void dk_progress_break(dk_progress *progress);

#endif
