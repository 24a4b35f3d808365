/* fgetl.c - fgetl, in the place of the library's function of that name: a line of a cfg, a data file or a
 * list.
 *
 * DESIGN
 *   The library's leaves the \r of a Windows line end in the text: "leaky\r" is then no activation it knows,
 * and "train.txt\r" no file. Scripts that were written on Windows, and run with the forks, go on working. */
#include <darknet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

LIBRARY_ENTRY char *fgetl(FILE *file)
{
    char *line = NULL;
    size_t size = 0;
    const ssize_t n = getline(&line, &size, file);
    if (n <= 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0'; /* the caller frees it */
    return line;
}
