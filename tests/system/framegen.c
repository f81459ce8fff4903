/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts Ethernet frames on an interface as fast as the kernel takes them, or at a rate, for test_capture.py.
 * Frame i belongs to flow i % flows, so that every total can be computed from the arguments. Prints what was
 * sent as JSON.
 *   framegen IFACE FRAMES FLOWS SIZE [RATE [VLAN [FRAGMENTS]]]
 * SIZE: octets of the IP packet. RATE: frames/s, 0 is all. VLAN: 0 is none. FRAGMENTS: parts of each
 * datagram, 0 or 1 is none; SIZE is that of each part then, and FRAMES counts the parts. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, FRAME_MAX = 1600, UDP = 17 };

struct plan {
    unsigned long frames, flows, size, rate, vlan, parts;
};

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static unsigned checksum(const uint8_t *p, unsigned n)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i += 2)
        sum += (uint32_t)(p[i] << 8 | p[i + 1]);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

/* 10.x.y.z -> 192.0.2.9, UDP, ports 1024 + flow % 50000 -> 443. Returns the frame's length. */
static unsigned make(uint8_t *f, const struct plan *pl, unsigned long i)
{
    unsigned long datagram = i / pl->parts, part = i % pl->parts, flow = datagram % pl->flows;
    static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
    unsigned at = 12;
    memset(f, 0, 64);
    memcpy(f, macs, 12);
    if (pl->vlan) {
        put16(f + 12, 0x8100);
        put16(f + 14, (unsigned)pl->vlan);
        at = 16;
    }
    put16(f + at, 0x0800);
    uint8_t *ip = f + at + 2;
    unsigned each = (unsigned)(pl->size - 20) / 8 * 8; /* octets of payload in a part that is not the last */
    ip[0] = 0x45;
    put16(ip + 2, (unsigned)pl->size);
    put16(ip + 4, (unsigned)(datagram & 0xffff));
    if (pl->parts > 1)
        put16(ip + 6, (unsigned)((part + 1 < pl->parts ? 0x2000 : 0) | part * each / 8));
    ip[8] = 64;
    ip[9] = UDP;
    ip[12] = 10;
    ip[13] = (uint8_t)(flow >> 16);
    ip[14] = (uint8_t)(flow >> 8);
    ip[15] = (uint8_t)flow;
    memcpy(ip + 16, (uint8_t[]){ 192, 0, 2, 9 }, 4);
    put16(ip + 10, checksum(ip, 20));
    if (part == 0) {
        put16(ip + 20, (unsigned)(1024 + flow % 50000));
        put16(ip + 22, 443);
        put16(ip + 24, (unsigned)(pl->size - 20));
    }
    return at + 2 + (unsigned)pl->size;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int open_on(const char *name)
{
    int fd = socket(AF_PACKET, SOCK_RAW, 0);
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name) };
    int one = 1;
    if (fd == -1 || !at.sll_ifindex || bind(fd, (struct sockaddr *)&at, sizeof at) == -1)
        return -1;
    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    return fd;
}

/* Sends n messages whatever it takes; a full queue is waited for. */
static int send_all(int fd, struct mmsghdr *m, unsigned n)
{
    for (unsigned done = 0; done < n;) {
        int got = sendmmsg(fd, m + done, n - done, 0);
        if (got > 0)
            done += (unsigned)got;
        else if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
            return -1;
    }
    return 0;
}

static int run(int fd, const struct plan *pl)
{
    static uint8_t frame[BATCH][FRAME_MAX];
    struct iovec io[BATCH];
    struct mmsghdr m[BATCH];
    memset(m, 0, sizeof m);
    double start = now();
    uint64_t octets = 0;
    for (unsigned long sent = 0; sent < pl->frames;) {
        unsigned n = pl->frames - sent < BATCH ? (unsigned)(pl->frames - sent) : BATCH;
        for (unsigned i = 0; i < n; i++) {
            io[i] = (struct iovec){ frame[i], make(frame[i], pl, sent + i) };
            m[i].msg_hdr = (struct msghdr){ .msg_iov = &io[i], .msg_iovlen = 1 };
            octets += pl->size;
        }
        if (send_all(fd, m, n) == -1)
            return -1;
        sent += n;
        while (pl->rate && (double)sent / (double)pl->rate > now() - start)
            usleep(500);
    }
    double took = now() - start;
    printf("{\"frames\": %lu, \"octets\": %lu, \"seconds\": %.3f, \"rate\": %.0f}\n", pl->frames,
           (unsigned long)octets, took, (double)pl->frames / took);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long v[6] = { 0, 1, 100, 0, 0, 1 };
    for (int i = 2; i < argc && i < 8; i++)
        v[i - 2] = strtoul(argv[i], NULL, 10);
    struct plan pl = { v[0], v[1] ? v[1] : 1, v[2], v[3], v[4], v[5] ? v[5] : 1 };
    int fd = argc > 4 && pl.size >= 28 && pl.size <= 1500 ? open_on(argv[1]) : -1;
    if (fd == -1 || run(fd, &pl) == -1) {
        perror("framegen IFACE FRAMES FLOWS SIZE [RATE [VLAN [FRAGMENTS]]]");
        return 1;
    }
    close(fd);
    return 0;
}
