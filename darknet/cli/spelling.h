/* spelling.h - flags as people and the darknet forks spell them, made the ones in our tables. */
#ifndef DK_SPELLING_H
#define DK_SPELLING_H

/* dk_spelling_flag - the flag of the tables (cli.c, forks.c) that arg means: arg itself if it is one; else
 * the one that is the same without '-', '_' and capitals (--Dont-Show, -dontshow: hank-ai's way), or its
 * other name there (-threshold). NULL if there is none. */
const char *dk_spelling_flag(const char *arg);

/* dk_spelling_args - argv with each flag in its table's spelling, "-flag=value" as two arguments, and -log
 * FILE taken out: *log is the file, NULL if it is not there. Other arguments stay as they are, a flag's value
 * among them. Returns a new NULL-terminated array that lives as long as the program; *argc is its length. */
char **dk_spelling_args(int *argc, char **argv, const char **log);

#endif
