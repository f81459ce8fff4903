/* SPDX-License-Identifier: BSD-2-Clause */
/* From a captured packet to a collector's decoder: the payload of a UDP packet as if it had just been
 * received. */
#ifndef PACKET_UDP_FEED_H
#define PACKET_UDP_FEED_H

#include "core/input.h"
#include "packet/link.h"

struct udp_feed {
    struct input *in;
    struct packet_decoder decoder;
    struct flow flow;
    uint64_t packets, datagrams; /* read; handed on */
    uint64_t not_udp, cut;       /* why the others were not */
    struct log_limit cut_limit;
};

int udp_feed_open(struct udp_feed *uf, struct input *in, int dlt, struct err *e);

/* One frame. A datagram of which only a part was captured, or that is one fragment of several, is counted and
 * left out; of a capture file the log says so. */
void udp_feed_take(struct udp_feed *uf, const uint8_t *frame, uint32_t caplen, uint32_t len,
                   int64_t captured_us);

/* The decoder's statistics, and one NOTICE of what was read. */
void udp_feed_stats(const struct udp_feed *uf, const char *name);

#endif
