/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets to flows, for the probes: records with equal keys (and direction) become one flow until it ends by
 * a timeout, by its size, or by want of room. Flows are of one direction each. An update touches a hash slot
 * and the entry, no list; a wheel of lists finds what has expired without a scan. */
#ifndef PACKET_FLOWCACHE_H
#define PACKET_FLOWCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "core/ring.h"

/* What a flow is to the timeouts. */
enum flow_class { FC_GENERAL, FC_TCP, FC_TCP_RST, FC_TCP_FIN, FC_UDP, FC_ICMP, FC_MAX };

/* Why a flow ended: flowEndReason of RFC 5102 (element 136). */
enum flow_end { FLOW_END_IDLE = 1, FLOW_END_ACTIVE = 2, FLOW_END_FORCED = 4, FLOW_END_RESOURCES = 5 };

struct flow_entry {
    uint64_t packets, bytes;
    int64_t first_us, last_us;                     /* of its packets */
    uint32_t records, flows;                       /* sums over the records it is made of */
    uint32_t born_s, seen_s;                       /* by the cache's clock */
    uint32_t prev, next;                           /* in its list of the wheel */
    uint16_t spoke : 10, class : 3, direction : 2; /* spoke of the wheel; enum flow_class, flow_direction */
    uint16_t begun;                                /* flows that began with its packets (life_s) */
    uint16_t key_len;
    uint8_t tcpflags, proto;
    uint8_t key[];
};

struct flowcache_conf {
    uint32_t idle_s[FC_MAX]; /* seconds without a packet that end a flow */
    uint32_t maxlife_s;      /* seconds after which an active flow is told in parts */
    uint32_t interval_s;     /* expiries happen at multiples of it, 0: each second */
    /* Seconds of silence after which the next packet begins another flow, by class; flow_entry.begun counts
     * these. */
    uint32_t life_s[FC_MAX];
    uint64_t bytes_max; /* a flow of more octets ends at once, 0: no bound */
    uint32_t flows_max; /* when more are followed, those that would end first end at once */
    uint32_t key_max;   /* octets of the longest key that is followed */
    uint16_t attr_off,
        attr_len; /* part of the fixed key that keeps no flows apart: the last packet's stays; len 0: none */
    uint16_t proto_off; /* where the IP protocol stands in the key */
    bool packet_clock;  /* time is that of the packets (capture files); else what flowcache_clock says */
    /* Called for each flow that ends; the entry is the cache's and gone after it. */
    void (*out)(void *arg, const struct flow_entry *e, enum flow_end why);
    void *arg;
};

struct flowcache;

/* NULL without memory. The configuration is copied. */
struct flowcache *flowcache_new(const struct flowcache_conf *conf);
void flowcache_free(struct flowcache *fc); /* tells nobody of the flows in it: see flowcache_end_all */

/* Adds whole records, one after the other, `bytes` octets of them. A record's start_us is the packet's time.
 */
void flowcache_add(struct flowcache *fc, const uint8_t *recs, size_t bytes);

/* Tells each record as a flow of its own, at once. */
void flowcache_pass(struct flowcache *fc, const uint8_t *recs, size_t bytes);

/* Moves the clock on; it never goes back. µs since the epoch. */
void flowcache_clock(struct flowcache *fc, int64_t now_us);
int64_t flowcache_now(const struct flowcache *fc);

/* Looks at up to `budget` flows whose time may have come and ends those for which it has. True: there are
 * more to look at. */
bool flowcache_expire(struct flowcache *fc, unsigned budget);

/* Ends up to `budget` flows, whatever their age. True: there are more. */
bool flowcache_end_all(struct flowcache *fc, unsigned budget);

uint32_t flowcache_count(const struct flowcache *fc);
/* Of flows that ended because there were too many, or no memory for more. */
uint64_t flowcache_forced(const struct flowcache *fc);
/* Records whose key is longer than key_max: each was told as a flow of its own. */
uint64_t flowcache_too_long(const struct flowcache *fc);

#endif
