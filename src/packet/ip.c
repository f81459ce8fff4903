/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 (RFC 791), IPv6 (RFC 8200) with its extension headers, and the transport headers whose fields are
 * counted. A transport protocol is a row of l4[], an extension header a row of extensions[]. */
#include "packet/ip.h"

enum { IP4_MIN = 20, IP6_LEN = 40, EXTENSIONS_MAX = 16 };

/* ---- transport */

typedef bool (*l4_fn)(struct dissect *x); /* false: cut short */

static bool l4_tcp(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 4);
    if (!h)
        return false;
    x->f->src_port = load_be16(h);
    x->f->dst_port = load_be16(h + 2);
    h = cursor_take(&x->c, 10);
    if (!h)
        return false;
    x->f->tcpflags = h[9];
    return true;
}

static bool l4_udp(struct dissect *x)
{
    const uint8_t *h = cursor_take(&x->c, 4);
    if (!h)
        return false;
    x->f->src_port = load_be16(h);
    x->f->dst_port = load_be16(h + 2);
    x->d->udp = x->c;
    cursor_skip(&x->d->udp, 4); /* length and checksum */
    return true;
}

static bool l4_icmp(struct dissect *x)
{
    x->f->icmp_type = cursor_u16(&x->c);
    return !x->c.bad;
}

static const l4_fn l4[256] = {
    [IPPROTO_TCP] = l4_tcp,
    [IPPROTO_UDP] = l4_udp,
    [IPPROTO_ICMP] = l4_icmp,
    [IPPROTO_ICMPV6] = l4_icmp,
};

/* `payload`: octets that the IP header says follow. What is captured behind them (padding of short Ethernet
 * frames) is none of it. */
static void transport(struct dissect *x, uint8_t proto, size_t payload)
{
    l4_fn fn = l4[proto];
    if (!fn)
        return;
    if (payload < cursor_left(&x->c))
        x->c.end = x->c.p + payload;
    if (!fn(x))
        x->d->cut++;
}

/* ---- IPv4 */

enum packet_drop ip4_decode(struct dissect *x)
{
    uint32_t wire = dissect_wire_left(x);
    x->f->etype = ETYPE_IP4;
    if (!(x->d->want & WANT_IP))
        return PACKET_OK;
    const uint8_t *h = cursor_take(&x->c, IP4_MIN);
    if (!h)
        return PACKET_SHORT_IP4;
    uint32_t ihl = (h[0] & 15u) * 4;
    if (h[0] >> 4 != 4 || ihl < IP4_MIN)
        return PACKET_BAD_IP4;
    struct flow *f = x->f;
    uint32_t total = load_be16(h + 2);
    if (total < ihl) /* 0: a packet that the host leaves to its network card to cut into segments */
        total = wire;
    f->bytes = total;
    f->tos = h[1];
    f->proto = h[9];
    addr_set_v4(&f->src_host, h + 12);
    addr_set_v4(&f->dst_host, h + 16);
    bool later_fragment = (load_be16(h + 6) & 0x1fff) != 0;
    if (!(x->d->want & WANT_L4) || later_fragment)
        return PACKET_OK;
    cursor_skip(&x->c, ihl - IP4_MIN);
    if (x->c.bad)
        x->d->cut++;
    else
        transport(x, f->proto, total - ihl);
    return PACKET_OK;
}

/* ---- IPv6 */

/* How long an extension header is: (its second octet + add) * unit. unit 0: not one that leads on. */
struct extension {
    uint8_t unit, add;
};

static const struct extension extensions[256] = {
    [0] = { 8, 1 },   /* hop-by-hop options */
    [43] = { 8, 1 },  /* routing */
    [44] = { 8, 1 },  /* fragment: its second octet is reserved and 0 */
    [51] = { 4, 2 },  /* authentication, RFC 4302 */
    [60] = { 8, 1 },  /* destination options */
    [135] = { 8, 1 }, /* mobility, RFC 6275 */
    [139] = { 8, 1 }, /* host identity, RFC 7401 */
    [140] = { 8, 1 }, /* shim6, RFC 5533 */
};
enum { NEXT_FRAGMENT = 44, NEXT_NONE = 59 };

enum chain { CHAIN_END, CHAIN_CUT, CHAIN_FRAGMENT };

/* Walks the extension headers; f->proto ends as the first header that is none, or the one that was cut short.
 * *walked gets their length. */
static enum chain extension_chain(struct dissect *x, uint32_t *walked)
{
    uint8_t next = x->f->proto;
    for (unsigned n = 0; n < EXTENSIONS_MAX && extensions[next].unit; n++) {
        const uint8_t *h = cursor_take(&x->c, 8);
        if (!h)
            return CHAIN_CUT;
        bool later_fragment = next == NEXT_FRAGMENT && load_be16(h + 2) >> 3 != 0;
        uint32_t len =
            next == NEXT_FRAGMENT ? 8 : (h[1] + extensions[next].add) * (uint32_t)extensions[next].unit;
        next = x->f->proto = h[0];
        if (later_fragment)
            return CHAIN_FRAGMENT;
        cursor_skip(&x->c, len - 8);
        if (x->c.bad)
            return CHAIN_CUT;
        *walked += len;
    }
    return CHAIN_END;
}

/* Octets of the whole packet. A payload length of 0 stands for a jumbogram (RFC 2675) or for a packet that
 * the network card is to cut. */
static uint32_t ip6_total(const uint8_t *h, uint32_t wire)
{
    uint32_t payload = load_be16(h + 4);
    if (payload == 0 && h[6] != NEXT_NONE && wire > IP6_LEN)
        return wire;
    return payload + IP6_LEN;
}

enum packet_drop ip6_decode(struct dissect *x)
{
    uint32_t wire = dissect_wire_left(x);
    x->f->etype = ETYPE_IP6;
    if (!(x->d->want & WANT_IP))
        return PACKET_OK;
    const uint8_t *h = cursor_take(&x->c, IP6_LEN);
    if (!h)
        return PACKET_SHORT_IP6;
    if (h[0] >> 4 != 6)
        return PACKET_BAD_IP6;
    struct flow *f = x->f;
    uint32_t total = ip6_total(h, wire), walked = 0;
    f->bytes = total;
    f->tos = (uint8_t)(load_be16(h) >> 4);
    f->flow_label = load_be32(h) & 0xfffff;
    f->proto = h[6];
    addr_set_v6(&f->src_host, h + 8);
    addr_set_v6(&f->dst_host, h + 24);
    if (!extensions[f->proto].unit) {
        if (x->d->want & WANT_L4)
            transport(x, f->proto, total - IP6_LEN);
        return PACKET_OK;
    }
    enum chain end = extension_chain(x, &walked);
    if (end == CHAIN_CUT)
        x->d->cut++;
    else if (end == CHAIN_END && (x->d->want & WANT_L4))
        transport(x, f->proto, total - IP6_LEN > walked ? total - IP6_LEN - walked : 0);
    return PACKET_OK;
}

enum packet_drop ip_decode(struct dissect *x)
{
    if (cursor_left(&x->c) == 0)
        return PACKET_SHORT_LINK;
    switch (*x->c.p >> 4) {
    case 4:
        return ip4_decode(x);
    case 6:
        return ip6_decode(x);
    default:
        return PACKET_NOT_IP;
    }
}
