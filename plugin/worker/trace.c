#include "worker/trace.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "model/model.h"

#define NOTE_BYTES 256

typedef struct event {
    dc__track track;
    const char *name; /* NULL: a note */
    int64_t begin_ns, end_ns;
    uint64_t round, bytes;
    int first, last;
    int note; /* index into notes */
} event;

#define NOTES 64

struct dc__trace {
    FILE *file;
    char path[256];
    const dc_model *model;
    int rank;
    int64_t zero_ns;
    pthread_t writer;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    event *ring;         /* [DC__TRACE_EVENTS] */
    uint64_t head, tail; /* written at head, read at tail; both only grow */
    uint64_t dropped;
    char notes[NOTES][NOTE_BYTES];
    uint64_t notes_head, notes_tail;
    bool quit;
    event batch[512]; /* the writer's */
};

static const char *const tracks[DC__TRACK_COUNT] = {"compute", "up", "down", "plan"};

static void write_text(FILE *f, const char *text)
{
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            (void)fprintf(f, "\\%c", *text);
        else if ((unsigned char)*text >= 0x20)
            (void)fputc(*text, f);
}

static void write_event(dc__trace *t, const event *e, const char *note)
{
    FILE *f = t->file;
    const double at_us = (double)(e->begin_ns - t->zero_ns) * 1e-3;
    if (!e->name) {
        (void)fprintf(
            f,
            ",\n{\"ph\":\"i\",\"s\":\"p\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"name\":\"plan\",\"args\":{\"round\":%llu,"
            "\"text\":\"",
            t->rank, (int)e->track, at_us, (unsigned long long)e->round);
        write_text(f, note);
        (void)fputs("\"}}", f);
        return;
    }
    (void)fprintf(
        f, ",\n{\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%.3f,\"dur\":%.3f,\"cat\":\"%s\",\"name\":\"%s",
        t->rank, (int)e->track, at_us, (double)(e->end_ns - e->begin_ns) * 1e-3, e->name, e->name);
    if (e->first >= 0 && e->first == e->last) {
        (void)fprintf(f, " %d ", e->first);
        write_text(f, t->model->layers[e->first].type);
    } else if (e->first >= 0) {
        (void)fprintf(f, " %d-%d", e->first, e->last);
    }
    (void)fprintf(f, "\",\"args\":{\"round\":%llu", (unsigned long long)e->round);
    if (e->first >= 0) (void)fprintf(f, ",\"first\":%d,\"last\":%d", e->first, e->last);
    if (e->bytes) (void)fprintf(f, ",\"bytes\":%llu", (unsigned long long)e->bytes);
    (void)fputs("}}", f);
}

static void *write_events(void *argument)
{
    dc__trace *t = argument;
    pthread_mutex_lock(&t->lock);
    for (;;) {
        while (t->head == t->tail && !t->quit)
            pthread_cond_wait(&t->filled, &t->lock);
        if (t->head == t->tail) break;
        size_t n = 0;
        while (n < sizeof t->batch / sizeof *t->batch && t->tail < t->head)
            t->batch[n++] = t->ring[t->tail++ % DC__TRACE_EVENTS];
        pthread_mutex_unlock(&t->lock);
        for (size_t i = 0; i < n; i++) {
            char note[NOTE_BYTES] = "";
            if (!t->batch[i].name) {
                pthread_mutex_lock(&t->lock);
                memcpy(note, t->notes[t->batch[i].note], sizeof note);
                t->notes_tail++;
                pthread_mutex_unlock(&t->lock);
            }
            write_event(t, &t->batch[i], note);
        }
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

static void write_head(const dc__trace *t)
{
    (void)fprintf(
        t->file, "[{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":\"worker %d, %s\"}}",
        t->rank, t->rank, t->model->name);
    for (int track = 0; track < DC__TRACK_COUNT; track++)
        (void)fprintf(
            t->file,
            ",\n{\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}",
            t->rank, track, tracks[track]);
}

dc_error dc__trace_open(dc__trace **out, const char *path, int rank, const dc_model *model)
{
    *out = NULL;
    dc__trace *t = calloc(1, sizeof *t);
    event *ring = calloc(DC__TRACE_EVENTS, sizeof *ring);
    if (!t || !ring) {
        free(t);
        free(ring);
        return dc__fail(DC_ENOMEM, "out of memory for a trace");
    }
    t->ring = ring;
    t->rank = rank;
    t->model = model;
    t->zero_ns = dc__now_ns();
    (void)snprintf(t->path, sizeof t->path, "%s", path);
    t->file = fopen(path, "w");
    dc_error err =
        t->file ? DC_OK : dc__fail(DC_EFILE, "cannot write the trace %s: %s", path, strerror(errno));
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->filled, NULL);
    if (!err) {
        write_head(t);
        if (pthread_create(&t->writer, NULL, write_events, t) != 0) {
            (void)fclose(t->file);
            err = dc__fail(DC_ENOMEM, "cannot start the trace's thread");
        }
    }
    if (err) {
        free(ring);
        free(t);
        return err;
    }
    *out = t;
    return DC_OK;
}

static void put(dc__trace *t, const event *e)
{
    if (t->head - t->tail < DC__TRACE_EVENTS)
        t->ring[t->head++ % DC__TRACE_EVENTS] = *e;
    else
        t->dropped++;
    pthread_cond_signal(&t->filled);
}

void dc__trace_span(dc__trace *t, dc__track track, const char *name, int64_t begin_ns, int64_t end_ns,
                    uint64_t round, int first, int last, uint64_t bytes)
{
    if (!t) return;
    const event e = {.track = track,
                     .name = name,
                     .begin_ns = begin_ns,
                     .end_ns = end_ns,
                     .round = round,
                     .bytes = bytes,
                     .first = first,
                     .last = last};
    pthread_mutex_lock(&t->lock);
    put(t, &e);
    pthread_mutex_unlock(&t->lock);
}

void dc__trace_note(dc__trace *t, uint64_t round, const char *text)
{
    if (!t) return;
    pthread_mutex_lock(&t->lock);
    if (t->notes_head - t->notes_tail < NOTES && t->head - t->tail < DC__TRACE_EVENTS) {
        event e = {.track = DC__TRACK_PLAN,
                   .begin_ns = dc__now_ns(),
                   .round = round,
                   .note = (int)(t->notes_head++ % NOTES)};
        (void)snprintf(t->notes[e.note], NOTE_BYTES, "%s", text);
        put(t, &e);
    } else {
        t->dropped++;
    }
    pthread_mutex_unlock(&t->lock);
}

dc_error dc__trace_close(dc__trace *t)
{
    if (!t) return DC_OK;
    pthread_mutex_lock(&t->lock);
    t->quit = true;
    pthread_cond_signal(&t->filled);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->writer, NULL);
    (void)fprintf(t->file,
                  ",\n{\"ph\":\"M\",\"pid\":%d,\"name\":\"dropped_events\",\"args\":{\"count\":%llu}}]\n",
                  t->rank, (unsigned long long)t->dropped);
    const bool bad = ferror(t->file) != 0;
    dc_error err = DC_OK;
    if (fclose(t->file) != 0 || bad)
        err = dc__fail(DC_EFILE, "the trace %s is not complete: %s", t->path, strerror(errno));
    pthread_mutex_destroy(&t->lock);
    pthread_cond_destroy(&t->filled);
    free(t->ring);
    free(t);
    return err;
}
