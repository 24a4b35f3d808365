/* packet_socket.h - whole Ethernet frames in and out of one network interface, offloads included. */
#ifndef NETLAB_PACKET_SOCKET_H
#define NETLAB_PACKET_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Largest frame with its virtio header: 64 KiB of IP and the headers around it, with room to spare. */
#define PACKET_MAX_BYTES 67584

/* packet_open - a non-blocking socket that receives every frame arriving at the interface (not those leaving
 * by it) and sends frames out of it. Each frame is led by a virtio_net_hdr, so that segmentation and checksum
 * offload pass through: a 64 KiB TCP frame costs one receive and one send. buffer_bytes: the kernel buffers
 * asked for; without CAP_NET_ADMIN over the machine the kernel may grant less. Returns the descriptor, or -1
 * with errno. */
int packet_open(const char *interface, int buffer_bytes);

/* packet_receive - takes the next frame into buffer (PACKET_MAX_BYTES long). *age_ns: how long ago the kernel
 * saw it. Returns its length, -1 with errno (EAGAIN: none there). */
ssize_t packet_receive(int fd, void *buffer, int64_t *age_ns);

/* packet_send - sends a frame as packet_receive gave it. False with errno: EAGAIN the interface's queue holds
 * as much of ours as it may, try again when the socket is writable; anything else: the frame was refused. */
bool packet_send(int fd, const void *frame, size_t bytes);

/* packet_lost - frames that the kernel could not keep for us since the last call. */
uint64_t packet_lost(int fd);

#endif
