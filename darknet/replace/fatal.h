/* fatal.h - how the program stops on bad input: one line on stderr, "darknet: what and the remedy", and a
 * non-zero exit. The packaged library's own exits (which return 0 or abort) are replaced by the same. */
#ifndef DK_FATAL_H
#define DK_FATAL_H

#include <stdbool.h>

/* dk_die - prints "darknet: " and the message as one line, then leaves with status 1 without running exit
 * handlers (other threads may be inside the library). Any thread. Held chatter is dropped. */
void dk_die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* dk_note - one line on stderr, "darknet: " first, for what the user should know but need not act on. */
void dk_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* dk_assert - our own bugs, in release builds too; never for a file's or a user's mistake. */
#define dk_assert(condition) ((condition) ? (void)0 : dk_assert_failed(#condition, __FILE__, __LINE__))
void dk_assert_failed(const char *condition, const char *file, int line) __attribute__((noreturn));

/* dk_log - one line on stderr that begins with "who: ". Any thread. */
void dk_log(const char *who, const char *line);

/* dk_drawn - a progress line is on the terminal, or not any more: the next message wipes it first. Any
 * thread. */
void dk_drawn(bool drawn);

/* dk_chatter_hold - from here on, what the library writes to stderr is kept back; while it is, an assertion
 * or error of the library is reported as a fault of `subject` (a file name; borrowed). One holder at a time.
 * Messages of other threads are not held. dk_chatter_release - shows what was kept, in order, and lets stderr
 * through again. dk_chatter_drop - lets it through again without showing what was kept. */
void dk_chatter_hold(const char *subject);
void dk_chatter_release(void);
void dk_chatter_drop(void);

#endif
