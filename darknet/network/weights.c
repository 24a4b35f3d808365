/* weights.c - see weights.h; and load_weights_upto and save_weights_upto, in the place of the library's,
 * which know neither weighed shortcuts nor shared weights. */
#include "network/weights.h"

#include "layers/make.h"
#include "layers/extra.h"
#include "dynacomm_file.h"
#include "replace/fatal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

static void add(dk_arrays *a, float *at, int n)
{
    if (n <= 0) return;
    if (a->n == DK_MOST_ARRAYS) abort(); /* no kind of layer has as many */
    a->array[a->n++] = (dk_array){.at = at, .n = (size_t)n};
}

static void add_norm(dk_arrays *a, const layer *l, int n, bool reading)
{
    if (!l->batch_normalize || (reading && l->dontloadscales)) return;
    add(a, l->scales, n);
    add(a, l->rolling_mean, n);
    add(a, l->rolling_variance, n);
}

static void add_convolutional(dk_arrays *a, const layer *l, bool reading)
{
    const int n = reading && l->numload ? l->numload : l->n, filter = l->nweights / l->n;
    add(a, l->biases, n);
    add_norm(a, l, n, reading);
    add(a, l->weights, filter * n);
    if (l->flipped && reading) a->array[a->n - 1].rows = filter;
}

static void add_connected(dk_arrays *a, const layer *l, bool reading)
{
    add(a, l->biases, l->outputs);
    add(a, l->weights, l->outputs * l->inputs);
    a->array[a->n - 1].rows = reading ? -l->inputs : 0; /* if the file is an old one */
    add_norm(a, l, l->outputs, reading);
}

static void add_all(dk_arrays *a, layer *const *parts, int n, bool reading)
{
    for (int i = 0; i < n; i++)
        add_connected(a, parts[i], reading);
}

static void add_batchnorm(dk_arrays *a, const layer *l)
{
    if (dk_is_forks(l)) add(a, l->biases, l->c);
    add(a, l->scales, l->c);
    add(a, l->rolling_mean, l->c);
    add(a, l->rolling_variance, l->c);
}

static void add_recurrent(dk_arrays *a, const layer *l, bool reading)
{
    layer *const lstm[] = {l->wi, l->wf, l->wo, l->wg, l->ui, l->uf, l->uo, l->ug};
    layer *const forks_lstm[] = {l->wf, l->wi, l->wg, l->wo, l->uf, l->ui, l->ug, l->uo};
    layer *const gru[] = {l->wz, l->wr, l->wh, l->uz, l->ur, l->uh};
    layer *const rnn[] = {l->input_layer, l->self_layer, l->output_layer};
    if (l->type == RNN) add_all(a, rnn, 3, reading);
    if (l->type == GRU) add_all(a, gru, 6, reading);
    if (l->type == LSTM) add_all(a, dk_is_forks(l) ? forks_lstm : lstm, 8, reading);
    for (int i = 0; i < 3 && l->type == CRNN; i++)
        add_convolutional(a, rnn[i], reading);
}

dk_arrays dk_arrays_of(const layer *l, bool reading)
{
    dk_arrays a = {.n = 0};
    switch (l->type) {
    case CONVOLUTIONAL:
    case DECONVOLUTIONAL:
        if (!dk_shares(l)) add_convolutional(&a, l, reading);
        break;
    case CONNECTED:
        add_connected(&a, l, reading);
        break;
    case BATCHNORM:
        add_batchnorm(&a, l);
        break;
    case LOCAL:
        add(&a, l->biases, l->outputs);
        add(&a, l->weights, l->size * l->size * l->c * l->n * l->out_w * l->out_h);
        break;
    case SHORTCUT:
        add(&a, l->weights, l->nweights);
        break;
    default:
        add_recurrent(&a, l, reading);
    }
    return a;
}

size_t dk_weights_count(const layer *l)
{
    if (l->dontload) return 0;
    const dk_arrays a = dk_arrays_of(l, true);
    size_t sum = 0;
    for (int i = 0; i < a.n; i++)
        sum += a.array[i].n;
    return sum;
}

/* ---- files ------------------------------------------------------------------------------------------ */

static FILE *open_or_die(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);
    if (!file) dk_die("cannot open weights file %s: %s", path, strerror(errno));
    return file;
}

static void transpose(float *at, size_t n, size_t rows)
{
    const size_t columns = n / rows;
    float *copy = dk_room(n, sizeof *copy);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            copy[c * rows + r] = at[r * columns + c];
    memcpy(at, copy, n * sizeof *copy);
    free(copy);
}

/* A file that ends early leaves what it does not hold as it is. False at its end. */
static bool read_layer(FILE *file, const layer *l, bool old)
{
    const dk_arrays a = dk_arrays_of(l, true);
    for (int i = 0; i < a.n; i++) {
        const dk_array *part = &a.array[i];
        if (fread(part->at, sizeof(float), part->n, file) != part->n) return false;
        const int rows = part->rows > 0 ? part->rows : old ? -part->rows : 0;
        if (rows > 0) transpose(part->at, part->n, (size_t)rows);
    }
    return true;
}

/* Any two numbers: a file may be none of ours. */
size_t dk_weights_seen_bytes(const int version[2])
{
    const bool wide = version[0] < 1000 && version[1] < 1000 && (long)version[0] * 10 + version[1] >= 2;
    return wide ? sizeof(size_t) : sizeof(int);
}

static bool read_seen(FILE *file, const int *version, network *net)
{
    if (dk_weights_seen_bytes(version) == sizeof *net->seen)
        return fread(net->seen, sizeof *net->seen, 1, file) == 1;
    int seen;
    if (fread(&seen, sizeof seen, 1, file) != 1) return false;
    *net->seen = (size_t)seen;
    return true;
}

LIBRARY_ENTRY void load_weights_upto(network *net, char *filename, int start, int cutoff)
{
    int version[3];
    fprintf(stderr, "Loading weights from %s...", filename);
    FILE *file = open_or_die(filename, "rb");
    if (fread(version, sizeof *version, 3, file) != 3 || !read_seen(file, version, net))
        dk_die("%s is too short to be a weights file", filename);
    const bool old = version[0] > 1000 || version[1] > 1000;
    for (int i = start; i < net->n && i < cutoff; i++)
        if (!net->layers[i].dontload && !read_layer(file, &net->layers[i], old)) break;
    fprintf(stderr, "Done!\n");
    fclose(file);
}

LIBRARY_ENTRY void load_weights(network *net, char *filename)
{
    load_weights_upto(net, filename, 0, net->n);
}

LIBRARY_ENTRY void save_weights_upto(network *net, char *filename, int cutoff)
{
    const int version[3] = {0, 2, 0};
    dc_output *output;
    fprintf(stderr, "Saving weights to %s\n", filename);
    if (dc_output_begin(&output, filename)) dk_die("%s", dc_last_error());
    FILE *file = dc_output_stream(output);
    bool whole =
        fwrite(version, sizeof *version, 3, file) == 3 && fwrite(net->seen, sizeof *net->seen, 1, file) == 1;
    for (int i = 0; i < net->n && i < cutoff; i++) {
        if (net->layers[i].dontsave) continue;
        const dk_arrays a = dk_arrays_of(&net->layers[i], false);
        for (int k = 0; k < a.n && whole; k++)
            whole = fwrite(a.array[k].at, sizeof(float), a.array[k].n, file) == a.array[k].n;
    }
    if (dc_output_commit(output)) dk_die("%s", dc_last_error());
}

LIBRARY_ENTRY void save_weights(network *net, char *filename)
{
    save_weights_upto(net, filename, net->n);
}
