/* key_table.h - how keys_*.c write their tables. */
#ifndef DK_KEY_TABLE_H
#define DK_KEY_TABLE_H

#include "cfg/keys.h"

#include <stddef.h>

#define BOTH(name)                    \
    {                                 \
        name, DK_KEY_BOTH, NULL, NULL \
    }
#define PACKAGED(name)                    \
    {                                     \
        name, DK_KEY_PACKAGED, NULL, NULL \
    }
#define FORKS(name)                    \
    {                                  \
        name, DK_KEY_FORKS, NULL, NULL \
    }
#define IDLE(name, neutral, why)        \
    {                                   \
        name, DK_KEY_IDLE, neutral, why \
    }
#define UNREAD(name, neutral, why)        \
    {                                     \
        name, DK_KEY_UNREAD, neutral, why \
    }
#define REFUSED(name, neutral, what)        \
    {                                       \
        name, DK_KEY_REFUSED, neutral, what \
    }
#define END                           \
    {                                 \
        NULL, DK_KEY_BOTH, NULL, NULL \
    }

#endif
