/* SPDX-License-Identifier: BSD-2-Clause */
/* The attributes of an UPDATE: each is a row of attrs.def, which says what it must look like and what a
 * malformed one leads to (RFC 7606). Called by update.c. */
#include "bgp/update_impl.h"

#include <string.h>

/* ---- functions of the table: plain shapes */

static bool right_len(const struct attr *at, size_t len, const char **what)
{
    if (at->len == len)
        return true;
    *what = "length is wrong";
    return false;
}

static bool full_of(const struct attr *at, size_t size, const char **what)
{
    if (at->len && at->len % size == 0)
        return true;
    *what = at->len ? "length is no multiple of its elements" : "is empty";
    return false;
}

static bool attr_any(struct upd *u, const struct attr *at, const char **what)
{
    (void)u;
    (void)at;
    (void)what;
    return true;
}

static bool attr_empty(struct upd *u, const struct attr *at, const char **what)
{
    (void)u;
    return right_len(at, 0, what);
}

static bool attr_four(struct upd *u, const struct attr *at, const char **what)
{
    (void)u;
    return right_len(at, 4, what);
}

static bool attr_fours(struct upd *u, const struct attr *at, const char **what)
{
    (void)u;
    return full_of(at, 4, what);
}

static bool attr_twenties(struct upd *u, const struct attr *at, const char **what)
{
    (void)u;
    return full_of(at, 20, what);
}

/* TLVs whose type has `type` octets and whose length has two, to the end. */
static bool tlvs_fit(struct cursor c, size_t type, const char **what)
{
    while (cursor_left(&c)) {
        cursor_skip(&c, type);
        cursor_skip(&c, cursor_u16(&c));
    }
    if (c.bad)
        *what = "a TLV ends behind it";
    return !c.bad;
}

static bool attr_tlvs22(struct upd *u, const struct attr *at, const char **what)
{
    (void)u;
    return tlvs_fit(cursor_of(at->p, at->len), 2, what);
}

/* ---- those that are taken */

static bool attr_origin(struct upd *u, const struct attr *at, const char **what)
{
    if (!right_len(at, 1, what))
        return false;
    *what = "value is none of 0, 1, 2";
    if (at->p[0] > 2)
        return false;
    u->a.origin = at->p[0];
    u->a.has |= RIB_ORIGIN;
    return true;
}

static bool attr_as_path(struct upd *u, const struct attr *at, const char **what)
{
    if (!as_path_check(at->p, at->len, u->caps->as4 ? 4 : 2, what))
        return false;
    struct rib_octets path = { at->p, (uint32_t)at->len };
    if (u->caps->as4) {
        u->a.as_path = path;
        u->a.has |= RIB_AS_PATH;
        u->sets = as_path_has_sets(path);
    } else {
        u->as2_path = path;
        u->has_as2_path = true;
    }
    return true;
}

/* RFC 6793 §6: what is wrong with it costs it alone; on a session of 4-octet numbers it has no business. */
static bool attr_as4_path(struct upd *u, const struct attr *at, const char **what)
{
    if (u->caps->as4)
        return true;
    if (!as_path_check(at->p, at->len, 4, what))
        return false;
    u->as4_path = (struct rib_octets){ at->p, (uint32_t)at->len };
    u->has_as4_path = true;
    return true;
}

static bool attr_aggregator(struct upd *u, const struct attr *at, const char **what)
{
    if (!right_len(at, u->caps->as4 ? 8 : 6, what))
        return false;
    u->aggregator = u->caps->as4 ? load_be32(at->p) : load_be16(at->p);
    u->has_aggregator = true;
    return true;
}

static bool attr_as4_aggr(struct upd *u, const struct attr *at, const char **what)
{
    u->has_as4_aggregator = at->len == 8;
    return right_len(at, 8, what);
}

/* No host has 0.0.0.0 or a group's address; it matters only with NLRI of IPv4's own field, so update.c
 * complains. */
static bool attr_next_hop(struct upd *u, const struct attr *at, const char **what)
{
    if (!right_len(at, 4, what))
        return false;
    uint32_t v = load_be32(at->p);
    if ((v != 0 && v >> 28 != 0xe) || u->caps->monitored)
        addr_set_v4(&u->next_hop, at->p);
    return true;
}

static bool take_u32(struct upd *u, const struct attr *at, const char **what, uint32_t *v, uint32_t bit)
{
    if (!right_len(at, 4, what))
        return false;
    *v = load_be32(at->p);
    u->a.has |= bit;
    return true;
}

static bool attr_med(struct upd *u, const struct attr *at, const char **what)
{
    return take_u32(u, at, what, &u->a.med, RIB_MED);
}

static bool attr_local_pref(struct upd *u, const struct attr *at, const char **what)
{
    return take_u32(u, at, what, &u->a.local_pref, RIB_LOCAL_PREF);
}

static bool attr_otc(struct upd *u, const struct attr *at, const char **what)
{
    return take_u32(u, at, what, &u->a.otc, RIB_OTC);
}

/* Communities are a set: they are kept in order and each once, so that equal sets are equal octets. Most come
 * so. */
static bool take_list(struct upd *u, const struct attr *at, const char **what, uint32_t size,
                      struct rib_octets *to, uint32_t bit)
{
    if (!full_of(at, size, what))
        return false;
    *to = (struct rib_octets){ at->p, (uint32_t)at->len };
    u->a.has |= bit;
    if (octets_ascend(at->p, to->len, size) || (size_t)(u->scratch.end - u->scratch.p) < at->len)
        return true;
    memcpy(u->scratch.p, at->p, at->len);
    *to = (struct rib_octets){ u->scratch.p, octets_sort(u->scratch.p, to->len, size) };
    u->scratch.p += to->len;
    return true;
}

static bool attr_comms(struct upd *u, const struct attr *at, const char **what)
{
    return take_list(u, at, what, 4, &u->a.comms, RIB_COMMS);
}

static bool attr_ext_comms(struct upd *u, const struct attr *at, const char **what)
{
    return take_list(u, at, what, 8, &u->a.ext_comms, RIB_EXT_COMMS);
}

static bool attr_lrg_comms(struct upd *u, const struct attr *at, const char **what)
{
    return take_list(u, at, what, 12, &u->a.lrg_comms, RIB_LRG_COMMS);
}

/* RFC 7311 §3: TLVs of type 1, length 2 (these three included); the first of type 1 counts. */
static bool attr_aigp(struct upd *u, const struct attr *at, const char **what)
{
    struct cursor c = cursor_of(at->p, at->len);
    *what = "a TLV is malformed";
    while (cursor_left(&c)) {
        uint8_t type = cursor_u8(&c);
        uint16_t len = cursor_u16(&c);
        struct cursor value = cursor_sub(&c, len < 3 ? SIZE_MAX : len - 3u);
        if (value.bad || (type == 1 && len != 11))
            return false;
        if (type != 1 || u->a.has & RIB_AIGP)
            continue;
        u->a.aigp = cursor_u64(&value);
        u->a.has |= RIB_AIGP;
    }
    return at->len != 0;
}

/* RFC 8669 §3, 9252 §2: what is wrong with the TLVs of SRv6 services makes a withdrawal of the message,
 * anything else costs the attribute. */
static bool attr_prefix_sid(struct upd *u, const struct attr *at, const char **what)
{
    enum { LABEL_INDEX = 1, L3_SERVICE = 5, L2_SERVICE = 6 };
    struct cursor c = cursor_of(at->p, at->len);
    *what = "a TLV ends behind it";
    while (cursor_left(&c)) {
        uint8_t type = cursor_u8(&c);
        struct cursor value = cursor_sub(&c, cursor_u16(&c));
        if (value.bad)
            return false;
        size_t len = cursor_left(&value);
        if (type == LABEL_INDEX && len == 7) {
            cursor_skip(&value, 3);
            u->a.label_index = cursor_u32(&value);
            u->a.has |= RIB_LABEL_INDEX;
        } else if (type == L3_SERVICE || type == L2_SERVICE) {
            cursor_skip(&value, 1);
            if (value.bad || !tlvs_fit(value, 1, what)) {
                bgp_fault(u->err, BGP_WITHDRAW, BGP_ERR_UPDATE, 9, "PREFIX_SID: a service TLV is malformed");
                return true;
            }
        }
    }
    return true;
}

/* RFC 6514 §5: flags, type, label, identifier of the tunnel, whose length is known for some types. */
static bool attr_pmsi(struct upd *u, const struct attr *at, const char **what)
{
    (void)u;
    enum { NO_TUNNEL = 0, INGRESS_REPLICATION = 6 };
    *what = "length is wrong";
    if (at->len < 5)
        return false;
    size_t id = at->len - 5;
    if (at->p[1] == NO_TUNNEL)
        return id == 0;
    return at->p[1] != INGRESS_REPLICATION || id == 4 || id == 16;
}

/* RFC 6368 §5: an AS number, then attributes. */
static bool attr_attr_set(struct upd *u, const struct attr *at, const char **what)
{
    (void)u;
    struct cursor c = cursor_of(at->p, at->len);
    cursor_skip(&c, 4);
    while (cursor_left(&c)) {
        uint8_t flags = cursor_u8(&c);
        cursor_skip(&c, 1);
        cursor_skip(&c, flags & ATTR_EXTENDED ? cursor_u16(&c) : cursor_u8(&c));
    }
    *what = "an attribute within ends behind it";
    return !c.bad;
}

/* RFC 4760 §3. In MRT's tables the next hop alone may stand there, or the whole: RFC 6396 §4.3.4. */
static bool attr_reach(struct upd *u, const struct attr *at, const char **what)
{
    struct mp_part *mp = &u->reach;
    struct cursor c = cursor_of(at->p, at->len);
    bool shortened = u->table_dump && at->len && at->p[0] + 1u == at->len;
    if (shortened) {
        mp->family = u->table_family;
    } else {
        mp->afi = cursor_u16(&c);
        mp->safi = cursor_u8(&c);
        mp->family = bgp_family_of(mp->afi, mp->safi);
    }
    struct cursor hop = cursor_sub(&c, cursor_u8(&c));
    if (!shortened)
        cursor_skip(&c, 1);
    *what = "ends early";
    if (c.bad || hop.bad)
        return false;
    mp->nlri = c;
    mp->there = true;
    *what = "names another family than the table";
    if (u->table_dump && mp->family != u->table_family)
        return false;
    *what = "length of the next hop does not fit the family";
    if (mp->family == BGP_FAMILIES)
        return true;
    const bool v4 = cursor_left(&hop) == 4 || cursor_left(&hop) == 12;
    if (!nlri_next_hop(mp->family, hop, &mp->next_hop))
        return false;
    mp->hop_mapped = u->caps->monitored && !v4 && addr_is_v4(&mp->next_hop);
    return true;
}

static bool attr_unreach(struct upd *u, const struct attr *at, const char **what)
{
    struct mp_part *mp = &u->unreach;
    struct cursor c = cursor_of(at->p, at->len);
    mp->afi = cursor_u16(&c);
    mp->safi = cursor_u8(&c);
    mp->family = bgp_family_of(mp->afi, mp->safi);
    mp->nlri = c;
    mp->there = !c.bad;
    *what = "ends early";
    return !c.bad;
}

/* ---- the table */

enum then { KEPT, TAKEN, COPIED, DROPPED };

static const struct row {
    const char *name;
    uint8_t flags;
    attr_fn *take;
    enum bgp_action action;
    enum then then;
    bool internal;
} rows[256] = {
#define T ATTR_TRANSITIVE
#define O ATTR_OPTIONAL
#define OT (ATTR_OPTIONAL | ATTR_TRANSITIVE)
#define ANY false
#define INTERNAL true
#define ATTR(type, name, flags, take, action, then, from)                                                    \
    [type] = { name, flags, attr_##take, BGP_##action, then, from },
#include "bgp/attrs.def"
#undef ATTR
#undef INTERNAL
#undef ANY
#undef OT
#undef O
#undef T
};

const char *bgp_attr_name(uint8_t type) { return rows[type].name ? rows[type].name : "unknown attribute"; }

/* Adds an attribute to those that are kept whole. They stay where they are while they stand in a row. */
static void keep(struct upd *u, const struct attr *at)
{
    size_t n = (size_t)(at->p - at->whole) + at->len;
    const uint8_t *others_end = u->others ? u->others + u->others_len : NULL;
    struct scratch *s = &u->scratch;
    if (!others_end) {
        u->others = at->whole;
    } else if (others_end != at->whole) {
        size_t move = others_end == s->p ? 0 : u->others_len; /* 0: they are the last in scratch */
        if ((size_t)(s->end - s->p) < move + n)
            return;
        if (move) {
            memcpy(s->p, u->others, move);
            u->others = s->p;
        }
        memcpy(s->p + move, at->whole, n);
        s->p += move + n;
    }
    u->others_len += n;
}

static void fault(struct upd *u, const struct attr *at, enum bgp_action action, uint8_t subcode,
                  const char *what)
{
    if (action == BGP_WITHDRAW && u->caps->monitored)
        action = BGP_DISCARD;
    bool tells = action > u->err->action;
    bgp_fault(u->err, action, BGP_ERR_UPDATE, subcode, what);
    if (!tells)
        return;
    u->err->attr = at->type;
    u->err->data = at->whole;
    u->err->data_len = (uint16_t)(at->p + at->len - at->whole);
}

static uint8_t subcode_of(uint8_t type)
{
    enum { ORIGIN = 1, AS_PATH = 2, NEXT_HOP = 3 };
    return type == ORIGIN                     ? 6
           : type == AS_PATH                  ? 11
           : type == NEXT_HOP                 ? 8
           : rows[type].flags & ATTR_OPTIONAL ? 9
                                              : 5;
}

static void unknown(struct upd *u, const struct attr *at)
{
    if (at->flags & ATTR_OPTIONAL || u->table_dump)
        keep(u, at);
    else
        fault(u, at, BGP_RESET, 2, "unknown well-known attribute");
}

/* RFC 7606 §3 (g): of two, the first counts; two of MP_REACH_NLRI or MP_UNREACH_NLRI end the session. */
static bool seen_before(struct upd *u, const struct attr *at)
{
    enum { REACH = 14, UNREACH = 15 };
    uint64_t bit = UINT64_C(1) << (at->type & 63), *word = &u->seen[at->type >> 6];
    if (!(*word & bit)) {
        *word |= bit;
        return false;
    }
    bool fatal = at->type == REACH || at->type == UNREACH;
    fault(u, at, fatal ? BGP_RESET : BGP_DISCARD, 1, "attribute is there twice");
    return true;
}

static void one(struct upd *u, const struct attr *at)
{
    const struct row *r = &rows[at->type];
    const char *what = "is malformed";
    if (seen_before(u, at))
        return;
    if (!r->take) {
        unknown(u, at);
        return;
    }
    if (r->internal && u->caps->external)
        return;
    if (!u->table_dump && (at->flags ^ r->flags) & (ATTR_OPTIONAL | ATTR_TRANSITIVE)) {
        fault(u, at, r->action == BGP_DISCARD ? BGP_DISCARD : BGP_WITHDRAW, 4, "flags are wrong");
        if (r->action == BGP_DISCARD)
            return;
    }
    if (!r->take(u, at, &what))
        fault(u, at, r->action, subcode_of(at->type), what);
    else if (r->then == KEPT || (r->then == COPIED && u->caps->keep_all))
        keep(u, at);
}

/* The next attribute; false: it does not fit what is left. */
static bool next(struct cursor *c, struct attr *at)
{
    at->whole = c->p;
    at->flags = cursor_u8(c);
    at->type = cursor_u8(c);
    at->len = at->flags & ATTR_EXTENDED ? cursor_u16(c) : cursor_u8(c);
    at->p = cursor_take(c, at->len);
    return !c->bad;
}

int upd_attributes(struct upd *u, const uint8_t *p, size_t len)
{
    struct cursor c = cursor_of(p, len);
    struct attr at;
    while (cursor_left(&c)) {
        if (!next(&c, &at)) { /* RFC 7606 §4: where the NLRI begin is known all the same */
            bgp_fault(u->err, BGP_WITHDRAW, BGP_ERR_UPDATE, 1, "an attribute ends behind the attributes");
            break;
        }
        one(u, &at);
    }
    if (u->has_as2_path || u->sets)
        upd_make_as_path(u);
    if (u->others_len) {
        u->a.others = (struct rib_octets){ u->others, (uint32_t)u->others_len };
        u->a.has |= RIB_OTHERS;
    }
    return u->err->action == BGP_RESET ? -1 : 0;
}
