/* readable.h - files that the user names, before the library opens them. */
#ifndef DK_READABLE_H
#define DK_READABLE_H

/* dk_file_check - ends the program with a line unless path is a readable regular file, or a shell's
 * <(command). what: what
 * the line calls it, such as "cfg file". */
void dk_file_check(const char *path, const char *what);

#endif
