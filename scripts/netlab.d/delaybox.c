/* delaybox.c - a wire with a delay, for kernels without netem.
 *
 *   delaybox run A B --there 10ms --back 10ms --control PATH [--while PID] [--limit MIB]
 *   delaybox delay PATH THERE BACK      changes the delays of a running box
 *   delaybox show PATH                  prints its delays and counters
 *
 * DESIGN
 *   Every frame that arrives at interface A leaves by B after --there, and from B to A after --back. One
 * thread: epoll over the two packet sockets, one timer for the next due frame, the control socket, and the
 * process whose end is ours (--while). A direction is a bounded frame_queue: a frame that finds it full is
 * dropped and counted. Frames never overtake each other, also when the delay shrinks. An interface that can't
 * take more now (its shaper is full of our frames) holds the queue up until its socket is writable. `run`
 * goes into the background once both interfaces are open and the control socket answers, so its exit status
 * says whether the wire is up.
 *   It does not shape a rate: tbf does, on the interfaces around it. */
#include "frame_queue.h"
#include "packet_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define KERNEL_BUFFER_BYTES (32 << 20)
#define DEFAULT_LIMIT_MIB 32
#define MAX_DELAY_NS (10 * INT64_C(1000000000))
#define FRAMES_PER_TURN 64 /* received from one side before the other side and the timer have their turn */

struct way {
    const char *name;
    int in, out;
    int64_t delay_ns;
    struct frame_queue queue;
    bool blocked; /* out took no more; wait for EPOLLOUT */
    uint64_t forwarded, forwarded_bytes, dropped, refused;
    int64_t late_sum_ns, late_max_ns; /* departure after the due time */
};

struct box {
    struct way way[2];
    int epoll, timer, control, client, watched;
};

_Noreturn static void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("delaybox: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A time with a unit, "10ms", "1.5s", "500us", or plain 0. */
static int64_t parse_delay(const char *text)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    double unit = !strcmp(end, "s") ? 1e9 : !strcmp(end, "ms") ? 1e6 : !strcmp(end, "us") ? 1e3 : 0;
    if (end == text || errno || (unit == 0 && (*end || value != 0)) || !(value >= 0) ||
        value * unit > (double)MAX_DELAY_NS)
        die("delay '%s' is not a time from 0 to 10s: write it like 500us, 10ms or 1s", text);
    return (int64_t)(value * unit);
}

static long parse_number(const char *option, const char *text, long low, long high)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end || errno || value < low || value > high)
        die("%s '%s' is not a number from %ld to %ld", option, text, low, high);
    return value;
}

/* ---- forwarding ------------------------------------------------------------------------------------- */

static void way_receive(struct way *w)
{
    static uint8_t overflow[PACKET_MAX_BYTES];
    for (int i = 0; i < FRAMES_PER_TURN; i++) {
        struct frame *f = fq_reserve(&w->queue, PACKET_MAX_BYTES);
        int64_t age_ns = 0;
        ssize_t n = packet_receive(w->in, f ? f->data : overflow, &age_ns);
        if (n < 0 && errno == EMSGSIZE) {
            w->dropped++;
            continue;
        }
        if (n < 0) /* EAGAIN: none left. ENETDOWN: the interface was set down; it may come up again */
            return;
        if (f)
            fq_commit(&w->queue, (uint32_t)n, now_ns() - age_ns + w->delay_ns);
        else
            w->dropped++;
    }
}

static void watch_writable(struct box *b, struct way *w, bool on)
{
    struct epoll_event event = {.events = EPOLLIN | (on ? (uint32_t)EPOLLOUT : 0), .data.fd = w->out};
    if (epoll_ctl(b->epoll, EPOLL_CTL_MOD, w->out, &event) != 0) die("epoll: %s", strerror(errno));
    w->blocked = on;
}

static void way_deliver(struct box *b, struct way *w)
{
    struct frame *f;
    while (!w->blocked && (f = fq_head(&w->queue))) {
        int64_t late_ns = now_ns() - f->due_ns;
        if (late_ns < 0) return;
        if (packet_send(w->out, f->data, f->bytes)) {
            w->forwarded++;
            w->forwarded_bytes += f->bytes;
            w->late_sum_ns += late_ns;
            if (late_ns > w->late_max_ns) w->late_max_ns = late_ns;
        } else if (errno == EAGAIN) {
            watch_writable(b, w, true);
            return;
        } else {
            w->refused++; /* ENOBUFS: the shaper behind us dropped it, as
                           * a full router would; ENETDOWN: no carrier */
        }
        fq_pop(&w->queue);
    }
}

static void arm_timer(struct box *b)
{
    int64_t due_ns = INT64_MAX;
    for (int i = 0; i < 2; i++) {
        const struct frame *f = fq_head(&b->way[i].queue);
        if (f && !b->way[i].blocked && f->due_ns < due_ns) due_ns = f->due_ns;
    }
    struct itimerspec when = {0}; /* all zero: disarmed */
    if (due_ns != INT64_MAX)
        when.it_value = (struct timespec){.tv_sec = due_ns / 1000000000, .tv_nsec = due_ns % 1000000000};
    if (timerfd_settime(b->timer, TFD_TIMER_ABSTIME, &when, NULL) != 0) die("timer: %s", strerror(errno));
}

/* ---- control ---------------------------------------------------------------------------------------- */

static int describe(struct box *b, char *text, size_t size)
{
    int used = 0;
    for (int i = 0; i < 2; i++) {
        struct way *w = &b->way[i];
        w->dropped += packet_lost(w->in);
        double mean_late_ms = w->forwarded ? (double)w->late_sum_ns / (double)w->forwarded / 1e6 : 0;
        used += snprintf(text + used, size - (size_t)used,
                         "%s delay_ms %.3f frames %" PRIu64 " bytes %" PRIu64 " waiting %zu dropped %" PRIu64
                         " refused %" PRIu64 " late_ms mean %.3f max %.3f\n",
                         w->name, (double)w->delay_ns / 1e6, w->forwarded, w->forwarded_bytes,
                         w->queue.frames, w->dropped, w->refused, mean_late_ms, (double)w->late_max_ns / 1e6);
    }
    return used;
}

/* One request per connection: "show", or "delay THERE_NS BACK_NS". */
static void answer_client(struct box *b)
{
    char request[128], reply[1024];
    ssize_t n = recv(b->client, request, sizeof request - 1, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return;
    int length = 0;
    if (n > 0) {
        request[n] = '\0';
        int64_t there_ns, back_ns;
        if (!strcmp(request, "show")) {
            length = describe(b, reply, sizeof reply);
        } else if (sscanf(request, "delay %" SCNd64 " %" SCNd64, &there_ns, &back_ns) == 2 && there_ns >= 0 &&
                   there_ns <= MAX_DELAY_NS && back_ns >= 0 && back_ns <= MAX_DELAY_NS) {
            b->way[0].delay_ns = there_ns;
            b->way[1].delay_ns = back_ns;
            length = snprintf(reply, sizeof reply, "ok\n");
        } else {
            length = snprintf(reply, sizeof reply, "error: not a request\n");
        }
        (void)send(b->client, reply, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    close(b->client); /* leaves the epoll set too */
    b->client = -1;
}

static void watch(struct box *b, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &event) != 0) die("epoll: %s", strerror(errno));
}

static void accept_client(struct box *b)
{
    int fd = accept4(b->control, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (b->client >= 0) /* one at a time: the newer one has a live caller behind it */
        close(b->client);
    b->client = fd;
    watch(b, fd);
}

static struct sockaddr_un control_address(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        die("control path '%s' is too long: at most %zu bytes", path, sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    return address;
}

static int control_request(const char *path, const char *request)
{
    struct sockaddr_un address = control_address(path);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        die("no delay box answers at %s: %s", path, strerror(errno));
    char reply[1024];
    ssize_t n = send(fd, request, strlen(request), MSG_NOSIGNAL) < 0 ? -1 : recv(fd, reply, sizeof reply, 0);
    close(fd);
    if (n <= 0) die("the delay box at %s went away", path);
    if (!strncmp(reply, "error", 5)) die("the delay box at %s refused '%s'", path, request);
    if (strncmp(reply, "ok", 2) != 0) fwrite(reply, 1, (size_t)n, stdout);
    return 0;
}

/* ---- the process ------------------------------------------------------------------------------------ */

_Noreturn static void run(struct box *b)
{
    for (;;) {
        struct epoll_event events[8];
        int n = epoll_wait(b->epoll, events, 8, -1);
        if (n < 0 && errno != EINTR) die("epoll: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == b->watched) exit(0);
            if (fd == b->control)
                accept_client(b);
            else if (fd == b->client)
                answer_client(b);
            for (int k = 0; k < 2; k++) {
                if (fd == b->way[k].in && events[i].events & (EPOLLIN | EPOLLERR)) way_receive(&b->way[k]);
                if (fd == b->way[k].out && events[i].events & (EPOLLOUT | EPOLLERR) && b->way[k].blocked)
                    watch_writable(b, &b->way[k], false);
            }
        }
        for (int k = 0; k < 2; k++)
            way_deliver(b, &b->way[k]);
        arm_timer(b); /* setting it also clears an expiry that epoll reported */
    }
}

/* Frames leave late when other programs hold the processors. Taking turns before them costs them little: the
 * box sleeps but for the microseconds of a copy. Without the right to do so the box works all the same. */
static void come_first(void)
{
    (void)prctl(PR_SET_TIMERSLACK, 1UL);
    const struct sched_param lowest = {.sched_priority = 1};
    if (sched_setscheduler(0, SCHED_RR, &lowest) != 0) (void)setpriority(PRIO_PROCESS, 0, -10);
}

static void go_into_background(void)
{
    pid_t child = fork();
    if (child < 0) die("fork: %s", strerror(errno));
    if (child > 0) {
        printf("%ld\n", (long)child);
        fflush(stdout);
        _exit(0);
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0 || setsid() < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0) _exit(1);
    if (chdir("/") != 0) _exit(1);
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP}; /* who started us may ignore them */
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (signal(signals[i], SIG_DFL) == SIG_ERR) _exit(1);
}

static int open_side(const char *interface)
{
    int fd = packet_open(interface, KERNEL_BUFFER_BYTES);
    if (fd < 0) die("interface '%s' can't be opened: %s", interface, strerror(errno));
    return fd;
}

static int run_command(int argc, char **argv)
{
    static const struct option options[] = {
        {"there", required_argument, NULL, 't'},   {"back", required_argument, NULL, 'b'},
        {"control", required_argument, NULL, 'c'}, {"while", required_argument, NULL, 'w'},
        {"limit", required_argument, NULL, 'l'},   {NULL, 0, NULL, 0}};
    const char *control = NULL;
    struct box b = {.client = -1, .watched = -1, .way = {{.name = "there"}, {.name = "back"}}};
    long limit_mib = DEFAULT_LIMIT_MIB;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (c == 't')
            b.way[0].delay_ns = parse_delay(optarg);
        else if (c == 'b')
            b.way[1].delay_ns = parse_delay(optarg);
        else if (c == 'c')
            control = optarg;
        else if (c == 'l')
            limit_mib = parse_number("--limit", optarg, 1, 1024);
        else if (c == 'w')
            b.watched = (int)syscall(SYS_pidfd_open, (pid_t)parse_number("--while", optarg, 1, INT32_MAX), 0);
        else
            return 2;
        if (c == 'w' && b.watched < 0) die("--while %s: %s", optarg, strerror(errno));
    }
    if (argc - optind != 2 || !control)
        die("usage: delaybox run A B --control PATH [--there TIME] [--back TIME] [--while PID] [--limit "
            "MIB]");

    int side[2] = {open_side(argv[optind]), open_side(argv[optind + 1])};
    struct sockaddr_un address = control_address(control);
    b.control = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (b.control < 0 || bind(b.control, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(b.control, 4) != 0)
        die("control socket %s: %s", control, strerror(errno));
    b.epoll = epoll_create1(EPOLL_CLOEXEC);
    b.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (b.epoll < 0 || b.timer < 0) die("epoll or timer: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        b.way[i].in = side[i];
        b.way[i].out = side[1 - i];
        if (!fq_init(&b.way[i].queue, (size_t)limit_mib << 20))
            die("a queue of %ld MiB: %s", limit_mib, strerror(errno));
        watch(&b, side[i]);
    }
    watch(&b, b.timer);
    watch(&b, b.control);
    if (b.watched >= 0) watch(&b, b.watched);
    go_into_background();
    come_first();
    run(&b);
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";
    if (!strcmp(command, "run")) return run_command(argc - 1, argv + 1);
    if (!strcmp(command, "show") && argc == 3) return control_request(argv[2], "show");
    if (!strcmp(command, "delay") && argc == 5) {
        char request[128];
        snprintf(request, sizeof request, "delay %" PRId64 " %" PRId64, parse_delay(argv[3]),
                 parse_delay(argv[4]));
        return control_request(argv[2], request);
    }
    die("usage: delaybox run A B --control PATH [...] | delaybox delay PATH THERE BACK | delaybox show PATH");
}
