/* admission.c - who connects says JOIN, and is welcomed with a session of its own, or refused. */
#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/join.h"
#include "server/server.h"

#define DOUBT_MS 10          /* others stand still while it is looked whether a connection is made again */
#define SILENCE_LEAST_S 10.0 /* a machine may be that busy */
#define ALIVE_NS 3000000000  /* of a session that was heard so lately another process is no continuation */

static dc__member_state state_of(const dc_server *s, int slot)
{
    return s->training.roster.member[slot].state;
}

static bool is_alive(const dc_server *s, int slot, uint64_t id)
{
    const dc__session *session = &s->sessions[slot];
    const dc__member_state state = state_of(s, slot);
    const bool itself = s->training.roster.member[slot].id == id && s->training.on_loss != DC_ON_LOSS_END;
    if (state == DC__MEMBER_FINISHED && !itself) return true;
    if (state == DC__MEMBER_FREE || state >= DC__MEMBER_LOST || !session->endpoint.threads || session->over)
        return false;
    const dc__link *link = &session->endpoint.link;
    return dc__channel_state_of(link->channel) == DC__CHANNEL_UP &&
           dc__now_ns() - dc__link_sign_ns(link) < ALIVE_NS;
}

static dc_error full(const dc_server *s)
{
    const int n = s->training.roster.wanted;
    return dc__fail(DC_EFULL, "the server has its %d worker%s already: start it for %d to take one more", n,
                    n > 1 ? "s" : "", n + 1);
}

/* The member that a worker is: by its rank if it asks for one, else by its id. A run for one worker has one. */
static int member_of(const dc_server *s, const dc__join *join)
{
    const dc__roster *r = &s->training.roster;
    if (join->rank >= 0) return dc__roster_numbered(r, join->rank);
    int slot = dc__roster_find(r, join->worker_id);
    if (slot < 0) slot = dc__meeting_vacant(&s->shards);
    return slot < 0 && r->wanted == 1 && state_of(s, 0) != DC__MEMBER_FREE ? 0 : slot;
}

/* Whether a member that comes back takes nobody's place: before the start, one whose session is not known to be over. */
static bool is_awaited(const dc_server *s, int slot)
{
    const dc__member_state state = state_of(s, slot);
    if (state == DC__MEMBER_FREE || state == DC__MEMBER_LEFT) return false;
    return s->training.roster.training || state != DC__MEMBER_LOST;
}

/* With keys, a place in a run belongs to one member; but that a run for one worker may be resumed by another. Keys that are made for
 * one run (dynacomm_keys.h) say nothing about who had a place in it before it was resumed. */
static dc_error check_owner(const dc_server *s, const dc__join *join, int slot)
{
    const dc__roster *r = &s->training.roster;
    const dc__member *m = &r->member[slot];
    if (!s->keeper.pair || m->state == DC__MEMBER_FREE || m->id == join->worker_id) return DC_OK;
    if (!r->training && (r->wanted == 1 || !dc__keeper_has_files(&s->keeper))) return DC_OK;
    return dc__fail(DC_EINVAL, "rank %d belongs to another member: give this worker its own, or none",
                    m->number);
}

/* Where a worker belongs, and its number. *busy: its session is with another process, as it seems. */
static dc_error find_slot(dc_server *s, const dc__join *join, int *slot, int *number, bool *busy)
{
    dc__roster *r = &s->training.roster;
    const bool any_left = dc__server_members(s) < r->wanted || s->shards.index > 0;
    if (join->rank >= r->wanted && s->shards.index == 0) /* the first shard has given it its number */
        return dc__fail(DC_EINVAL, "rank %d does not exist: the server has ranks 0 to %d", join->rank,
                        r->wanted - 1);
    *slot = member_of(s, join);
    if (*slot >= 0 && is_alive(s, *slot, join->worker_id)) {
        *busy = r->member[*slot].id == join->worker_id;
        if (*busy) return DC_OK;
        if (!any_left) return full(s);
        return dc__fail(DC_EINVAL, "rank %d is taken by another worker: give each worker its own, or none",
                        join->rank);
    }
    if (!any_left && (*slot < 0 || !is_awaited(s, *slot))) return full(s);
    if (*slot < 0 && r->training && s->shards.n > 1 && !dc__shards_are_elastic(&s->shards)) return full(s);
    const dc_error err = *slot >= 0 && s->shards.index == 0 ? check_owner(s, join, *slot) : DC_OK;
    if (err) return err;
    if (*slot >= 0)
        *number = r->member[*slot].number;
    else
        *slot = dc__roster_place(r, s->training.versions.round, join->rank, number);
    return *slot >= 0 ? DC_OK : full(s);
}

/* The first worker's model becomes the run's; the others' must be the same. */
static dc_error agree_on_model(dc_server *s, dc__join *join)
{
    dc__training *t = &s->training;
    dc_error err = dc__codes_agree(&t->codes, join->coding, !t->model);
    if (err) return err;
    if (!t->model) {
        err = dc__training_adopt(t, join->model, join->fingerprint, join->remembers, s->options.fresh);
        if (!err) join->model = NULL;
        if (!err && s->shards.n > 1) err = dc__first_adopted(&s->shards);
    } else {
        err = dc__model_same(t->whole, join->model, "the run", "this worker");
        if (!err) err = dc__fingerprint_same(t->fingerprint, join->fingerprint);
    }
    if (!err && join->clear && t->resumed)
        err = dc__fail(
            DC_EINVAL,
            "the server resumes round %llu from its backup, but this worker asks for a new run: let it "
            "join the old one, or start the server anew",
            (unsigned long long)t->versions.round);
    return err;
}

/* Nothing is heard of a worker for so long: it is lost, and where the lost are waited for, for no longer than they are. */
static double silence_s(const dc_server *s)
{
    const dc__training *t = &s->training;
    const double most_s = s->options.timeout_s > 0 ? s->options.timeout_s : DC_DEFAULT_TIMEOUT_S;
    return t->on_loss == DC_ON_LOSS_WAIT ? fmin(most_s, fmax(t->loss_wait_s, SILENCE_LEAST_S)) : most_s;
}

static dc_error open_session(dc_server *s, const dc__join *join, int slot, int number, dc__link *link)
{
    dc__training *t = &s->training;
    dc__session *session = &s->sessions[slot];
    const bool brings_values = number == 0 && !t->resumed && !t->roster.training;
    if (brings_values) {
        t->checkpoint.seed = join->seed;
        const dc__batches batches = dc__coding_batches(&t->codes.coding);
        dc__versions_begin(&t->versions, dc__batches_round(&batches, join->round), 0);
    }
    dc__welcome welcome = {.rank = number,
                           .workers = t->roster.wanted,
                           .upload = brings_values,
                           .carry = dc__training_carries(t),
                           .resumed = t->resumed || t->roster.training,
                           .waits = t->on_loss != DC_ON_LOSS_END,
                           .staleness = t->bases.most,
                           .coding = t->codes.coding};
    if (s->shards.n > 1 && s->shards.index == 0) s->shards.entries++;
    dc__shards_welcome(&s->shards, &welcome);
    dc__member *member = &t->roster.member[slot];
    const dc__member_state was = member->state;
    const bool anew = member->number != number, fed = !anew && dc__server_fed(s, slot) > 0;
    if (session->endpoint.threads) dc__session_close(session, 0); /* of the process before */
    session->entry = s->shards.index > 0 ? join->entry : welcome.entry;
    (void)snprintf(session->fingerprint, sizeof session->fingerprint, "%s", join->fingerprint);
    pthread_mutex_lock(&t->roster.lock);
    member->id = join->worker_id;
    member->number = number;
    (void)snprintf(member->name, sizeof member->name, "%s", dc__channel_member(link->channel));
    if (!fed) {
        member->images = t->model->images_per_round;
        member->images_round = t->versions.round;
        member->next_images = 0;
    }
    member->part = dc__model_part(t->model, join->part);
    member->path = join->path;
    dc__fingerprint_note(join->fingerprint, member->note, sizeof member->note);
    if (anew) member->reached = 0;
    if (anew) member->known = member->closed = member->fresh = member->due = member->leaves = false;
    if (anew) member->losses = 0;
    dc__member_enter(member, DC__MEMBER_JOINED);
    pthread_mutex_unlock(&t->roster.lock);
    const dc_error err = dc__session_open(session, link, &welcome, silence_s(s), anew);
    if (err) dc__roster_set(&t->roster, slot, was);
    if (!err) dc__server_came(s, slot, was, anew);
    if (!err) dc__watch_present(&t->watch, slot, true);
    return err;
}

static void log_joined(dc_server *s, int number)
{
    if (s->unreported) return; /* many come and leave: not each gets a line */
    dc__training *t = &s->training;
    const int slot = dc__roster_numbered(&t->roster, number);
    char called[DC__MEMBER_BYTES + 4] = "";
    if (slot >= 0 && t->roster.member[slot].name[0])
        (void)snprintf(called, sizeof called, " (%s)", t->roster.member[slot].name);
    const int missing = t->roster.wanted - dc__server_members(s);
    if (t->roster.training)
        dc__log_line(&t->log, "worker %d%s joined", number, called);
    else if (missing > 0)
        dc__log_line(&t->log, "worker %d%s joined; waiting for %d more", number, called, missing);
    else
        dc__log_line(&t->log, "worker %d%s joined; all %d are here", number, called, t->roster.wanted);
}

/* Because of what it sent before, or because it was dropped: a member of a run is dropped by its name, not its key. */
static dc_error check_barred(dc_server *s, dc__joining *j)
{
    char why[DC__LINE_BYTES];
    const uint64_t id = dc__barred_id(j->link.channel, j->join.worker_id);
    j->kept_out = dc__barred_has(&s->training.barred, id, why) ||
                  dc__barred_has(&s->training.barred, j->join.worker_id, why);
    if (!j->kept_out) return DC_OK;
    return dc__fail(DC_EPROTO,
                    "this worker is kept out of the run (%.300s); only the server's owner can change that",
                    why);
}

static dc_error admit(dc_server *s, dc__joining *j, bool *busy)
{
    dc__join *join = &j->join;
    dc__link *link = &j->link;
    int slot = -1, number = -1;
    dc_error err = DC_OK;
    if (!s->training.model) err = agree_on_model(s, join);
    const bool first = !join->model;
    if (!err) err = check_barred(s, j);
    if (!err && dc__server_had_ended(s, join)) return dc__server_tell_end(s, j);
    if (!err) err = find_slot(s, join, &slot, &number, busy);
    if (!err && !*busy)
        *busy = dc__relays_come_again(s); /* then it is looked at again, as one before the start */
    if (*busy) return DC_OK;
    if (!err && !first) err = agree_on_model(s, join);
    if (!err) err = dc__relays_admit(s, join, slot);
    if (!err) err = dc__server_agree_on_start(s, join, slot, number);
    if (!err && s->shards.index == 0) err = dc__server_agree_on_computing(s, join, slot);
    if (!err) err = open_session(s, join, slot, number, link);
    if (!err) log_joined(s, number);
    if (err && s->shards.index == 0)
        dc__server_forget_if_empty(s); /* a refused worker's model binds nobody */
    return err;
}

/* A line about a worker that is refused; none about one that is kept out, which got one when it was put out. */
static void log_refused(dc_server *s, const dc__joining *j, dc_error err, const char *why)
{
    dc__training *t = &s->training;
    const dc__channel *channel = j->link.channel;
    const uint64_t id = channel ? dc__barred_id(channel, j->join.worker_id) : 0;
    if (j->kept_out || (channel && dc__barred_has(&t->barred, id, NULL))) return;
    const bool lies =
        channel && err == DC_EPROTO && dc__channel_member(channel)[0]; /* else nobody knows who it was */
    if (lies) dc__barred_add(&t->barred, id, why);
    if (lies)
        dc__log_line(&t->log, "a worker was refused: %s; %s is kept out", why, dc__channel_member(channel));
    else if (dc__server_tells(s))
        dc__log_line(&t->log, "a %s was refused: %s", j->shard ? "shard" : "worker", why);
}

/* With the calling thread's last error. The peer hears why, and then has a moment to close. */
static void refuse(dc_server *s, dc__joining *j, dc_error err)
{
    char why[DC__LINE_BYTES];
    (void)snprintf(why, sizeof why, "%s", dc_last_error());
    log_refused(s, j, err, why);
    j->refused = true;
    j->until_ns = dc__now_ns() + DC__LINGER_MS * (int64_t)1000000;
    if (j->link.channel) (void)dc__refusal_send(&j->link, err, why);
}

/* The link is a session's afterwards, or its peer hears why it is not; or it waits on. */
static void try_to_admit(dc_server *s, dc__joining *j, bool late)
{
    bool busy = false;
    const bool ready = dc__shards_ready(&s->shards, j->join.run) ||
                       dc__server_had_ended(s, &j->join); /* for that no shard is needed any more */
    if (!ready && dc__shards_waits(&s->shards)) {
        late = false;
        j->until_ns = dc__now_ns() + (int64_t)(DC__JOIN_S * 1e9);
        (void)dc__link_ping(&j->link);
    }
    if (!ready || !dc__shards_has(&s->shards, j->link.channel, &j->join)) {
        j->asked = !late;
        if (late) refuse(s, j, ready ? DC_EKEY : DC_EPEER);
        if (late) dc__join_free(&j->join);
        return;
    }
    const dc_error err = admit(s, j, &busy);
    if (err) refuse(s, j, err);
    if (busy && late)
        refuse(
            s, j,
            dc__fail(DC_EINVAL,
                     "this worker takes part already, from another process: let that one end, or give this "
                     "one another id"));
    j->asked = busy && !late;
    if (!j->asked) dc__join_free(&j->join);
}

/* A first frame. */
static void take_join(dc_server *s, dc__joining *j, dc__frame *frame)
{
    dc_error err = DC_OK;
    if (frame->header.type == DC__SHARD || frame->header.type == DC__RELAY) {
        j->shard = frame->header.type == DC__SHARD;
        err = j->shard ? dc__first_take(&s->shards, &j->link, frame) : dc__relays_take(s, j, frame);
        if (err) refuse(s, j, err);
        return;
    }
    if (frame->header.type != DC__JOIN)
        err =
            dc__fail(DC_EPROTO, "a %s frame came where JOIN was due", dc__wire_type_name(frame->header.type));
    if (!err) err = dc__join_read(&j->join, frame->payload, frame->header.payload_bytes);
    if (!err) {
        dc__join *join = &j->join;
        join->worker_id =
            dc__member_id(dc__channel_member(j->link.channel), join->worker_id, join->path.n > 0);
        err = dc__shards_join(&s->shards, &j->join);
        if (!err) err = dc__shards_worker(&s->shards, j->link.channel);
        if (err) dc__join_free(&j->join);
    }
    if (err)
        refuse(s, j, err);
    else
        try_to_admit(s, j, false);
}

/* Whether it is done with. */
static bool serve(dc_server *s, dc__joining *j)
{
    const bool late = dc__now_ns() > j->until_ns;
    if (j->refused) return late || dc__link_ended(&j->link);
    if (j->asked) {
        if (dc__link_ended(&j->link)) {
            dc__join_free(&j->join);
            return true;
        }
        try_to_admit(s, j, late);
        return !j->asked && (!j->refused || !j->link.channel);
    }
    dc__frame frame;
    const dc_error err = dc__link_receive(&j->link, &frame, 0);
    if (!err && !frame.message) return late;
    if (!err)
        take_join(s, j, &frame);
    else if (err == DC_EPROTO || err == DC_EVERSION || err == DC_ENET)
        refuse(s, j, err);
    dc__frame_free(&frame);
    return !j->asked && (!j->refused || !j->link.channel);
}

static void expect(dc_server *s, dc__channel *channel)
{
    if (s->n_joining == DC__JOINING_MOST) {
        dc__channel_close(channel, 0);
        return;
    }
    dc__joining *j = &s->joining[s->n_joining++];
    j->refused = j->asked = j->kept_out = j->shard = false;
    j->join = (dc__join){0};
    j->until_ns = dc__now_ns() + (int64_t)(DC__JOIN_S * 1e9);
    dc__link_open(&j->link, channel, "a connection", DC__JOIN_S, NULL);
}

void dc__server_admit(dc_server *s)
{
    const int wait_ms = s->n_joining > 0 ? 2 : s->in_doubt ? DOUBT_MS : DC__POLL_MS;
    dc__channel *channel = dc__listener_accept(s->listener, wait_ms);
    if (channel) expect(s, channel);
    channel = s->inner ? dc__listener_accept(s->inner, 0) : NULL;
    if (channel) expect(s, channel);
    int left = 0;
    for (int i = 0; i < s->n_joining; i++) {
        dc__joining *j = &s->joining[i];
        if (serve(s, j))
            dc__link_close(&j->link, 0);
        else if (left++ != i)
            memcpy(&s->joining[left - 1], j, sizeof *j);
    }
    s->n_joining = left;
}

void dc__server_refuse_waiting(dc_server *s, const char *line)
{
    for (int i = 0; i < s->n_joining; i++) {
        dc__joining *j = &s->joining[i];
        if (!j->asked) continue;
        (void)dc__fail(DC_EINVAL, "%s", line); /* with what an attempt later would not change */
        refuse(s, j, DC_EINVAL);
        dc__link_close(&j->link, DC__LINGER_MS);
    }
}

void dc__server_admit_none(dc_server *s)
{
    while (s->n_joining > 0) {
        dc__joining *j = &s->joining[--s->n_joining];
        if (j->asked) dc__join_free(&j->join);
        dc__link_close(&j->link, 0);
    }
}
