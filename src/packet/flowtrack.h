/* SPDX-License-Identifier: BSD-2-Clause */
/* When does a flow begin? For the `flows` counter: a conversation is followed until it has been silent for
 * its lifetime; the first packet of each of its directions counts as a flow. feed.c asks for each packet
 * where some plugin counts flows. */
#ifndef PACKET_FLOWTRACK_H
#define PACKET_FLOWTRACK_H

#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "core/flow.h"

/* Seconds of silence that end a TCP connection that is not open (yet, or any more). */
enum { FLOWTRACK_SYN_S = 60, FLOWTRACK_FIN_S = 30, FLOWTRACK_RST_S = 10 };

struct flowtrack_conf {
    uint32_t lifetime_s;     /* silence that ends what is not TCP */
    uint32_t tcp_lifetime_s; /* and an open TCP connection */
    size_t bytes_max;        /* ceiling of the table; it grows by itself as far */
    uint64_t seed;           /* of conversations_seed */
};

struct flowtrack;

/* NULL: e. */
struct flowtrack *flowtrack_new(const struct flowtrack_conf *conf, struct err *e);
void flowtrack_free(struct flowtrack *t);

/* How many flows begin with this packet of time at_us (µs since the epoch): 1, or 0. Reads addresses, ports,
 * protocol and TCP flags of *f; frames without IP and fragments without ports begin none. A connection that
 * was closed or reset begins anew with the next SYN. When the table is full what would be a new conversation
 * is not followed: 0, and counted. */
unsigned flowtrack_packet(struct flowtrack *t, const struct flow *f, int64_t at_us);

uint64_t flowtrack_count(const struct flowtrack *t); /* conversations in the table, silent ones among them */
uint64_t flowtrack_refused(const struct flowtrack *t); /* packets that the full table had no place for */
size_t flowtrack_memory(const struct flowtrack *t);    /* octets of the table */

#endif
