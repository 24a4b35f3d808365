/* stop.h - Ctrl-C and SIGTERM: the first asks for an orderly end, the second ends at once. */
#ifndef DK_STOP_H
#define DK_STOP_H

#include <stdbool.h>

/* dk_stop_catch - installs the handlers, which run in the calling thread: the one that trains. Once, before it starts others. */
void dk_stop_catch(void);

/* dk_stop_flag - becomes the signal's number when one has arrived. dk_stop_now_flag - only of Ctrl-C, which ends what
 * is under way, where SIGTERM lets a worker end its round. For dk_session_options. */
volatile int *dk_stop_flag(void);
volatile int *dk_stop_now_flag(void);

/* dk_stop_signal - the signal that has arrived, 0 if none. Any thread. */
int dk_stop_signal(void);

/* dk_stop_name - "Ctrl-C" or "SIGTERM". */
const char *dk_stop_name(int signal_number);

#endif
