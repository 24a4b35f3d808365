/* fuzz_http.c - any bytes as a request to the page: an answer or none, and what is shown is shown to who names this machine and
 * has the token. The library's parser and our routes run in this thread: MHD_start_daemon is wrapped (Makefile). */
#define FUZZ_ITERATIONS 5000
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "fuzz.h"
#include "tool/http.h"

#define TOKEN "0123456789abcdef"
#define TOKEN_END \
    "MTIzNDU2Nzg5YWJjZGVm" /* of "x:0123456789abcdef" in base64, without its first three letters */
#define TOKEN_BASIC "eDow" TOKEN_END
#define ANSWER_MOST (1u << 18)

struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accepts,
                                           void *accepts_context, MHD_AccessHandlerCallback answers,
                                           void *context, ...);
struct MHD_Daemon *__real_MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accepts,
                                           void *accepts_context, MHD_AccessHandlerCallback answers,
                                           void *context, ...);

static struct MHD_Daemon *daemon_here;

struct MHD_Daemon *__wrap_MHD_start_daemon(unsigned flags, uint16_t port, MHD_AcceptPolicyCallback accepts,
                                           void *accepts_context, MHD_AccessHandlerCallback answers,
                                           void *context, ...)
{
    (void)flags;
    daemon_here =
        __real_MHD_start_daemon(MHD_USE_NO_LISTEN_SOCKET, port, accepts, accepts_context, answers, context,
                                MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)32768, MHD_OPTION_END);
    return daemon_here;
}

static void begin(void)
{
    static dc_server *server;
    static dc__http *http;
    char token[] = "/tmp/dynacomm-fuzz-XXXXXX";
    if (http) return;
    const int fd = mkstemp(token);
    dc__assert(fd >= 0 && fchmod(fd, 0600) == 0 && write(fd, TOKEN "\n", 17) == 17 && close(fd) == 0);
    const dc_server_options options = {.url = "inproc://fuzz-http", .workers = 2};
    dc__assert(dc_server_start(&server, &options) == DC_OK);
    dc__assert(dc__http_start(&http, "127.0.0.1:0", token, NULL, server) == DC_OK && daemon_here);
    (void)unlink(token);
    dc__http_event(http, "a line of the log \"with\" <marks>");
}

static bool holds(const uint8_t *data, size_t n, const char *words)
{
    return memmem(data, n, words, strlen(words)) != NULL;
}

/* What came back, with its length; the connection is over. */
static size_t exchange(const uint8_t *data, size_t n, char *answer)
{
    int pair[2];
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    dc__assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    (void)fcntl(pair[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(pair[1], F_SETFL, O_NONBLOCK);
    dc__assert(MHD_add_connection(daemon_here, pair[1], (const struct sockaddr *)&from, sizeof from) ==
               MHD_YES);
    size_t sent = 0, got = 0;
    bool shut = false;
    for (int turn = 0; turn < 10000; turn++) {
        const ssize_t out = sent < n ? send(pair[0], data + sent, n - sent, MSG_NOSIGNAL) : 0;
        if (out > 0) sent += (size_t)out;
        if (!shut && (sent == n || (out < 0 && errno != EAGAIN))) shut = shutdown(pair[0], SHUT_WR) == 0;
        dc__assert(MHD_run(daemon_here) == MHD_YES);
        const ssize_t in = recv(pair[0], answer + got, ANSWER_MOST - got, 0);
        if (in > 0) got += (size_t)in;
        if (in == 0 || (in < 0 && errno != EAGAIN)) break;
    }
    (void)close(pair[0]);
    (void)MHD_run(daemon_here); /* sees that it is closed */
    return got;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char answer[ANSWER_MOST];
    begin();
    const size_t got = exchange(data, n, answer);
    if (got == 0) return 0;
    dc__assert(got >= 12 && memcmp(answer, "HTTP/1.", 7) == 0 && isdigit((unsigned char)answer[9]));
    const bool shown = holds((const uint8_t *)answer, got, " 200 OK\r\n");
    dc__assert(!shown || holds(data, n, TOKEN) || holds(data, n, TOKEN_END));
    dc__assert(!shown || holds(data, n, ":")); /* of a header that says whom it asks */
    return 0;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    static const char *const seeds[] = {
        "GET /status HTTP/1.1\r\nHost: 127.0.0.1:7780\r\nAuthorization: Bearer " TOKEN "\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: basic " TOKEN_BASIC
        "\r\nConnection: close\r\n\r\n",
        "HEAD / HTTP/1.0\r\nHost: [::1]:80\r\nAuthorization: Basic " TOKEN_BASIC "\r\n\r\n",
        "GET /plan.svg?worker=0&x=%41 HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " TOKEN "\r\n\r\n"
        "GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " TOKEN "\r\n\r\n",
        "POST /drop?worker=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " TOKEN
        "\r\nX-Dynacomm-Proof: none\r\nContent-Length: 0\r\n\r\n",
        "POST /status HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "GET /status HTTP/1.1\r\nHost: elsewhere.example\r\nContent-Length: 3\r\n\r\nabc",
    };
    if ((size_t)k >= sizeof seeds / sizeof *seeds) return 0;
    memcpy(to, seeds[k], strlen(seeds[k]));
    return strlen(seeds[k]);
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
