/* SPDX-License-Identifier: BSD-2-Clause */
/* IPv4 (RFC 791), IPv6 (RFC 8200) with its extension headers, fragments of both, and the transport headers
 * whose fields are counted. A transport protocol is a row of l4[], an extension header a row of
 * extensions[]. */
#include "packet/dissect.h"

#include <netinet/in.h>
#include "packet/frag.h"
#include "packet/tunnel.h"

enum { IP4_MIN = 20, IP6_LEN = 40, EXTENSIONS_MAX = 16, IP_MAX = 65535 + IP6_LEN };

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

static inline void upper_fields(struct dissect *x, uint8_t proto)
{
    l4_fn fn = l4[proto];
    if (fn && !fn(x))
        x->d->cut++;
}

static __attribute__((noinline)) enum packet_drop upper_and_tunnel(struct dissect *x, uint8_t proto)
{
    struct cursor start = x->c;
    upper_fields(x, proto);
    return tunnel_look(x, proto, start);
}

/* Behind the IP header: what the transport header tells, and what a tunnel carries. `payload`: octets that
 * the IP header says follow. What is captured behind them (padding of short Ethernet frames) is none of it.
 */
static inline enum packet_drop transport(struct dissect *x, uint8_t proto, size_t payload)
{
    if (payload < cursor_left(&x->c))
        x->c.end = x->c.p + payload;
    if (UNLIKELY(x->want & WANT_TUNNEL))
        return upper_and_tunnel(x, proto);
    upper_fields(x, proto);
    return PACKET_OK;
}

/* ---- fragments */

/* A packet that is one fragment of several; the cursor stands behind its headers. */
static enum packet_drop fragment(struct dissect *x, struct frag_part *part)
{
    struct frag_table *t = x->want & WANT_FRAGMENTS ? x->d->fragments : NULL;
    if (part->offset) {
        if (!t || (part->offset == 8 && x->f->proto == IPPROTO_TCP)) /* overwrites a header: RFC 1858 §4 */
            return PACKET_OK;
        return frag_later(t, part, x->f, x->d->at_us);
    }
    enum packet_drop why = PACKET_OK;
    frag_set_key(part, x->f); /* a tunnel may replace the addresses */
    x->replaced = false;
    if (x->want & (WANT_L4 | WANT_TUNNEL)) {
        /* A tunnel's packet is longer than this fragment of it. */
        x->len = (uint32_t)(x->c.p - x->frame) + IP_MAX;
        why = transport(x, x->f->proto, part->octets);
    }
    if (t && why == PACKET_OK)
        frag_first(t, part, x->f, x->replaced, x->d->at_us);
    return why;
}

/* ---- IPv4 */

static enum packet_drop ip4_fragment(struct dissect *x, const uint8_t *h, uint32_t payload)
{
    uint16_t word = load_be16(h + 6);
    struct frag_part part = { .id = load_be16(h + 4),
                              .offset = (word & 0x1fffu) * 8,
                              .octets = payload,
                              .more = word & 0x2000,
                              .proto = h[9] };
    return fragment(x, &part);
}

enum packet_drop layer_ip4(struct dissect *x)
{
    uint32_t wire = dissect_wire_left(x);
    x->f->etype = ETYPE_IP4;
    x->ip = x->c.p;
    if (!(x->want & WANT_IP))
        return PACKET_OK;
    const uint8_t *h = cursor_take(&x->c, IP4_MIN);
    if (!h)
        return PACKET_SHORT_IP4;
    uint32_t ihl = (h[0] & 15u) * 4;
    if (h[0] >> 4 != 4 || ihl < IP4_MIN)
        return PACKET_BAD_IP4;
    struct flow *f = x->f;
    uint32_t total = load_be16(h + 2);
    /* 0: a packet that the host leaves to its network card to cut into segments. More than there was: no
     * length at all. */
    if (total < ihl || total > wire)
        total = wire;
    f->bytes = total;
    f->tos = h[1];
    f->proto = h[9];
    addr_set_v4(&f->src_host, h + 12);
    addr_set_v4(&f->dst_host, h + 16);
    if (!(x->want & WANT_UPPER))
        return PACKET_OK;
    if (ihl > IP4_MIN)
        cursor_skip(&x->c, ihl - IP4_MIN);
    if (UNLIKELY(x->c.bad)) {
        x->d->cut++;
        return PACKET_OK;
    }
    if (UNLIKELY(load_be16(h + 6) & 0x3fff))
        return ip4_fragment(x, h, total - ihl);
    return transport(x, h[9], total - ihl);
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

enum chain { CHAIN_END, CHAIN_CUT, CHAIN_LATER };

/* Walks the extension headers; f->proto ends as the first header that is none, or the one that was cut short.
 * *walked gets their length. A fragment header fills *part; of later fragments nothing is walked behind it.
 */
static enum chain extension_chain(struct dissect *x, uint32_t *walked, struct frag_part *part)
{
    uint8_t next = x->f->proto;
    for (unsigned n = 0; n < EXTENSIONS_MAX && extensions[next].unit; n++) {
        const uint8_t *h = cursor_take(&x->c, 8);
        if (!h)
            return CHAIN_CUT;
        uint32_t len = (h[1] + extensions[next].add) * (uint32_t)extensions[next].unit;
        if (next == NEXT_FRAGMENT) {
            uint16_t word = load_be16(h + 2);
            len = 8;
            *part = (struct frag_part){ .id = load_be32(h + 4), .offset = word & 0xfff8, .more = word & 1 };
        }
        *walked += len;
        next = x->f->proto = h[0];
        if (part->offset)
            return CHAIN_LATER;
        cursor_skip(&x->c, len - 8);
        if (x->c.bad)
            return CHAIN_CUT;
    }
    return CHAIN_END;
}

/* Octets of the whole packet. A payload length of 0 stands for a jumbogram (RFC 2675) or for a packet that
 * the network card is to cut. */
static uint32_t ip6_total(const uint8_t *h, uint32_t wire)
{
    uint32_t payload = load_be16(h + 4);
    if ((payload == 0 && h[6] != NEXT_NONE && wire > IP6_LEN) || payload + IP6_LEN > wire)
        return wire;
    return payload + IP6_LEN;
}

static enum packet_drop ip6_extended(struct dissect *x, uint32_t payload)
{
    uint32_t walked = 0;
    struct frag_part part = { 0 };
    enum chain end = extension_chain(x, &walked, &part);
    if (end == CHAIN_CUT) {
        x->d->cut++;
        return PACKET_OK;
    }
    payload = payload > walked ? payload - walked : 0;
    if (part.offset || part.more) { /* neither: the only fragment of a packet, RFC 6946 */
        part.octets = payload;
        return fragment(x, &part);
    }
    return x->want & WANT_UPPER ? transport(x, x->f->proto, payload) : PACKET_OK;
}

enum packet_drop layer_ip6(struct dissect *x)
{
    uint32_t wire = dissect_wire_left(x);
    x->f->etype = ETYPE_IP6;
    x->ip = x->c.p;
    if (!(x->want & WANT_IP))
        return PACKET_OK;
    const uint8_t *h = cursor_take(&x->c, IP6_LEN);
    if (!h)
        return PACKET_SHORT_IP6;
    if (h[0] >> 4 != 6)
        return PACKET_BAD_IP6;
    struct flow *f = x->f;
    uint32_t total = ip6_total(h, wire);
    f->bytes = total;
    f->tos = (uint8_t)(load_be16(h) >> 4);
    f->flow_label = load_be32(h) & 0xfffff;
    f->proto = h[6];
    addr_set_v6(&f->src_host, h + 8);
    addr_set_v6(&f->dst_host, h + 24);
    if (extensions[f->proto].unit)
        return ip6_extended(x, total - IP6_LEN);
    return x->want & WANT_UPPER ? transport(x, f->proto, total - IP6_LEN) : PACKET_OK;
}

/* ---- either */

enum packet_drop layer_ip(struct dissect *x)
{
    if (cursor_left(&x->c) == 0)
        return PACKET_SHORT_LINK;
    switch (*x->c.p >> 4) {
    case 4:
        return layer_ip4(x);
    case 6:
        return layer_ip6(x);
    default:
        return PACKET_NOT_IP;
    }
}

bool ip_plausible(const struct dissect *x)
{
    const uint8_t *h = x->c.p;
    size_t have = cursor_left(&x->c);
    uint32_t wire = dissect_wire_left(x);
    if (have >= IP4_MIN && h[0] >> 4 == 4) {
        uint32_t ihl = (h[0] & 15u) * 4, total = load_be16(h + 2);
        return ihl >= IP4_MIN && total >= ihl && total <= wire;
    }
    return have >= IP6_LEN && h[0] >> 4 == 6 && load_be16(h + 4) + (uint32_t)IP6_LEN <= wire;
}
