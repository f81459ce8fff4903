/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes, their origins and their states. */
#include "rpki/route.h"

#include <string.h>
#include "base/cursor.h"

/* ---- tables */

void roa_view_take(struct roa_view *v)
{
    v->generation = rpki_generation(v->rpki);
    for (unsigned i = 0; i < RPKI_TABLES; i++) {
        roa_put(v->table[i]);
        v->table[i] = rpki_table(v->rpki, (enum rpki_source)i);
    }
}

void roa_view_open(struct roa_view *v, const struct service *rpki)
{
    *v = (struct roa_view){ .rpki = rpki ? rpki_of_service(rpki) : NULL };
    if (v->rpki)
        roa_view_take(v);
}

void roa_view_close(struct roa_view *v)
{
    for (unsigned i = 0; i < RPKI_TABLES; i++)
        roa_put(v->table[i]);
    *v = (struct roa_view){ 0 };
}

/* ---- states */

struct roa_origin roa_origin_of(struct rib_octets as_path, uint32_t peer_as)
{
    enum { AS_SET = 1, AS_CONFED_SET = 4 };
    struct roa_origin o = { .as = peer_as };
    struct cursor c = cursor_of(as_path.len ? (const void *)as_path.p : "", as_path.len);
    while (cursor_left(&c) >= 2) {
        const uint8_t type = cursor_u8(&c), n = cursor_u8(&c);
        const uint8_t *numbers = cursor_take(&c, 4u * n);
        if (!numbers || !n)
            continue;
        o.none = type == AS_SET || type == AS_CONFED_SET;
        o.as = load_be32(numbers + 4 * (n - 1));
    }
    return o;
}

enum roa_state roa_view_validate(const struct roa_view *v, const struct addr *prefix, unsigned bits,
                                 const struct roa_origin *o)
{
    enum roa_state state = ROA_UNKNOWN;
    for (unsigned i = 0; i < RPKI_TABLES && state != ROA_VALID; i++) {
        const enum roa_state s =
            v->table[i] ? roa_validate(v->table[i], prefix, bits, o->as, !o->none) : ROA_UNKNOWN;
        state = s == ROA_UNKNOWN ? state : s;
    }
    return state;
}

enum roa_state roa_of_route(const struct roa_view *v, const struct rib_key *k, const struct roa_origin *o)
{
    struct addr prefix;
    if (k->nlri.len || (k->afi != RIB_IPV4 && k->afi != RIB_IPV6))
        return ROA_UNKNOWN;
    if (k->afi == RIB_IPV4)
        addr_set_v4(&prefix, k->addr);
    else
        addr_set_v6(&prefix, k->addr);
    addr_mask(&prefix, k->bits);
    return roa_view_validate(v, &prefix, k->bits, o);
}

/* ---- overlaps */

struct covering {
    const struct roa_view *v;
    struct rib_pool *pool;
    uint32_t peer_as;
    enum roa_state state;
};

static bool on_covering(void *arg, const struct rib_key *k, const struct rib_route *r)
{
    struct covering *c = arg;
    struct rib_attrs a;
    rib_attrs_get(c->pool, r->attrs, &a);
    const struct roa_origin o = roa_origin_of(a.as_path, c->peer_as);
    const enum roa_state s = roa_of_route(c->v, k, &o);
    if (s == ROA_INVALID)
        return true;
    c->state = s == ROA_VALID ? ROA_VALID_OVERLAP : ROA_UNKNOWN_OVERLAP;
    return false;
}

enum roa_state roa_overlap(const struct roa_view *v, struct rib *rib, uint32_t peer, const struct rib_key *k,
                           uint32_t peer_as)
{
    struct covering c = { .v = v, .pool = rib_pool(rib), .peer_as = peer_as, .state = ROA_INVALID };
    rib_covering(rib, peer, k, on_covering, &c);
    return c.state;
}

char roa_letter(enum roa_state s) { return "uivVU"[s]; }
