/* text.c - see text.h. */
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The character at s and its bytes (RFC 3629); 0 bytes if there is no valid one. */
static size_t decode(const unsigned char *s, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
    if (n == 0) return 0;
    uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) { /* the closing 0 is none of them */
        if (s[i] >> 6 != 2) return 0;
        c = c << 6 | (s[i] & 0x3fu);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0;
    *character = c;
    return n;
}

static bool is_shown(uint32_t c)
{
    static const uint32_t hidden[][2] = {
        {0, 0x1f},         /* C0 */
        {0x7f, 0x9f},      /* delete, C1 */
        {0xad, 0xad},      /* soft hyphen */
        {0x61c, 0x61c},    /* Arabic letter mark */
        {0x200b, 0x200f},  /* no width; left-to-right and right-to-left marks */
        {0x2028, 0x202e},  /* line and paragraph ends; embeddings and overrides */
        {0x2060, 0x206f},  /* invisible operators; isolates */
        {0xfeff, 0xfeff},  /* byte order mark */
        {0xfff9, 0xfffb},  /* annotations */
        {0xe0000, 0xe007f} /* tags */
    };
    for (size_t k = 0; k < sizeof hidden / sizeof *hidden; k++)
        if (c >= hidden[k][0] && c <= hidden[k][1]) return false;
    return true;
}

void dc__make_printable(char *line)
{
    unsigned char *s = (unsigned char *)line;
    while (*s) {
        uint32_t c;
        size_t n = decode(s, &c);
        const bool shown = n > 0 && is_shown(c);
        if (n == 0) n = 1;
        for (size_t i = 0; i < n && !shown; i++)
            s[i] = '?';
        s += n;
    }
}
