/* page.c - page.html with its style and script, joined by the Makefile, as bytes of the program. */
#include "tool/http.h"

__asm__(".section .rodata\n"
        ".global dc__page, dc__page_end\n"
        "dc__page:\n"
        ".incbin \"" DC_PAGE "\"\n"
        "dc__page_end:\n"
        ".byte 0\n"
        ".previous\n");
