/* SPDX-License-Identifier: BSD-2-Clause */
/* One end of a flow among the routes of its exporter: in BGP's table, in BMP's or in both, in that of the
 * route distinguisher where the flow has one; then on along default routes and next hops, as far as the
 * configuration says. For step.c. */
#ifndef ROUTING_LOOKUP_H
#define ROUTING_LOOKUP_H

#include "routing/facts.h"
#include "routing/peers.h"
#include "rpki/route.h"

enum { FOLLOW_MAX = 32, FOLLOW_HOPS = 20 };

/* bgp_follow_*. */
struct follow {
    int defaults;
    bool external;
    unsigned n;
    struct {
        struct addr net;
        uint8_t bits;
    } prefix[FOLLOW_MAX];
};

/* -1: e. */
int follow_conf(struct follow *f, const struct routing_keys *k, struct err *e);

struct lookup_source {
    struct rib *rib; /* NULL: none */
    struct rib_reader *reader;
    struct peers peers;
};

/* Addresses of one family that will be looked up soon. */
struct lookup_ahead {
    bool simple; /* it answers questions of its agent */
    struct agent of;
    uint32_t peer;
    unsigned at[2]; /* where the next source and the next destination will be */
    struct rib_ahead rib;
};

enum lookup_family { LOOKUP_V4, LOOKUP_V6, LOOKUP_FAMILIES };

struct lookup {
    struct lookup_source source[2]; /* those that are asked, in turn */
    unsigned n;
    bool online, by_id;
    uint32_t last_peer;      /* of the first source */
    struct agent last_agent; /* whose routes were asked for last */
    struct lookup_ahead ahead[LOOKUP_FAMILIES];
    struct follow follow;
    struct roa_view roas;
};

enum lookup_end { LOOKUP_SRC, LOOKUP_DST };

struct question {
    struct agent agent;
    const struct flow *flow;
    struct lookup_ahead *ahead; /* may answer it (lookup_ask); NULL: nothing does */
    /* lookup_find's own */
    enum lookup_end end;
    const struct addr *host;
};

struct found {
    struct rib *rib; /* NULL: there is no route */
    uint32_t peer;
    uint32_t attrs; /* number of the set */
    uint8_t bits;
    const struct rib_kept *kept; /* with the set */
    struct addr followed;        /* the last next hop on the way, not set: the route's own */
    struct as_numbers as;
    const struct facts *facts; /* NULL: not asked for */
};

int lookup_init(struct lookup *l, const struct config *c, struct err *e);
void lookup_close(struct lookup *l);
int lookup_connect(struct lookup *l, const struct config *c, struct rib *bgp, struct rib *bmp, struct err *e);
void lookup_disconnect(struct lookup *l);

static inline void lookup_online(struct lookup *l)
{
    for (unsigned i = 0; !l->online && i < l->n; i++)
        rib_reader_online(l->source[i].reader);
    if (!l->online)
        roa_view_renew(&l->roas);
    l->online = true;
}

static inline void lookup_offline(struct lookup *l)
{
    for (unsigned i = 0; l->online && i < l->n; i++)
        rib_reader_offline(l->source[i].reader);
    l->online = l->ahead[LOOKUP_V4].simple = l->ahead[LOOKUP_V6].simple = false;
}

/* Addresses that will be looked up soon (rib_expect), among the routes of this agent, or (NULL) of the one
 * that was asked for last. */
void lookup_expect(struct lookup *l, const struct agent *a, unsigned octets, const struct rib_expected *e,
                   unsigned n);

/* Begins with a flow, whose agent q has. */
void lookup_ask(struct lookup *l, struct question *q, const struct flow *f);

/* Finds the route of one end of the flow. */
void lookup_find(struct lookup *l, struct question *q, enum lookup_end end, struct found *r);

/* The RPKI state of what was found for one end of f (enum roa_state). */
uint8_t lookup_roa(const struct lookup *l, const struct found *r, const struct flow *f,
                   const struct addr *host);

#endif
