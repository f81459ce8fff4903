/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses NFLOG messages: an attribute is a row of a table. Called by uacctd's input for each message, and by
 * link.c for captures. */
#include "packet/nflog.h"

#include <stddef.h>
#include "packet/dissect.h"

const char *const nflog_fault_names[NFLOG_FAULT_MAX] = {
    [NFLOG_OK] = "ok",
    [NFLOG_SHORT] = "short_message",
    [NFLOG_VERSION] = "bad_version",
    [NFLOG_ATTR_LEN] = "bad_attribute_length",
    [NFLOG_ATTR_SHORT] = "short_attribute",
    [NFLOG_NO_PAYLOAD] = "no_payload",
};

enum {
    HEADER_LEN = 4,
    ATTR_HEADER_LEN = 4,
    ATTR_TYPE_MASK = 0x3fff, /* above it: nested, network byte order */
    VLAN_ATTR_PROTO = 1,
    VLAN_ATTR_TCI = 2,
    TAG_LEN = 4,
    ARPHRD_ETHERNET = 1,
    ARPHRD_LOOPBACK = 772, /* with an Ethernet header of zeros */
    ETHER_LEN = 14,
    MAC_LEN = 6,
};

/* ---- attributes */

enum attr_kind {
    ATTR_SKIP,
    ATTR_BE16,
    ATTR_BE32,
    ATTR_BYTES,
    ATTR_HEADER,
    ATTR_TIME,
    ATTR_HWADDR,
    ATTR_VLAN
};

struct attr_rule {
    uint8_t kind, min; /* enum attr_kind; octets that it has to have */
    uint16_t off;      /* of the member */
    uint16_t off_len;  /* of the member that gets the length, for ATTR_BYTES */
};

#define MEMBER(m) offsetof(struct nflog_packet, m)

static const struct attr_rule rules[NFLOG_A_MAX] = {
    [NFLOG_A_PACKET_HDR] = { ATTR_HEADER, 4, 0, 0 },
    [2] = { ATTR_BE32, 4, MEMBER(mark), 0 },
    [NFLOG_A_TIMESTAMP] = { ATTR_TIME, 16, 0, 0 },
    [4] = { ATTR_BE32, 4, MEMBER(indev), 0 },
    [5] = { ATTR_BE32, 4, MEMBER(outdev), 0 },
    [6] = { ATTR_BE32, 4, MEMBER(physindev), 0 },
    [7] = { ATTR_BE32, 4, MEMBER(physoutdev), 0 },
    [8] = { ATTR_HWADDR, 12, 0, 0 },
    [NFLOG_A_PAYLOAD] = { ATTR_BYTES, 0, MEMBER(payload), MEMBER(payload_len) },
    [NFLOG_A_SEQ] = { ATTR_BE32, 4, MEMBER(seq), 0 },
    [15] = { ATTR_BE16, 2, MEMBER(hwtype), 0 },
    [16] = { ATTR_BYTES, 0, MEMBER(link), MEMBER(link_len) },
    [NFLOG_A_CT] = { ATTR_BYTES, 0, MEMBER(ct), MEMBER(ct_len) },
    [NFLOG_A_CT_INFO] = { ATTR_BE32, 4, MEMBER(ct_info), 0 },
    [NFLOG_A_VLAN] = { ATTR_VLAN, 0, 0, 0 },
    [21] = { ATTR_BYTES, 0, MEMBER(link), MEMBER(link_len) },
};

static inline void put(struct nflog_packet *p, uint16_t off, const void *v, size_t n)
{
    memcpy((char *)p + off, v, n);
}

static uint16_t load_host16(const uint8_t *p, bool swapped)
{
    uint16_t v;
    memcpy(&v, p, sizeof(v));
    return swapped ? __builtin_bswap16(v) : v;
}

/* The next attribute. 0: there is none (nothing left); -1: its length is impossible. */
static inline int next_attr(struct cursor *c, bool swapped, uint16_t *type, struct cursor *value)
{
    if (cursor_left(c) == 0)
        return 0;
    const uint8_t *h = cursor_take(c, ATTR_HEADER_LEN);
    if (!h)
        return -1;
    uint16_t len = load_host16(h, swapped);
    *type = load_host16(h + 2, swapped) & ATTR_TYPE_MASK;
    if (len < ATTR_HEADER_LEN)
        return -1;
    *value = cursor_sub(c, len - (unsigned)ATTR_HEADER_LEN);
    if (value->bad)
        return -1;
    size_t pad = -(size_t)len & 3;
    cursor_skip(c, pad < cursor_left(c) ? pad : cursor_left(c));
    return 1;
}

static void take_time(struct nflog_packet *p, struct cursor *v)
{
    uint64_t s = cursor_u64(v), us = cursor_u64(v);
    if (s < UINT64_C(1) << 40 && us < 1000000)
        p->at_us = (int64_t)(s * 1000000 + us);
}

static void take_hwaddr(struct nflog_packet *p, struct cursor *v)
{
    p->hwaddr_len = cursor_u16(v);
    cursor_skip(v, 2);
    p->hwaddr = p->hwaddr_len <= 8 ? v->p : NULL;
}

static enum nflog_fault take_vlan(struct nflog_packet *p, struct cursor v, bool swapped)
{
    uint16_t type;
    struct cursor inner;
    int more;
    while ((more = next_attr(&v, swapped, &type, &inner)) == 1) {
        if (type != VLAN_ATTR_PROTO && type != VLAN_ATTR_TCI)
            continue;
        *(type == VLAN_ATTR_TCI ? &p->vlan_tci : &p->vlan_proto) = cursor_u16(&inner);
        if (inner.bad)
            return NFLOG_ATTR_SHORT;
    }
    return more == 0 ? NFLOG_OK : NFLOG_ATTR_LEN;
}

static inline enum nflog_fault take_attr(struct nflog_packet *p, uint16_t type, struct cursor v, bool swapped)
{
    if (type >= NFLOG_A_MAX)
        return NFLOG_OK;
    const struct attr_rule *rule = &rules[type];
    uint32_t u32 = (uint32_t)cursor_left(&v);
    if (u32 < rule->min)
        return NFLOG_ATTR_SHORT;
    p->have |= 1u << type;
    uint16_t u16;
    switch (rule->kind) {
    case ATTR_BE16:
        u16 = cursor_u16(&v);
        put(p, rule->off, &u16, sizeof(u16));
        break;
    case ATTR_BE32:
        u32 = cursor_u32(&v);
        put(p, rule->off, &u32, sizeof(u32));
        break;
    case ATTR_BYTES:
        put(p, rule->off, &v.p, sizeof(v.p));
        put(p, rule->off_len, &u32, sizeof(u32));
        break;
    case ATTR_HEADER:
        p->protocol = cursor_u16(&v);
        p->hook = cursor_u8(&v);
        break;
    case ATTR_TIME:
        take_time(p, &v);
        break;
    case ATTR_HWADDR:
        take_hwaddr(p, &v);
        break;
    case ATTR_VLAN:
        return take_vlan(p, v, swapped);
    default:
        break;
    }
    return NFLOG_OK;
}

/* Attribute headers have the byte order of the host that captured. Types are small numbers, so the octet that
 * is not 0 tells; the first attribute is never a nested one. */
static bool foreign_order(const struct cursor *c)
{
    if (cursor_left(c) < ATTR_HEADER_LEN)
        return false;
    uint16_t type = load_host16(c->p + 2, false);
    return type > 0xff && (type & 0xff) == 0;
}

enum nflog_fault nflog_parse(struct cursor body, struct nflog_packet *p)
{
    *p = (struct nflog_packet){ 0 };
    const uint8_t *h = cursor_take(&body, HEADER_LEN);
    if (!h)
        return NFLOG_SHORT;
    p->family = h[0];
    if (h[1] != 0)
        return NFLOG_VERSION;
    p->group = load_be16(h + 2);
    bool swapped = foreign_order(&body);
    uint16_t type;
    struct cursor value;
    int more;
    while ((more = next_attr(&body, swapped, &type, &value)) == 1) {
        enum nflog_fault fault = take_attr(p, type, value, swapped);
        if (fault != NFLOG_OK)
            return fault;
    }
    if (more == -1)
        return NFLOG_ATTR_LEN;
    return p->payload ? NFLOG_OK : NFLOG_NO_PAYLOAD;
}

/* ---- what the message says of a packet */

static bool is_tag(uint16_t type) { return type == 0x8100 || type == 0x88a8; }

/* Length of a packet by its IP header, 0: it has none, or too little of it. */
static uint32_t ip_total(const uint8_t *p, uint32_t len)
{
    if (len >= 4 && p[0] >> 4 == 4)
        return load_be16(p + 2);
    return len >= 6 && p[0] >> 4 == 6 ? 40u + load_be16(p + 4) : 0;
}

uint32_t nflog_wire_len(const struct nflog_packet *p)
{
    uint32_t at = 0;
    uint16_t type = p->protocol;
    for (; is_tag(type) && p->payload_len - at >= TAG_LEN; at += TAG_LEN) /* the inner one of two tags */
        type = load_be16(p->payload + at + 2);
    if (type != 0 && type != ETYPE_IP4 && type != ETYPE_IP6)
        return p->payload_len;
    uint32_t len = at + ip_total(p->payload + at, p->payload_len - at);
    return len > p->payload_len ? len : p->payload_len;
}

static bool tagged(const struct nflog_packet *p) { return p->have & 1u << NFLOG_A_VLAN; }

static bool has_ethernet(const struct nflog_packet *p)
{
    return p->link_len >= ETHER_LEN &&
           (p->hwtype == ARPHRD_ETHERNET || p->hwtype == ARPHRD_LOOPBACK || p->hwtype == 0);
}

uint32_t nflog_link_len(const struct nflog_packet *p) { return p->link_len + (tagged(p) ? TAG_LEN : 0u); }

/* Appends as much as there is room for. */
static void append(uint8_t *buf, uint32_t *at, uint32_t size, const void *octets, uint32_t n)
{
    uint32_t k = n < size - *at ? n : size - *at;
    memcpy(buf + *at, octets, k);
    *at += k;
}

uint32_t nflog_frame(const struct nflog_packet *p, uint8_t *buf, uint32_t size)
{
    if (!has_ethernet(p))
        return 0;
    uint16_t proto = p->vlan_proto ? p->vlan_proto : 0x8100;
    const uint8_t tag[TAG_LEN] = { (uint8_t)(proto >> 8), (uint8_t)proto, (uint8_t)(p->vlan_tci >> 8),
                                   (uint8_t)p->vlan_tci };
    uint32_t at = 0;
    append(buf, &at, size, p->link, 2 * MAC_LEN);
    if (tagged(p))
        append(buf, &at, size, tag, TAG_LEN);
    append(buf, &at, size, p->link + 2 * MAC_LEN, p->link_len - 2 * MAC_LEN);
    append(buf, &at, size, p->payload, p->payload_len);
    return at;
}

static void fill_macs(const struct nflog_packet *p, struct flow *f)
{
    if (has_ethernet(p)) {
        memcpy(f->dst_mac.b, p->link, MAC_LEN);
        memcpy(f->src_mac.b, p->link + MAC_LEN, MAC_LEN);
    } else if (p->hwaddr && p->hwaddr_len == MAC_LEN) {
        memcpy(f->src_mac.b, p->hwaddr, MAC_LEN);
    }
}

void nflog_link(const struct nflog_packet *p, struct flow *f)
{
    fill_macs(p, f);
    if (tagged(p)) {
        f->vlan = p->vlan_tci & 0xfff;
        f->cos = (uint8_t)(p->vlan_tci >> 13);
    }
    f->in_iface = p->physindev ? p->physindev : p->indev;
    f->out_iface = p->physoutdev ? p->physoutdev : p->outdev;
    bool in = p->indev != 0, out = p->outdev != 0;
    f->sampling_direction = in == out ? DIRECTION_UNKNOWN : in ? DIRECTION_IN : DIRECTION_OUT;
}

/* ---- connections: linux/netfilter/nfnetlink_conntrack.h */

/* Addresses and ports of one direction. */
struct tuple {
    struct addr src, dst;
    uint16_t sport, dport;
};

enum { TUPLE_ORIGINAL = 1, TUPLE_REPLY = 2 };
enum { CT_IS_REPLY = 3, CT_REPLY_MAX = 4 }; /* of enum ip_conntrack_info */

/* Attributes of a tuple: in its second level 1 is the addresses, 2 the protocol's part. */
static void take_leaf(struct tuple *t, unsigned part, uint16_t type, const struct cursor *v)
{
    size_t len = cursor_left(v);
    if (part == 1 && (type == 1 || type == 2) && len == 4)
        addr_set_v4(type == 1 ? &t->src : &t->dst, v->p);
    else if (part == 1 && (type == 3 || type == 4) && len == 16)
        addr_set_v6(type == 3 ? &t->src : &t->dst, v->p);
    else if (part == 2 && (type == 2 || type == 3) && len == 2)
        *(type == 2 ? &t->sport : &t->dport) = load_be16(v->p);
}

/* False: a length that cannot be. */
static bool take_tuple(struct tuple *t, struct cursor c)
{
    uint16_t part, type;
    struct cursor inner, leaf;
    int more, deeper = 0;
    while ((more = next_attr(&c, false, &part, &inner)) == 1) {
        while ((deeper = next_attr(&inner, false, &type, &leaf)) == 1)
            take_leaf(t, part, type, &leaf);
        if (deeper == -1)
            return false;
    }
    return more == 0;
}

static bool take_connection(const struct nflog_packet *p, struct tuple *original, struct tuple *reply)
{
    struct cursor c = cursor_of(p->ct, p->ct_len), tuple;
    uint16_t type;
    int more;
    while ((more = next_attr(&c, false, &type, &tuple)) == 1)
        if ((type == TUPLE_ORIGINAL || type == TUPLE_REPLY) &&
            !take_tuple(type == TUPLE_ORIGINAL ? original : reply, tuple))
            return false;
    return more == 0;
}

enum nflog_way nflog_way(const struct nflog_packet *p)
{
    if (!(p->have & 1u << NFLOG_A_CT_INFO) || p->ct_info > CT_REPLY_MAX)
        return NFLOG_WAY_UNKNOWN;
    return p->ct_info >= CT_IS_REPLY ? NFLOG_WAY_REPLY : NFLOG_WAY_ORIGINAL;
}

void nflog_nat(const struct nflog_packet *p, struct flow *f)
{
    struct tuple original = { 0 }, reply = { 0 }, none = { 0 };
    enum nflog_way way = nflog_way(p);
    /* What goes one way leaves with the addresses that the answers to it come for. */
    const struct tuple *answer = way == NFLOG_WAY_REPLY ? &original : &reply;
    if (way == NFLOG_WAY_UNKNOWN || !p->ct || !take_connection(p, &original, &reply))
        answer = &none;
    f->post_nat_src_host = answer->dst;
    f->post_nat_dst_host = answer->src;
    f->post_nat_src_port = answer->dport;
    f->post_nat_dst_port = answer->sport;
}

/* ---- netlink: RFC 3549 §2.2 */

enum {
    NL_HEADER_LEN = 16,
    NL_DONE = 3,
    NL_PACKET = 4 << 8 | 0, /* NFNL_SUBSYS_ULOG, NFULNL_MSG_PACKET */
};

enum nflog_step nflog_next(struct cursor *datagram, struct cursor *body)
{
    if (cursor_left(datagram) == 0)
        return NFLOG_STEP_END;
    const uint8_t *h = cursor_take(datagram, NL_HEADER_LEN);
    if (!h)
        return NFLOG_STEP_BAD;
    uint32_t len;
    memcpy(&len, h, sizeof(len));
    uint16_t type = load_host16(h + 4, false);
    if (len < NL_HEADER_LEN)
        return NFLOG_STEP_BAD;
    *body = cursor_sub(datagram, len - (size_t)NL_HEADER_LEN);
    if (body->bad)
        return NFLOG_STEP_BAD;
    size_t pad = -(size_t)len & 3;
    cursor_skip(datagram, pad < cursor_left(datagram) ? pad : cursor_left(datagram));
    if (type == NL_DONE)
        return NFLOG_STEP_END;
    return type == NL_PACKET ? NFLOG_STEP_PACKET : NFLOG_STEP_OTHER;
}
