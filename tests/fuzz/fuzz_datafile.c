/* fuzz_datafile.c - any bytes as a .data file, a list of images or a list of names: read whole, or refused with a line. */
#define FUZZ_ITERATIONS 5000
#include "fuzz_dies.h"

#include "check/datafile.h"

static dk_datafile data_file;
static dk_lines lines;

/* What points into the file's lines, which live as long as the program: here as long as the input. */
static void check_datafile(dk_datafile_use use)
{
    const dk_datafile *d = &data_file;
    if (!d->train || !d->train[0] || !d->backup || !d->backup[0]) abort();
    if (use != DK_FOR_DETECTOR && d->classes < 1) abort();
    if (use == DK_FOR_CLASSIFIER && !d->tag && !d->labels) abort();
    const size_t n = strlen(d->backup);
    if (n > 1 && d->backup[n - 1] == '/') abort();
}

static void check_lines(bool names)
{
    if (lines.n < 1) abort();
    for (int k = 0; k < lines.n; k++) {
        if (!lines.line[k][0] || strpbrk(lines.line[k], "\n")) abort();
        if (names ? lines.number[k] != k + 1 : lines.number[k] < k + 1) abort();
    }
    dk_lines_free(&lines);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    const char *path = fuzz_path(data + 1, n - 1);
    const unsigned kind = data[0] % 5;
    if (kind < 3) {
        /* Its strings are the program's for good: freed with what an end leaves behind. */
        const dk_datafile_use use = (dk_datafile_use)kind;
        if (setjmp(fuzz_end) == 0) {
            fuzz_begin();
            dk_datafile_read(path, use, &data_file);
            check_datafile(use);
        }
        fuzz_forget(true);
        return 0;
    }
    if (kind == 3 ? FUZZ_DIES(dk_lines_read(path, "list of images", &lines))
                  : FUZZ_DIES(dk_names_read(path, "names", &lines)))
        check_lines(kind == 4);
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    static const char *const seeds[] = {
        "0classes = 3\ntrain = /a b/train.list\nvalid=v.list\nlabels = names\nbackup = out//\ntree=t\ntag=0\n",
        "1\xef\xbb\xbf"
        "train=x\r\nbackup=/\r\nnames = n\r\nsaveweights=100\r\nsavelast = 10\r\n# comment\n;\n",
        "2classes=1\ntrain=t\nbackup=b\n",
        "3/images/0001.jpg\r\n\n# a comment\n /images/0002.jpg \n",
        "4cat\ndog\n#owl\n",
    };
    if ((size_t)k >= sizeof seeds / sizeof *seeds) return 0;
    memcpy(to, seeds[k], strlen(seeds[k]));
    to[0] = (uint8_t)k;
    return strlen(seeds[k]);
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
