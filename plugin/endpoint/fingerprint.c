/* fingerprint.c - see fingerprint.h. */
#include "endpoint/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

/* A stretch of a text. */
typedef struct part {
    const char *at;
    int n;
} part;

static part line_of(const char *text, int number)
{
    for (; number > 0 && text; number--) {
        text = strchr(text, '\n');
        if (text) text++;
    }
    return text ? (part){text, (int)strcspn(text, "\n")} : (part){"", 0};
}

static bool same(part a, part b)
{
    return a.n == b.n && memcmp(a.at, b.at, (size_t)a.n) == 0;
}

/* Takes the next item off the rest of a line. */
static part next_item(part *rest)
{
    part item = {rest->at, 0};
    while (item.n < rest->n &&
           !(item.n + 1 < rest->n && item.at[item.n] == ',' && item.at[item.n + 1] == ' '))
        item.n++;
    const int taken = item.n + 2 < rest->n ? item.n + 2 : rest->n;
    *rest = (part){rest->at + taken, rest->n - taken};
    return item;
}

/* What stands before c, or all of it. */
static part before(part item, char c)
{
    const char *end = item.n > 0 ? memchr(item.at, c, (size_t)item.n) : NULL;
    return end ? (part){item.at, (int)(end - item.at)} : item;
}

/* The item of that name in a line; .n = 0 if there is none. */
static part find(part line, part name)
{
    while (line.n > 0) {
        const part item = next_item(&line);
        if (same(before(item, '='), name)) return item;
    }
    return (part){"", 0};
}

/* The first item of a that b does not have so; false if there is none. *other: b's of that name. */
static bool differs(part a, part b, part *item, part *other)
{
    while (a.n > 0) {
        *item = next_item(&a);
        *other = find(b, before(*item, '='));
        if (!same(*item, *other)) return true;
    }
    return false;
}

/* The first difference of two lines, either way round. */
static bool lines_differ(part a, part b, part *of_a, part *of_b)
{
    return differs(a, b, of_a, of_b) || differs(b, a, of_b, of_a);
}

static part or_none(part p)
{
    return p.n > 0 ? p : (part){"nothing of the kind", 19};
}

dc_error dc__fingerprint_same(const char *run, const char *worker)
{
    part x, y;
    if (!lines_differ(line_of(worker, 0), line_of(run, 0), &x, &y)) return DC_OK;
    x = or_none(x);
    y = or_none(y);
    return dc__fail(DC_EMODEL, "this worker has '%.*s', the run '%.*s': start all workers alike", x.n, x.at,
                    y.n, y.at);
}

bool dc__fingerprint_warn(const char *a, int rank_a, const char *b, int rank_b, char *text, size_t size)
{
    part x, y;
    if (!lines_differ(line_of(a, 1), line_of(b, 1), &x, &y)) return false;
    x = or_none(x);
    y = or_none(y);
    (void)snprintf(text, size, "workers %d and %d augment their images differently: '%.*s' and '%.*s'",
                   rank_a, rank_b, x.n, x.at, y.n, y.at);
    return true;
}

/* The name that follows the content's hash. */
static part name_of(part weights)
{
    const part hash = before(weights, ' ');
    return hash.n < weights.n ? (part){weights.at + hash.n + 1, weights.n - hash.n - 1} : weights;
}

dc_error dc__fingerprint_start(const char *a, int rank_a, const char *b, int rank_b)
{
    const part x = line_of(a, 2), y = line_of(b, 2);
    if (same(before(x, ' '), before(y, ' '))) return DC_OK;
    if (x.n > 0 && y.n > 0)
        return dc__fail(DC_EMODEL,
                        "worker %d starts from %.*s, worker %d from other values, %.*s: give all workers the "
                        "same weights, or worker 0 alone",
                        rank_a, name_of(x).n, name_of(x).at, rank_b, name_of(y).n, name_of(y).at);
    const int with = x.n > 0 ? rank_a : rank_b, without = x.n > 0 ? rank_b : rank_a;
    const part weights = name_of(x.n > 0 ? x : y);
    if (without != 0) return DC_OK;
    return dc__fail(DC_EMODEL,
                    "worker %d has weights, %.*s, but worker 0, whose values the run starts from, has none: "
                    "give them to worker 0 too",
                    with, weights.n, weights.at);
}

void dc__fingerprint_note(const char *fingerprint, char *note, size_t size)
{
    const part line = line_of(fingerprint, 3);
    (void)snprintf(note, size, "%.*s", line.n, line.at);
    dc__make_printable(note);
}
