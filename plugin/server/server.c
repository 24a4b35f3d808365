/* server.c - a run from its first worker to its last. See server.h. */
#include "server/server.h"

#include <errno.h>
#include <nanomsg/nn.h>
#include <nanomsg/reqrep.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

void dc__server_log(dc_server *s, const char *fmt, ...)
{
    if (!s->options.log) return;
    char line[DC__LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    pthread_mutex_lock(&s->log_lock);
    s->options.log(s->options.log_context, line);
    pthread_mutex_unlock(&s->log_lock);
}

void dc__server_end(dc_server *s, dc_error err, const char *line)
{
    if (!s->ending) {
        s->ending = true;
        s->result = err;
        s->ended_ns = dc__now_ns();
        (void)snprintf(s->result_line, sizeof s->result_line, "%s", line);
    }
    pthread_cond_broadcast(&s->changed);
}

void dc__server_wait(dc_server *s, pthread_cond_t *condition)
{
    dc__wait_until(condition, &s->lock, dc__now_ns() + DC__POLL_NS);
}

static dc_error open_join_socket(dc_server *s)
{
    s->join_socket = nn_socket(AF_SP, NN_REP);
    if (s->join_socket < 0) return dc__fail(DC_ENET, "cannot open a socket: %s", nn_strerror(nn_errno()));
    const int largest = (int)(DC__HEADER_BYTES + DC__MAX_JOIN_BYTES), poll = DC__POLL_MS;
    (void)nn_setsockopt(s->join_socket, NN_SOL_SOCKET, NN_RCVMAXSIZE, &largest, sizeof largest);
    (void)nn_setsockopt(s->join_socket, NN_SOL_SOCKET, NN_RCVTIMEO, &poll, sizeof poll);
    (void)nn_setsockopt(s->join_socket, NN_SOL_SOCKET, NN_SNDTIMEO, &poll, sizeof poll);
    if (nn_bind(s->join_socket, s->url) >= 0) return DC_OK;
    const int why = nn_errno();
    if (why == EADDRINUSE)
        return dc__fail(DC_ENET, "%s is taken by another program: stop it or --listen on another port",
                        s->url);
    return dc__fail(why == EINVAL || why == ENODEV ? DC_EURL : DC_ENET, "cannot listen on %s: %s", s->url,
                    nn_strerror(why));
}

static double silence_s(const dc_server *s)
{
    return s->options.timeout_s > 0 ? s->options.timeout_s : DC_DEFAULT_TIMEOUT_S;
}

static dc_error listen_for(dc_server *s, dc__peer *peer)
{
    char url[DC__URL_BYTES], name[64];
    dc__address_of_link(url, s->url, peer->rank);
    (void)snprintf(name, sizeof name, "worker %d", peer->rank);
    return dc__link_listen(&peer->link, url, name, silence_s(s), &peer->stop);
}

static dc_error set_up(dc_server *s)
{
    dc_error err = dc__watch_init(&s->watch, s->workers);
    if (!err) err = open_join_socket(s);
    for (int i = 0; i < s->workers; i++) {
        s->peers[i].server = s;
        s->peers[i].rank = i;
        s->peers[i].link.socket = -1;
        s->peers[i].want = DC__NO_ROUND;
        dc__condition_init(&s->peers[i].wake);
        if (!err) err = listen_for(s, &s->peers[i]);
    }
    return err;
}

/* What would fail at the first checkpoint, perhaps hours later, fails now. */
static dc_error check_backup(const char *path)
{
    struct stat st;
    if (strlen(path) > PATH_MAX - 200) return dc__fail(DC_EFILE, "the backup directory's path is too long");
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return dc__fail(DC_EFILE, "cannot make the backup directory %s: %s", path, strerror(errno));
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return dc__fail(DC_EFILE, "%s is not a directory: give another to --backup", path);
    if (access(path, R_OK | W_OK | X_OK) != 0)
        return dc__fail(DC_EFILE, "cannot write into the backup directory %s: %s", path, strerror(errno));
    return DC_OK;
}

dc_error dc_server_start(dc_server **out, const dc_server_options *options)
{
    *out = NULL;
    if (options->workers < 1 || options->workers > DC_MAX_WORKERS)
        return dc__fail(DC_EINVAL, "%d workers: a server takes 1 to %d", options->workers, DC_MAX_WORKERS);
    dc_error err = dc__address_check(options->url, options->workers);
    if (err) return err;
    if (options->backup_dir) err = check_backup(options->backup_dir);
    if (err) return err;
    dc_server *s = calloc(1, sizeof *s);
    dc__peer *peers = calloc((size_t)options->workers, sizeof *peers);
    if (!s || !peers) {
        free(s);
        free(peers);
        return dc__fail(DC_ENOMEM, "out of memory for a server of %d workers", options->workers);
    }
    s->options = *options;
    (void)snprintf(s->url, sizeof s->url, "%s", options->url);
    if (options->backup_dir) (void)snprintf(s->backup_dir, sizeof s->backup_dir, "%s", options->backup_dir);
    s->workers = options->workers;
    s->peers = peers;
    s->join_socket = -1;
    s->due = s->writing = s->saved = DC__NO_ROUND;
    s->protected_ = DC__NO_ROUND;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->log_lock, NULL);
    dc__condition_init(&s->changed);
    err = set_up(s);
    if (err) {
        dc_server_free(s);
        return err;
    }
    *out = s;
    return DC_OK;
}

void dc_server_stop(dc_server *s)
{
    s->stop_requested = true; /* the run loop looks every DC__POLL_MS */
}

/* All workers have READY: the run begins. With the lock held. */
static void start_if_complete(dc_server *s)
{
    if (s->running || s->ending) return;
    for (int i = 0; i < s->workers; i++)
        if (s->peers[i].state != DC__PEER_READY) return;
    s->running = true;
    s->began_ns = s->whole_ns = dc__now_ns();
    s->saved = s->resumed ? s->state.round : DC__NO_ROUND;
    for (int i = 0; i < s->workers; i++) {
        s->peers[i].state = DC__PEER_RUNNING;
        s->peers[i].start_due = true;
        pthread_cond_signal(&s->peers[i].wake);
    }
}

/* Every worker has said goodbye: at the same round, or one of them was told something else. With the lock
 * held. */
static void end_if_finished(dc_server *s)
{
    for (int i = 0; i < s->workers; i++)
        if (s->peers[i].state != DC__PEER_FINISHED) return;
    dc__server_end(s, DC_OK, "");
}

/* Ends every worker's threads: first in words (STOP, BYE_ACK), then, after DC__GOODBYE_S, by force. */
static void say_goodbye(dc_server *s)
{
    pthread_mutex_lock(&s->lock);
    for (int i = 0; i < s->workers; i++) {
        s->peers[i].stop_due = true;
        pthread_cond_signal(&s->peers[i].wake);
    }
    pthread_mutex_unlock(&s->lock);
    const int64_t until = dc__now_ns() + (int64_t)(DC__GOODBYE_S * 1e9);
    for (int i = 0; i < s->workers; i++) {
        dc__peer *peer = &s->peers[i];
        while (peer->threads && dc__now_ns() < until &&
               nn_get_statistic(peer->link.socket, NN_STAT_CURRENT_CONNECTIONS) > 0) {
            const struct timespec pause = {.tv_nsec = 5000000};
            nanosleep(&pause, NULL);
        }
        peer->stop = true;
    }
    for (int i = 0; i < s->workers; i++) {
        dc__peer *peer = &s->peers[i];
        if (!peer->threads) continue;
        pthread_mutex_lock(&s->lock);
        pthread_cond_signal(&peer->wake);
        pthread_mutex_unlock(&s->lock);
        pthread_join(peer->receiver, NULL);
        pthread_join(peer->sender, NULL);
        peer->threads = false;
    }
}

dc_error dc_server_run(dc_server *s)
{
    dc__server_log(s, "listening on %s for %d worker%s", s->url, s->workers, s->workers > 1 ? "s" : "");
    dc_error err = dc__checkpoint_start(s);
    if (err) return err;
    for (;;) {
        dc__server_join(s); /* blocks up to DC__POLL_MS */
        dc__server_reap(s);
        pthread_mutex_lock(&s->lock);
        if (s->stop_requested) dc__server_end(s, DC_ESTOPPED, "the server was stopped");
        const bool before = s->running;
        start_if_complete(s);
        end_if_finished(s);
        const bool begins = s->running && !before, ends = s->ending;
        pthread_mutex_unlock(&s->lock);
        if (begins)
            dc__server_log(s, "training %s with %d worker%s from round %llu on", s->model->name, s->workers,
                           s->workers > 1 ? "s" : "", (unsigned long long)s->state.first_round);
        if (ends) break;
    }
    say_goodbye(s);
    err = dc__checkpoint_final(s);
    dc__checkpoint_stop(s);
    if (s->result) return dc__fail(s->result, "%s", s->result_line);
    return err;
}

void dc_server_free(dc_server *s)
{
    if (!s) return;
    for (int i = 0; i < s->workers; i++) {
        dc__link_close(&s->peers[i].link);
        dc__queue_free(&s->peers[i].queue);
        free(s->peers[i].given);
        pthread_cond_destroy(&s->peers[i].wake);
    }
    if (s->join_socket >= 0) (void)nn_close(s->join_socket);
    dc__round_free(s);
    dc__watch_free(&s->watch);
    dc_model_free(s->model);
    free(s->fingerprint);
    free(s->peers);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->log_lock);
    pthread_cond_destroy(&s->changed);
    free(s);
}
