/* spelling.h - flags as people and the darknet forks spell them, made the ones in our tables. */
#ifndef DK_SPELLING_H
#define DK_SPELLING_H

/* dk_spelling_args - argv with each flag in its table's spelling (flags.h): what is the same without '-', '_'
 * and capitals (--Dont-Show, -dontshow: hank-ai's way), or has another name there (-threshold); and -log FILE
 * taken out: *log is the file, NULL if it is not there. Other arguments stay as they are, a flag's value
 * among them. Returns a new NULL-terminated array that lives as long as the program; *argc is its length. */
char **dk_spelling_args(int *argc, char **argv, const char **log);

#endif
