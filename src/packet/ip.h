/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4, IPv6 and the headers behind them. link.c calls in here when a frame has shown its IP header. */
#ifndef PACKET_IP_H
#define PACKET_IP_H

#include "base/cursor.h"
#include "packet/link.h"

enum { ETYPE_IP4 = 0x0800, ETYPE_IP6 = 0x86dd };

/* A frame while it is taken apart. */
struct dissect {
    struct packet_decoder *d;
    struct flow *f;
    struct cursor c;      /* captured octets that are still to be read */
    const uint8_t *frame; /* the first octet */
    uint32_t len;         /* octets on the wire */
    unsigned depth;       /* headers entered so far */
    bool tagged;          /* a VLAN tag was seen */
};

/* Octets of the frame that were on the wire behind the cursor's place. */
static inline uint32_t dissect_wire_left(const struct dissect *x)
{
    size_t at = (size_t)(x->c.p - x->frame);
    return at < x->len ? x->len - (uint32_t)at : 0;
}

/* The cursor stands at the IP header. Where only the link layer is asked for they name the Ethertype and read
 * nothing. */
enum packet_drop ip4_decode(struct dissect *x);
enum packet_drop ip6_decode(struct dissect *x);

/* By the version nibble, as raw IP links and MPLS have it. */
enum packet_drop ip_decode(struct dissect *x);

#endif
