/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers for benchmarks of the replicator: UDP sockets on 127.0.0.1 that count what arrives.
 *     sink RECEIVERS
 * Prints the ports on one line; at the end of its input one JSON object: datagrams, octets and drops of each.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/sock.h"

enum { MOST = 64, BATCH = 64, NAP_MS = 1, RCVBUF = 64 << 20 };

struct receiver {
    int fd;
    uint64_t datagrams, octets;
};

static struct mmsghdr msg[BATCH];
static struct iovec iov[BATCH];

/* Takes what is there; only lengths matter. */
static int take(struct receiver *r)
{
    int n = recvmmsg(r->fd, msg, BATCH, MSG_DONTWAIT | MSG_TRUNC, NULL);
    for (int i = 0; i < n; i++)
        r->octets += msg[i].msg_len;
    r->datagrams += n > 0 ? (unsigned)n : 0;
    return n;
}

static void open_all(struct receiver *r, int n)
{
    struct sockaddr_in at;
    socklen_t len;
    struct err e;
    for (int i = 0; i < n; i++) {
        len = sizeof(at);
        r[i].fd = sock_udp_listen(&(struct sock_udp){ .ip = "127.0.0.1", .rcvbuf = RCVBUF }, NULL, &e);
        if (r[i].fd == -1 || getsockname(r[i].fd, (struct sockaddr *)&at, &len) == -1) {
            fprintf(stderr, "%s\n", e.text);
            exit(1);
        }
        printf("%u%c", ntohs(at.sin_port), i + 1 < n ? ' ' : '\n');
    }
    fflush(stdout);
}

static void report(const struct receiver *r, int n)
{
    for (int i = 0; i < n; i++) {
        struct sock_mem m = { 0 };
        sock_mem(r[i].fd, &m);
        printf("%s{\"datagrams\": %" PRIu64 ", \"octets\": %" PRIu64 ", \"drops\": %" PRIu32 "}",
               i ? ", " : "[", r[i].datagrams, r[i].octets, m.drops);
    }
    printf("]\n");
}

int main(int argc, char **argv)
{
    struct receiver r[MOST] = { { 0 } };
    uint8_t octets[BATCH][8];
    int n = argc > 1 ? atoi(argv[1]) : 0;
    if (n < 1 || n > MOST) {
        fprintf(stderr, "sink RECEIVERS (1 to %d)\n", MOST);
        return 1;
    }
    for (int i = 0; i < BATCH; i++) {
        iov[i] = (struct iovec){ .iov_base = octets[i], .iov_len = sizeof(octets[i]) };
        msg[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
    }
    open_all(r, n);
    for (;;) {
        int most = 0;
        for (int i = 0; i < n; i++) {
            int got = take(&r[i]);
            most = got > most ? got : most;
        }
        struct pollfd end = { .fd = 0, .events = POLLIN };
        if (most < BATCH / 2 && poll(&end, 1, NAP_MS) == 1 && most <= 0)
            break;
    }
    report(r, n);
    return 0;
}
