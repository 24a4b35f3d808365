/* packet_socket.c - see packet_socket.h. */
#include "packet_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void set_buffer(int fd, int force_option, int option, int bytes)
{
    if (setsockopt(fd, SOL_SOCKET, force_option, &bytes, sizeof bytes) != 0)
        (void)setsockopt(fd, SOL_SOCKET, option, &bytes, sizeof bytes); /* clamps to the machine's limit */
}

int packet_open(const char *interface, int buffer_bytes)
{
    unsigned index = if_nametoindex(interface);
    if (!index) return -1;
    /* Protocol 0: nothing is received until bind() has named the interface. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int on = 1;
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)index};
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, buffer_bytes);
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, buffer_bytes);
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        int saved = errno;
        close(fd);
        errno = saved;
        return -1;
    }
    return fd;
}

/* The age of a frame from the kernel's stamp. It is the wall clock's: a step of that clock must not hold a
 * frame for hours, so an age that can't be is taken as 0. */
static int64_t frame_age_ns(struct msghdr *message)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) return 0;
    struct timespec stamp, now;
    memcpy(&stamp, CMSG_DATA(c), sizeof stamp);
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t age_ns = (int64_t)(now.tv_sec - stamp.tv_sec) * 1000000000 + (now.tv_nsec - stamp.tv_nsec);
    return age_ns > 0 && age_ns < 1000000000 ? age_ns : 0;
}

ssize_t packet_receive(int fd, void *buffer, int64_t *age_ns)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec part = {.iov_base = buffer, .iov_len = PACKET_MAX_BYTES};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    if (n < 0) return -1;
    if (message.msg_flags & MSG_TRUNC) {
        errno = EMSGSIZE;
        return -1;
    }
    *age_ns = frame_age_ns(&message);
    return n;
}

bool packet_send(int fd, const void *frame, size_t bytes)
{
    return send(fd, frame, bytes, MSG_DONTWAIT) >= 0;
}

uint64_t packet_lost(int fd)
{
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    return getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0 ? stats.tp_drops : 0;
}
