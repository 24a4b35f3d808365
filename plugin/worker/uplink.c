/* uplink.c - the sender: gradients, wishes and signs of life, in the order that gets the next round started
 * first. */
#include <string.h>

#include "base/clock.h"
#include "base/floatmode.h"
#include "worker/worker.h"

/* Round trips are asked for this often while the link is idle, and as a sign of life at least that often. */
#define QUIET_PING_NS 200000000
#define PING_NS 1000000000

/* While the backward pass makes ever lower layers ready, which slice goes next is decided when the link is
 * about to need it: not at memory speed, as far ahead as credit reaches. Early decisions send high layers
 * before low ones, and where several workers race so, each sends others: slices that some have pushed and
 * some have not cannot come back, and the downlink idles. The lead covers threads that wake late; the link's
 * rate may be better than known. */
#define LEAD_NS 4000000
#define RATE_HOPED 1.125

static bool push_is_due(const dc_worker *w)
{
    return !w->push_grows || w->wire_ns - dc__now_ns() <= LEAD_NS;
}

/* Puts bytes on the link's account. False if it had run out of them, which it was not meant to: a thread woke
 * late. */
static bool note_push(dc_worker *w, uint32_t bytes)
{
    const double Bps = RATE_HOPED * dc__worker_up_Bps(w);
    if (!(Bps > 0)) return true; /* not known yet */
    const int64_t now = dc__now_ns();
    const bool late = w->push_grows && w->wire_ns < now;
    if (w->wire_ns < now) w->wire_ns = now;
    w->wire_ns += (int64_t)(1e9 * bytes / Bps);
    return !late;
}

/* Acknowledgements ride on gradients. Alone they go only where the server's credit is bounded, or at the end:
 * the many small frames against the full downlink of a start look to TCP like a congested uplink, which then
 * opens slowly for the gradients. */
#define ACK_QUIET_NS 20000000

static bool ack_is_due(const dc_worker *w)
{
    const dc__link *l = &w->link;
    if (!dc__link_owes_ack(l)) return false;
    return w->pull_window_bytes > 0 || dc__now_ns() - l->heard_ns > ACK_QUIET_NS;
}

static dc_error send_values(dc_worker *w, dc__header header, bool gradients)
{
    const int64_t begin = dc__now_ns();
    void *payload;
    header.payload_bytes = header.count * (uint32_t)sizeof(float);
    void *message = dc__link_alloc(header.payload_bytes, &payload);
    if (message) {
        dc__model_gather(w->model, gradients, header.offset, header.count, payload);
        dc__wire_floats(payload, header.count);
        /* Once copied it is as good as sent: the next round's sum starts from zero. A worker alone keeps it,
         * to turn it into momentum. */
        if (gradients && !w->carry) dc__model_zero_gradients(w->model, header.offset, header.count);
    }
    dc_error err = dc__link_send(&w->link, &header, message);
    if (gradients) dc__worker_trace_slice(w, DC__LANE_UP, "push", begin, &header);
    return err;
}

/* One frame of the upload that a new run begins with. */
static dc_error send_upload(dc_worker *w)
{
    const uint64_t total = dc__model_floats(w->model), left = total - w->upload_at;
    const uint64_t most = DC__MAX_SLICE_BYTES / sizeof(float);
    dc__header header = {.type = DC__STATE,
                         .round = w->info.round,
                         .offset = w->upload_at,
                         .flags = (uint8_t)((left <= most ? DC__LAST : 0) | (w->upload_at ? DC__BUSY : 0))};
    header.count = (uint32_t)(left < most ? left : most);
    dc_error err = send_values(w, header, false);
    w->upload_at += header.count;
    if (w->upload_at == total) w->upload_at = UINT64_MAX;
    return err;
}

static dc_error send_pull(dc_worker *w, uint64_t version, bool slices, uint32_t slice_bytes,
                          uint64_t window_bytes)
{
    dc__header header = {.type = DC__PULL,
                         .flags = slices ? DC__PULL_SLICES : 0,
                         .round = version,
                         .offset = window_bytes,
                         .count = slice_bytes};
    return dc__link_send_small(&w->link, &header, w->pull_payload, w->pull_bytes);
}

static dc_error send_stats(dc_worker *w, uint64_t version)
{
    const uint64_t start = w->model->start[DC_STATISTIC], n = w->model->start[DC_ROLE_COUNT] - start;
    const uint64_t most = DC__MAX_SLICE_BYTES / sizeof(float);
    dc_error err = DC_OK;
    uint64_t at = 0;
    do { /* once even without statistics: the frame says that the round's are all there */
        const uint64_t count = n - at < most ? n - at : most;
        dc__header header = {
            .type = DC__STAT, .round = version, .offset = start + at, .count = (uint32_t)count};
        header.flags = at + count == n ? DC__LAST : 0;
        void *payload;
        header.payload_bytes = (uint32_t)(count * sizeof(float));
        void *message = dc__link_alloc(header.payload_bytes, &payload);
        if (message) {
            memcpy(payload, w->stat_out + at, header.payload_bytes);
            dc__wire_floats(payload, count);
        }
        err = dc__link_send(&w->link, &header, message);
        at += count;
    } while (!err && at < n);
    return err;
}

static dc_error send_bye(dc_worker *w, uint64_t round, bool ok, const char *reason)
{
    uint8_t payload[DC__REASON_BYTES + 2];
    char words[DC__REASON_BYTES];
    (void)snprintf(words, sizeof words, "%.*s", DC__REASON_BYTES - 1, reason ? reason : "");
    dc__bytes out = dc__bytes_over(payload, sizeof payload);
    dc__put_text(&out, words);
    dc__header header = {.type = DC__BYE, .flags = ok ? DC__BYE_OK : 0, .round = round};
    return dc__link_send_small(&w->link, &header, payload, (uint32_t)(out.at - payload));
}

static dc_error send_word(dc_worker *w, dc__type type, uint8_t flags, uint64_t stamp)
{
    dc__header header = {.type = type, .flags = flags, .offset = stamp};
    return dc__link_send_small(&w->link, &header, NULL, 0);
}

static dc_error send_ping(dc_worker *w, bool quiet)
{
    w->pinged_ns = dc__now_ns();
    return send_word(w, DC__PING, quiet ? DC__QUIET : 0, (uint64_t)w->pinged_ns);
}

static bool ping_is_due(const dc_worker *w, bool quiet)
{
    return dc__now_ns() - w->pinged_ns > (quiet ? QUIET_PING_NS : PING_NS);
}

/* Picks and does one thing, the lock held on entry and return. If there was nothing to do, *idle_ns is when
 * to look again though nothing has happened. *done at the end. *busy is true while the sender, and so the
 * link, always had a gradient to go on with. */
static dc_error step(dc_worker *w, int64_t *idle_ns, bool *done, bool *busy)
{
    uint32_t first, n;
    bool last;
    dc_error err = DC_OK;
    const bool waits = dc__queue_waits(&w->push), quiet = !waits && dc__link_quiet(&w->link);
    const bool early = waits && !push_is_due(w);
#define UNLOCKED(action)                \
    do {                                \
        pthread_mutex_unlock(&w->lock); \
        err = (action);                 \
        pthread_mutex_lock(&w->lock);   \
    } while (0)
    if (w->stop) {
        *done = true;
    } else if (w->bye_due && !w->bye_ok) {
        *done = true;
        UNLOCKED(send_bye(w, w->info.round, false, w->bye_reason));
    } else if (w->pinged_ns == 0) { /* before the upload, so that it meets an idle link */
        UNLOCKED(send_ping(w, true));
    } else if (w->upload_at != UINT64_MAX) {
        UNLOCKED(send_upload(w));
    } else if (w->ready_due && w->upload_at == UINT64_MAX) {
        w->ready_due = false;
        UNLOCKED(send_word(w, DC__READY, 0, 0));
    } else if (w->pong_due) {
        w->pong_due = false;
        const uint64_t stamp = w->pong_stamp;
        UNLOCKED(send_word(w, DC__PONG, 0, stamp));
    } else if (ping_is_due(w, quiet)) {
        UNLOCKED(send_ping(w, quiet));
    } else if (w->pull_due && (w->pull_first || w->push.left == 0)) {
        w->pull_due = false;
        const uint64_t version = w->incoming;
        const bool slices = w->pull_slices;
        const uint32_t slice_bytes = w->pull_slice_bytes;
        const uint64_t window_bytes = w->pull_window_bytes;
        UNLOCKED(send_pull(w, version, slices, slice_bytes, window_bytes));
    } else if (w->stat_due) { /* before the gradients of its round: the server counts on it */
        const uint64_t version = w->stat_round;
        UNLOCKED(send_stats(w, version));
        w->stat_due = false;
        pthread_cond_signal(&w->arrived);
    } else if (dc__report_is_due(w, waits)) {
        dc__header header;
        void *message = dc__report_take(w, &header);
        UNLOCKED(dc__link_send(&w->link, &header, message));
    } else if (waits && !early && dc__link_has_credit(&w->link) &&
               dc__queue_next(&w->push, &first, &n, &last)) {
        const uint64_t *offset = w->model->block_offset;
        const uint32_t bytes = (uint32_t)((offset[first + n] - offset[first]) * sizeof(float));
        const bool in_time = note_push(w, bytes);
        dc__header header = {.type = DC__GRAD,
                             .flags = (uint8_t)((last ? DC__LAST : 0) | (*busy && in_time ? DC__BUSY : 0)),
                             .round = w->push_round,
                             .offset = offset[first],
                             .count = bytes / (uint32_t)sizeof(float),
                             .rate = w->push_rate};
        *busy = true;
        UNLOCKED(send_values(w, header, true));
    } else if (ack_is_due(w)) {
        UNLOCKED(send_word(w, DC__ACK, 0, 0));
    } else if (w->want_stat_due && w->push.left == 0) {
        w->want_stat_due = false;
        UNLOCKED(send_word(w, DC__WANT_STAT, 0, 0));
    } else if (w->bye_due && w->push.left == 0) {
        *done = true;
        UNLOCKED(send_bye(w, w->info.round, true, ""));
    } else {
        *idle_ns = dc__now_ns() + (dc__link_owes_ack(&w->link) ? ACK_QUIET_NS : DC__POLL_NS);
        if (early && w->wire_ns - LEAD_NS < *idle_ns) *idle_ns = w->wire_ns - LEAD_NS;
    }
    if (!waits) *busy = false;
#undef UNLOCKED
    return err;
}

void *dc__worker_send(void *argument)
{
    dc_worker *w = argument;
    dc__flush_denormals();
    bool done = false, busy = false;
    dc_error err = DC_OK;
    pthread_mutex_lock(&w->lock);
    while (!done && !err) {
        int64_t idle_ns = 0;
        err = step(w, &idle_ns, &done, &busy);
        if (idle_ns) dc__wait_until(&w->work, &w->lock, idle_ns);
    }
    pthread_mutex_unlock(&w->lock);
    if (err) dc__worker_fail(w, err);
    return NULL;
}
