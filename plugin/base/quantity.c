/* quantity.c - "100mbit", "10ms", "4", "0.5". */
#include "base/quantity.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "dynacomm_options.h"

typedef struct unit {
    const char *name;
    double factor;
} unit;

/* The number in front; *rest is what follows it. NaN if there is none, or if it is negative. */
static double leading_number(const char *text, const char **rest)
{
    size_t n = strspn(text, "0123456789.");
    char number[32];
    *rest = text;
    if (n == 0 || n >= sizeof number) return NAN;
    memcpy(number, text, n);
    number[n] = '\0';
    char *end;
    double value = strtod(number, &end);
    *rest = text + n;
    return *end == '\0' ? value : NAN;
}

static bool with_unit(const char *text, const unit *units, size_t n, double *value)
{
    const char *rest;
    double number = leading_number(text, &rest);
    if (isnan(number)) return false;
    for (size_t k = 0; k < n; k++) {
        if (strcasecmp(rest, units[k].name) != 0) continue;
        *value = number * units[k].factor;
        return isfinite(*value);
    }
    return false;
}

dc_error dc__parse_rate(const char *option, const char *text, double *Bps)
{
    static const unit units[] = {
        {"bit", 1.0 / 8},   {"kbit", 1e3 / 8},   {"mbit", 1e6 / 8},   {"gbit", 1e9 / 8},
        {"bit/s", 1.0 / 8}, {"kbit/s", 1e3 / 8}, {"mbit/s", 1e6 / 8}, {"gbit/s", 1e9 / 8},
        {"b/s", 1.0},       {"kb/s", 1e3},       {"mb/s", 1e6},       {"gb/s", 1e9},
    };
    if (!with_unit(text, units, sizeof units / sizeof *units, Bps))
        return dc__fail(DC_EINVAL,
                        "%s: '%s' is not a rate; write it like 100mbit, 1gbit, 500kbit or 12.5mb/s", option,
                        text);
    if (!(*Bps > 0)) return dc__fail(DC_EINVAL, "%s: a rate must be more than 0", option);
    return DC_OK;
}

dc_error dc__parse_time(const char *option, const char *text, double *seconds)
{
    static const unit units[] = {{"s", 1.0},   {"ms", 1e-3}, {"us", 1e-6},
                                 {"ns", 1e-9}, {"m", 60.0},  {"h", 3600.0}};
    if (with_unit(text, units, sizeof units / sizeof *units, seconds)) return DC_OK;
    const char *rest;
    if (leading_number(text, &rest) == 0.0 && *rest == '\0') {
        *seconds = 0.0;
        return DC_OK;
    }
    return dc__fail(DC_EINVAL, "%s: '%s' is not a time; write it like 10ms, 250us, 1.5s or 30m", option,
                    text);
}

dc_error dc__parse_whole(const char *option, const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    uint64_t x = 0;
    bool whole = text[0] != '\0';
    for (const char *at = text; *at && whole; at++) {
        const unsigned digit = (unsigned)*at - '0';
        whole = digit <= 9 && (x < UINT64_MAX / 10 || (x == UINT64_MAX / 10 && digit <= UINT64_MAX % 10));
        x = 10 * x + digit;
    }
    if (!whole || x < least || x > most)
        return dc__fail(DC_EINVAL, "%s: '%s' is not a whole number from %llu to %llu", option, text,
                        (unsigned long long)least, (unsigned long long)most);
    *value = x;
    return DC_OK;
}

dc_error dc__parse_integer(const char *option, const char *text, int least, int most, int *value)
{
    uint64_t x = 0;
    const dc_error err = dc__parse_whole(option, text, (uint64_t)least, (uint64_t)most, &x);
    if (!err) *value = (int)x;
    return err;
}

dc_error dc__parse_number(const char *option, const char *text, double low, double high, bool above_low,
                          double *value)
{
    const size_t n = strlen(text);
    char *end = NULL;
    const bool number = n > 0 && strspn(text, "0123456789.eE+-") == n && strchr("eE+", text[0]) == NULL;
    const double x = number ? strtod(text, &end) : NAN;
    if (!number || *end != '\0' || !(x >= low && x <= high) || (above_low && x <= low))
        return dc__fail(DC_EINVAL, "%s: '%s' is not a number %s %g %s %g", option, text,
                        above_low ? "above" : "from", low, above_low ? "up to" : "to", high);
    *value = x;
    return DC_OK;
}

/* One of the two; false if it is neither or there already. */
static bool take_every(const char *option, const char *part, dc_every *every, bool seen[2])
{
    const bool whole = part[0] && part[strspn(part, "0123456789")] == '\0';
    if (seen[whole]) return false;
    seen[whole] = true;
    return !(whole ? dc__parse_whole(option, part, 0, INT_MAX, &every->rounds)
                   : dc__parse_time(option, part, &every->seconds));
}

dc_error dc__parse_every(const char *option, const char *text, bool never, dc_every *every)
{
    char parts[64];
    bool seen[2] = {false};
    dc_every read = {0};
    bool ok = (size_t)snprintf(parts, sizeof parts, "%s", text) < sizeof parts;
    char *second = strchr(parts, ',');
    if (second) *second++ = '\0';
    ok = ok && take_every(option, parts, &read, seen) && (!second || take_every(option, second, &read, seen));
    if (!ok || (!never && read.rounds == 0 && read.seconds <= 0))
        return dc__fail(
            DC_EINVAL,
            "%s: '%.60s' is neither rounds (100) nor a time (30s), nor both (100,30s): whichever is first",
            option, text);
    *every = read;
    return DC_OK;
}

void dc_every_text(dc_every every, char *text, size_t size)
{
    if (every.rounds && every.seconds > 0)
        (void)snprintf(text, size, "%llu,%.9gs", (unsigned long long)every.rounds, every.seconds);
    else if (every.seconds > 0)
        (void)snprintf(text, size, "%.9gs", every.seconds);
    else
        (void)snprintf(text, size, "%llu", (unsigned long long)every.rounds);
}
