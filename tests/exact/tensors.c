/* tensors.c - see tensors.h. */
#include "exact/tensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct walk {
    ex_tensors list;
    int layer;
    const char *part; /* "" or "input." and the like */
    bool frozen, blind, clips;
} walk;

static void add(walk *w, const char *name, ex_kind kind, int count, float *value, float *velocity,
                float rate_scale, size_t terms)
{
    ex_tensors *list = &w->list;
    if (!value || count == 0) return;
    list->tensor = realloc(list->tensor, (size_t)(list->n + 1) * sizeof *list->tensor);
    if (!list->tensor) abort();
    ex_tensor *t = &list->tensor[list->n++];
    *t = (ex_tensor){.layer = w->layer,
                     .kind = kind,
                     .updated = velocity != NULL,
                     .frozen = w->frozen,
                     .blind = w->blind,
                     .clipped = w->clips && kind == EX_WEIGHTS,
                     .adam = true,
                     .count = (size_t)count,
                     .value = value,
                     .velocity = velocity,
                     .rate_scale = rate_scale,
                     .terms = terms};
    snprintf(t->name, sizeof t->name, "%s%s", w->part, name);
    list->floats += t->count * (velocity ? 2 : 1);
}

static void add_statistics(walk *w, const layer *l, int n)
{
    add(w, "rolling_mean", EX_STATISTIC, n, l->rolling_mean, NULL, 0, 0);
    add(w, "rolling_variance", EX_STATISTIC, n, l->rolling_variance, NULL, 0, 0);
}

/* A filter's gradient sums one product per output position
 * and image; for [deconvolutional], per input one. */
static void add_filters(walk *w, const layer *l)
{
    const size_t out = (size_t)l->out_w * (size_t)l->out_h * (size_t)l->batch;
    const size_t in = (size_t)l->w * (size_t)l->h * (size_t)l->batch;
    const float r = l->learning_rate_scale;
    add(w, "weights", EX_WEIGHTS, l->nweights, l->weights, l->weight_updates, r,
        l->type == DECONVOLUTIONAL ? in : out);
    add(w, "biases", EX_BIASES, l->n, l->biases, l->bias_updates, r, out);
    if (!l->batch_normalize) return;
    add(w, "scales", EX_SCALES, l->n, l->scales, l->scale_updates, r, out);
    add_statistics(w, l, l->n);
}

static void add_matrix(walk *w, const layer *l)
{
    const size_t images = (size_t)l->batch;
    const float r = l->learning_rate_scale;
    add(w, "weights", EX_WEIGHTS, l->inputs * l->outputs, l->weights, l->weight_updates, r, images);
    add(w, "biases", EX_BIASES, l->outputs, l->biases, l->bias_updates, r, images);
    if (!l->batch_normalize) return;
    add(w, "scales", EX_SCALES, l->outputs, l->scales, l->scale_updates, r, images);
    add_statistics(w, l, l->outputs);
}

static void add_local(walk *w, const layer *l)
{
    const int n = l->size * l->size * l->c * l->n * l->out_w * l->out_h;
    const size_t images = (size_t)l->batch;
    const int first = w->list.n;
    add(w, "weights", EX_WEIGHTS, n, l->weights, l->weight_updates, l->learning_rate_scale, images);
    add(w, "biases", EX_BIASES, l->outputs, l->biases, l->bias_updates, l->learning_rate_scale, images);
    for (int i = first; i < w->list.n; i++)
        w->list.tensor[i].adam = false;
}

static void add_parts(walk *w, int n, layer *const parts[], const char *const names[],
                      void (*how)(walk *, const layer *))
{
    for (int i = 0; i < n; i++) {
        w->part = names[i];
        how(w, parts[i]);
    }
    w->part = "";
}

static void add_layer(walk *w, const layer *l)
{
    static const char *const simple[] = {"input.", "self.", "output."};
    static const char *const gates[] = {"wi.", "wf.", "wo.", "wg.", "ui.", "uf.", "uo.", "ug."};
    static const char *const reset[] = {"wz.", "wr.", "wh.", "uz.", "ur.", "uh."};
    layer *const three[] = {l->input_layer, l->self_layer, l->output_layer};
    w->clips = l->type == CONVOLUTIONAL;
    w->blind = l->type == GRU;
    if (l->type == CONVOLUTIONAL || l->type == DECONVOLUTIONAL)
        add_filters(w, l);
    else if (l->type == CONNECTED)
        add_matrix(w, l);
    else if (l->type == LOCAL)
        add_local(w, l);
    else if (l->type == RNN)
        add_parts(w, 3, three, simple, add_matrix);
    else if (l->type == CRNN)
        add_parts(w, 3, three, simple, add_filters);
    else if (l->type == LSTM)
        add_parts(w, 8, (layer *const[]){l->wi, l->wf, l->wo, l->wg, l->ui, l->uf, l->uo, l->ug}, gates,
                  add_matrix);
    else if (l->type == GRU)
        add_parts(w, 6, (layer *const[]){l->wz, l->wr, l->wh, l->uz, l->ur, l->uh}, reset, add_matrix);
    else if (l->type == BATCHNORM) { /* the library has no update for it */
        add(w, "scales", EX_SCALES, l->c, l->scales, NULL, 0, 0);
        add(w, "biases", EX_BIASES, l->c, l->biases, NULL, 0, 0);
        add_statistics(w, l, l->c);
    }
}

ex_tensors ex_tensors_of(const network *net)
{
    walk w = {.part = ""};
    int frozen = -1;
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].stopbackward) frozen = i;
    for (w.layer = 0; w.layer < net->n; w.layer++) {
        w.frozen = w.layer <= frozen;
        add_layer(&w, &net->layers[w.layer]);
    }
    return w.list;
}

void ex_tensors_free(ex_tensors *list)
{
    free(list->tensor);
    *list = (ex_tensors){0};
}

size_t ex_offset(const ex_tensors *list, int i)
{
    size_t at = 0;
    for (int k = 0; k < i; k++)
        at += list->tensor[k].count;
    return at;
}

size_t ex_velocity_offset(const ex_tensors *list, int i)
{
    size_t at = ex_offset(list, list->n);
    for (int k = 0; k < i; k++)
        at += list->tensor[k].velocity ? list->tensor[k].count : 0;
    return at;
}

void ex_snapshot(const ex_tensors *list, float *to)
{
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < list->n; i++) {
            const ex_tensor *t = &list->tensor[i];
            const float *from = pass ? t->velocity : t->value;
            if (!from) continue;
            memcpy(to, from, t->count * sizeof(float));
            to += t->count;
        }
}

static bool same_range(const ex_tensor *t, const char *what, const float *a, const char *a_name,
                       const float *b, const char *b_name, char *text, size_t size)
{
    if (memcmp(a, b, t->count * sizeof(float)) == 0) return true;
    size_t first = t->count, differ = 0;
    for (size_t j = t->count; j-- > 0;)
        if (memcmp(&a[j], &b[j], sizeof(float)) != 0) {
            first = j;
            differ++;
        }
    snprintf(text, size, "layer %d %s%s[%zu]: %s %.9g (%a), %s %.9g (%a); %zu of %zu differ", t->layer,
             t->name, what, first, a_name, (double)a[first], (double)a[first], b_name, (double)b[first],
             (double)b[first], differ, t->count);
    return false;
}

bool ex_same(const ex_tensors *list, int what, const float *a, const char *a_name, const float *b,
             const char *b_name, char *text, size_t size)
{
    size_t at = 0, velocity_at = ex_offset(list, list->n);
    for (int i = 0; i < list->n; i++) {
        const ex_tensor *t = &list->tensor[i];
        const int kind = t->kind == EX_STATISTIC ? EX_STATISTICS : EX_VALUES;
        if ((what & kind) && !same_range(t, "", a + at, a_name, b + at, b_name, text, size)) return false;
        at += t->count;
        if (!t->velocity) continue;
        if ((what & EX_VELOCITIES) &&
            !same_range(t, " velocity", a + velocity_at, a_name, b + velocity_at, b_name, text, size))
            return false;
        velocity_at += t->count;
    }
    return true;
}

bool ex_meaningful(const ex_tensors *list, const float *before, const float *after, char *text, size_t size)
{
    size_t at = 0;
    for (int i = 0; i < list->n; i++) {
        const ex_tensor *t = &list->tensor[i];
        for (size_t j = 0; j < t->count; j++)
            if (!isfinite(after[at + j])) {
                snprintf(text, size, "layer %d %s[%zu] is %g on one machine: nothing to compare", t->layer,
                         t->name, j, (double)after[at + j]);
                return false;
            }
        const bool trained =
            t->updated && !t->frozen && !t->blind && t->kind == EX_WEIGHTS && t->rate_scale > 0;
        if (trained && memcmp(before + at, after + at, t->count * sizeof(float)) == 0) {
            snprintf(text, size, "layer %d %s did not move on one machine: nothing to compare", t->layer,
                     t->name);
            return false;
        }
        at += t->count;
    }
    return true;
}
