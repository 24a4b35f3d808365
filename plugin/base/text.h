/* text.h - text that others wrote, before people see it. */
#ifndef DC__TEXT_H
#define DC__TEXT_H

/* dc__make_printable - in place: what is no valid UTF-8, controls (C0, C1), marks that turn the direction of writing, and what has no
 * width or ends a line become '?', byte by byte, so that the length stays. Text from peers passes through it on its
 * way into the log, the status, the page, JSON and metrics. */
void dc__make_printable(char *line);

#endif
