/* admission.c - admitting workers, one request and one reply each, on the well-known port. */
#include <nanomsg/nn.h>
#include <string.h>
#include <sys/random.h>

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
        return dc__fail(DC_EFULL,
                        "the server has its %d worker%s already: start it with --workers %d for one more",
                        r->n, r->n > 1 ? "s" : "", r->n + 1);
    *rank = join->rank >= 0 ? join->rank : free_rank;
    if (*rank >= r->n)
        return dc__fail(DC_EINVAL, "rank %d does not exist: the server has ranks 0 to %d", *rank, r->n - 1);
    if (state_of(s, *rank) != DC__MEMBER_FREE)
        return dc__fail(DC_EINVAL,
                        "rank %d is taken by another worker: give each its own -dynacomm-rank, or none",
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

/* nanomsg sends a request again when its connection breaks before the reply: that is no second worker. */
static bool answered_before(dc_server *s, const dc__join *join, dc__welcome *welcome)
{
    for (int i = 0; i < s->training.roster.n; i++) {
        const dc__session *session = &s->sessions[i];
        if (state_of(s, i) != DC__MEMBER_WELCOMED || session->nonce != join->nonce) continue;
        *welcome = session->welcome;
        return true;
    }
    return false;
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
    dc_error err = DC_OK;
    if (!t->model) {
        err = dc__training_adopt(t, join->model, join->fingerprint, s->options.fresh);
        if (!err) join->model = NULL;
    } else {
        err = dc__model_same(t->model, join->model, "the run", "this worker");
        if (!err) err = dc__fingerprint_same(t->fingerprint, join->fingerprint);
    }
    if (!err) err = agree_on_start(s, join, rank);
    if (!err && join->clear && t->resumed)
        err = dc__fail(DC_EINVAL,
                       "the server resumes round %llu from its backup, but -clear asks for a new run: drop "
                       "-clear, or start the server with --fresh",
                       (unsigned long long)t->versions.round);
    return err;
}

static dc_error open_session(dc_server *s, const dc__join *join, int rank, dc__welcome *welcome)
{
    dc__training *t = &s->training;
    uint64_t token;
    if (getrandom(&token, sizeof token, 0) != (ssize_t)sizeof token)
        return dc__fail(DC_ENET, "no random numbers from the kernel");
    if (rank == 0 && !t->resumed) {
        t->checkpoint.seed = join->seed;
        dc__versions_begin(&t->versions, join->round, 0);
    }
    *welcome = (dc__welcome){.rank = rank,
                             .workers = t->roster.n,
                             .token = token,
                             .upload = rank == 0 && !t->resumed,
                             .carry = dc__training_carries(t),
                             .resumed = t->resumed};
    (void)snprintf(s->sessions[rank].fingerprint, sizeof s->sessions[rank].fingerprint, "%s",
                   join->fingerprint);
    t->roster.member[rank].id = join->nonce;
    t->roster.member[rank].images = t->model->images_per_round;
    t->roster.member[rank].reached = 0;
    dc__roster_set(&t->roster, rank, DC__MEMBER_WELCOMED);
    const dc_error err = dc__session_open(&s->sessions[rank], welcome, join->nonce);
    if (err) dc__roster_set(&t->roster, rank, DC__MEMBER_FREE);
    return err;
}

static dc_error admit(dc_server *s, dc__join *join, dc__welcome *welcome)
{
    if (answered_before(s, join, welcome)) return DC_OK;
    int rank = -1;
    dc_error err = check_rank(s, join, &rank);
    if (!err) err = agree_on_model(s, join, rank);
    if (!err) err = open_session(s, join, rank, welcome);
    if (err) forget_model_if_empty(s); /* a refused worker's model binds nobody */
    return err;
}

void dc__server_admit(dc_server *s)
{
    void *message = NULL;
    int n = nn_recv(s->join_socket, &message, NN_MSG, 0);
    if (n < 0) return;
    dc__header header;
    dc__join join = {0};
    dc__welcome welcome;
    dc_error err = dc__wire_open(message, (size_t)n, &header);
    if (!err && header.type != DC__JOIN)
        err = dc__fail(DC_EPROTO, "a %s frame came where JOIN was due", dc__wire_type_name(header.type));
    if (!err) err = dc__join_read(&join, (uint8_t *)message + DC__HEADER_BYTES, header.payload_bytes);
    if (!err) err = admit(s, &join, &welcome);
    (void)nn_freemsg(message);
    void *reply = err ? dc__refusal_write(err, dc_last_error()) : dc__welcome_write(&welcome);
    if (err) dc__log_line(&s->training.log, "a worker was refused: %s", dc_last_error());
    if (reply && nn_send(s->join_socket, &reply, NN_MSG, 0) < 0) (void)nn_freemsg(reply);
    dc__join_free(&join);
}

dc_error dc__server_open_link(dc_server *s, dc__session *session)
{
    const double timeout_s = s->options.timeout_s > 0 ? s->options.timeout_s : DC_DEFAULT_TIMEOUT_S;
    char url[DC__URL_BYTES], name[64];
    dc__address_of_link(url, s->url, session->rank);
    (void)snprintf(name, sizeof name, "worker %d", session->rank);
    return dc__link_listen(&session->endpoint.link, url, name, timeout_s, &session->endpoint.stop);
}

void dc__server_reap(dc_server *s)
{
    dc__roster *r = &s->training.roster;
    if (r->training || r->ending) return;
    for (int i = 0; i < r->n; i++) {
        dc__session *session = &s->sessions[i];
        if (!session->endpoint.threads) continue;
        const dc__member_state state = state_of(s, i);
        const bool never_came = state == DC__MEMBER_WELCOMED &&
                                dc__now_ns() - session->welcomed_ns > (int64_t)(DC__ATTACH_TIMEOUT_S * 1e9);
        if (state != DC__MEMBER_LEFT && !never_came) continue;
        dc__roster_set(r, i, DC__MEMBER_LEFT);
        dc__session_close(session);
        dc__log_line(&s->training.log, "worker %d left before the start; its place is free", i);
        dc__link_close(&session->endpoint.link);
        const dc_error err = dc__server_open_link(s, session);
        if (err) dc__roster_end(r, err, dc_last_error());
        dc__roster_set(r, i, DC__MEMBER_FREE);
        forget_model_if_empty(s);
    }
}
