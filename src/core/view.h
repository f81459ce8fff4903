/* SPDX-License-Identifier: BSD-2-Clause */
/* What the maps of plugins make of a flow: networks, tags, labels, and the ports, protocols and types of
 * service that are told apart. Plugins with the same maps share a view; what it changes in the flow is put
 * back when they have been served. Each worker has views of its own; worker.c runs them. */
#ifndef CORE_VIEW_H
#define CORE_VIEW_H

#include "config/config.h"
#include "core/maps.h"
#include "core/networks.h"
#include "core/numlist.h"
#include "core/tagmap.h"
#include "core/worker.h"

enum view_map { VIEW_TAGS, VIEW_NETWORKS, VIEW_PORTS, VIEW_PROTOS, VIEW_TOS, VIEW_MAPS };

/* A map of a view. */
struct view_part {
    int number; /* in struct maps, -1: none */
    struct map_ref *ref;
};

/* Where AS numbers and networks come from, besides the flow. */
struct view_sources {
    uint8_t as, net; /* enum as_source, resolved: FLOW, FILE, LONGEST, MASK */
    uint8_t mask;    /* networks_mask, 0: none */
    bool filter, no_lpm, no_mask_if_zero;
};

/* What flows to come will find in the networks file; a flow that asks for another address asks the file. */
struct view_ahead {
    unsigned n, at; /* those before `at` were asked for */
    struct addr addr[EXPECTED_MAX];
    struct network_hit hit[EXPECTED_MAX];
};

struct view {
    struct view_part part[VIEW_MAPS];
    struct view_sources sources;
    bool networked; /* sources say something other than the flow */
    bool src, dst;  /* sides that somebody needs networks or AS numbers of */
    const struct tagmap *tags;
    struct tagmap_run *run;
    const struct networks *networks;
    const struct numlist *ports, *protos, *tos;
    bool lists; /* one of the three */
    bool dscp;  /* tos lists DSCP values */
    struct view_ahead ahead;
};

/* What a view may change. */
struct view_saved {
    uint64_t tag, tag2;
    struct var label;
    uint8_t tos, src_mask, dst_mask;
    uint32_t src_as, dst_as, peer_src_as, peer_dst_as;
    struct addr src_host, dst_host, src_net, dst_net, peer_dst_ip;
};

/* Loads the maps that a plugin's configuration names. -1: e. */
int view_load(struct maps *m, const struct config *c, char daemon, struct err *e);

/* The view of a configuration, its maps not yet taken. False: it has none, flows stay as they are. */
bool view_of(struct view *v, const struct maps *m, const struct config *c, char daemon);
bool view_same(const struct view *a, const struct view *b);

/* Takes the maps as they are now, in the place of those that it has. -1 without memory: the old ones stay. */
int view_take(struct view *v, struct maps *m);
void view_drop(struct view *v);

/* Adds what the view reads to *needs, which holds already what is to come out of it. */
void view_needs(struct view *v, struct fieldset *needs);

static inline void view_save(const struct view *v, struct view_saved *s, const struct flow *f)
{
    s->tag = f->tag;
    s->tag2 = f->tag2;
    s->label = f->label;
    s->tos = f->tos;
    if (!v->networked)
        return;
    s->src_mask = f->src_mask;
    s->dst_mask = f->dst_mask;
    s->src_as = f->src_as;
    s->dst_as = f->dst_as;
    s->peer_src_as = f->peer_src_as;
    s->peer_dst_as = f->peer_dst_as;
    s->src_host = f->src_host;
    s->dst_host = f->dst_host;
    s->src_net = f->src_net;
    s->dst_net = f->dst_net;
    s->peer_dst_ip = f->peer_dst_ip;
}

static inline void view_restore(const struct view *v, const struct view_saved *s, struct flow *f)
{
    f->tag = s->tag;
    f->tag2 = s->tag2;
    f->label = s->label;
    f->tos = s->tos;
    if (!v->networked)
        return;
    f->src_mask = s->src_mask;
    f->dst_mask = s->dst_mask;
    f->src_as = s->src_as;
    f->dst_as = s->dst_as;
    f->peer_src_as = s->peer_src_as;
    f->peer_dst_as = s->peer_dst_as;
    f->src_host = s->src_host;
    f->dst_host = s->dst_host;
    f->src_net = s->src_net;
    f->dst_net = s->dst_net;
    f->peer_dst_ip = s->peer_dst_ip;
}

/* AS numbers, networks, masks and next hop out of networks_file and networks_mask. */
void view_networks(struct view *v, struct flow *f);

/* Does it look flows up in a networks_file, or in a large pre_tag_map by their hosts? Then flows to come are
 * looked up together, which costs less. */
static inline bool view_looks_up(const struct view *v)
{
    return (v->networked && v->networks) || (v->tags && tagmap_expects(v->tags));
}
void view_expect(struct view *v, unsigned octets, const struct expected *e, unsigned n);

/* Tags the flow, from a row on: see tagmap_flow. */
static inline uint32_t view_tag(const struct view *v, struct flow *f, uint32_t from)
{
    return v->tags ? tagmap_flow(v->tags, v->run, f, from) : 0;
}

/* Ports, protocol and type of service that are not told apart become one. For a flow that has passed the
 * filters; the caller keeps what they were. */
void view_lists(const struct view *v, struct flow *f);

#endif
