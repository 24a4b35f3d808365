/* page.c - page.html with its style and script, joined by the Makefile, as bytes of the program. */
#include <stdint.h>

#include "tool/http.h"

__asm__(".section .rodata\n"
        ".global dc__page_begin, dc__page_end\n"
        "dc__page_begin:\n"
        ".incbin \"" DC_PAGE "\"\n"
        "dc__page_end:\n"
        ".byte 0\n"
        ".previous\n");
extern const char dc__page_begin[], dc__page_end[];

const char *dc__page(size_t *bytes)
{
    *bytes = (size_t)((uintptr_t)dc__page_end - (uintptr_t)dc__page_begin);
    return dc__page_begin;
}
