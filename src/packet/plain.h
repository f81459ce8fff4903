/* SPDX-License-Identifier: BSD-2-Clause */
/* A short cut past the layers for what nearly all frames are: Ethernet, at most one VLAN tag, IPv4 without
 * options or IPv6 without extension headers, TCP or UDP, no fragment, all headers captured. It does the same
 * as the layers (link_test.c compares the two), at once. link.c alone includes this. */
#ifndef PACKET_PLAIN_H
#define PACKET_PLAIN_H

#include "packet/dissect.h"
#include "packet/snapshot.h"

enum { PLAIN_TCP = 6, PLAIN_UDP = 17, PLAIN_ETHER = 14, PLAIN_IP4 = 20, PLAIN_IP6 = 40, PLAIN_ANY = 42 };

/* Octets of the header whose fields are read: TCP's flags stand at 13. */
static inline uint32_t plain_upper_len(uint8_t proto) { return proto == PLAIN_TCP ? 14 : 8; }

/* h: the transport header, whole. What may be a tunnel that is looked for is left to the layers. */
static inline bool plain_proto(const struct packet_decoder *d, uint8_t proto, const uint8_t *h)
{
    return proto == PLAIN_TCP ||
           (proto == PLAIN_UDP && !tunnel_ports_have(&d->tunnel_ports, load_be16(h), load_be16(h + 2)));
}

/* h: the transport header, whole; end: of the IP packet, as far as it was captured. */
static inline void plain_upper(struct packet_decoder *d, const uint8_t *h, const uint8_t *end, uint8_t proto,
                               struct flow *f)
{
    f->proto = proto;
    f->src_port = load_be16(h);
    f->dst_port = load_be16(h + 2);
    f->icmp_type = 0;
    f->tcpflags = 0;
    if (proto == PLAIN_TCP)
        f->tcpflags = h[13];
    else
        d->udp = (struct cursor){ .p = h + 8, .end = end, .bad = false };
}

static inline bool plain_ip4(struct packet_decoder *d, const uint8_t *h, uint32_t caplen, uint32_t len,
                             struct flow *f)
{
    uint32_t total = load_be16(h + 2), least = PLAIN_IP4 + plain_upper_len(h[9]);
    if (caplen < least || h[0] != 0x45 || load_be16(h + 6) & 0x3fff || total < least || total > len ||
        !plain_proto(d, h[9], h + PLAIN_IP4))
        return false;
    f->bytes = total;
    f->tos = h[1];
    addr_set_v4(&f->src_host, h + 12);
    addr_set_v4(&f->dst_host, h + 16);
    plain_upper(d, h + PLAIN_IP4, h + (total < caplen ? total : caplen), h[9], f);
    return true;
}

static inline bool plain_ip6(struct packet_decoder *d, const uint8_t *h, uint32_t caplen, uint32_t len,
                             struct flow *f)
{
    uint32_t total = load_be16(h + 4) + (uint32_t)PLAIN_IP6, least = PLAIN_IP6 + plain_upper_len(h[6]);
    if (caplen < least || h[0] >> 4 != 6 || total < least || total > len ||
        !plain_proto(d, h[6], h + PLAIN_IP6))
        return false;
    f->bytes = total;
    f->tos = (uint8_t)(load_be16(h) >> 4);
    f->flow_label = load_be32(h) & 0xfffff;
    addr_set_v6(&f->src_host, h + 8);
    addr_set_v6(&f->dst_host, h + 24);
    plain_upper(d, h + PLAIN_IP6, h + (total < caplen ? total : caplen), h[6], f);
    return true;
}

/* False: no such frame, and f is to be filled by the layers. */
static inline bool plain_decode(struct packet_decoder *d, const uint8_t *frame, uint32_t caplen, uint32_t len,
                                struct flow *f)
{
    enum { TAG = 0x8100, TAG_LEN = 4 };
    uint32_t at = PLAIN_ETHER;
    if (caplen < PLAIN_ANY + TAG_LEN || len < caplen)
        return false;
    uint16_t type = load_be16(frame + 12), tci = 0;
    if (type == TAG) {
        tci = load_be16(frame + at);
        type = load_be16(frame + at + 2);
        at += TAG_LEN;
    }
    if (type != ETYPE_IP4 && type != ETYPE_IP6)
        return false;
    memset(&f->vlan, 0, FLOW_SPAN(vlan, tag));
    f->vlan = tci & 0xfff;
    f->cos = (uint8_t)(tci >> 13);
    f->etype = type;
    d->ip = frame + at;
    memcpy(f->dst_mac.b, frame, 6);
    memcpy(f->src_mac.b, frame + 6, 6);
    if (type == ETYPE_IP4)
        return plain_ip4(d, frame + at, caplen - at, len - at, f);
    return plain_ip6(d, frame + at, caplen - at, len - at, f);
}

#endif
