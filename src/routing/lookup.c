/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the tables, and following what they say. */
#include "routing/lookup.h"

#include <string.h>
#include "config/mapfile.h"

/* --- configuration */

int follow_conf(struct follow *f, const struct routing_keys *k, struct err *e)
{
    const char *at = k->follow_nexthop;
    char text[ADDR_TEXT + 4];
    *f = (struct follow){ .defaults = k->follow_default, .external = k->follow_nexthop_external };
    while (at) {
        if (f->n == FOLLOW_MAX)
            return err_set(e, ERR_CONFIG, "bgp_follow_nexthop: more than %d prefixes", FOLLOW_MAX);
        if (!map_list_next(&at, text, sizeof(text)))
            return err_set(e, ERR_CONFIG, "bgp_follow_nexthop: '%s': a prefix is empty or too long",
                           k->follow_nexthop);
        if (map_prefix("bgp_follow_nexthop", text, &f->prefix[f->n].net, &f->prefix[f->n].bits, e) == -1)
            return -1;
        f->n++;
    }
    return 0;
}

static bool is_followed(const struct follow *f, const struct addr *hop)
{
    for (unsigned i = 0; i < f->n; i++)
        if (map_in_prefix(hop, &f->prefix[i].net, f->prefix[i].bits))
            return true;
    return false;
}

int lookup_init(struct lookup *l, const struct config *c, struct err *e)
{
    memset(l, 0, sizeof(*l));
    l->by_id = !c->bgp_disable_router_id_check;
    return follow_conf(&l->follow, &c->routing, e);
}

/* --- sources */

static int connect_one(struct lookup *l, struct rib *rib, bool bmp, struct err *e)
{
    struct lookup_source *s = &l->source[l->n];
    if (!rib)
        return 0;
    s->reader = rib_reader_new(rib);
    if (!s->reader)
        return err_sys(e, "no memory for a reader of routes");
    s->rib = rib;
    peers_init(&s->peers, rib, s->reader, bmp, l->by_id);
    l->n++;
    return 0;
}

/* Where the configuration names one of the two, only that is asked. */
int lookup_connect(struct lookup *l, const struct config *c, struct rib *bgp, struct rib *bmp, struct err *e)
{
    const bool only_bmp = c->as_source == SOURCE_BMP || c->net_source == SOURCE_BMP;
    const bool only_bgp = !only_bmp && (c->as_source == SOURCE_BGP || c->net_source == SOURCE_BGP);
    if (connect_one(l, only_bmp ? NULL : bgp, false, e) == -1)
        return -1;
    return connect_one(l, only_bgp ? NULL : bmp, true, e);
}

void lookup_disconnect(struct lookup *l)
{
    lookup_offline(l);
    for (unsigned i = 0; i < l->n; i++)
        rib_reader_free(l->source[i].reader);
    l->n = 0;
}

/* --- asking */

static bool is_rd(const struct rd *rd)
{
    static const struct rd none;
    return memcmp(rd, &none, sizeof(none)) != 0 && (rd->b[0] << 8 | rd->b[1]) != RD_TYPE_VRFID;
}

/* One peer: in the table of the flow's RD; without one, plain routes, else labelled ones. In BMP a peer may
 * be one of a VPN, whose table it has as plain routes. */
static bool ask(const struct lookup_source *s, uint32_t peer, const struct question *q, struct rib_match *m)
{
    const struct addr *hop = addr_is_set(&q->flow->next_hop) ? &q->flow->next_hop : NULL;
    const uint8_t *rd = is_rd(&q->flow->mpls_vpn_rd) ? q->flow->mpls_vpn_rd.b : NULL;
    const struct rib_peer_info *info = s->peers.bmp ? rib_peer(s->reader, peer) : NULL;
    if (info && info->has_rd) {
        if (!rd || memcmp(rd, info->rd, sizeof(info->rd)) != 0)
            return false;
        rd = NULL;
    }
    if (rd)
        return rib_lookup(s->reader, peer, RIB_VPN, rd, q->host, hop, m);
    return rib_lookup(s->reader, peer, RIB_UNICAST, NULL, q->host, hop, m) ||
           rib_lookup(s->reader, peer, RIB_LABELLED, NULL, q->host, hop, m);
}

/* The longest prefix among equals (in BMP a router has tables for each of its neighbours), else of those who
 * come after. */
static bool ask_agent(struct lookup_source *s, const struct agent *a, const struct question *q,
                      struct found *r)
{
    const struct peers_found *p = peers_of(&s->peers, a);
    struct rib_match m;
    bool found = false;
    unsigned rank = 0;
    for (unsigned i = 0; i < p->n && (!found || p->rank[i] == rank); i++) {
        if (!ask(s, p->peer[i], q, &m) || (found && m.bits <= r->bits))
            continue;
        found = true;
        rank = p->rank[i];
        r->attrs = m.route.attrs;
        r->bits = m.bits;
        r->peer = p->peer[i];
        r->rib = s->rib;
    }
    return found;
}

static void next_hop_of(const struct found *r, struct addr *hop)
{
    struct rib_attrs a;
    rib_attrs_get(rib_pool(r->rib), r->attrs, &a);
    *hop = a.next_hop;
}

/* A default route says: ask that router. */
static void follow_defaults(struct lookup *l, struct lookup_source *s, const struct question *q,
                            struct found *r)
{
    for (int i = 0; i < l->follow.defaults && r->bits == 0; i++) {
        struct agent a = { .port = 0 };
        struct found further = *r;
        next_hop_of(r, &a.addr);
        if (!ask_agent(s, &a, q, &further) || further.peer == r->peer)
            return;
        *r = further;
    }
}

/* Next hops inside the given prefixes are asked in turn for the same destination; the last of them is what
 * counts. */
static void follow_next_hops(struct lookup *l, struct lookup_source *s, const struct question *q,
                             struct found *r)
{
    struct found at = *r;
    for (unsigned i = 0; i < FOLLOW_HOPS; i++) {
        struct agent a = { .port = 0 };
        next_hop_of(&at, &a.addr);
        const bool inside = is_followed(&l->follow, &a.addr);
        if (inside || l->follow.external)
            r->followed = a.addr;
        const uint32_t peer = at.peer;
        if (!inside || !ask_agent(s, &a, q, &at) || at.peer == peer)
            return;
    }
}

/* Is one peer all that is asked for this agent, in one table? Then what was expected says it all. */
static bool is_simple(const struct lookup *l, const struct peers_found *p, unsigned octets)
{
    return (p->n == 1 || (p->n && p->rank[0] < p->rank[1])) && !l->follow.defaults && !l->follow.n &&
           !l->source[0].peers.bmp && !rib_has_path_ids(l->source[0].reader, p->peer[0], octets);
}

void lookup_expect(struct lookup *l, const struct agent *a, unsigned octets, const struct rib_expected *e,
                   unsigned n)
{
    struct lookup_ahead *ahead = &l->ahead[octets == 4 ? LOOKUP_V4 : LOOKUP_V6];
    ahead->simple = false;
    if (!l->n)
        return;
    lookup_online(l);
    ahead->of = a ? *a : l->last_agent;
    const struct peers_found *p = peers_of(&l->source[0].peers, &ahead->of);
    const bool simple = is_simple(l, p, octets);
    ahead->peer = !a && !simple ? l->last_peer : p->n ? p->peer[0] : 0;
    ahead->at[LOOKUP_SRC] = ahead->at[LOOKUP_DST] = 0;
    if (!ahead->peer)
        return;
    rib_expect(&ahead->rib, l->source[0].reader, ahead->peer, octets, e, n);
    ahead->simple = simple && ahead->rib.known;
}

void lookup_ask(struct lookup *l, struct question *q, const struct flow *f)
{
    q->flow = f;
    l->last_agent = q->agent;
    const bool v4 = addr_is_v4(&f->dst_host) || addr_is_v4(&f->src_host); /* one may not be decoded */
    struct lookup_ahead *a = &l->ahead[v4 ? LOOKUP_V4 : LOOKUP_V6];
    q->ahead = a->simple && q->agent.port == a->of.port && addr_equal(&q->agent.addr, &a->of.addr) &&
                       !is_rd(&f->mpls_vpn_rd)
                   ? a
                   : NULL;
}

/* Flows come in the order in which they were told, each with one or two addresses in any order; some are left
 * out, some come twice. */
enum { AHEAD_WINDOW = 4 };

static inline bool is_at(const struct rib_ahead *a, unsigned i, const struct addr *host, bool v4)
{
    if (!v4)
        return !memcmp(a->addr6[i], host->b, sizeof(a->addr6[i]));
    uint32_t addr;
    memcpy(&addr, host->b + 12, sizeof(addr));
    return a->one[i].addr == addr;
}

static inline const struct rib_ahead_one *find_among(struct lookup_ahead *a, const struct addr *host,
                                                     enum lookup_end end, bool v4)
{
    const unsigned next = a->at[end];
    for (unsigned i = next; i < next + AHEAD_WINDOW && i < a->rib.n; i++)
        if (is_at(&a->rib, i, host, v4)) {
            a->at[end] = i + 1;
            return rib_expected_found(&a->rib, i);
        }
    for (unsigned i = next; i-- > 0 && i + AHEAD_WINDOW >= next;)
        if (i < a->rib.n && is_at(&a->rib, i, host, v4))
            return rib_expected_found(&a->rib, i);
    a->at[end]++;
    return NULL;
}

/* Hosts of a flow are of one family; a strange template may have one of each. */
static const struct rib_ahead_one *find_expected(const struct lookup *l, struct lookup_ahead *a,
                                                 const struct addr *host, enum lookup_end end)
{
    const bool v4 = a == &l->ahead[LOOKUP_V4];
    if (addr_is_v4(host) != v4)
        return NULL;
    return v4 ? find_among(a, host, end, true) : find_among(a, host, end, false);
}

static void find_by_asking(struct lookup *l, const struct question *q, struct found *r)
{
    for (unsigned i = 0; i < l->n && !r->rib; i++) {
        struct lookup_source *s = &l->source[i];
        if (!ask_agent(s, &q->agent, q, r))
            continue;
        if (l->follow.defaults)
            follow_defaults(l, s, q, r);
        if (q->end == LOOKUP_DST && l->follow.n)
            follow_next_hops(l, s, q, r);
    }
    if (!r->rib)
        return;
    if (r->rib == l->source[0].rib)
        l->last_peer = r->peer;
    r->kept = rib_attrs_kept(rib_pool(r->rib), r->attrs);
    __builtin_prefetch(r->kept);
}

void lookup_find(struct lookup *l, struct question *q, enum lookup_end end, struct found *r)
{
    q->end = end;
    q->host = end == LOOKUP_DST ? &q->flow->dst_host : &q->flow->src_host;
    const struct rib_ahead_one *x = q->ahead ? find_expected(l, q->ahead, q->host, end) : NULL;
    *r = (struct found){ .rib = NULL };
    if (!x) {
        find_by_asking(l, q, r);
        return;
    }
    r->rib = l->source[0].rib;
    r->peer = q->ahead->peer;
    r->attrs = x->id;
    r->bits = x->bits;
    r->kept = x->kept;
}

/* --- RPKI */

static const struct rib_peer_info *info_of(const struct lookup *l, const struct found *r)
{
    for (unsigned i = 0; i < l->n; i++)
        if (l->source[i].rib == r->rib)
            return rib_peer(l->source[i].reader, r->peer);
    return NULL;
}

/* An invalid route: what of the tables that it may be in (see ask) takes its traffic. */
static enum roa_state overlap(const struct lookup *l, const struct found *r, const struct flow *f,
                              const struct addr *host)
{
    static const uint8_t plain[] = { RIB_UNICAST, RIB_LABELLED }, vpn[] = { RIB_VPN, RIB_VPN };
    const struct rib_peer_info *info = info_of(l, r);
    const bool v4 = addr_is_v4(host), in_vpn = is_rd(&f->mpls_vpn_rd) && info && !info->has_rd;
    struct rib_key k = { .afi = v4 ? RIB_IPV4 : RIB_IPV6, .has_rd = in_vpn };
    uint8_t octets[16];
    addr_get_v6(host, octets);
    memcpy(k.addr, octets + (v4 ? 12 : 0), v4 ? 4 : 16);
    memcpy(k.rd, f->mpls_vpn_rd.b, sizeof(k.rd));
    for (unsigned i = 0; info && i < 4; i++) {
        k.safi = in_vpn ? vpn[i / 2] : plain[i / 2];
        k.has_path_id = i % 2;
        k.bits = r->bits;
        const enum roa_state s = roa_overlap(&l->roas, r->rib, r->peer, &k, info->as);
        if (s != ROA_INVALID)
            return s;
    }
    return ROA_INVALID;
}

uint8_t lookup_roa(const struct lookup *l, const struct found *r, const struct flow *f,
                   const struct addr *host)
{
    if (!r->facts || !l->roas.rpki)
        return ROA_UNKNOWN;
    struct roa_origin o = { .as = r->facts->origin_as, .none = r->facts->origin_is_set };
    struct addr net = *host;
    addr_mask(&net, r->bits);
    if (!r->facts->has_path) {
        const struct rib_peer_info *info = info_of(l, r);
        o.as = info ? info->as : 0;
    }
    const enum roa_state s = roa_view_validate(&l->roas, &net, r->bits, &o);
    return (uint8_t)(s == ROA_INVALID ? overlap(l, r, f, host) : s);
}

void lookup_close(struct lookup *l) { roa_view_close(&l->roas); }
