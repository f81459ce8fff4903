/* SPDX-License-Identifier: BSD-2-Clause */
/* Fragments of IP packets: only the first one has ports. A bounded table gives them to the later ones. Later
 * ones that come before their first one are held as sums: what they add up to is counted with the first one;
 * when that does not come, they are handed out as orphans, to be counted without ports. Nothing is
 * reassembled, no payload is kept. Time is that of the packets. */
#ifndef PACKET_FRAG_H
#define PACKET_FRAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/flow.h"
#include "packet/link.h"

struct frag_table; /* opaque; frag.c */

/* What makes fragments belong together: RFC 791 §3.2; of IPv6 (RFC 8200 §4.5) the protocol is no part. */
struct frag_key {
    struct addr src, dst;
    uint32_t id;
    uint8_t proto, pad[3]; /* 0: hashed and compared as octets */
};

/* One fragment. */
struct frag_part {
    uint32_t id, offset, octets; /* octets: those of the packet's payload that it carries */
    bool more;                   /* it is not the last one */
    uint8_t proto;               /* of IPv4; 0 for IPv6 */
    struct frag_key key;         /* filled by frag_set_key */
};

/* Before a tunnel within the packet replaces its addresses. */
void frag_set_key(struct frag_part *part, const struct flow *f);

/* octets: of memory, 0: 4 MB. hold: later fragments wait for their first one. NULL without memory. */
struct frag_table *frag_new(size_t octets, bool hold);
void frag_free(struct frag_table *t);

/* The first fragment, with a key, decoded into f: its ports are kept for the later ones, and what was held of
 * those is added to f. replaced: f shows what a tunnel within carries; the later ones are none of that. */
void frag_first(struct frag_table *t, const struct frag_part *part, struct flow *f, bool replaced,
                int64_t at_us);

/* A later one, decoded into f as far as it goes. PACKET_OK: to be counted, with ports if they are known;
 * PACKET_HELD: kept; PACKET_TUNNEL_REST: counted already, by the packet that it is a part of. */
enum packet_drop frag_later(struct frag_table *t, struct frag_part *part, struct flow *f, int64_t at_us);

/* The earliest moment at which frag_orphan may have something; INT64_MAX: nothing is held. */
int64_t frag_due(const struct frag_table *t);

/* The next held fragments whose first one did not come in time by now_us (INT64_MAX: all that are held), as
 * one flow: sets the members of f that packet_decode sets, and *at_us to the time of the first of them. */
bool frag_orphan(struct frag_table *t, int64_t now_us, struct flow *f, int64_t *at_us);

struct frag_stats {
    uint64_t first, later; /* fragments seen */
    uint64_t named;        /* later ones that got ports at once */
    uint64_t held;         /* later ones that were kept for their first one */
    uint64_t joined;       /* of those: counted with it */
    uint64_t orphans;      /* of those: handed out without ports */
    uint64_t rest;         /* of those: parts of a packet that was counted by what a tunnel in it carries */
    uint64_t alone;        /* later ones counted without ports at once: no room, or none are held */
    uint64_t evicted;      /* packets that were forgotten to make room */
};
const struct frag_stats *frag_stats(const struct frag_table *t);

#endif
