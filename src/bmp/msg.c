/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads BMP messages. station.c calls it for each one that it finds in a router's stream. */
#include "bmp/msg.h"

enum {
    FLAG_V = 0x80, /* IPv6; Loc-RIB: filtered */
    FLAG_L = 0x40, /* post-policy */
    FLAG_A = 0x20, /* AS numbers of 2 octets */
    FLAG_O = 0x10, /* Adj-RIB-Out */
    BGP_HEADER = 19,
    GROUP_BIT = 0x8000,
};

long bmp_frame(const uint8_t *p, size_t n, enum bmp_fault *f)
{
    *f = BMP_FAULT_NONE;
    if (n && p[0] != 3 && p[0] != 4) {
        *f = BMP_FAULT_VERSION;
        return -1;
    }
    if (n < BMP_HEADER)
        return 0;
    const uint32_t len = load_be32(p + 1);
    if (len < BMP_HEADER || len > BMP_MAX) {
        *f = BMP_FAULT_LENGTH;
        return -1;
    }
    return len <= n ? (long)len : 0;
}

/* ---- headers */

static enum bmp_rib rib_of(uint8_t type, uint8_t flags)
{
    static const enum bmp_rib adj[2][2] = { { BMP_RIB_IN_PRE, BMP_RIB_IN_POST },
                                            { BMP_RIB_OUT_PRE, BMP_RIB_OUT_POST } };
    if (type == BMP_PEER_LOC_RIB)
        return BMP_RIB_LOC;
    return type < BMP_PEER_LOC_RIB ? adj[!!(flags & FLAG_O)][!!(flags & FLAG_L)] : BMP_RIB_UNKNOWN;
}

static void read_addr(struct cursor *c, bool v6, struct addr *a)
{
    const uint8_t *b = cursor_take(c, 16);
    memset(a, 0, sizeof(*a));
    if (b && v6)
        addr_set_v6(a, b);
    else if (b)
        addr_set_v4(a, b + 12);
}

static void read_bytes(struct cursor *c, uint8_t *to, size_t n)
{
    const uint8_t *b = cursor_take(c, n);
    if (b)
        memcpy(to, b, n);
}

static void read_peer(struct cursor *c, struct bmp_peer *p)
{
    p->type = cursor_u8(c);
    const uint8_t flags = cursor_u8(c);
    const bool loc = p->type == BMP_PEER_LOC_RIB;
    p->rib = rib_of(p->type, flags);
    p->filtered = loc && flags & FLAG_V;
    p->v6 = !loc && flags & FLAG_V;
    p->as2 = !loc && flags & FLAG_A;
    read_bytes(c, p->rd, sizeof(p->rd));
    read_addr(c, p->v6, &p->addr);
    p->as = cursor_u32(c);
    read_bytes(c, p->bgp_id, sizeof(p->bgp_id));
    const uint32_t s = cursor_u32(c);
    const uint32_t us = cursor_u32(c);
    p->at_us = (int64_t)s * 1000000 + us;
}

/* ---- bodies */

/* One BGP message with its header: its own length has to fit into what is left. */
static struct bmp_octets read_bgp(struct cursor *c)
{
    struct cursor look = *c;
    cursor_skip(&look, 16);
    const uint16_t len = cursor_u16(&look);
    if (look.bad || len < BGP_HEADER || len > cursor_left(c)) {
        c->bad = true;
        return (struct bmp_octets){ 0 };
    }
    return (struct bmp_octets){ .p = cursor_take(c, len), .len = len };
}

static enum bmp_fault body_route(struct cursor *c, struct bmp_msg *m)
{
    if (m->version >= 4) {
        m->tlvs = *c;
        return BMP_FAULT_NONE;
    }
    m->update = read_bgp(c);
    return c->bad ? BMP_FAULT_NO_UPDATE : BMP_FAULT_NONE;
}

static enum bmp_fault body_stats(struct cursor *c, struct bmp_msg *m)
{
    m->stats.n = cursor_u32(c);
    m->stats.counters = *c;
    return c->bad ? BMP_FAULT_SHORT : BMP_FAULT_NONE;
}

static enum bmp_fault body_down(struct cursor *c, struct bmp_msg *m)
{
    m->down.reason = cursor_u8(c);
    switch (m->down.reason) {
    case 1:
    case 3:
        m->down.notification = read_bgp(c);
        break;
    case 2:
        m->down.fsm = cursor_u16(c);
        break;
    default:
        break;
    }
    m->tlvs = *c;
    return c->bad ? BMP_FAULT_SHORT : BMP_FAULT_NONE;
}

static enum bmp_fault body_up(struct cursor *c, struct bmp_msg *m)
{
    read_addr(c, m->peer.v6, &m->up.local);
    m->up.local_port = cursor_u16(c);
    m->up.remote_port = cursor_u16(c);
    m->up.sent = read_bgp(c);
    m->up.received = read_bgp(c);
    m->tlvs = *c;
    return c->bad ? BMP_FAULT_SHORT : BMP_FAULT_NONE;
}

static enum bmp_fault body_tlvs(struct cursor *c, struct bmp_msg *m)
{
    m->tlvs = *c;
    return BMP_FAULT_NONE;
}

static const struct {
    bool peer; /* a per-peer header comes first */
    enum bmp_fault (*body)(struct cursor *c, struct bmp_msg *m);
} types[BMP_TYPES] = {
    [BMP_ROUTE_MONITORING] = { true, body_route },
    [BMP_STATS] = { true, body_stats },
    [BMP_PEER_DOWN] = { true, body_down },
    [BMP_PEER_UP] = { true, body_up },
    [BMP_INIT] = { false, body_tlvs },
    [BMP_TERM] = { false, body_tlvs },
    [BMP_ROUTE_MIRRORING] = { true, body_tlvs },
};

enum bmp_fault bmp_parse(const uint8_t *p, size_t n, struct bmp_msg *m)
{
    struct cursor c = cursor_of(p, n);
    memset(m, 0, sizeof(*m));
    m->version = cursor_u8(&c);
    cursor_skip(&c, 4);
    m->type = cursor_u8(&c);
    if (c.bad)
        return BMP_FAULT_SHORT;
    if (m->type >= BMP_TYPES)
        return BMP_FAULT_UNKNOWN_TYPE;
    if (types[m->type].peer)
        read_peer(&c, &m->peer);
    if (c.bad)
        return BMP_FAULT_PEER_HEADER;
    m->body = (struct bmp_octets){ .p = c.p, .len = cursor_left(&c) };
    return types[m->type].body(&c, m);
}

/* ---- TLVs */

bool bmp_tlv_next(struct cursor *c, bool indexed, bool enterprise, struct bmp_tlv *t)
{
    if (c->bad || !cursor_left(c))
        return false;
    *t = (struct bmp_tlv){ .type = cursor_u16(c) };
    size_t len = cursor_u16(c);
    if (enterprise && t->type & BMP_ENTERPRISE) {
        t->type &= (uint16_t)~BMP_ENTERPRISE;
        t->pen = cursor_u32(c);
        if (len < 4)
            c->bad = true;
        else
            len -= 4;
    }
    if (indexed)
        t->index = cursor_u16(c);
    if (c->bad)
        return false;
    t->value = (struct bmp_octets){ .p = cursor_take(c, len), .len = len };
    return !c->bad;
}

/* A number of 4 or 8 octets, with or without a family before it: the lengths tell (RFC 7854 §4.8).
 */
bool bmp_counter_next(struct cursor *c, struct bmp_counter *n)
{
    struct bmp_tlv t;
    if (!bmp_tlv_next(c, false, false, &t))
        return false;
    *n = (struct bmp_counter){ .type = t.type, .raw = t.value };
    struct cursor v = cursor_of(t.value.p, t.value.len);
    n->has_family = t.value.len == 7 || t.value.len == 11;
    if (n->has_family) {
        n->afi = cursor_u16(&v);
        n->safi = cursor_u8(&v);
    }
    n->has_value = cursor_left(&v) == 4 || cursor_left(&v) == 8;
    if (n->has_value)
        n->value = load_be(v.p, cursor_left(&v));
    return true;
}

/* ---- version 4 */

static bool is_bgp(const struct bmp_octets *v)
{
    static const uint8_t marker[16] = { 255, 255, 255, 255, 255, 255, 255, 255,
                                        255, 255, 255, 255, 255, 255, 255, 255 };
    return v->len >= BGP_HEADER && !memcmp(v->p, marker, sizeof(marker)) && load_be16(v->p + 16) == v->len;
}

/* Type 1 is a capability in the deployed numbers, a group in revision 21. */
static bool type1_is_group(const struct bmp_tlv *t)
{
    return t->index & GROUP_BIT || t->value.len < 2 || t->value.p[1] != t->value.len - 2;
}

enum bmp_rm_numbers bmp_rm_numbers(struct cursor tlvs, struct bmp_octets *update)
{
    enum bmp_rm_numbers found = BMP_NUMBERS_UNKNOWN;
    bool group1 = false;
    struct bmp_tlv t;
    while (bmp_tlv_next(&tlvs, true, true, &t)) {
        if (t.pen)
            continue;
        if (t.type == 1 && type1_is_group(&t))
            group1 = true;
        if (found != BMP_NUMBERS_UNKNOWN || (t.type != 4 && t.type != 7) || !is_bgp(&t.value))
            continue;
        found = t.type == 7 ? BMP_NUMBERS_REV20 : BMP_NUMBERS_DEPLOYED;
        *update = t.value;
    }
    return found == BMP_NUMBERS_DEPLOYED && group1 ? BMP_NUMBERS_REV21 : found;
}

enum bmp_rm_tlv bmp_rm_tlv(enum bmp_rm_numbers numbers, uint16_t type)
{
    static const uint8_t names[][8] = {
        [BMP_NUMBERS_DEPLOYED] = { 0, BMP_RM_STATELESS, BMP_RM_GROUP, BMP_RM_VRF, BMP_RM_UPDATE,
                                   BMP_RM_PATH_STATUS },
        [BMP_NUMBERS_REV20] = { 0, BMP_RM_SEQUENCE, BMP_RM_FLAGS, BMP_RM_TIME, BMP_RM_GROUP, BMP_RM_VRF,
                                BMP_RM_STATELESS, BMP_RM_UPDATE },
        [BMP_NUMBERS_REV21] = { 0, BMP_RM_GROUP, BMP_RM_VRF, BMP_RM_STATELESS, BMP_RM_UPDATE, BMP_RM_SEQUENCE,
                                BMP_RM_FLAGS, BMP_RM_TIME },
    };
    return type < 8 ? names[numbers][type] : BMP_RM_OTHER;
}
