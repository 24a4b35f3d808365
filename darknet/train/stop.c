/* stop.c - see stop.h. */
#include "train/stop.h"

#include <signal.h>
#include <stddef.h>

#include "kernels/kernels.h"

#define STACK_BYTES 65536 /* the registers that are saved take up to 12 KB */

static volatile int arrived, at_once;

static void on_signal(int number)
{
    arrived = number;
    if (number == SIGINT) at_once = number;
}

void dk_stop_catch(void)
{
    /* SA_RESETHAND: a second signal does what it does to any program. No SA_RESTART: waits must return. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND | SA_ONSTACK};
    sigset_t caught;
    /* oneDNN's products of matrices keep their stack in memory of the heap: what the kernel puts below it for a handler would be written
     * over what lies there. So the handler has a stack of its own here, and is not called in the threads that help. */
    static char stack[STACK_BYTES];
    const stack_t own = {.ss_sp = stack, .ss_size = sizeof stack};
    sigaltstack(&own, NULL);
    sigemptyset(&caught);
    sigaddset(&caught, SIGINT);
    sigaddset(&caught, SIGTERM);
    dk_threads_block(&caught);
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of the write, like a full disk */
    signal(SIGPIPE, SIG_IGN); /* a closed log must not end a run before its checkpoint is written */
}

volatile int *dk_stop_flag(void)
{
    return &arrived;
}

volatile int *dk_stop_now_flag(void)
{
    return &at_once;
}

int dk_stop_signal(void)
{
    return arrived;
}

const char *dk_stop_name(int signal_number)
{
    return signal_number == SIGINT ? "Ctrl-C" : "SIGTERM";
}
