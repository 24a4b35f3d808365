/* admission.c - who connects says JOIN, and is welcomed with a session of its own, or refused. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "endpoint/join.h"
#include "server/server.h"

static dc__member_state state_of(const dc_server *s, int rank)
{
    return s->training.roster.member[rank].state;
}

static dc_error check_rank(const dc_server *s, const dc__join *join, int *rank)
{
    const dc__roster *r = &s->training.roster;
    int free_rank = -1;
    for (int i = r->n - 1; i >= 0; i--)
        if (state_of(s, i) == DC__MEMBER_FREE) free_rank = i;
    if (r->training || free_rank < 0)
        return dc__fail(DC_EFULL, "the server has its %d worker%s already: start it for %d to take one more",
                        r->n, r->n > 1 ? "s" : "", r->n + 1);
    *rank = join->rank >= 0 ? join->rank : free_rank;
    if (*rank >= r->n)
        return dc__fail(DC_EINVAL, "rank %d does not exist: the server has ranks 0 to %d", *rank, r->n - 1);
    if (state_of(s, *rank) != DC__MEMBER_FREE)
        return dc__fail(DC_EINVAL, "rank %d is taken by another worker: give each worker its own, or none",
                        *rank);
    return DC_OK;
}

/* Without a single worker the run is still anybody's: the next one may bring another model. */
static void forget_model_if_empty(dc_server *s)
{
    const int n = s->training.roster.n;
    for (int i = 0; i < n; i++)
        if (state_of(s, i) != DC__MEMBER_FREE) return;
    for (int i = 0; i < n; i++)
        dc__session_forget(&s->sessions[i]);
    dc__training_forget(&s->training);
}

/* Values that a worker brings are worker 0's or nobody's; augmentation is each worker's own, but seldom meant
 * to differ. */
static dc_error agree_on_start(dc_server *s, const dc__join *join, int rank)
{
    bool warned = false;
    for (int i = 0; i < s->training.roster.n; i++) {
        const char *other = s->sessions[i].fingerprint;
        char line[DC__LINE_BYTES];
        if (i == rank || state_of(s, i) == DC__MEMBER_FREE) continue;
        const dc_error err =
            s->training.resumed ? DC_OK : dc__fingerprint_start(join->fingerprint, rank, other, i);
        if (err) return err;
        if (warned || !dc__fingerprint_warn(other, i, join->fingerprint, rank, line, sizeof line)) continue;
        dc__log_line(&s->training.log, "%s", line);
        warned = true;
    }
    return DC_OK;
}

/* The first worker's model becomes the run's; the others' must be the same. */
static dc_error agree_on_model(dc_server *s, dc__join *join, int rank)
{
    dc__training *t = &s->training;
    dc_error err = dc__codes_agree(&t->codes, join->coding, !t->model);
    if (err) return err;
    if (!t->model) {
        err = dc__training_adopt(t, join->model, join->fingerprint, s->options.fresh);
        if (!err) join->model = NULL;
    } else {
        err = dc__model_same(t->model, join->model, "the run", "this worker");
        if (!err) err = dc__fingerprint_same(t->fingerprint, join->fingerprint);
    }
    if (!err) err = agree_on_start(s, join, rank);
    if (!err && join->clear && t->resumed)
        err = dc__fail(
            DC_EINVAL,
            "the server resumes round %llu from its backup, but this worker asks for a new run: let it "
            "join the old one, or start the server anew",
            (unsigned long long)t->versions.round);
    return err;
}

static double silence_s(const dc_server *s)
{
    return s->options.timeout_s > 0 ? s->options.timeout_s : DC_DEFAULT_TIMEOUT_S;
}

static dc_error open_session(dc_server *s, const dc__join *join, int rank, dc__link *link)
{
    dc__training *t = &s->training;
    if (rank == 0 && !t->resumed) {
        t->checkpoint.seed = join->seed;
        dc__versions_begin(&t->versions, join->round / t->codes.coding.local_steps, 0);
    }
    const dc__welcome welcome = {.rank = rank,
                                 .workers = t->roster.n,
                                 .upload = rank == 0 && !t->resumed,
                                 .carry = dc__training_carries(t),
                                 .resumed = t->resumed,
                                 .every = t->checkpoint.dir[0] ? t->checkpoint.every : 0,
                                 .coding = t->codes.coding};
    dc__member *member = &t->roster.member[rank];
    (void)snprintf(s->sessions[rank].fingerprint, sizeof s->sessions[rank].fingerprint, "%s",
                   join->fingerprint);
    member->id = join->worker_id;
    (void)snprintf(member->name, sizeof member->name, "%s", dc__channel_member(link->channel));
    member->images = t->model->images_per_round;
    member->reached = 0;
    dc__roster_set(&t->roster, rank, DC__MEMBER_JOINED);
    const dc_error err = dc__session_open(&s->sessions[rank], link, &welcome, silence_s(s));
    if (err) dc__roster_set(&t->roster, rank, DC__MEMBER_FREE);
    return err;
}

static void log_joined(dc_server *s, int rank)
{
    dc__training *t = &s->training;
    char called[DC__MEMBER_BYTES + 4] = "";
    if (t->roster.member[rank].name[0])
        (void)snprintf(called, sizeof called, " (%s)", t->roster.member[rank].name);
    const int missing = dc__roster_missing(&t->roster, DC__MEMBER_JOINED);
    if (missing)
        dc__log_line(&t->log, "worker %d%s joined; waiting for %d more", rank, called, missing);
    else
        dc__log_line(&t->log, "worker %d%s joined; all %d are here", rank, called, t->roster.n);
}

static dc_error admit(dc_server *s, dc__join *join, dc__link *link)
{
    int rank = -1;
    dc_error err = check_rank(s, join, &rank);
    if (!err) err = agree_on_model(s, join, rank);
    if (!err) err = open_session(s, join, rank, link);
    if (!err) log_joined(s, rank);
    if (err) forget_model_if_empty(s); /* a refused worker's model binds nobody */
    return err;
}

/* With the calling thread's last error. The peer hears why, and then has a moment to close. */
static void refuse(dc_server *s, dc__joining *j, dc_error err)
{
    dc__log_line(&s->training.log, "a worker was refused: %s", dc_last_error());
    j->refused = true;
    j->until_ns = dc__now_ns() + DC__LINGER_MS * (int64_t)1000000;
    if (j->link.channel) (void)dc__refusal_send(&j->link, err, dc_last_error());
}

/* A first frame. The link is a session's afterwards, or its peer hears why it is not. */
static void take_join(dc_server *s, dc__joining *j, dc__frame *frame)
{
    dc__join join = {0};
    dc_error err = DC_OK;
    if (frame->header.type != DC__JOIN)
        err =
            dc__fail(DC_EPROTO, "a %s frame came where JOIN was due", dc__wire_type_name(frame->header.type));
    if (!err) err = dc__join_read(&join, frame->payload, frame->header.payload_bytes);
    if (!err) err = admit(s, &join, &j->link);
    dc__join_free(&join);
    if (err) refuse(s, j, err);
}

/* Whether it is done with. */
static bool serve(dc_server *s, dc__joining *j)
{
    const bool late = dc__now_ns() > j->until_ns;
    if (j->refused) return late || dc__link_ended(&j->link);
    dc__frame frame;
    const dc_error err = dc__link_receive(&j->link, &frame, 0);
    if (!err && !frame.message) return late;
    if (!err)
        take_join(s, j, &frame);
    else if (err == DC_EPROTO || err == DC_EVERSION)
        refuse(s, j, err);
    dc__frame_free(&frame);
    return !j->refused || !j->link.channel;
}

static void expect(dc_server *s, dc__channel *channel)
{
    if (s->n_joining == DC__JOINING_MOST) {
        dc__channel_close(channel, 0);
        return;
    }
    dc__joining *j = &s->joining[s->n_joining++];
    j->refused = false;
    j->until_ns = dc__now_ns() + (int64_t)(DC__JOIN_S * 1e9);
    dc__link_open(&j->link, channel, "a connection", DC__JOIN_S, NULL);
}

void dc__server_admit(dc_server *s)
{
    dc__channel *channel = dc__listener_accept(s->listener, s->n_joining > 0 ? 2 : DC__POLL_MS);
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

void dc__server_admit_none(dc_server *s)
{
    while (s->n_joining > 0)
        dc__link_close(&s->joining[--s->n_joining].link, 0);
}

void dc__server_reap(dc_server *s)
{
    dc__roster *r = &s->training.roster;
    if (r->training || r->ending) return;
    for (int i = 0; i < r->n; i++) {
        dc__session *session = &s->sessions[i];
        if (!session->endpoint.threads) continue;
        if (state_of(s, i) != DC__MEMBER_LEFT) continue;
        dc__session_close(session);
        dc__log_line(&s->training.log, "worker %d left before the start; its place is free", i);
        dc__roster_set(r, i, DC__MEMBER_FREE);
        forget_model_if_empty(s);
    }
}
