/* forks.h - flags of the widely used Darknets (pjreddie's, AlexeyAB's, hank-ai's) that ask for nothing this
 * program does differently: a script that has them goes on working. */
#ifndef DK_FORKS_H
#define DK_FORKS_H

#include <stdbool.h>
#include <stddef.h>

typedef struct dk_fork_flag {
    const char *name;
    bool value;      /* a value follows it */
    const char *why; /* it has no effect here; NULL: what it asks for is so anyway */
} dk_fork_flag;

/* dk_fork_flag_find - the flag of that name, or NULL. */
const dk_fork_flag *dk_fork_flag_find(const char *arg);

/* dk_fork_flag_note - tells, in one line, that the flag has no effect, unless what it asks for is so. */
void dk_fork_flag_note(const dk_fork_flag *flag);

/* dk_fork_flag_at - the k-th flag's name, NULL after the last. */
const char *dk_fork_flag_at(size_t k);

/* dk_spelling - how far two words are apart: letters to insert, drop or replace (Levenshtein). */
int dk_spelling(const char *a, const char *b);

#endif
