/* stock.c - finds the packaged library's functions behind ours. */
#include "kernels/stock.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

void *dk_stock(const char *name)
{
    void *address = dlsym(RTLD_NEXT, name);
    if (address == NULL) {
        fprintf(stderr,
                "darknet: the Darknet library in use has no function '%s'; set DARKNET_DIR to one that has\n",
                name);
        exit(1);
    }
    return address;
}

void *dk_stock_once(const char *name, void *_Atomic *slot)
{
    void *address = *slot;
    if (address == NULL) {
        address = dk_stock(name); /* two threads may both look it up: they find the same */
        *slot = address;
    }
    return address;
}
