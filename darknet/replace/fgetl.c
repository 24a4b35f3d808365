/* fgetl.c - fgetl, in the place of the library's function of that name: a line of a cfg, a data file or a
 * list.
 *
 * DESIGN
 *   The library's leaves the \r of a Windows line end in the text: "leaky\r" is then no activation it knows,
 * and "train.txt\r" no file. Scripts that were written on Windows, and run with the forks, go on working. */
#include <darknet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

LIBRARY_ENTRY char *fgetl(FILE *file)
{
    char *text = NULL, *line = NULL;
    size_t size = 0;
    if (getline(&text, &size, file) > 0) {
        text[strcspn(text, "\r\n")] = '\0';
        const bool marked = strncmp(text, "\xef\xbb\xbf", 3) == 0; /* a byte order mark */
        line = strdup(
            text +
            (marked ? 3 : 0)); /* the caller frees it, or keeps thousands: text has more room than it needs */
    }
    free(text);
    return line;
}
