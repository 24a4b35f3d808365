/* same_files.h - whether two .weights files are the same. */
#ifndef DK_SAME_FILES_H
#define DK_SAME_FILES_H

typedef enum dk_likeness { DK_SAME, DK_DIFFERENT, DK_NOT_COMPARED } dk_likeness;

/* dk_weights_compare - byte by byte; not compared if one cannot be read or they are of different rounds. */
dk_likeness dk_weights_compare(const char *a, const char *b);

#endif
