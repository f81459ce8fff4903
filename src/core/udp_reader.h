/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads a UDP socket for one worker, in batches. Under load the socket is read without going through the
 * event loop; when only a few datagrams were there, the next look comes a millisecond later instead of a
 * wake-up for each. Bursts are read at once: what the sender has just written is in the caches, and its
 * buffers go back to their processor without an interrupt. input_udp.c owns the readers. */
#ifndef CORE_UDP_READER_H
#define CORE_UDP_READER_H

#include "base/sock.h"
#include "core/input.h"
#include "core/loopthread.h"

enum { UDP_BATCH = 64 /* datagrams a system call */ };

union joined_control {
    struct cmsghdr align;
    char octets[CMSG_SPACE(sizeof(int))];
};

/* Belongs to the input; its handles hang in the daemon's loop or in the thread's, which must have closed them
 * before it goes. */
struct udp_reader {
    struct input *in;
    unsigned number; /* of its worker */
    struct worker *worker;
    int fd, second_fd; /* nfacctd_templates_port, -1: none */
    bool joined;       /* the kernel may join datagrams of one sender and length (UDP_GRO) */
    unsigned batch;    /* buffers to fill in a system call */
    uv_poll_t poll, second_poll;
    uv_timer_t nap;
    unsigned idle_naps;
    bool napping;
    struct mmsghdr msg[UDP_BATCH];
    struct iovec iov[UDP_BATCH];
    struct sockaddr_storage from[UDP_BATCH];
    union joined_control control[UDP_BATCH];
    uint8_t *memory;       /* buffers */
    size_t rcvbuf;         /* octets obtained */
    uint64_t received;     /* datagrams */
    uint32_t drops_before; /* that the kernel counted before the socket was open */
    uint32_t kernel_drops; /* since */
    int64_t drops_at_us;
    struct log_limit drops_limit, error_limit;
    const char *where;         /* "ip:port" as configured */
    struct loop_thread thread; /* with one of its own */
};

/* fd, second_fd, rcvbuf and where are set; memory is made. -1: e. */
int udp_reader_open(struct udp_reader *r, struct input *in, unsigned number, struct err *e);

/* Begins to read in `loop`, or, NULL, in a thread. -1: e. */
int udp_reader_start(struct udp_reader *r, uv_loop_t *loop, struct err *e);

/* Hands over what has been received already (a bounded amount); reads no more; its thread ends. */
void udp_reader_stop(struct udp_reader *r);

/* Brings kernel_drops up to date. Also from another thread's call. */
void udp_reader_count_drops(struct udp_reader *r);

void udp_reader_close(struct udp_reader *r);

#endif
