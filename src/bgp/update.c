/* SPDX-License-Identifier: BSD-2-Clause */
/* An UPDATE from front to back: where its three parts lie, its attributes (attrs.c), then its routes (nlri.c)
 * in the order that ends with what holds. Called for every UPDATE of a BGP session, a BMP router or an MRT
 * file. */
#include "bgp/update_impl.h"

#include <string.h>

static int reset(struct bgp_error *e, uint8_t subcode, const char *what)
{
    return bgp_fault(e, BGP_RESET, BGP_ERR_UPDATE, subcode, what);
}

/* What of the message goes where. */
struct parts {
    struct cursor withdrawn, attrs, nlri;
};

static int split(const uint8_t *msg, size_t len, struct parts *p, struct bgp_error *e)
{
    struct cursor c = cursor_of(msg, len);
    cursor_skip(&c, BGP_HEADER);
    p->withdrawn = cursor_sub(&c, cursor_u16(&c));
    p->attrs = cursor_sub(&c, cursor_u16(&c));
    p->nlri = c;
    if (c.bad) /* RFC 4271 §6.3: both lengths and 23 are more than the message */
        return reset(e, 1, "lengths of withdrawn routes and attributes do not fit the message");
    return 0;
}

/* Whether routes of this family may come; if not, they are skipped and counted. */
static bool negotiated(struct upd *u, enum bgp_family f)
{
    if (f != BGP_FAMILIES && u->caps->families & BGP_FAMILY_BIT(f))
        return true;
    bgp_fault(u->err, BGP_DISCARD, BGP_ERR_UPDATE, 9, "routes of a family that was not negotiated");
    return false;
}

static int routes(struct upd *u, struct cursor c, enum bgp_family f, bool withdrawn, bgp_route_fn *put)
{
    return upd_nlri(c, f, withdrawn, u->caps, put, u->arg, u->err);
}

static int withdraw(struct upd *u, struct cursor c, enum bgp_family f)
{
    return !cursor_left(&c) || !negotiated(u, f) ? 0 : routes(u, c, f, true, u->ops->withdraw);
}

/* Without ORIGIN and AS_PATH, and NEXT_HOP for IPv4's own NLRI, nothing is announced: RFC 7606 §3 (d). */
static void check_mandatory(struct upd *u, bool classic)
{
    static const char *const missing[] = { "ORIGIN is missing", "AS_PATH is missing",
                                           "NEXT_HOP is missing, or is no host's address" };
    static const uint32_t bits[] = { RIB_ORIGIN, RIB_AS_PATH, RIB_NEXT_HOP };
    if (u->caps->monitored) {
        if (classic && !addr_is_set(&u->next_hop))
            addr_set_v4(&u->next_hop, (const uint8_t[4]){ 0 });
        return;
    }
    bool no_hop = classic && !addr_is_set(&u->next_hop);
    for (unsigned i = 0; i < 3; i++) {
        if (i < 2 ? u->a.has & bits[i] : !no_hop)
            continue;
        uint8_t before = (uint8_t)u->err->action;
        bgp_fault(u->err, BGP_WITHDRAW, BGP_ERR_UPDATE, 3, missing[i]);
        if (before < BGP_WITHDRAW)
            u->err->attr = (uint8_t)(i + 1);
    }
}

/* Routes that share a next hop. Malformed attributes make withdrawals of them. */
static int announce(struct upd *u, const struct addr *hop, bool mapped, struct cursor c, enum bgp_family f)
{
    if (u->err->action >= BGP_WITHDRAW)
        return routes(u, c, f, false, u->ops->withdraw);
    u->a.next_hop = *hop;
    u->a.has &= ~(uint32_t)(RIB_NEXT_HOP | RIB_HOP_MAPPED);
    u->a.has |= (addr_is_set(hop) ? RIB_NEXT_HOP : 0) | (mapped ? RIB_HOP_MAPPED : 0);
    u->ops->attrs(u->arg, &u->a);
    return routes(u, c, f, false, u->ops->announce);
}

/* RFC 4724 §2: nothing at all is the end of IPv4 unicast, an MP_UNREACH_NLRI alone without routes that of its
 * family. */
static bool end_of_rib(struct upd *u, const struct parts *p)
{
    if (cursor_left(&p->withdrawn) || cursor_left(&p->nlri) || u->reach.there)
        return false;
    if (!cursor_left(&p->attrs))
        u->ops->end_of_rib(u->arg, AFI_IPV4, SAFI_UNICAST);
    else if (u->unreach.there && !cursor_left(&u->unreach.nlri))
        u->ops->end_of_rib(u->arg, u->unreach.afi, u->unreach.safi);
    else
        return false;
    return true;
}

static int parse(struct upd *u, const uint8_t *msg, size_t len)
{
    struct parts p;
    if (split(msg, len, &p, u->err) != 0 || upd_attributes(u, p.attrs.p, cursor_left(&p.attrs)) != 0)
        return -1;
    if (end_of_rib(u, &p))
        return 0;
    /* RFC 7606 §5.3: NLRI that cannot be read is the session's end */
    if (withdraw(u, p.withdrawn, BGP_IPV4_UNICAST) != 0)
        return -1;
    if (u->unreach.there && withdraw(u, u->unreach.nlri, u->unreach.family) != 0)
        return -1;
    bool mp = u->reach.there && cursor_left(&u->reach.nlri) && negotiated(u, u->reach.family);
    bool classic = cursor_left(&p.nlri) && negotiated(u, BGP_IPV4_UNICAST);
    if (!classic && !mp)
        return 0;
    check_mandatory(u, classic);
    if (mp && announce(u, &u->reach.next_hop, u->reach.hop_mapped, u->reach.nlri, u->reach.family) != 0)
        return -1;
    if (classic && announce(u, &u->next_hop, false, p.nlri, BGP_IPV4_UNICAST) != 0)
        return -1;
    return 0;
}

/* Scratch for what may become longer than it is on the wire: a path of 2-octet numbers doubles, with AS4_PATH
 * behind it; kept attributes are copied at most once. */
enum { GROWS = 4 };

static int parse_with(struct upd *u, uint8_t *scratch, size_t size, const uint8_t *msg, size_t len)
{
    u->scratch = (struct scratch){ scratch, scratch + size };
    int rc = parse(u, msg, len);
    u->scratch = (struct scratch){ NULL, NULL };
    return rc;
}

__attribute__((noinline)) static int parse_large(struct upd *u, const uint8_t *msg, size_t len)
{
    uint8_t scratch[GROWS * BGP_MAX_EXTENDED];
    return parse_with(u, scratch, sizeof(scratch), msg, len);
}

static int parse_small(struct upd *u, const uint8_t *msg, size_t len)
{
    uint8_t scratch[GROWS * BGP_MAX];
    return parse_with(u, scratch, sizeof(scratch), msg, len);
}

int bgp_update_parse(const uint8_t *msg, size_t len, const struct bgp_session_caps *c,
                     const struct bgp_update_ops *ops, void *arg, struct bgp_error *e)
{
    *e = (struct bgp_error){ 0 };
    struct upd u = { .caps = c, .ops = ops, .arg = arg, .err = e };
    if (len > BGP_MAX_EXTENDED)
        return reset(e, 1, "longer than any BGP message");
    int rc = len <= BGP_MAX ? parse_small(&u, msg, len) : parse_large(&u, msg, len);
    return e->action == BGP_RESET ? -1 : rc;
}

/* MRT: attributes alone. */
static int parse_attrs(struct upd *u, const uint8_t *p, size_t len)
{
    uint8_t scratch[GROWS * BGP_MAX_EXTENDED];
    u->scratch = (struct scratch){ scratch, scratch + sizeof(scratch) };
    if (upd_attributes(u, p, len) != 0)
        return -1;
    bool mp = u->reach.there;
    check_mandatory(u, !mp && u->table_family == BGP_IPV4_UNICAST);
    if (u->err->action >= BGP_WITHDRAW)
        return 0;
    u->a.next_hop = mp ? u->reach.next_hop : u->next_hop;
    if (addr_is_set(&u->a.next_hop))
        u->a.has |= RIB_NEXT_HOP | (mp && u->reach.hop_mapped ? RIB_HOP_MAPPED : 0);
    u->ops->attrs(u->arg, &u->a);
    return 0;
}

int bgp_attrs_parse(const uint8_t *p, size_t len, enum bgp_family family, const struct bgp_session_caps *c,
                    const struct bgp_update_ops *ops, void *arg, struct bgp_error *e)
{
    *e = (struct bgp_error){ 0 };
    struct upd u = {
        .caps = c, .ops = ops, .arg = arg, .err = e, .table_dump = true, .table_family = family
    };
    if (len > BGP_MAX_EXTENDED)
        return reset(e, 1, "longer than any BGP message");
    int rc = parse_attrs(&u, p, len);
    return e->action == BGP_RESET ? -1 : rc;
}

int bgp_nlri_parse(const uint8_t *p, size_t n, enum bgp_family f, bool withdrawn,
                   const struct bgp_session_caps *c, bgp_route_fn *put, void *arg, struct bgp_error *e)
{
    *e = (struct bgp_error){ 0 };
    if (f == BGP_FAMILIES)
        return reset(e, 9, "family is unknown");
    return upd_nlri(cursor_of(p, n), f, withdrawn, c, put, arg, e);
}
