/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes of an UPDATE, one function for each form of NLRI (families.def). Prefixes without labels are a loop
 * of their own, since that is what a million of them are. Called by update.c. */
#include "bgp/evpn.h"
#include "bgp/update_impl.h"

#include <string.h>

/* A route being read. The forms fill the key; a family's numbers are there already. */
struct route {
    struct rib_key key;
    struct rib_octets labels;
    unsigned most; /* longest prefix of the family */
    bool multi;    /* several labels may stand there */
    bool withdrawn;
    uint8_t made[EVPN_NLRI_MAX], rest[EVPN_REST_MAX]; /* EVPN's keys are not as on the wire */
};

/* ---- forms: each reads one route; false: it ends behind the field, or is longer than it may be */

static bool form_prefix(struct cursor *c, struct route *r, unsigned bits)
{
    unsigned n = (bits + 7) / 8;
    const uint8_t *p = cursor_take(c, n);
    if (!p || bits > r->most)
        return false;
    memset(r->key.addr, 0, sizeof(r->key.addr));
    if (n)
        memcpy(r->key.addr, p, n);
    if (bits % 8)
        r->key.addr[n - 1] &= (uint8_t)(0xff00u >> bits % 8);
    r->key.bits = (uint8_t)bits;
    return true;
}

static bool form_plain(struct cursor *c, struct route *r) { return form_prefix(c, r, cursor_u8(c)); }

/* RFC 8277 §2: labels up to the one at the bottom of the stack. Who has not negotiated several sends one,
 * whose bottom bit means nothing, as does the one of a withdrawn route; but some old speakers (RFC 3107) send
 * more, which shows in a prefix that would be too long. */
static bool take_labels(struct cursor *c, struct route *r, unsigned fixed, unsigned *bits)
{
    enum { LABEL = 24, BOTTOM = 1, WITHDRAWN = 0x800000 };
    const uint8_t *first = c->p;
    uint32_t n = 0;
    for (bool more = true; more; n += 3) {
        const uint8_t *p = *bits < fixed + LABEL ? NULL : cursor_take(c, 3);
        if (!p)
            return false;
        *bits -= LABEL;
        uint32_t label = (uint32_t)load_be(p, 3);
        bool none = r->withdrawn && (label == 0 || label == WITHDRAWN);
        bool fits = *bits <= fixed + r->most;
        more = !(label & BOTTOM) && !none && ((r->multi && !r->withdrawn) || !fits);
    }
    r->labels = (struct rib_octets){ first, n };
    return true;
}

static bool form_labelled(struct cursor *c, struct route *r)
{
    unsigned bits = cursor_u8(c);
    return take_labels(c, r, 0, &bits) && form_prefix(c, r, bits);
}

static bool form_vpn(struct cursor *c, struct route *r)
{
    enum { RD = 64 };
    unsigned bits = cursor_u8(c);
    if (!take_labels(c, r, RD, &bits))
        return false;
    const uint8_t *rd = bits < RD ? NULL : cursor_take(c, 8);
    if (!rd)
        return false;
    memcpy(r->key.rd, rd, 8);
    r->key.has_rd = true;
    return form_prefix(c, r, bits - RD);
}

/* The route is `head` octets and the `n` behind them. */
static bool whole(struct cursor *c, struct route *r, const uint8_t *from, size_t n)
{
    if (!cursor_take(c, n) && n)
        return false;
    r->key.nlri = (struct rib_octets){ from, (uint32_t)(c->p - from) };
    return !c->bad;
}

static bool form_bits(struct cursor *c, struct route *r)
{
    const uint8_t *from = c->p;
    unsigned bits = cursor_u8(c);
    return whole(c, r, from, (bits + 7) / 8);
}

static bool form_type1(struct cursor *c, struct route *r)
{
    const uint8_t *from = c->p;
    cursor_skip(c, 1);
    return whole(c, r, from, cursor_u8(c));
}

static bool form_mup(struct cursor *c, struct route *r)
{
    const uint8_t *from = c->p;
    cursor_skip(c, 3);
    return whole(c, r, from, cursor_u8(c));
}

static bool form_length2(struct cursor *c, struct route *r)
{
    const uint8_t *from = c->p;
    return whole(c, r, from, cursor_u16(c));
}

static bool form_type2(struct cursor *c, struct route *r)
{
    const uint8_t *from = c->p;
    cursor_skip(c, 2);
    return whole(c, r, from, cursor_u16(c));
}

/* RFC 8955 §4.1. */
static bool form_flow(struct cursor *c, struct route *r)
{
    enum { LONG = 0xf0 };
    unsigned n = cursor_u8(c);
    if (n >= LONG)
        n = (n & 0xf) << 8 | cursor_u8(c);
    return whole(c, r, c->p, n);
}

static bool form_evpn(struct cursor *c, struct route *r)
{
    if (!form_type1(c, r))
        return false;
    evpn_split(r->key.nlri.p, r->key.nlri.len, r->made, &r->key.nlri.len, r->rest, &r->labels.len);
    r->key.nlri.p = r->made;
    r->labels.p = r->rest;
    return true;
}

typedef bool form_fn(struct cursor *c, struct route *r);

static const struct {
    form_fn *form;
    uint64_t hops; /* bits: lengths of next hops */
    uint8_t most;
} rows[BGP_FAMILIES] = {
#define NH(n) (UINT64_C(1) << (n))
#define FAMILY(name, afi, safi, text, form, bits, hops) [BGP_##name] = { form_##form, hops, bits },
#include "bgp/families.def"
#undef FAMILY
#undef NH
};

static int bad_nlri(struct bgp_error *e)
{
    return bgp_fault(e, BGP_RESET, BGP_ERR_UPDATE, 10, "NLRI is longer than its field or family");
}

/* Prefixes without labels, `width` octets at most. */
static inline int plain_loop(struct cursor c, struct rib_key *key, unsigned width, bool add_path,
                             bgp_route_fn *put, void *arg, struct bgp_error *e)
{
    const struct rib_octets none = { NULL, 0 };
    const uint8_t *p = c.p, *end = c.end;
    while (p < end) {
        if (add_path) {
            if (end - p < 5)
                return bad_nlri(e);
            key->path_id = load_be32(p);
            p += 4;
        }
        unsigned bits = *p++, n = (bits + 7) / 8;
        if (__builtin_expect(bits > width * 8 || n > (size_t)(end - p), 0))
            return bad_nlri(e);
        if (width == 4) {
            uint32_t v = (size_t)(end - p) >= 4 ? load_be32(p) : (uint32_t)load_be(p, n) << 8 * ((4 - n) & 3);
            uint32_t mask = bits ? UINT32_MAX << (32 - bits) : 0;
            put_be32(key->addr, v & mask);
        } else {
            memset(key->addr, 0, 16);
            memcpy(key->addr, p, n);
            if (bits % 8)
                key->addr[n - 1] &= (uint8_t)(0xff00u >> bits % 8);
        }
        p += n;
        key->bits = (uint8_t)bits;
        put(arg, key, none);
    }
    return 0;
}

static int plain(struct cursor c, struct rib_key *key, bgp_route_fn *put, void *arg, struct bgp_error *e)
{
    if (key->afi == AFI_IPV6)
        return plain_loop(c, key, 16, key->has_path_id, put, arg, e);
    if (key->has_path_id)
        return plain_loop(c, key, 4, true, put, arg, e);
    return plain_loop(c, key, 4, false, put, arg, e);
}

/* One route that is no plain prefix, or one of those too. */
static bool one(struct cursor *c, enum bgp_family f, struct route *r)
{
    if (r->key.has_path_id)
        r->key.path_id = cursor_u32(c);
    return rows[f].form(c, r) && !c->bad;
}

static void begin(struct route *r, enum bgp_family f, bool withdrawn, const struct bgp_session_caps *caps)
{
    uint64_t bit = BGP_FAMILY_BIT(f);
    struct bgp_family_id id = bgp_family_id(f);
    r->key = (struct rib_key){ .afi = id.afi, .safi = id.safi, .has_path_id = caps->add_path & bit };
    r->labels = (struct rib_octets){ NULL, 0 };
    r->most = rows[f].most;
    r->multi = caps->multi_labels & bit;
    r->withdrawn = withdrawn;
}

int upd_nlri(struct cursor c, enum bgp_family f, bool withdrawn, const struct bgp_session_caps *caps,
             bgp_route_fn *put, void *arg, struct bgp_error *e)
{
    struct route r;
    begin(&r, f, withdrawn, caps);
    if (rows[f].form == form_plain)
        return plain(c, &r.key, put, arg, e);
    while (cursor_left(&c)) {
        if (!one(&c, f, &r))
            return bad_nlri(e);
        put(arg, &r.key, r.labels);
    }
    return 0;
}

bool bgp_nlri_first(struct cursor *c, enum bgp_family f, const struct bgp_session_caps *caps,
                    bgp_route_fn *put, void *arg)
{
    struct route r;
    begin(&r, f, false, caps);
    if (!cursor_left(c) || !one(c, f, &r))
        return false;
    put(arg, &r.key, r.labels);
    return true;
}

/* RFC 4760 §3, 2545 §3, 4364 §4.3.2, 8950: an address, with an RD in front in VPN families, twice where a
 * link-local one follows. Where the first one is nothing, the link-local one is the next hop. */
bool nlri_next_hop(enum bgp_family f, struct cursor c, struct addr *hop)
{
    size_t n = cursor_left(&c);
    if (n > 48 || !(rows[f].hops >> n & 1))
        return false;
    bool rd = n == 12 || n == 24 || n == 48;
    *hop = (struct addr){ { 0 } };
    if (n == 0)
        return true;
    for (bool first = true; cursor_left(&c) && !addr_is_set(hop); first = false) {
        static const uint8_t none[16];
        if (rd)
            cursor_skip(&c, 8);
        const uint8_t *p = cursor_take(&c, n == 4 || n == 12 ? 4 : 16);
        if (p && (n == 4 || n == 12))
            addr_set_v4(hop, p);
        else if (p && (memcmp(p, none, 16) != 0 || (first && n != 32 && n != 48)))
            addr_set_v6(hop, p);
    }
    return true;
}
