/* fuzz_text.c - any bytes as text from a peer: afterwards it is as long, has no control, stays as it is a second time, and what
 * was plain is untouched. */
#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *text = malloc(n + 1), *again = malloc(n + 1);
    if (!text || !again) abort();
    memcpy(text, data, n);
    text[n] = 0;
    const size_t length = strlen(text);
    dc__make_printable(text);
    dc__assert(strlen(text) == length);
    for (size_t i = 0; i < length; i++) {
        dc__assert((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
        if (data[i] >= 0x20 && data[i] < 0x7f) dc__assert(text[i] == (char)data[i]);
    }
    memcpy(again, text, length + 1);
    dc__make_printable(again);
    dc__assert(memcmp(text, again, length + 1) == 0);
    free(text);
    free(again);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    static const char *const seeds[] = {"worker 3", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x95",
                                        "a\xe2\x80\xae\xc2\x9b\n"};
    if (k >= 3) return 0;
    memcpy(to, seeds[k], strlen(seeds[k]));
    return strlen(seeds[k]);
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
