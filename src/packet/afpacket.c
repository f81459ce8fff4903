/* SPDX-License-Identifier: BSD-2-Clause */
/* AF_PACKET sockets with a mapped TPACKET_V3 ring: packet(7), packet_mmap.rst. The filter is in place before
 * the socket is bound, so that nothing it would not let through ever stands in the ring. */
#include "packet/afpacket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/ethernet.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BLOCK = 256 << 10, /* octets: some thousand packets, and still within a cache */
    FRAME = 2048,      /* the kernel only checks it: frames of V3 have any length */
};

/* ---- filter */

#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + (what)))
#define IF_EQUAL(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(k), yes, no)
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, k)

static const struct sock_filter nothing[] = { RETURN(0) };

unsigned afpacket_filter(struct sock_filter *out, const struct sock_filter *in, unsigned n, uint32_t snaplen,
                         enum afpacket_direction direction, int loopback, bool only_loopback)
{
    unsigned at = 0;
    bool in_only = direction == AFPACKET_IN;
    if (direction == AFPACKET_BOTH && loopback) {
        if (!only_loopback) {
            out[at++] = (struct sock_filter)LOAD(SKF_AD_IFINDEX);
            out[at++] = (struct sock_filter)IF_EQUAL(loopback, 0, 3);
        }
        in_only = true;
    }
    if (in_only || direction == AFPACKET_OUT) {
        out[at++] = (struct sock_filter)LOAD(SKF_AD_PKTTYPE);
        out[at++] = (struct sock_filter)IF_EQUAL(PACKET_OUTGOING, in_only ? 0 : 1, in_only ? 1 : 0);
        out[at++] = (struct sock_filter)RETURN(0);
    }
    for (unsigned i = 0; i < n; i++) {
        out[at] = in[i];
        if (in[i].code == (BPF_RET | BPF_K) && in[i].k > snaplen)
            out[at].k = snaplen;
        at++;
    }
    if (!n)
        out[at++] = (struct sock_filter)RETURN(snaplen);
    return at;
}

static int attach(int fd, const struct sock_filter *filter, unsigned n, struct err *e)
{
    struct sock_fprog program = { .len = (unsigned short)n,
                                  .filter = (struct sock_filter *)(uintptr_t)filter };
    if (n > BPF_MAXINSNS)
        return err_set(e, ERR_LIMIT, "the capture filter has %u instructions, the kernel takes %d", n,
                       BPF_MAXINSNS);
    if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == -1)
        return err_sys(e, "cannot attach the capture filter");
    return 0;
}

/* ---- the ring */

static int set_option(int fd, int name, int value, const char *what, struct err *e)
{
    if (setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)) == -1)
        return err_sys(e, "cannot set %s of the capture socket", what);
    return 0;
}

static int ask_ring(struct afpacket *a, int64_t *buffer, int64_t least, struct err *e)
{
    for (;; *buffer /= 2) {
        uint32_t blocks = *buffer > 2 * (int64_t)BLOCK ? (uint32_t)(*buffer / BLOCK) : 2;
        struct tpacket_req3 req = { .tp_block_size = BLOCK,
                                    .tp_block_nr = blocks,
                                    .tp_frame_size = FRAME,
                                    .tp_frame_nr = BLOCK / FRAME * blocks,
                                    .tp_retire_blk_tov = AFPACKET_RETIRE_MS };
        if (setsockopt(a->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req)) == 0) {
            a->block_size = BLOCK;
            a->n_blocks = blocks;
            *buffer = (int64_t)blocks * BLOCK;
            return 0;
        }
        if (errno != ENOMEM || *buffer / 2 < least)
            return err_sys(e, "the kernel grants no capture buffer of %lld octets", (long long)*buffer);
    }
}

static int map_ring(struct afpacket *a, int64_t *buffer, int64_t least, struct err *e)
{
    if (set_option(a->fd, PACKET_VERSION, TPACKET_V3, "the version", e) == -1 ||
        set_option(a->fd, PACKET_RESERVE, TPACKET_ROOM, "the room before packets", e) == -1 ||
        ask_ring(a, buffer, least, e) == -1)
        return -1;
    a->map_len = (size_t)a->block_size * a->n_blocks;
    void *map = mmap(NULL, a->map_len, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd, 0);
    if (map == MAP_FAILED)
        return err_sys(e, "cannot map the capture buffer");
    a->map = map;
    return 0;
}

static int bind_to(struct afpacket *a, const struct afpacket_conf *c, struct err *e)
{
    struct sockaddr_ll to = { .sll_family = AF_PACKET,
                              .sll_protocol = htons(c->protocol ? c->protocol : ETH_P_ALL),
                              .sll_ifindex = c->ifindex };
    struct packet_mreq promisc = { .mr_ifindex = c->ifindex, .mr_type = PACKET_MR_PROMISC };
    if (bind(a->fd, (struct sockaddr *)&to, sizeof(to)) == -1)
        return err_sys(e, "cannot bind the capture socket");
    errno = afpacket_error(a);
    if (errno)
        return err_sys(e, "the interface is not up");
    if (c->promisc && c->ifindex &&
        setsockopt(a->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) == -1)
        return err_sys(e, "cannot make the interface promiscuous (promisc: false does without)");
    return 0;
}

int afpacket_open(struct afpacket *a, struct afpacket_conf *c, int64_t least, struct err *e)
{
    *a = (struct afpacket){ .fd = -1 };
    /* Protocol 0: nothing is received before the bind. */
    a->fd = socket(AF_PACKET, (c->cooked ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, 0);
    if (a->fd == -1)
        return err_sys(e, "cannot open a capture socket");
    if (map_ring(a, &c->buffer, least, e) == -1 ||
        (c->grouped ? attach(a->fd, nothing, 1, e) : attach(a->fd, c->filter, c->n_filter, e)) == -1 ||
        bind_to(a, c, e) == -1) {
        afpacket_close(a);
        return -1;
    }
    return 0;
}

void afpacket_close(struct afpacket *a)
{
    if (a->map)
        munmap(a->map, a->map_len);
    if (a->fd != -1)
        close(a->fd);
    a->map = NULL;
    a->fd = -1;
}

/* By hash of addresses, protocol and ports, the same in both directions; of a fragment the kernel takes no
 * ports, not even of the first. Rolling over to another ring when one is full would tear flows and fragments
 * apart, and having the kernel put datagrams together would change what is counted. */
int afpacket_join(struct afpacket *a, int *group, struct err *e)
{
    bool first = *group == -1;
    int flags = PACKET_FANOUT_HASH | (first ? PACKET_FANOUT_FLAG_UNIQUEID : 0);
    int value = (first ? 0 : *group) | flags << 16;
    if (set_option(a->fd, PACKET_FANOUT, value, "the group", e) == -1)
        return -1;
    socklen_t len = sizeof(value);
    if (getsockopt(a->fd, SOL_PACKET, PACKET_FANOUT, &value, &len) == -1)
        return err_sys(e, "cannot read the group of the capture socket");
    *group = value & 0xffff;
    return 0;
}

int afpacket_begin(struct afpacket *a, const struct afpacket_conf *c, struct err *e)
{
    return attach(a->fd, c->filter, c->n_filter, e);
}

void afpacket_shut(struct afpacket *a)
{
    if (a->fd != -1)
        (void)attach(a->fd, nothing, 1, NULL);
}

/* ---- reading */

static struct tpacket_block_desc *block_at(const struct afpacket *a)
{
    return (struct tpacket_block_desc *)(a->map + (size_t)a->at * a->block_size);
}

/* Pairs with the kernel's barriers: a status that says USER comes after the packets; one that says KERNEL,
 * after our last look at them. */
static bool block_ready(const struct afpacket *a)
{
    return __atomic_load_n(&block_at(a)->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER;
}

static void give_back(struct afpacket *a)
{
    a->lost += a->block.lost;
    __atomic_store_n(&block_at(a)->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    a->held = false;
    if (++a->at == a->n_blocks)
        a->at = 0;
}

struct tpacket_block *afpacket_block(struct afpacket *a)
{
    while (!a->held || !a->block.left) {
        if (a->held)
            give_back(a);
        if (!block_ready(a))
            return NULL;
        tpacket_begin(&a->block, block_at(a), a->block_size);
        a->held = true;
    }
    return &a->block;
}

/* ---- state */

void afpacket_count(struct afpacket *a)
{
    struct tpacket_stats_v3 now = { 0 };
    socklen_t len = sizeof(now);
    if (a->fd == -1 || getsockopt(a->fd, SOL_PACKET, PACKET_STATISTICS, &now, &len) == -1)
        return;
    a->received += now.tp_packets;
    a->dropped += now.tp_drops;
}

int afpacket_error(struct afpacket *a)
{
    int error = 0;
    socklen_t len = sizeof(error);
    return getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 ? errno : error;
}
