/* SPDX-License-Identifier: BSD-2-Clause */
/* What a flow is told: the peer it is asked of, the routes of its two ends, and their facts. */
#include "routing/step.h"

#include <stdlib.h>
#include <string.h>
#include "bgp/service.h"
#include "bmp/bmp.h"
#include "routing/facts.h"
#include "routing/lookup.h"
#include "routing/rowvalues.h"

/* Members of a flow, by where they come from. */
enum {
    SRC_AS = 1 << 0,
    SRC_NET = 1 << 1,
    SRC_PEER_AS = 1 << 2,
    SRC_LOCAL_PREF = 1 << 3,
    SRC_MED = 1 << 4,
    SRC_COMMS = 1 << 5,
    SRC_EXT_COMMS = 1 << 6,
    SRC_LRG_COMMS = 1 << 7,
    SRC_AS_PATH = 1 << 8,
    SRC_ROA = 1 << 9,
    SRC_FACTS = SRC_LOCAL_PREF | SRC_MED | SRC_COMMS | SRC_EXT_COMMS | SRC_LRG_COMMS | SRC_AS_PATH
};
enum {
    DST_AS = 1 << 0,
    DST_NET = 1 << 1,
    DST_AS_PATH = 1 << 2,
    DST_MORE = 1 << 3, /* facts_more */
    DST_ROA = 1 << 4,
    DST_NEXT_HOP = 1 << 5
};

struct part {
    int number; /* in struct maps, -1: none */
    struct map_ref *ref;
    const struct rowvalues *map;
};

struct step {
    const struct config *c;
    char daemon;
    bool as, as_longest;   /* AS numbers come from here; only where the prefix is the longest */
    bool net, net_longest; /* networks and next hops */
    bool keep_sampled;     /* what the sample says of its route goes first (sFlow) */
    uint32_t src, dst;     /* what is asked for: SRC_*, DST_* */
    uint32_t src_routes;   /* of src: what takes a lookup */
    uint8_t texts;         /* of facts: those that are asked for */
    struct facts_conf fc;
    struct strbuf work; /* texts are written here once */
    struct part part[ROUTE_MAPS];
    struct match_memory *memory;
    struct lookup lookup;
};

/* --- configuration */

static const char *map_path(const struct routing_keys *k, enum route_map which)
{
    const char *const path[ROUTE_MAPS] = { k->agent_map, k->peer_src_as_map, k->src_local_pref_map,
                                           k->src_med_map, k->peer_dst_ip_map };
    return path[which];
}

static bool from_routes(int source)
{
    return source == SOURCE_BGP || source == SOURCE_BMP || source == SOURCE_LONGEST;
}

static int check(const struct config *c, char daemon, struct err *e)
{
    const struct routing_keys *k = &c->routing;
    const bool routed = c->bgp_daemon || c->bmp.daemon;
    static const struct {
        const char *key, *map;
    } rows[] = { { "bgp_peer_src_as_type", "bgp_peer_src_as_map" },
                 { "bgp_src_local_pref_type", "bgp_src_local_pref_map" },
                 { "bgp_src_med_type", "bgp_src_med_map" } };
    const int type[] = { k->peer_src_as, k->src_local_pref, k->src_med };
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (type[i] == FROM_MAP && !map_path(k, MAP_PEER_SRC_AS + i))
            return err_set(e, ERR_CONFIG, "%s: map: a '%s' has to be given for it", rows[i].key, rows[i].map);
    if ((c->as_source == SOURCE_BGP || c->net_source == SOURCE_BGP) && !c->bgp_daemon && !c->bmp.daemon)
        return err_set(
            e, ERR_CONFIG,
            "nfacctd_as and nfacctd_net (or their like): bgp: 'bgp_daemon: true' has to be given for it");
    if ((c->as_source == SOURCE_BMP || c->net_source == SOURCE_BMP) && !routed)
        return err_set(
            e, ERR_CONFIG,
            "nfacctd_as and nfacctd_net (or their like): bmp: 'bmp_daemon: true' has to be given for it");
    if (routed && (daemon == 'P' || daemon == 'U') && !k->agent_map)
        return err_set(
            e, ERR_CONFIG,
            "bgp_daemon: packets have no exporter: 'bgp_agent_map' has to say whose routes are asked");
    return 0;
}

static struct map_spec spec_of(const struct config *c, char daemon, enum route_map which)
{
    return (struct map_spec){ .ops = &route_map_ops[which],
                              .path = map_path(&c->routing, which),
                              .daemon = daemon };
}

static int load(struct maps *m, const struct config *c, char daemon, struct err *e)
{
    struct facts_conf fc;
    struct follow follow;
    if (check(c, daemon, e) == -1 || facts_conf(&fc, &c->routing, e) == -1 ||
        follow_conf(&follow, &c->routing, e) == -1)
        return -1;
    for (unsigned i = 0; i < ROUTE_MAPS; i++) {
        struct err why = { 0 };
        const struct map_spec spec = spec_of(c, daemon, (enum route_map)i);
        if (spec.path && maps_add(m, &spec, &why) == -1)
            return err_set(e, why.code, "%s: %s", spec.ops->key, why.text);
    }
    return 0;
}

static int open_step(void **state, const struct config *c, char daemon, const struct maps *m, struct err *e)
{
    const struct routing_keys *k = &c->routing;
    *state = NULL;
    if (!c->bgp_daemon && !c->bmp.daemon && !k->peer_src_as_map && !k->src_local_pref_map && !k->src_med_map)
        return 0;
    struct step *s = calloc(1, sizeof(*s));
    if (!s)
        return err_sys(e, "no memory for routes");
    s->c = c;
    s->daemon = daemon;
    s->as = from_routes(c->as_source);
    s->as_longest = c->as_source == SOURCE_LONGEST;
    s->net = from_routes(c->net_source);
    s->net_longest = c->net_source == SOURCE_LONGEST;
    s->keep_sampled = daemon == 'S' && !s->as;
    if (facts_conf(&s->fc, k, e) == -1 || lookup_init(&s->lookup, c, e) == -1) {
        free(s);
        return -1;
    }
    strbuf_init(&s->work, FACTS_WORK_MAX);
    for (unsigned i = 0; i < ROUTE_MAPS; i++) {
        const struct map_spec spec = spec_of(c, daemon, (enum route_map)i);
        s->part[i].number = spec.path ? maps_find(m, &spec) : -1;
    }
    *state = s;
    return 0;
}

static void drop_maps(struct step *s)
{
    for (unsigned i = 0; i < ROUTE_MAPS; i++) {
        map_drop(s->part[i].ref);
        s->part[i].ref = NULL;
        s->part[i].map = NULL;
    }
    match_memory_free(s->memory);
    s->memory = NULL;
}

static int take(void *state, struct maps *m)
{
    struct step *s = state;
    struct match_memory *memory = match_memory_new();
    if (!memory)
        return -1;
    drop_maps(s);
    s->memory = memory;
    for (unsigned i = 0; i < ROUTE_MAPS; i++)
        if (s->part[i].number != -1) {
            s->part[i].ref = maps_take(m, s->part[i].number);
            s->part[i].map = map_of(s->part[i].ref);
        }
    return 0;
}

/* --- what is asked for */

static uint32_t wanted(const struct fieldset *needs, unsigned field, bool here, uint32_t bit)
{
    return here && fieldset_has(needs, field) ? bit : 0;
}

static uint8_t wanted_texts(const struct step *s, const struct fieldset *needs)
{
    static const struct {
        unsigned field, text;
        uint32_t of_src; /* 0: of the destination */
    } rows[] = {
        { FIELD_as_path, TEXT_AS_PATH, 0 },
        { FIELD_std_comm, TEXT_COMMS, 0 },
        { FIELD_ext_comm, TEXT_EXT_COMMS, 0 },
        { FIELD_lrg_comm, TEXT_LRG_COMMS, 0 },
        { FIELD_src_as_path, TEXT_AS_PATH, SRC_AS_PATH },
        { FIELD_src_std_comm, TEXT_COMMS, SRC_COMMS },
        { FIELD_src_ext_comm, TEXT_EXT_COMMS, SRC_EXT_COMMS },
        { FIELD_src_lrg_comm, TEXT_LRG_COMMS, SRC_LRG_COMMS },
    };
    uint8_t texts = 0;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (fieldset_has(needs, rows[i].field) && (!rows[i].of_src || (s->src & rows[i].of_src)))
            texts |= (uint8_t)(1u << rows[i].text);
    return texts;
}

static void choose(struct step *s, const struct fieldset *needs)
{
    const struct routing_keys *k = &s->c->routing;
    static const unsigned more[] = { FIELD_std_comm, FIELD_ext_comm, FIELD_lrg_comm, FIELD_local_pref,
                                     FIELD_med };
    s->src = wanted(needs, FIELD_src_as, s->as, SRC_AS) | wanted(needs, FIELD_src_net, s->net, SRC_NET) |
             wanted(needs, FIELD_src_mask, s->net, SRC_NET) |
             wanted(needs, FIELD_peer_src_as, k->peer_src_as != FROM_FLOW, SRC_PEER_AS) |
             wanted(needs, FIELD_src_local_pref, k->src_local_pref, SRC_LOCAL_PREF) |
             wanted(needs, FIELD_src_med, k->src_med, SRC_MED) |
             wanted(needs, FIELD_src_std_comm, k->src_comm, SRC_COMMS) |
             wanted(needs, FIELD_src_ext_comm, k->src_ext_comm, SRC_EXT_COMMS) |
             wanted(needs, FIELD_src_lrg_comm, k->src_lrg_comm, SRC_LRG_COMMS) |
             wanted(needs, FIELD_src_as_path, k->src_as_path, SRC_AS_PATH) |
             wanted(needs, FIELD_src_roa, k->src_roa, SRC_ROA);
    s->src_routes = s->src;
    if (k->peer_src_as == FROM_MAP)
        s->src_routes &= ~(uint32_t)SRC_PEER_AS;
    if (k->src_local_pref == FROM_MAP)
        s->src_routes &= ~(uint32_t)SRC_LOCAL_PREF;
    if (k->src_med == FROM_MAP)
        s->src_routes &= ~(uint32_t)SRC_MED;
    s->dst = wanted(needs, FIELD_dst_as, s->as, DST_AS) | wanted(needs, FIELD_peer_dst_as, s->as, DST_AS) |
             wanted(needs, FIELD_dst_net, s->net, DST_NET) | wanted(needs, FIELD_dst_mask, s->net, DST_NET) |
             wanted(needs, FIELD_peer_dst_ip, s->net, DST_NEXT_HOP) |
             wanted(needs, FIELD_dst_roa, true, DST_ROA) | wanted(needs, FIELD_as_path, true, DST_AS_PATH);
    for (unsigned i = 0; i < sizeof(more) / sizeof(more[0]); i++)
        s->dst |= wanted(needs, more[i], true, DST_MORE);
    s->texts = wanted_texts(s, needs);
}

/* What the maps of the source read may come out of routes as well: so maps first. */
static void needs_of(void *state, struct fieldset *needs)
{
    struct step *s = state;
    for (unsigned i = 0; i < ROUTE_MAPS; i++)
        if (s->part[i].map)
            fieldset_or(needs, route_map_ops[i].needs(s->part[i].map));
    choose(s, needs);
    if (s->src || s->dst) {
        if (s->daemon == 'N' || s->daemon == 'S')
            fieldset_add(needs, FIELD_peer_src_ip);
        fieldset_add(needs, FIELD_mpls_vpn_rd);
        fieldset_add(needs, EXTRA_next_hop);
    }
    if (s->src_routes) {
        fieldset_add(needs, FIELD_src_host);
        fieldset_add(needs, FIELD_src_mask);
    }
    if (s->dst) {
        fieldset_add(needs, FIELD_dst_host);
        fieldset_add(needs, FIELD_dst_mask);
    }
}

/* --- one flow */

/* Was the route found by a prefix at least as long as that which the flow came with? */
static bool as_long(const struct found *r, uint8_t mask) { return r->rib && r->bits >= mask; }

/* Without a route: 0.0.0.0/0 or ::/0. */
static void put_net(const struct found *r, const struct addr *host, struct addr *net, uint8_t *mask)
{
    *mask = r->rib ? r->bits : 0;
    *net = *host;
    addr_mask(net, *mask);
}

/* What stands for the facts of a flow without a route. */
static const uint32_t nothing[(sizeof(struct facts) + sizeof(struct facts_more)) / sizeof(uint32_t) + 1];

static const struct facts *facts_or_nothing(const struct found *r)
{
    return r->facts ? r->facts : (const struct facts *)(const void *)nothing;
}

static void put_dst_more(const struct found *r, struct flow *f)
{
    const struct facts *x = facts_or_nothing(r);
    const struct facts_more more = facts_more(x);
    f->std_comm = facts_text(x, &more, TEXT_COMMS);
    f->ext_comm = facts_text(x, &more, TEXT_EXT_COMMS);
    f->lrg_comm = facts_text(x, &more, TEXT_LRG_COMMS);
    f->local_pref = more.local_pref;
    f->med = more.med;
}

static void put_next_hop(const struct found *r, struct flow *f)
{
    f->peer_dst_ip = r->followed;
    if (r->facts && !addr_is_set(&r->followed))
        facts_next_hop(r->facts, &f->peer_dst_ip);
}

static void put_dst(struct step *s, const struct found *r, struct flow *f)
{
    const bool wins = as_long(r, f->dst_mask);
    if ((s->dst & DST_AS) && (wins || !s->as_longest)) {
        f->dst_as = r->as.origin;
        f->peer_dst_as = r->as.peer;
    }
    if ((s->dst & DST_AS_PATH) && (r->rib || !s->keep_sampled))
        f->as_path = facts_path(facts_or_nothing(r));
    if ((s->dst & DST_MORE) && (r->rib || !s->keep_sampled))
        put_dst_more(r, f);
    if ((s->dst & DST_NEXT_HOP) && (wins || !s->net_longest))
        put_next_hop(r, f);
    if (s->dst & DST_ROA)
        f->dst_roa = lookup_roa(&s->lookup, r, f, &f->dst_host);
    if ((s->dst & DST_NET) && (wins || !s->net_longest))
        put_net(r, &f->dst_host, &f->dst_net, &f->dst_mask);
}

static void put_src_facts(const struct step *s, const struct found *r, struct flow *f)
{
    const struct facts *x = facts_or_nothing(r);
    const struct facts_more more = facts_more(x);
    if ((s->src & SRC_LOCAL_PREF) && s->c->routing.src_local_pref == FROM_BGP)
        f->src_local_pref = more.local_pref;
    if ((s->src & SRC_MED) && s->c->routing.src_med == FROM_BGP)
        f->src_med = more.med;
    if (s->src & SRC_COMMS)
        f->src_std_comm = facts_text(x, &more, TEXT_COMMS);
    if (s->src & SRC_EXT_COMMS)
        f->src_ext_comm = facts_text(x, &more, TEXT_EXT_COMMS);
    if (s->src & SRC_LRG_COMMS)
        f->src_lrg_comm = facts_text(x, &more, TEXT_LRG_COMMS);
    if (s->src & SRC_AS_PATH)
        f->src_as_path = facts_path(x);
}

static void put_src(struct step *s, const struct found *r, struct flow *f)
{
    const struct routing_keys *k = &s->c->routing;
    const bool wins = as_long(r, f->src_mask);
    if ((s->src & SRC_AS) && (wins || !s->as_longest))
        f->src_as = r->as.origin;
    if ((s->src & SRC_PEER_AS) && (k->peer_src_as == FROM_BGP || (k->peer_src_as == FROM_LONGEST && wins)))
        f->peer_src_as = r->as.peer;
    if (s->src & SRC_FACTS)
        put_src_facts(s, r, f);
    if (s->src & SRC_ROA)
        f->src_roa = lookup_roa(&s->lookup, r, f, &f->src_host);
    if ((s->src & SRC_NET) && (wins || !s->net_longest))
        put_net(r, &f->src_host, &f->src_net, &f->src_mask);
}

/* Where AS numbers alone are asked for, the facts need not be read, nor made. */
enum { SRC_LIGHT = SRC_AS | SRC_PEER_AS | SRC_NET, DST_LIGHT = DST_AS | DST_NET };
static bool src_is_light(const struct step *s)
{
    return !(s->src & ~(uint32_t)SRC_LIGHT) && s->src == s->src_routes;
}
static bool dst_is_light(const struct step *s) { return !(s->dst & ~(uint32_t)DST_LIGHT); }

static void learn(struct step *s, struct found *r, bool light)
{
    if (!r->rib)
        return;
    if (light) {
        const uint64_t word = facts_word_known(r->kept);
        r->as = __builtin_expect(word != 0, 1) ? facts_numbers_of(word)
                                               : facts_numbers(&s->fc, rib_pool(r->rib), r->attrs, &s->work);
        return;
    }
    r->facts = facts_known(r->kept, s->texts);
    if (__builtin_expect(!r->facts, 0))
        r->facts = facts_of(&s->fc, s->texts, rib_pool(r->rib), r->attrs, &s->work);
    if (r->facts)
        r->as = (struct as_numbers){ r->facts->origin_as, r->facts->peer_as };
    else
        r->rib = NULL; /* no memory: as if there were no route */
}

static uint32_t fact_of(const struct facts *x, enum route_map which)
{
    const struct facts_more more = facts_more(x);
    return which == MAP_PEER_SRC_AS ? x->peer_as : which == MAP_SRC_MED ? more.med : more.local_pref;
}

/* A value of the source that a map says; `bgp` in a row: what its route has. */
static void put_from_map(struct step *s, enum route_map which, struct question *q, struct found *src,
                         bool *asked, struct flow *f, uint32_t *value)
{
    const struct rowvalue *v = s->part[which].map ? rowvalues_find(s->part[which].map, f, s->memory) : NULL;
    *value = v ? v->number : 0;
    if (!v || !v->from_bgp)
        return;
    if (!*asked) {
        lookup_find(&s->lookup, q, LOOKUP_SRC, src);
        learn(s, src, false);
        *asked = true;
    }
    if (src->facts)
        *value = fact_of(src->facts, which);
}

static void put_from_maps(struct step *s, struct question *q, struct found *src, bool asked, struct flow *f)
{
    const struct routing_keys *k = &s->c->routing;
    if ((s->src & SRC_PEER_AS) && k->peer_src_as == FROM_MAP)
        put_from_map(s, MAP_PEER_SRC_AS, q, src, &asked, f, &f->peer_src_as);
    if ((s->src & SRC_LOCAL_PREF) && k->src_local_pref == FROM_MAP)
        put_from_map(s, MAP_SRC_LOCAL_PREF, q, src, &asked, f, &f->src_local_pref);
    if ((s->src & SRC_MED) && k->src_med == FROM_MAP)
        put_from_map(s, MAP_SRC_MED, q, src, &asked, f, &f->src_med);
}

/* Whose routes are asked: the exporter's, or what the map says. */
static struct agent agent_of(const struct step *s, const struct flow *f)
{
    struct agent a = { .addr = f->peer_src_ip };
    const struct rowvalue *v =
        s->part[MAP_AGENT].map ? rowvalues_find(s->part[MAP_AGENT].map, f, s->memory) : NULL;
    if (v)
        a = (struct agent){ v->addr, v->port };
    return a;
}

static void put_other_next_hop(struct step *s, struct flow *f)
{
    const struct rowvalue *v = s->part[MAP_PEER_DST_IP].map && (s->dst & DST_NEXT_HOP)
                                   ? rowvalues_find(s->part[MAP_PEER_DST_IP].map, f, s->memory)
                                   : NULL;
    if (v)
        f->peer_dst_ip = v->addr;
}

static void run(void *state, struct flow *f)
{
    struct step *s = state;
    struct found dst = { .rib = NULL }, src = { .rib = NULL };
    if (!s->src && !s->dst)
        return;
    struct question q = { .agent = agent_of(s, f) };
    lookup_online(&s->lookup);
    lookup_ask(&s->lookup, &q, f);
    if (s->dst)
        lookup_find(&s->lookup, &q, LOOKUP_DST, &dst);
    if (s->src_routes)
        lookup_find(&s->lookup, &q, LOOKUP_SRC, &src);
    if (s->dst) {
        learn(s, &dst, dst_is_light(s));
        put_dst(s, &dst, f);
    }
    put_other_next_hop(s, f);
    if (s->src_routes) {
        learn(s, &src, src_is_light(s));
        put_src(s, &src, f);
    }
    if (s->src != s->src_routes)
        put_from_maps(s, &q, &src, s->src_routes != 0, f);
}

/* A map that says whose routes are asked reads the flow, which is not known yet: then the last answer has to
 * do. */
static void expect(void *state, const struct addr *exporter, unsigned octets, const struct expected *e,
                   unsigned n)
{
    struct step *s = state;
    struct rib_expected asked[RIB_EXPECTED];
    const struct agent a = { .addr = *exporter };
    const bool dst_note = !dst_is_light(s), src_note = !src_is_light(s);
    unsigned k = 0;
    for (unsigned i = 0; i < n && k < RIB_EXPECTED; i++)
        if (e[i].is_dst ? s->dst : s->src_routes)
            asked[k++] = (struct rib_expected){ e[i].addr, e[i].is_dst ? dst_note : src_note };
    if (k)
        lookup_expect(&s->lookup, s->part[MAP_AGENT].map ? NULL : &a, octets, asked, k);
}

static void rest(void *state) { lookup_offline(&((struct step *)state)->lookup); }

int routing_connect(void *state, const struct route_ribs *ribs, struct err *e)
{
    struct step *s = state;
    return lookup_connect(&s->lookup, s->c, ribs->bgp, ribs->bmp, e);
}

static int connect_services(void *state, const struct services *ss, struct err *e)
{
    const struct service *bgp = services_find(ss, bgp_service.name),
                         *bmp = services_find(ss, bmp_service.name),
                         *rpki = services_find(ss, rpki_service.name);
    struct step *s = state;
    roa_view_open(&s->lookup.roas, rpki);
    return routing_connect(state,
                           &(struct route_ribs){ .bgp = bgp ? bgp_service_rib(bgp) : NULL,
                                                 .bmp = bmp ? bmp_service_rib(bmp) : NULL },
                           e);
}

static void disconnect(void *state) { lookup_disconnect(&((struct step *)state)->lookup); }

static void close_step(void *state)
{
    struct step *s = state;
    lookup_disconnect(&s->lookup);
    lookup_close(&s->lookup);
    drop_maps(s);
    strbuf_free(&s->work);
    free(s);
}

const struct routes_ops routing_ops = {
    .load = load,
    .open = open_step,
    .take = take,
    .needs = needs_of,
    .connect = connect_services,
    .flow = run,
    .expect = expect,
    .rest = rest,
    .disconnect = disconnect,
    .close = close_step,
};
