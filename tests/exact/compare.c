/* compare.c - see compare.h.
 *
 * Rounding, several workers against one machine. Both add the same products to a gradient, in another order:
 * one machine into one running sum over all workers' images, the workers into a sum each, which the server
 * adds up. A running float sum of K terms is off by at most K/2 ulp of its largest partial sum, 2^-24 of it
 * each; so two orders differ by at most K * 2^-23 of it, and an update, which is a multiple of the sum, by as
 * much of itself. After one round, with U = the tensor's largest movement, which stands for the size of its
 * updates, and W = its largest value, which covers the rounding of value + update, every element obeys
 *
 *     |difference| <= (K * U + W) * 2^-23
 *
 * K is what the tensor's kind sums per element: filters, their biases and scales: output positions * images;
 * matrices and their biases: images. In later rounds gradients are taken at weights that differ by that, and
 * the network answers by its own, unknown, condition: there each tensor's difference, as a 2-norm, must be
 * below LATER of its movement's. A worker left out, or a divisor wrong, moves values by a good part of U: far
 * beyond this. */
#include "exact/compare.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ULP (1.0 / (1 << 23))
#define CANCEL 16.0
#define LATER 1e-2

static bool say(const ex_comparison *k, bool ok, const char *check, const char *why)
{
    if (ok)
        fprintf(k->out, "ok %s: %s\n", k->name, check);
    else
        fprintf(k->out, "not ok %s: %s: %s\n", k->name, check, why);
    return ok;
}

static bool same_files(const char *a, const char *b, char *text, size_t size)
{
    static char from_a[1 << 16], from_b[sizeof from_a];
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    bool same = f && g;
    snprintf(text, size, "%s cannot be read", f ? b : a);
    size_t n = 1;
    for (long at = 0; same && n > 0; at += (long)n) {
        n = fread(from_a, 1, sizeof from_a, f);
        same = fread(from_b, 1, sizeof from_b, g) == n && memcmp(from_a, from_b, n) == 0;
        if (!same)
            snprintf(text, size, "the files differ in the %zu bytes from byte %ld on", sizeof from_a, at);
    }
    if (f) fclose(f);
    if (g) fclose(g);
    return same;
}

static bool same_losses(const ex_case *c, const ex_result *a, const ex_result *b, char *text, size_t size)
{
    for (int r = 0; r < c->rounds; r++)
        if (memcmp(&a->loss[r], &b->loss[r], sizeof(float)) != 0) {
            snprintf(text, size, "loss of round %d: %.9g alone, %.9g over the server", r + 1,
                     (double)a->loss[r], (double)b->loss[r]);
            return false;
        }
    return true;
}

bool ex_compare_one(ex_comparison *k)
{
    const ex_case *c = &k->run;
    const ex_result want = ex_result_new(c), got = ex_result_new(c);
    float *before = malloc(c->tensors.floats * sizeof(float) + 1);
    char text[1024] = "", file[PATH_MAX], backup[PATH_MAX], saved[PATH_MAX];
    if (!before) abort();
    ex_snapshot(&c->tensors, before);
    snprintf(file, sizeof file, "%s/alone.weights", c->directory);
    snprintf(backup, sizeof backup, "%s/backup", c->directory);
    snprintf(saved, sizeof saved, "%s/backup/exact_final.weights", c->directory);
    bool ok = ex_alone(c, 1, k->files ? file : NULL, want, text, sizeof text) &&
              ex_meaningful(&c->tensors, before, want.snapshot, text, sizeof text);
    say(k, ok, "one machine trains", text);
    free(before);
    if (!ok) return false;
    for (dc_strategy s = DC_SEQUENTIAL; s < DC_AUTO; s++) {
        if (k->strategies && !strstr(k->strategies, dc_strategy_name(s))) continue;
        const bool tcp = s % 2 == 1, files = k->files && s == DC_DUPLEX;
        char check[64];
        snprintf(check, sizeof check, "%s over %s, bit for bit", dc_strategy_name(s), tcp ? "tcp" : "ipc");
        memset(got.snapshot, 0xff, c->tensors.floats * sizeof(float));
        ok &= say(k,
                  ex_together(c, s, tcp, 1, files ? backup : NULL, (ex_result[]){got}, text, sizeof text) &&
                      ex_same(&c->tensors, EX_VALUES | EX_STATISTICS | EX_VELOCITIES, want.snapshot, "alone",
                              got.snapshot, "over the server", text, sizeof text) &&
                      same_losses(c, &want, &got, text, sizeof text),
                  check, text);
        if (files)
            ok &= say(k, same_files(file, saved, text, sizeof text),
                      "the server's .weights is the library's, byte for byte", text);
    }
    return ok;
}

/* ---- several workers ---- */

static bool workers_agree(const ex_comparison *k, const ex_result *got, char *text, size_t size)
{
    for (int rank = 1; rank < k->workers; rank++) {
        char name[32];
        snprintf(name, sizeof name, "worker %d", rank);
        if (!ex_same(&k->run.tensors, EX_VALUES, got[0].snapshot, "worker 0", got[rank].snapshot, name, text,
                     size))
            return false;
    }
    return true;
}

static bool runs_agree(const ex_comparison *k, const ex_result *a, const ex_result *b, const char *other,
                       char *text, size_t size)
{
    for (int rank = 0; rank < k->workers; rank++)
        if (!ex_same(&k->run.tensors, EX_VALUES | EX_STATISTICS, a[rank].snapshot, "the first run",
                     b[rank].snapshot, other, text, size))
            return false;
    return true;
}

/* The server's file, read by the library into this process's own network, which is not needed as it was. */
static bool file_agrees(const ex_comparison *k, const char *file, const ex_result *got, char *text,
                        size_t size)
{
    const ex_tensors *list = &k->run.tensors;
    float *want = malloc(list->floats * sizeof(float) + 1), *read = malloc(list->floats * sizeof(float) + 1);
    if (!want || !read) abort();
    memcpy(want, got[0].snapshot, list->floats * sizeof(float));
    for (int i = 0; i < list->n; i++)
        for (size_t j = 0, at = ex_offset(list, i);
             list->tensor[i].kind == EX_STATISTIC && j < list->tensor[i].count; j++) {
            float sum = got[0].snapshot[at + j];
            for (int rank = 1; rank < k->workers; rank++)
                sum += got[rank].snapshot[at + j];
            want[at + j] = sum / (float)k->workers;
        }
    load_weights(k->run.net, (char *)file);
    ex_snapshot(list, read);
    const bool same =
        ex_same(list, EX_VALUES | EX_STATISTICS, want, "the workers", read, "the file", text, size);
    free(want);
    free(read);
    return same;
}

/* How far two snapshots are apart, tensor by tensor, as a share of what is allowed after `rounds`; worst by
 * kind of tensor. False if one is beyond it. */
static bool close_enough(const ex_comparison *k, int rounds, const float *before, const float *alone,
                         const float *got, double share[EX_STATISTIC], char *text, size_t size)
{
    const ex_tensors *list = &k->run.tensors;
    bool ok = true;
    for (int i = 0; i < list->n; i++) {
        const ex_tensor *t = &list->tensor[i];
        if (t->kind == EX_STATISTIC) continue;
        const size_t at = ex_offset(list, i);
        double moved = 0, largest = 0, differs = 0, moved2 = 0, differs2 = 0;
        for (size_t j = at; j < at + t->count; j++) {
            const double difference = fabs((double)alone[j] - (double)got[j]);
            const double movement = fabs((double)alone[j] - (double)before[j]);
            moved = fmax(moved, movement);
            largest = fmax(largest, fabs((double)alone[j]));
            differs = fmax(differs, difference);
            moved2 += movement * movement;
            differs2 += difference * difference;
        }
        const double sums = (double)t->terms * k->run.net->subdivisions * k->workers;
        const double rounding = (sums * CANCEL * moved + largest) * ULP;
        const double allowed = rounds == 1 ? rounding : LATER * sqrt(moved2) + rounding;
        const double apart = rounds == 1 ? differs : sqrt(differs2);
        const double part = apart > 0 ? apart / allowed : 0;
        share[t->kind] = fmax(share[t->kind], part);
        if (part <= 1 || !ok) continue;
        ok = false;
        snprintf(text, size, "layer %d %s: moved %.3g at most, and is %.3g apart: %.3g of what is allowed",
                 t->layer, t->name, moved, differs, part);
    }
    return ok;
}

static bool compare_with_one_machine(ex_comparison *k, int rounds, const float *before, const ex_result *got)
{
    ex_case *c = &k->run;
    const ex_result alone = ex_result_new(c);
    const int all_rounds = c->rounds;
    char text[1024] = "", check[256];
    double share[EX_STATISTIC] = {0};
    c->rounds = rounds;
    const bool ok = ex_alone(c, k->workers, NULL, alone, text, sizeof text) &&
                    ex_meaningful(&c->tensors, before, alone.snapshot, text, sizeof text) &&
                    close_enough(k, rounds, before, alone.snapshot, got->snapshot, share, text, sizeof text);
    c->rounds = all_rounds;
    snprintf(check, sizeof check,
             "%d rounds of %d workers as one machine with %d times the subdivisions (of the allowed "
             "rounding: weights "
             "%.2g, biases %.2g, scales %.2g)",
             rounds, k->workers, k->workers, share[EX_WEIGHTS], share[EX_BIASES], share[EX_SCALES]);
    return say(k, ok, check, text);
}

/* After one round, where the bound is strict, and after all. */
static bool equals_one_machine(ex_comparison *k, const float *before, const ex_result *all_rounds)
{
    ex_case *c = &k->run;
    ex_result one[EX_MOST_WORKERS];
    char text[1024] = "";
    const int rounds = c->rounds;
    for (int rank = 0; rank < k->workers; rank++)
        one[rank] = ex_result_new(c);
    c->rounds = 1;
    bool ok = ex_together(c, DC_DUPLEX, false, k->workers, NULL, one, text, sizeof text);
    c->rounds = rounds;
    if (!ok) return say(k, false, "one round", text);
    ok = compare_with_one_machine(k, 1, before, one);
    if (rounds > 1) ok &= compare_with_one_machine(k, rounds, before, all_rounds);
    return ok;
}

bool ex_compare_many(ex_comparison *k)
{
    const ex_case *c = &k->run;
    ex_result first[EX_MOST_WORKERS], got[EX_MOST_WORKERS];
    float *before = malloc(c->tensors.floats * sizeof(float) + 1);
    char text[1024] = "", check[128], backup[PATH_MAX], saved[PATH_MAX];
    if (!before) abort();
    ex_snapshot(&c->tensors, before);
    for (int rank = 0; rank < k->workers; rank++) {
        first[rank] = ex_result_new(c);
        got[rank] = ex_result_new(c);
    }
    snprintf(backup, sizeof backup, "%s/backup", c->directory);
    snprintf(saved, sizeof saved, "%s/backup/exact_final.weights", c->directory);
    bool ok = true;
    for (int run = DC_SEQUENTIAL; run <= DC_AUTO; run++) { /* the last one repeats duplex */
        const dc_strategy s = run == DC_AUTO ? DC_DUPLEX : (dc_strategy)run;
        const bool tcp = run % 2 == 1;
        ex_result *result = run == DC_SEQUENTIAL ? first : got;
        snprintf(check, sizeof check, "%d workers, %s over %s%s", k->workers, dc_strategy_name(s),
                 tcp ? "tcp" : "ipc", run == DC_AUTO ? " again" : "");
        bool fine = ex_together(c, s, tcp, k->workers, run == DC_SEQUENTIAL ? backup : NULL, result, text,
                                sizeof text) &&
                    workers_agree(k, result, text, sizeof text);
        if (fine && run != DC_SEQUENTIAL)
            fine = runs_agree(k, first, got, dc_strategy_name(s), text, sizeof text);
        ok &= say(k, fine, check, text);
        if (run == DC_SEQUENTIAL && !fine) break;
    }
    if (ok && !k->no_alone) ok = equals_one_machine(k, before, first);
    if (ok && k->files)
        ok = say(k, file_agrees(k, saved, first, text, sizeof text),
                 "the server's .weights holds the workers' values and the mean of their statistics", text);
    free(before);
    return ok;
}
