/* asking.c - who connects: what it asks goes to the parent, and the parent's answer back. See relay.h. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/relay_frame.h"
#include "relay/relay.h"

#define ASK_S 10.0     /* a connection's first frame has so long to come, and the parent's answer likewise */
#define A_LOOP DC_EURL /* of a refusal: an address is wrong, and all who hear of it are done */
#define PARENT_S 5.0   /* a parent that was there is tried for so long */

static dc_error dial(dc_relay *r, dc__asking *a, double connect_s)
{
    char name[64];
    dc__channel *channel;
    const dc__dial_options options = {.connect_s = connect_s,
                                      .patience_s = r->options.timeout_s > 0 ? r->options.timeout_s
                                                                             : DC_DEFAULT_PATIENCE_S,
                                      .most_bytes = DC__HEADER_BYTES + DC__MAX_PAYLOAD_BYTES,
                                      .keys = r->keys};
    const dc_error err = dc__channel_dial(&channel, r->parent, &options);
    if (err) return err;
    (void)snprintf(name, sizeof name, "the parent at %.40s", r->parent);
    dc__link_open(&a->to, channel, name, ASK_S, NULL);
    a->asked = true;
    a->until_ns = dc__now_ns() + (int64_t)((ASK_S + connect_s) * 1e9);
    return DC_OK;
}

/* With the calling thread's last error. The peer hears why, and then has a moment to close. */
static void refuse(dc_relay *r, dc__asking *a, dc_error err)
{
    char why[DC__LINE_BYTES];
    (void)snprintf(why, sizeof why, "%s", dc_last_error());
    if (!a->from.channel && dc__relay_is_used(r)) { /* workers were quicker, and their welcome is an answer */
        r->confirmed = a->answered = true;
        return;
    }
    if (!a->from.channel && err == DC_EPEER && dc__now_ns() < r->ask_until_ns) {
        r->ask_again = a->answered = true;
        return;
    }
    if (!a->from.channel) { /* the relay's own question */
        if (err == DC_EKEY && !r->keys)
            (void)dc__fail(
                err,
                "the parent at %s takes only who has a key: ask its owner for an invitation (dynacomm "
                "invite), and give that line as --parent",
                r->parent);
        dc__relay_fail(r, err);
        a->answered = true;
        return;
    }
    dc__log_line(&r->log, "a %s was refused: %s", a->relay ? "relay" : "worker", why);
    a->answered = true;
    a->until_ns = dc__now_ns() + DC__LINGER_MS * (int64_t)1000000;
    (void)dc__refusal_send(&a->from, err, why);
}

static bool has_begun(dc_relay *r)
{
    pthread_mutex_lock(&r->lock);
    const bool begun = r->begun;
    pthread_mutex_unlock(&r->lock);
    return begun;
}

static dc_error check_time(dc_relay *r)
{
    if (!has_begun(r)) return DC_OK;
    if (dc__relay_finds_silent(r)) return dc__fail(DC_EPEER, "%.400s: come again", r->back);
    return dc__fail(DC_EINVAL, "the run has begun: nobody comes behind a relay any more");
}

static dc_error add_self(const dc_relay *r, dc__path *path)
{
    if (dc__path_add(path, r->id, r->options.workers)) return DC_OK;
    return dc__fail(DC_EINVAL, "more than %d relays stand behind one another", DC__RELAYS_MOST);
}

static dc_error take_join(dc_relay *r, dc__asking *a, dc__frame *frame)
{
    dc__join join;
    dc_error err = dc__join_read(&join, frame->payload, frame->header.payload_bytes);
    if (err) return err;
    const dc__path behind = join.path;
    join.worker_id = dc__member_id(dc__channel_member(a->from.channel), join.worker_id, behind.n > 0);
    err = check_time(r);
    if (!err && (join.shards > 0 || join.mesh))
        err = dc__fail(DC_EINVAL,
                       "relays do not go together with shards or a mesh yet: name one tcp:// address");
    if (!err) err = dc__relay_places(r, &behind);
    if (!err) err = add_self(r, &join.path);
    if (!err) err = dial(r, a, fmax(PARENT_S, r->options.patience_s));
    if (!err) err = dc__join_send(&a->to, &join, join.model);
    join.path = behind;
    a->join = join;
    if (err) dc__join_free(&a->join);
    return err;
}

static dc_error take_relay(dc_relay *r, dc__asking *a, const dc__frame *frame)
{
    dc__path path;
    a->relay = true;
    dc_error err = dc__relay_read(frame, &path);
    if (!err && dc__path_has(&path, r->id))
        err = dc__fail(
            A_LOOP, "a loop of relays: the relay at %s is behind itself; give one of them another --parent",
            r->url);
    /* One that was lost may be here again before it is known here that it was: its workers come next. */
    const bool again = r->waits && has_begun(r);
    if (!err && !again) err = check_time(r);
    if (!err && !again) err = dc__relay_places(r, &path);
    if (!err) err = add_self(r, &path);
    if (!err) err = dial(r, a, fmax(PARENT_S, r->options.patience_s));
    if (!err) err = dc__relay_ask(&a->to, &path);
    return err;
}

static dc_error take_first(dc_relay *r, dc__asking *a, dc__frame *frame)
{
    if (frame->header.type == DC__JOIN) return take_join(r, a, frame);
    if (frame->header.type == DC__RELAY) return take_relay(r, a, frame);
    return dc__fail(DC_EPROTO, "a %s frame came where JOIN was due", dc__wire_type_name(frame->header.type));
}

/* Passes an answer on as it came, and the connection has nothing more to wait for. */
static void pass_answer(dc__asking *a, dc__frame *frame)
{
    void *message = frame->message;
    frame->message = NULL;
    (void)dc__link_send(&a->from, &frame->header, message);
    a->answered = true;
    a->until_ns = dc__now_ns() + DC__LINGER_MS * (int64_t)1000000;
}

/* The parent's answer. */
static void take_answer(dc_relay *r, dc__asking *a, dc__frame *frame)
{
    dc__welcome welcome;
    dc_error err = a->relay ? dc__relay_answered(frame) : dc__welcome_read(&welcome, frame);
    if (!err && !a->relay && welcome.shares.n > 1)
        err = dc__fail(DC_EINVAL, "relays do not go together with shards yet");
    if (!a->from.channel) {
        r->confirmed = !err;
        if (!err)
            a->answered = true;
        else
            refuse(r, a, err);
    } else if (frame->header.type == DC__REFUSED) {
        dc__log_line(&r->log, "a %s was refused: %s", a->relay ? "relay" : "worker", dc_last_error());
        if (a->relay && err == A_LOOP) dc__relay_fail(r, err);
        pass_answer(a, frame);
    } else if (!err && (a->relay || welcome.ended)) {
        if (!a->relay) r->announced_ns = dc__now_ns();
        pass_answer(a, frame);
    } else {
        r->waits = !err && welcome.waits;
        if (!err) err = dc__relay_welcome(r, a, frame, &welcome);
        if (err) refuse(r, a, err);
    }
    if (a->answered || !a->from.channel) dc__join_free(&a->join);
}

/* Whether it is done with. */
static bool serve(dc_relay *r, dc__asking *a)
{
    const bool late = dc__now_ns() > a->until_ns, own = !a->from.channel;
    if (a->answered) return own || late || dc__link_ended(&a->from);
    dc__frame frame;
    dc_error err = dc__link_receive(a->asked ? &a->to : &a->from, &frame, 0);
    if (!err && frame.message && a->asked)
        take_answer(r, a, &frame);
    else if (!err && frame.message)
        err = take_first(r, a, &frame);
    else if (!err && late && a->asked)
        err = dc__fail(DC_ETIMEOUT, "the parent at %s does not answer", r->parent);
    const bool gone = (err && !a->asked && !frame.message) || (!a->asked && late) ||
                      (a->asked && !own && dc__link_ended(&a->from));
    dc__frame_free(&frame);
    if (err && !gone) refuse(r, a, err);
    if (gone || a->answered) dc__join_free(&a->join);
    return gone || (!own && !a->from.channel); /* it has a session now */
}

static void let_go(dc__asking *a)
{
    dc__join_free(&a->join);
    dc__link_close(&a->to, 0);
    dc__link_close(&a->from, 0);
}

static dc__asking *expect(dc_relay *r)
{
    dc__asking *a = &r->asking[r->n_asking++];
    memset(a, 0, sizeof *a);
    a->until_ns = dc__now_ns() + (int64_t)(ASK_S * 1e9);
    return a;
}

void dc__relay_admit(dc_relay *r)
{
    dc__channel *channel = dc__listener_accept(r->listener, r->n_asking > 0 ? 2 : DC__POLL_MS);
    if (channel && r->n_asking == DC__RELAY_ASKING_MOST)
        dc__channel_close(channel, 0);
    else if (channel)
        dc__link_open(&expect(r)->from, channel, "a connection", ASK_S, NULL);
    /* None is moved meanwhile: places are counted by those who have asked. */
    bool done[DC__RELAY_ASKING_MOST];
    int left = 0;
    for (int i = 0; i < r->n_asking; i++)
        if ((done[i] = serve(r, &r->asking[i]))) let_go(&r->asking[i]);
    for (int i = 0; i < r->n_asking; i++)
        if (!done[i] && left++ != i) memcpy(&r->asking[left - 1], &r->asking[i], sizeof r->asking[i]);
    r->n_asking = left;
}

dc_error dc__relay_ask_parent(dc_relay *r)
{
    dc__path path = {0};
    dc__asking *a = expect(r);
    a->relay = true;
    r->ask_again = false;
    dc_error err = add_self(r, &path);
    if (!err)
        err = dial(r, a, fmax(dc__seconds(r->ask_until_ns - dc__now_ns()), DC_DEFAULT_RELAY_PATIENCE_S));
    if (!err) err = dc__relay_ask(&a->to, &path);
    return err;
}

void dc__relay_admit_none(dc_relay *r)
{
    for (int i = 0; i < r->n_asking; i++) {
        dc__asking *a = &r->asking[i];
        if (a->from.channel && !a->answered)
            (void)dc__refusal_send(&a->from, r->error ? r->error : DC_EPEER,
                                   r->error_line[0] ? r->error_line : "the relay has ended");
        dc__join_free(&a->join);
        dc__link_close(&a->to, 0);
        dc__link_close(&a->from, DC__LINGER_MS);
    }
    r->n_asking = 0;
}
