/* join.c - admitting workers, one request and one reply each, on the well-known port. */
#include <nanomsg/nn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "endpoint/join.h"
#include "server/server.h"

static dc_error check_rank(dc_server *s, const dc__join *join, int *rank)
{
    int free_rank = -1;
    for (int i = s->workers - 1; i >= 0; i--)
        if (s->peers[i].state == DC__PEER_FREE) free_rank = i;
    if (s->running || free_rank < 0)
        return dc__fail(DC_EFULL,
                        "the server has its %d worker%s already: start it with --workers %d for one more",
                        s->workers, s->workers > 1 ? "s" : "", s->workers + 1);
    *rank = join->rank >= 0 ? join->rank : free_rank;
    if (*rank >= s->workers)
        return dc__fail(DC_EINVAL, "rank %d does not exist: the server has ranks 0 to %d", *rank,
                        s->workers - 1);
    if (s->peers[*rank].state != DC__PEER_FREE)
        return dc__fail(DC_EINVAL,
                        "rank %d is taken by another worker: give each its own -dynacomm-rank, or none",
                        *rank);
    return DC_OK;
}

/* The first worker's model becomes the run's, with the values of a checkpoint if there is one. */
static dc_error adopt_model(dc_server *s, dc__join *join)
{
    if (join->model->n_blocks == 0)
        return dc__fail(DC_EMODEL, "%s has nothing to train: every layer is frozen or has no weights",
                        join->model->name);
    s->fingerprint = strdup(join->fingerprint);
    if (!s->fingerprint) return dc__fail(DC_ENOMEM, "out of memory for a fingerprint");
    pthread_mutex_lock(&s->lock);
    s->model = join->model;
    pthread_mutex_unlock(&s->lock);
    dc_error err = dc__round_allocate(s);
    if (!err && s->backup_dir[0] && !s->options.fresh) err = dc__state_load(s, &s->resumed);
    if (err) {
        dc__round_free(s);
        free(s->fingerprint);
        s->fingerprint = NULL;
        pthread_mutex_lock(&s->lock);
        s->model = NULL; /* the caller frees it */
        pthread_mutex_unlock(&s->lock);
        return err;
    }
    join->model = NULL;
    if (s->resumed)
        dc__server_log(s, "resuming %s at round %llu from %s", s->model->name,
                       (unsigned long long)s->state.round, s->backup_dir);
    return DC_OK;
}

/* Without a single worker the run is still anybody's: the next one may bring another model. */
static void forget_model_if_empty(dc_server *s)
{
    for (int i = 0; i < s->workers; i++)
        if (s->peers[i].state != DC__PEER_FREE) return;
    for (int i = 0; i < s->workers; i++) {
        dc__queue_free(&s->peers[i].queue);
        memset(&s->peers[i].queue, 0, sizeof s->peers[i].queue);
        free(s->peers[i].given);
        s->peers[i].given = NULL;
    }
    dc__round_free(s);
    dc_model_free(s->model);
    free(s->fingerprint);
    s->model = NULL;
    s->fingerprint = NULL;
    s->resumed = false;
}

static dc_error start_threads(dc_server *s, dc__peer *peer)
{
    const bool receiver = pthread_create(&peer->receiver, NULL, dc__peer_receive, peer) == 0;
    peer->threads = receiver && pthread_create(&peer->sender, NULL, dc__peer_send, peer) == 0;
    if (peer->threads) return DC_OK;
    peer->stop = true;
    if (receiver) pthread_join(peer->receiver, NULL);
    pthread_mutex_lock(&s->lock);
    peer->state = DC__PEER_FREE;
    forget_model_if_empty(s);
    pthread_mutex_unlock(&s->lock);
    return dc__fail(DC_ENOMEM, "cannot start a thread for worker %d", peer->rank);
}

/* nanomsg sends a request again when its connection breaks before the reply: that is no second worker. */
static bool answered_before(dc_server *s, const dc__join *join, dc__welcome *welcome)
{
    bool found = false;
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->workers && !found; i++) {
        const dc__peer *peer = &s->peers[i];
        found = peer->state == DC__PEER_WELCOMED && peer->nonce == join->nonce;
        if (found) *welcome = peer->welcome;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

static dc_error admit(dc_server *s, dc__join *join, dc__welcome *welcome)
{
    if (answered_before(s, join, welcome)) return DC_OK;
    int rank = -1;
    pthread_mutex_lock(&s->lock);
    dc_error err = check_rank(s, join, &rank);
    pthread_mutex_unlock(&s->lock);
    if (!err && s->model) err = dc__model_same(s->model, join->model, "the run", "this worker");
    if (!err && s->model && strcmp(s->fingerprint, join->fingerprint) != 0)
        err = dc__fail(DC_EMODEL, "this worker runs with '%s', the run with '%s': start all workers alike",
                       join->fingerprint, s->fingerprint);
    if (!err && !s->model) err = adopt_model(s, join);
    if (!err && join->clear && s->resumed)
        err = dc__fail(DC_EINVAL,
                       "the server resumes round %llu from its backup, but -clear asks for a new run: drop "
                       "-clear, or start "
                       "the server with --fresh",
                       (unsigned long long)s->state.round);
    dc__peer *peer = err ? NULL : &s->peers[rank];
    if (!err && !peer->queue.model) err = dc__queue_init(&peer->queue, s->model);
    if (!err && !peer->given &&
        !(peer->given = calloc((size_t)s->model->n_blocks / 64 + 1, sizeof *peer->given)))
        err = dc__fail(DC_ENOMEM, "out of memory for worker %d", rank);
    if (err) {
        pthread_mutex_lock(&s->lock);
        forget_model_if_empty(s); /* a refused worker's model binds nobody */
        pthread_mutex_unlock(&s->lock);
        return err;
    }
    peer->n_given = 0;
    peer->given_round = DC__NO_ROUND;
    peer->reached = 0;
    peer->nonce = join->nonce;
    peer->upload_at = 0;
    peer->welcomed_ns = dc__now_ns();
    peer->stop = false;
    peer->link.meter.memory_bytes = (double)dc_model_trained_bytes(s->model, -1);
    uint64_t token;
    if (getrandom(&token, sizeof token, 0) != (ssize_t)sizeof token)
        return dc__fail(DC_ENET, "no random numbers from the kernel");
    if (rank == 0 && !s->resumed) {
        s->state.seed = join->seed;
        s->state.first_round = s->state.round = join->round;
        for (uint32_t b = 0; b < s->model->n_blocks; b++)
            s->version[b] = join->round;
    }
    *welcome = (dc__welcome){.rank = rank,
                             .workers = s->workers,
                             .token = token,
                             .upload = rank == 0 && !s->resumed,
                             .carry = s->workers == 1 && s->model->optimizer.algorithm == DC_SGD,
                             .resumed = s->resumed};
    peer->welcome = *welcome;
    pthread_mutex_lock(&s->lock);
    peer->state = DC__PEER_WELCOMED;
    peer->want = DC__NO_ROUND;
    peer->queue.left = 0;
    peer->start_due = peer->pong_due = peer->stat_due = peer->ack_due = peer->stop_due = false;
    pthread_mutex_unlock(&s->lock);
    peer->link.heard_ns = dc__now_ns();
    peer->link.up = false;
    return start_threads(s, peer);
}

void dc__server_join(dc_server *s)
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
    if (err) dc__server_log(s, "a worker was refused: %s", dc_last_error());
    if (reply && nn_send(s->join_socket, &reply, NN_MSG, 0) < 0) (void)nn_freemsg(reply);
    dc__join_free(&join);
}

void dc__server_reap(dc_server *s)
{
    for (int i = 0; i < s->workers; i++) {
        dc__peer *peer = &s->peers[i];
        if (!peer->threads) continue;
        pthread_mutex_lock(&s->lock);
        const bool never_came = peer->state == DC__PEER_WELCOMED &&
                                dc__now_ns() - peer->welcomed_ns > (int64_t)(DC__ATTACH_TIMEOUT_S * 1e9);
        const bool left = !s->running && !s->ending && (peer->state == DC__PEER_LEFT || never_came);
        if (left) {
            peer->state = DC__PEER_LEFT;
            peer->stop = true;
            pthread_cond_signal(&peer->wake);
        }
        pthread_mutex_unlock(&s->lock);
        if (!left) continue;
        pthread_join(peer->receiver, NULL);
        pthread_join(peer->sender, NULL);
        peer->threads = false;
        dc__server_log(s, "worker %d left before the start; its place is free", i);
        dc__link_close(&peer->link);
        char url[DC__URL_BYTES], name[64];
        dc__address_of_link(url, s->url, i);
        (void)snprintf(name, sizeof name, "worker %d", i);
        const double silence = dc__seconds(peer->link.silence_ns);
        dc_error err = dc__link_listen(&peer->link, url, name, silence, &peer->stop);
        pthread_mutex_lock(&s->lock);
        if (err) dc__server_end(s, err, dc_last_error());
        peer->state = DC__PEER_FREE;
        forget_model_if_empty(s);
        pthread_mutex_unlock(&s->lock);
    }
}
