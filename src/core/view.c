/* SPDX-License-Identifier: BSD-2-Clause */
/* Which maps a plugin has, taking them when they change, and what networks and lists do to a flow. */
#include "core/view.h"

#include <stdlib.h>
#include <string.h>

enum { LABELS_ARE_MAP = 1 };

/* ---- kinds of maps */

static void *load_tags(const struct map_spec *s, struct err *e)
{
    const struct tagmap_conf c = { .daemon = s->daemon, .labels_are_map = s->flags & LABELS_ARE_MAP };
    return tagmap_load(s->path, &c, e);
}
static void free_tags(void *map) { tagmap_free(map); }
static uint64_t count_tags(const void *map) { return tagmap_rows(map); }
static const struct fieldset *needs_of_tags(const void *map) { return tagmap_needs(map); }

static void *load_networks(const struct map_spec *s, struct err *e) { return networks_load(s->path, e); }
static void free_networks(void *map) { networks_free(map); }
static uint64_t count_networks(const void *map) { return networks_count(map); }

static void *load_ports(const struct map_spec *s, struct err *e)
{
    return numlist_load(&numlist_ports, s->path, e);
}
static void *load_protos(const struct map_spec *s, struct err *e)
{
    return numlist_load(&numlist_protos, s->path, e);
}
static void *load_tos(const struct map_spec *s, struct err *e)
{
    return numlist_load(&numlist_tos, s->path, e);
}
static uint64_t count_list(const void *map) { return ((const struct numlist *)map)->count; }

static const struct map_ops kinds[VIEW_MAPS] = {
    [VIEW_TAGS] = { "pre_tag_map", load_tags, free_tags, count_tags, needs_of_tags },
    [VIEW_NETWORKS] = { "networks_file", load_networks, free_networks, count_networks, NULL },
    [VIEW_PORTS] = { "ports_file", load_ports, free, count_list, NULL },
    [VIEW_PROTOS] = { "protos_file", load_protos, free, count_list, NULL },
    [VIEW_TOS] = { "tos_file", load_tos, free, count_list, NULL },
};

/* The files that a configuration names, path NULL: none. */
static void specs_of(const struct config *c, char daemon, struct map_spec spec[VIEW_MAPS])
{
    const char *const path[VIEW_MAPS] = { c->pre_tag_map, c->networks_file, c->ports_file, c->protos_file,
                                          c->tos_file };
    for (unsigned i = 0; i < VIEW_MAPS; i++)
        spec[i] = (struct map_spec){ .ops = &kinds[i], .path = path[i], .daemon = daemon };
    if (c->pre_tag_label_encode_as_map)
        spec[VIEW_TAGS].flags = LABELS_ARE_MAP;
}

/* Packets say nothing of networks: where there is a file or a mask, it is the source. */
static enum as_source source_of(int asked, char daemon, bool file, bool mask)
{
    if (asked != SOURCE_DEFAULT)
        return (enum as_source)asked;
    if (daemon != 'P' && daemon != 'U')
        return SOURCE_FLOW;
    return file ? SOURCE_FILE : mask ? SOURCE_MASK : SOURCE_FLOW;
}

static struct view_sources sources_of(const struct config *c, char daemon)
{
    const bool file = c->networks_file, mask = c->networks_mask > 0;
    return (struct view_sources){ .as = (uint8_t)source_of(c->as_source, daemon, file, false),
                                  .net = (uint8_t)source_of(c->net_source, daemon, file, mask),
                                  .mask = (uint8_t)(mask ? c->networks_mask : 0),
                                  .filter = file && c->networks_file_filter,
                                  .no_lpm = c->networks_file_no_lpm,
                                  .no_mask_if_zero = c->networks_no_mask_if_zero };
}

static bool is_networked(const struct view_sources *s, bool file)
{
    return s->as == SOURCE_FILE || s->net == SOURCE_FILE || s->net == SOURCE_MASK || s->filter ||
           s->no_mask_if_zero || (file && (s->as == SOURCE_LONGEST || s->net == SOURCE_LONGEST));
}

static int check_sources(const struct config *c, struct err *e)
{
    if ((c->as_source == SOURCE_FILE || c->net_source == SOURCE_FILE) && !c->networks_file)
        return err_set(e, ERR_CONFIG, "%s: file: a 'networks_file' has to be given for it",
                       c->as_source == SOURCE_FILE ? "nfacctd_as (or its like)"
                                                   : "nfacctd_net (or its like)");
    if (c->net_source == SOURCE_MASK && c->networks_mask <= 0)
        return err_set(e, ERR_CONFIG,
                       "nfacctd_net (or its like): mask: a 'networks_mask' has to be given for it");
    return 0;
}

int view_load(struct maps *m, const struct config *c, char daemon, struct err *e)
{
    struct map_spec spec[VIEW_MAPS];
    if (check_sources(c, e) == -1)
        return -1;
    specs_of(c, daemon, spec);
    for (unsigned i = 0; i < VIEW_MAPS; i++) {
        struct err why = { 0 };
        if (spec[i].path && maps_add(m, &spec[i], &why) == -1)
            return err_set(e, why.code, "%s: %s", spec[i].ops->key, why.text);
    }
    return 0;
}

bool view_of(struct view *v, const struct maps *m, const struct config *c, char daemon)
{
    struct map_spec spec[VIEW_MAPS];
    *v = (struct view){ .sources = sources_of(c, daemon), .dscp = c->tos_encode_as_dscp };
    v->networked = is_networked(&v->sources, c->networks_file != NULL);
    bool any = v->networked;
    specs_of(c, daemon, spec);
    for (unsigned i = 0; i < VIEW_MAPS; i++) {
        v->part[i].number = spec[i].path ? maps_find(m, &spec[i]) : -1;
        any |= v->part[i].number != -1;
    }
    return any;
}

bool view_same(const struct view *a, const struct view *b)
{
    for (unsigned i = 0; i < VIEW_MAPS; i++)
        if (a->part[i].number != b->part[i].number)
            return false;
    return a->dscp == b->dscp && !memcmp(&a->sources, &b->sources, sizeof(a->sources));
}

static const void *map_in(const struct view *v, enum view_map i)
{
    return v->part[i].ref ? map_of(v->part[i].ref) : NULL;
}

int view_take(struct view *v, struct maps *m)
{
    struct view fresh = *v;
    for (unsigned i = 0; i < VIEW_MAPS; i++)
        fresh.part[i].ref = v->part[i].number == -1 ? NULL : maps_take(m, v->part[i].number);
    fresh.tags = map_in(&fresh, VIEW_TAGS);
    fresh.networks = map_in(&fresh, VIEW_NETWORKS);
    fresh.ports = map_in(&fresh, VIEW_PORTS);
    fresh.protos = map_in(&fresh, VIEW_PROTOS);
    fresh.tos = map_in(&fresh, VIEW_TOS);
    fresh.ahead.n = 0;
    fresh.lists = fresh.ports || fresh.protos || fresh.tos;
    fresh.run = fresh.tags ? tagmap_run_new(fresh.tags) : NULL;
    if (fresh.tags && !fresh.run) {
        view_drop(&fresh);
        return -1;
    }
    view_drop(v);
    *v = fresh;
    return 0;
}

void view_drop(struct view *v)
{
    for (unsigned i = 0; i < VIEW_MAPS; i++) {
        map_drop(v->part[i].ref);
        v->part[i].ref = NULL;
    }
    tagmap_run_free(v->run);
    v->run = NULL;
    v->tags = NULL;
}

static bool has_any(const struct fieldset *s, const uint16_t *which, unsigned n)
{
    bool any = false;
    for (unsigned i = 0; i < n; i++)
        any |= fieldset_has(s, which[i]);
    return any;
}

void view_needs(struct view *v, struct fieldset *needs)
{
    static const uint16_t of_src[] = { FIELD_src_as, FIELD_peer_src_as, FIELD_src_net, FIELD_src_mask };
    static const uint16_t of_dst[] = { FIELD_dst_as, FIELD_peer_dst_as, FIELD_dst_net, FIELD_dst_mask,
                                       FIELD_peer_dst_ip };
    if (v->tags)
        fieldset_or(needs, tagmap_needs(v->tags));
    v->src =
        v->networked && (v->sources.filter || has_any(needs, of_src, sizeof(of_src) / sizeof(of_src[0])));
    v->dst =
        v->networked && (v->sources.filter || has_any(needs, of_dst, sizeof(of_dst) / sizeof(of_dst[0])));
    if (v->src) {
        fieldset_add(needs, FIELD_src_host);
        fieldset_add(needs, FIELD_src_mask);
    }
    if (v->dst) {
        fieldset_add(needs, FIELD_dst_host);
        fieldset_add(needs, FIELD_dst_mask);
    }
}

/* ---- networks */

/* One side of a flow. */
struct side {
    struct addr *host, *net;
    uint8_t *mask;
    uint32_t *as, *peer_as;
    struct addr *next_hop; /* of the destination, NULL: source */
};

static struct addr any_of(const struct addr *a)
{
    static const uint8_t zero[16];
    struct addr any = { { 0 } };
    if (addr_is_v4(a))
        addr_set_v4(&any, zero);
    else if (addr_is_set(a))
        addr_set_v6(&any, zero);
    return any;
}

/* Flows come in the order in which they were told, with one or two addresses each. */
enum { AHEAD_WINDOW = 4 };

static struct network_hit find(struct view *v, const struct addr *host)
{
    struct addr cut = *host;
    struct view_ahead *a = &v->ahead;
    if (!v->networks)
        return (struct network_hit){ 0 };
    if (v->sources.mask)
        addr_mask(&cut, v->sources.mask);
    for (unsigned i = a->at; i < a->at + AHEAD_WINDOW && i < a->n; i++)
        if (addr_equal(&a->addr[i], &cut)) {
            a->at = i > a->at ? i - 1 : i;
            return a->hit[i];
        }
    a->at += a->at < a->n;
    return networks_find(v->networks, &cut);
}

static void take_as(const struct side *s, const struct network *hit)
{
    *s->as = hit ? hit->as : 0;
    *s->peer_as = hit ? hit->peer_as : 0;
}

static void take_net(const struct side *s, unsigned bits)
{
    *s->mask = (uint8_t)bits;
    *s->net = *s->host;
    if (bits)
        addr_mask(s->net, bits);
    else
        *s->net = any_of(s->host);
}

static void take_hop(const struct view *v, const struct side *s, const struct network *hit)
{
    const struct addr none = { { 0 } }, *hop = hit ? networks_hop(v->networks, hit) : &none;
    if (v->sources.net == SOURCE_FILE || addr_is_set(hop))
        *s->next_hop = *hop;
}

static unsigned bits_within(const struct addr *a, unsigned bits)
{
    return addr_is_v4(a) && bits > 32 ? 32 : bits;
}

/* Is the file's prefix the longest there is? */
static bool file_wins(const struct view *v, struct network_hit hit, unsigned flow_bits)
{
    return hit.of && (v->sources.no_lpm || hit.len > flow_bits);
}

static void one_side(struct view *v, const struct side *s)
{
    const struct view_sources *from = &v->sources;
    const struct network_hit hit = find(v, s->host);
    const unsigned flow_bits = *s->mask;
    const bool wins = file_wins(v, hit, flow_bits);
    if (from->as == SOURCE_FILE || (from->as == SOURCE_LONGEST && wins))
        take_as(s, hit.of);
    if (from->net == SOURCE_FILE || (from->net == SOURCE_LONGEST && wins)) {
        take_net(s, hit.len);
        if (s->next_hop)
            take_hop(v, s, hit.of);
    } else if (from->net == SOURCE_MASK) {
        take_net(s, bits_within(s->host, from->mask));
    }
    if (from->no_mask_if_zero && *s->mask == 0)
        *s->net = *s->host;
    if (from->filter && !hit.of)
        *s->host = *s->net = any_of(s->host);
}

void view_networks(struct view *v, struct flow *f)
{
    if (v->networks && v->src && v->dst && !v->ahead.n)
        networks_prefetch(v->networks, &f->dst_host);
    if (v->src)
        one_side(
            v, &(struct side){ &f->src_host, &f->src_net, &f->src_mask, &f->src_as, &f->peer_src_as, NULL });
    if (v->dst)
        one_side(v, &(struct side){ &f->dst_host, &f->dst_net, &f->dst_mask, &f->dst_as, &f->peer_dst_as,
                                    &f->peer_dst_ip });
}

static void expect_networks(struct view *v, unsigned octets, const struct expected *e, unsigned n)
{
    struct view_ahead *a = &v->ahead;
    a->n = a->at = 0;
    for (unsigned i = 0; i < n && a->n < EXPECTED_MAX; i++) {
        struct addr *to = &a->addr[a->n];
        if (!(e[i].is_dst ? v->dst : v->src))
            continue;
        if (octets == 4)
            addr_set_v4(to, e[i].addr);
        else
            addr_set_v6(to, e[i].addr);
        if (v->sources.mask)
            addr_mask(to, v->sources.mask);
        a->n++;
    }
    networks_find_many(v->networks, a->addr, a->n, a->hit);
}

void view_expect(struct view *v, unsigned octets, const struct expected *e, unsigned n)
{
    if (v->networked && v->networks)
        expect_networks(v, octets, e, n);
    if (v->tags && tagmap_expects(v->tags))
        tagmap_expect(v->tags, octets, e, n);
}

/* ---- lists */

enum { OTHER = 255 };

void view_lists(const struct view *v, struct flow *f)
{
    if (v->ports && !numlist_has(v->ports, f->src_port))
        f->src_port = 0;
    if (v->ports && !numlist_has(v->ports, f->dst_port))
        f->dst_port = 0;
    if (v->protos && !numlist_has(v->protos, f->proto))
        f->proto = OTHER;
    if (!v->tos)
        return;
    if (!numlist_has(v->tos, v->dscp ? f->tos >> 2 : f->tos))
        f->tos = OTHER; /* projection shows it as it is, also where it makes DSCP values of others */
    else if (v->dscp)
        f->tos &= 0xfc;
}
