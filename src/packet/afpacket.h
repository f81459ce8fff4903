/* SPDX-License-Identifier: BSD-2-Clause */
/* Capture on Linux without a copy: an AF_PACKET socket whose TPACKET_V3 ring is mapped, its blocks read where
 * the kernel wrote them (tpacket.h). capture.c opens one for each interface and worker. */
#ifndef PACKET_AFPACKET_H
#define PACKET_AFPACKET_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "packet/tpacket.h"

enum afpacket_direction { AFPACKET_BOTH, AFPACKET_IN, AFPACKET_OUT };

struct afpacket_conf {
    int ifindex;       /* 0: all interfaces */
    bool cooked;       /* without the link layer, which DLT_LINUX_SLL stands for */
    uint16_t protocol; /* Ethertype, host order; 0: all */
    bool promisc;
    int64_t buffer; /* octets of the ring */
    /* What the kernel lets through. */
    const struct sock_filter *filter;
    unsigned n_filter;
    bool grouped; /* nothing comes before afpacket_begin: the socket is to join a group first */
};

struct afpacket {
    int fd; /* -1: closed */
    uint8_t *map;
    size_t map_len;
    uint32_t block_size, n_blocks;
    uint32_t at; /* the block in hand, or the next one */
    bool held;   /* the block at `at` is being read */
    struct tpacket_block block;
    uint64_t received, dropped; /* afpacket_count */
    uint64_t lost;              /* in blocks with impossible lengths */
};

/* Time after which the kernel hands over a block that is not full. */
enum { AFPACKET_RETIRE_MS = 8 };

/* The longest filter that afpacket_filter makes of one of n instructions. */
enum { AFPACKET_FILTER_MORE = 8 };

/* Makes a filter of one that libpcap compiled (n instructions; 0: everything): by direction, and without the
 * second copy that the loopback interface (its index; 0: not concerned) shows of each packet; `only_loopback`
 * when nothing else is captured. Packets are cut to snaplen octets. `out` has room for
 * n + AFPACKET_FILTER_MORE. Returns its length. */
unsigned afpacket_filter(struct sock_filter *out, const struct sock_filter *in, unsigned n, uint32_t snaplen,
                         enum afpacket_direction direction, int loopback, bool only_loopback);

/* Opens the socket with its ring; packets come from now on (unless grouped). A ring that the kernel refuses
 * is halved, down to `least`; conf->buffer is set to what was granted. */
int afpacket_open(struct afpacket *a, struct afpacket_conf *conf, int64_t least, struct err *e);
void afpacket_close(struct afpacket *a);

/* Shares the interface's packets with other sockets: each flow goes to one of them, and so do all fragments
 * of a datagram. *group is -1 for the first, which sets it. */
int afpacket_join(struct afpacket *a, int *group, struct err *e);

/* Grouped sockets: packets come from now on. */
int afpacket_begin(struct afpacket *a, const struct afpacket_conf *conf, struct err *e);

/* Nothing more is let into the ring. */
void afpacket_shut(struct afpacket *a);

/* The block in hand, which has packets left (tpacket_next): the kernel gets it back with the call after the
 * last of them was taken. NULL: it has handed over no more. */
struct tpacket_block *afpacket_block(struct afpacket *a);

/* Brings received and dropped up to date; received has the dropped ones in it. */
void afpacket_count(struct afpacket *a);

/* The error that the socket met since the last call: 0, or ENETDOWN when the interface went down or away. */
int afpacket_error(struct afpacket *a);

#endif
