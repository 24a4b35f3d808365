/* state.c - what a worker's threads share: its failure, and waiting. See worker.h. */
#include "worker/worker.h"

#include <stdio.h>

#include "base/clock.h"

dc_error dc__worker_cut_off(const dc_worker *w)
{
    char line[DC__LINE_BYTES];
    (void)snprintf(line, sizeof line, "%.200s", dc_last_error());
    return dc__fail(
        DC_ETIMEOUT,
        "%s; %s: when the server can be reached again (it may have to be started), start this worker again, and it "
        "%s",
        line,
        w->done
            ? "all rounds are done and their last values are here, but whether the server has saved them this "
              "worker did not hear"
            : "the run may have gone on, or ended, without this worker",
        w->done ? "ends well" : "goes on, or gets the last weights");
}

void dc__worker_fail(dc_worker *w, dc_error err)
{
    pthread_mutex_lock(&w->lock);
    if (!w->failed && err == DC_ETIMEOUT && w->joined_once && w->n_parts == 1) err = dc__worker_cut_off(w);
    if (!w->failed) {
        w->error = err;
        (void)snprintf(w->error_line, sizeof w->error_line, "%s", dc_last_error());
        w->failed = true;
    }
    pthread_cond_broadcast(&w->arrived);
    dc__worker_wake(w);
    pthread_mutex_unlock(&w->lock);
}

dc_error dc__worker_check(dc_worker *w)
{
    if (w->options.stop && *w->options.stop) return dc__fail(DC_ESTOPPED, "stopped on request");
    if (!w->failed) return w->host ? w->host->check(w->host->context) : DC_OK;
    pthread_mutex_lock(&w->lock);
    dc_error err = dc__fail(w->error, "%s", w->error_line);
    pthread_mutex_unlock(&w->lock);
    return err;
}

bool dc__worker_leaves(const dc_worker *w)
{
    const dc_worker_options *o = &w->options;
    return o->leave && *o->leave && !(o->stop && *o->stop);
}

/* Who is asked to leave waits for nothing any more, unless others count on what it computes. */
static dc_error check_leave(const dc_worker *w)
{
    const bool pushes = w->progress.in_round && w->progress.pushing;
    return dc__worker_leaves(w) && !pushes ? dc__fail(DC_ESTOPPED, "asked to leave") : DC_OK;
}

dc_error dc__worker_wait_until(dc_worker *w, bool (*done)(const dc_worker *w, int n), int n)
{
    dc_error err = DC_OK;
    pthread_mutex_lock(&w->lock);
    while (!err && !done(w, n)) {
        pthread_mutex_unlock(&w->lock); /* the check takes it too, and may find what ended meanwhile */
        err = dc__worker_check(w);
        if (!err) err = check_leave(w);
        pthread_mutex_lock(&w->lock);
        if (!err && !done(w, n)) dc__wait_until(&w->arrived, &w->lock, dc__now_ns() + DC__POLL_NS);
    }
    return err;
}
