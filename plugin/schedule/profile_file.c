/* profile_file.c - profiles as tab-separated text: a strict reader, and a writer whose output reads back
 * equal.
 *
 * DESIGN
 *   The reader never trusts: every field is checked whole (no sign, no blank, no second dot, in range), lines
 * are numbered from 1 in messages, and a table is handed out complete or empty. Text is taken with a length;
 * NUL bytes are refused like any other unexpected byte. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dynacomm_file.h"
#include "dynacomm_plan.h"

#define FIELDS_MOST 8
#define FIELD_BYTES 64
#define FILE_BYTES_MOST (64u * 1024u * 1024u)

/* Bit 0: two columns of bytes; bit 1: gflop. */
static const char *const headers[] = {
    "layer\ttype\tbytes\tfc_ms\tbc_ms", "layer\ttype\tup_bytes\tdown_bytes\tfc_ms\tbc_ms",
    "layer\ttype\tbytes\tfc_ms\tbc_ms\tgflop", "layer\ttype\tup_bytes\tdown_bytes\tfc_ms\tbc_ms\tgflop"};

typedef struct reader {
    const char *name;
    int line;
    bool has_header, two_ways; /* bytes up and down in columns of their own */
    uint64_t total_bytes;      /* so far, of each layer's direction that moves more */
    int room;
    dc_profile_table *table;
} reader;

/* Takes every digit-and-dot-and-exponent field that strtod would, and nothing else it would. */
static bool to_number(const char *text, double *value)
{
    if (text[strspn(text, "0123456789.eE+-")] != '\0' || text[0] == '-' || text[0] == '+') return false;
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value);
}

static bool to_count(const char *text, uint64_t most, uint64_t *value)
{
    if (text[0] == '\0' || text[strspn(text, "0123456789")] != '\0') return false;
    errno = 0;
    unsigned long long x = strtoull(text, NULL, 10);
    *value = x;
    return errno == 0 && x <= most;
}

static bool is_type(const char *text)
{
    size_t n = strlen(text);
    return n > 0 && n < DC_TYPE_BYTES &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]")] == '\0';
}

/* Splits text[0..size) at tabs into fields; -1 if one is too long or there are too many. */
static int split(const char *text, size_t size, char fields[FIELDS_MOST][FIELD_BYTES])
{
    int n = 0;
    size_t at = 0;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && text[i] != '\t') continue;
        if (n == FIELDS_MOST || i - at >= FIELD_BYTES) return -1;
        memcpy(fields[n], text + at, i - at);
        fields[n++][i - at] = '\0';
        at = i + 1;
    }
    return n;
}

static dc_error grow(reader *r)
{
    dc_profile_table *t = r->table;
    if (t->n_layers < r->room) return DC_OK;
    int room = r->room ? 2 * r->room : 64;
    dc_layer_cost *layers = realloc(t->layers, (size_t)room * sizeof *layers);
    if (layers) t->layers = layers;
    char(*types)[DC_TYPE_BYTES] = realloc(t->types, (size_t)room * sizeof *types);
    if (types) t->types = types;
    double *gflop = t->gflop ? realloc(t->gflop, (size_t)room * sizeof *gflop) : NULL;
    if (gflop) t->gflop = gflop;
    if (!layers || !types || (t->gflop && !gflop))
        return dc__fail(DC_ENOMEM, "out of memory for %s", r->name);
    r->room = room;
    return DC_OK;
}

static dc_error read_header(reader *r, const char *text, size_t size)
{
    unsigned form = 0;
    while (form < 4 && (strlen(headers[form]) != size || memcmp(text, headers[form], size) != 0))
        form++;
    if (form == 4)
        return dc__fail(
            DC_EFORMAT,
            "%s:%d: not a profile: the first line must be 'layer type bytes fc_ms bc_ms' (up_bytes and "
            "down_bytes may stand for bytes, gflop at the end), separated by tabs",
            r->name, r->line);
    r->has_header = true;
    r->two_ways = form & 1;
    if (form & 2 && !(r->table->gflop = malloc(sizeof(double))))
        return dc__fail(DC_ENOMEM, "out of memory for %s", r->name);
    return DC_OK;
}

/* A layer's bytes in one or two columns. */
static dc_error read_bytes(reader *r, char (*field)[FIELD_BYTES], dc_layer_cost *cost)
{
    const uint64_t most = DC_PROFILE_BYTES_MOST;
    const char *up = field[0], *down = field[r->two_ways ? 1 : 0];
    uint64_t *const bytes[] = {&cost->up_bytes, &cost->down_bytes}, before = r->total_bytes;
    for (int k = 0; k < 2; k++) {
        const char *text = k ? down : up;
        const bool right = to_count(text, most, bytes[k]);
        if (right && before + *bytes[k] > r->total_bytes) r->total_bytes = before + *bytes[k];
        if (!right || r->total_bytes > most)
            return dc__fail(DC_EFORMAT,
                            "%s:%d: bytes '%s' is not a whole number (64 GiB in all layers at most)", r->name,
                            r->line, text);
    }
    if ((cost->up_bytes == 0) != (cost->down_bytes == 0))
        return dc__fail(DC_EFORMAT, "%s:%d: bytes in one direction only: what is trained moves both ways",
                        r->name, r->line);
    return DC_OK;
}

static dc_error read_times(reader *r, char (*field)[FIELD_BYTES], double value[3])
{
    static const char *const columns[] = {"fc_ms", "bc_ms", "gflop"};
    for (int k = 0; k < (r->table->gflop ? 3 : 2); k++)
        if (!to_number(field[k], &value[k]))
            return dc__fail(DC_EFORMAT, "%s:%d: %s '%s' is not a number of 0 or more", r->name, r->line,
                            columns[k], field[k]);
    return DC_OK;
}

static dc_error read_layer(reader *r, const char *text, size_t size)
{
    char field[FIELDS_MOST][FIELD_BYTES];
    dc_profile_table *t = r->table;
    const int times = r->two_ways ? 4 : 3, expected = times + (t->gflop ? 3 : 2);
    if (split(text, size, field) != expected || memchr(text, '\0', size))
        return dc__fail(DC_EFORMAT, "%s:%d: a layer's line has %d fields, separated by single tabs", r->name,
                        r->line, expected);
    uint64_t index;
    if (!to_count(field[0], DC_LAYERS_MAX, &index) || index != (uint64_t)t->n_layers)
        return dc__fail(DC_EFORMAT, "%s:%d: layer is '%s' where %d follows", r->name, r->line, field[0],
                        t->n_layers);
    if (index == DC_LAYERS_MAX)
        return dc__fail(DC_EFORMAT, "%s:%d: a profile has at most %d layers", r->name, r->line,
                        DC_LAYERS_MAX);
    if (!is_type(field[1]))
        return dc__fail(DC_EFORMAT, "%s:%d: type '%s' is not a word of at most %d letters", r->name, r->line,
                        field[1], DC_TYPE_BYTES - 1);
    dc_layer_cost cost = {0};
    double value[3] = {0};
    dc_error err = read_bytes(r, field + 2, &cost);
    if (!err) err = grow(r);
    if (!err) err = read_times(r, field + times, value);
    if (err) return err;
    cost.fc_s = value[0] / 1e3;
    cost.bc_s = value[1] / 1e3;
    t->layers[index] = cost;
    memcpy(t->types[index], field[1], strlen(field[1]) + 1);
    if (t->gflop) t->gflop[index] = value[2];
    t->n_layers++;
    return DC_OK;
}

dc_error dc_profile_parse(const char *text, size_t size, const char *name, dc_profile_table *table)
{
    *table = (dc_profile_table){0};
    reader r = {.name = name, .table = table};
    dc_error err = DC_OK;
    for (size_t at = 0; at < size && !err;) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - (text + at)) : size - at;
        const char *line = text + at;
        at += length + 1;
        r.line++;
        if (length > 0 && line[length - 1] == '\r') length--;
        if (length == 0 || line[0] == '#') continue;
        err = r.has_header ? read_layer(&r, line, length) : read_header(&r, line, length);
    }
    if (!err && table->n_layers == 0)
        err = dc__fail(DC_EFORMAT, "%s: no layers: a profile has a header line and one line per layer", name);
    if (err) dc_profile_table_free(table);
    return err;
}

dc_error dc_profile_read(const char *path, dc_profile_table *table)
{
    *table = (dc_profile_table){0};
    FILE *in;
    if (dc_input_open(&in, path, "profile")) return DC_EFILE;
    char *text = NULL;
    size_t size = 0, room = 0;
    dc_error err = DC_OK;
    while (!err) {
        if (size == room) {
            room = room ? 2 * room : 16384;
            char *more = room <= FILE_BYTES_MOST ? realloc(text, room) : NULL;
            if (more)
                text = more;
            else if (room > FILE_BYTES_MOST)
                err = dc__fail(DC_EFORMAT, "%s: not a profile: larger than %u MiB", path,
                               FILE_BYTES_MOST >> 20);
            else
                err = dc__fail(DC_ENOMEM, "out of memory for %s", path);
        } else {
            size_t n = fread(text + size, 1, room - size, in);
            size += n;
            if (n == 0) break;
        }
    }
    if (!err && ferror(in)) err = dc__fail(DC_EFILE, "cannot read profile %s: %s", path, strerror(errno));
    (void)fclose(in);
    if (!err) err = dc_profile_parse(text, size, path, table);
    free(text);
    return err;
}

void dc_profile_table_free(dc_profile_table *table)
{
    free(table->layers);
    free(table->types);
    free(table->gflop);
    *table = (dc_profile_table){0};
}

/* The fewest digits, from 6 up, that we would read as the same number of seconds; 17 where none is, since not
 * every number of seconds has a number of milliseconds. */
static void ms_text(double seconds, char *text, size_t size)
{
    for (int digits = 6; digits <= 17; digits++) {
        (void)snprintf(text, size, "%.*g", digits, seconds * 1e3);
        if (strtod(text, NULL) / 1e3 == seconds) return;
    }
}

/* The old form where it says everything. */
static bool needs_two_ways(const dc_profile_table *table)
{
    for (int i = 0; i < table->n_layers; i++)
        if (table->layers[i].up_bytes != table->layers[i].down_bytes) return true;
    return false;
}

dc_error dc_profile_write(FILE *out, const dc_profile_table *table)
{
    const bool two_ways = needs_two_ways(table);
    (void)fprintf(out, "%s\n", headers[(two_ways ? 1 : 0) | (table->gflop ? 2 : 0)]);
    for (int i = 0; i < table->n_layers; i++) {
        const dc_layer_cost *cost = &table->layers[i];
        char fc_ms[FIELD_BYTES], bc_ms[FIELD_BYTES];
        ms_text(cost->fc_s, fc_ms, sizeof fc_ms);
        ms_text(cost->bc_s, bc_ms, sizeof bc_ms);
        (void)fprintf(out, "%d\t%s\t%llu", i, table->types[i], (unsigned long long)cost->up_bytes);
        if (two_ways) (void)fprintf(out, "\t%llu", (unsigned long long)cost->down_bytes);
        (void)fprintf(out, "\t%s\t%s", fc_ms, bc_ms);
        if (table->gflop) (void)fprintf(out, "\t%.17g", table->gflop[i]);
        (void)fputc('\n', out);
    }
    if (fflush(out) || ferror(out))
        return dc__fail(DC_EFILE, "cannot write the profile: %s", strerror(errno));
    return DC_OK;
}
