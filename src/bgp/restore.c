/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads MRT files into the RIB: each peer of a table becomes a neighbour without a session whose routes are
 * stale (neighbours.c). Called by service.c. */
#include "bgp/restore.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"
#include "bgp/mrt.h"

enum { TEND_EVERY = 4096 };

struct restoring {
    struct bgp_service *b;
    uint64_t stale_s;
    struct bgp_peer **peers; /* by index of the table */
    unsigned n_peers, found;
    struct bgp_peer *at; /* of the message under way */
    uint32_t attrs;
    uint64_t routes, lost;
    int64_t at_s; /* the table's time */
};

static struct bgp_peer *peer_of(struct restoring *r, const struct addr *a, const uint8_t id[4], uint32_t as)
{
    bool made = false;
    struct bgp_peer *p = bgp_neighbour_without_session(r->b, a, id, as, r->stale_s, &made);
    r->found += made;
    return p;
}

static void on_peers(void *arg, const struct mrt_peer *peers, unsigned n, int64_t at_s)
{
    struct restoring *r = arg;
    free(r->peers);
    r->at_s = at_s;
    r->n_peers = 0;
    r->peers = calloc(n ? n : 1, sizeof(struct bgp_peer *));
    for (unsigned i = 0; r->peers && i < n; i++)
        r->peers[r->n_peers++] = peer_of(r, &peers[i].addr, peers[i].id, peers[i].as);
}

static void announce(struct restoring *r, struct bgp_peer *p, const struct rib_key *k,
                     struct rib_octets labels, uint32_t attrs)
{
    if (!p || !attrs || rib_announce(r->b->rib, p->rib, k, labels, attrs, NULL) == -1)
        r->lost++;
    else if (++r->routes % TEND_EVERY == 0)
        rib_tend(r->b->rib, TEND_EVERY);
}

static void on_route(void *arg, unsigned peer, const struct rib_key *k, struct rib_octets labels,
                     const struct rib_attrs *a, int64_t originated_s)
{
    struct restoring *r = arg;
    const uint32_t attrs = rib_attrs_intern(rib_pool(r->b->rib), a);
    (void)originated_s;
    announce(r, peer < r->n_peers ? r->peers[peer] : NULL, k, labels, attrs);
    if (attrs)
        rib_attrs_put(rib_pool(r->b->rib), attrs);
}

/* ---- files of messages */

static void drop_attrs(struct restoring *r)
{
    if (r->attrs)
        rib_attrs_put(rib_pool(r->b->rib), r->attrs);
    r->attrs = 0;
}

static void take_attrs(void *arg, const struct rib_attrs *a)
{
    struct restoring *r = arg;
    drop_attrs(r);
    r->attrs = rib_attrs_intern(rib_pool(r->b->rib), a);
}

static void take_route(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct restoring *r = arg;
    announce(r, r->at, k, labels, r->attrs);
}

static void take_withdrawal(void *arg, const struct rib_key *k, struct rib_octets labels)
{
    struct restoring *r = arg;
    (void)labels;
    if (rib_withdraw(r->b->rib, r->at->rib, k, NULL) == 1)
        r->routes--;
}

static void no_end(void *arg, uint16_t afi, uint8_t safi)
{
    (void)arg;
    (void)afi;
    (void)safi;
}

static void on_message(void *arg, const struct mrt_message *m, const uint8_t *msg, size_t len)
{
    static const struct bgp_update_ops ops = { take_attrs, take_route, take_withdrawal, no_end };
    static const uint8_t no_id[4];
    struct restoring *r = arg;
    struct bgp_error e;
    const struct bgp_session_caps caps = { .as4 = m->as4,
                                           .families = BGP_ALL_FAMILIES,
                                           .add_path = m->add_path ? BGP_ALL_FAMILIES : 0 };
    if (bgp_type(msg) != BGP_UPDATE || m->by_local)
        return;
    r->at = peer_of(r, &m->peer, no_id, m->peer_as);
    if (r->at)
        (void)bgp_update_parse(msg, len, &caps, &ops, r, &e);
    else
        r->lost++;
    drop_attrs(r);
}

/* ---- both files */

static void tell(const struct restoring *r, const char *key, const char *path, const struct mrt_counts *n,
                 int64_t us)
{
    const struct log *l = r->b->log;
    log_info(l, "%s: %" PRIu64 " routes of %u neighbours from '%s' (%" PRId64 " ms)", key, r->routes,
             r->found, path, us / 1000);
    if (r->lost || n->malformed || n->refused)
        log_warn(l,
                 "%s: '%s': %" PRIu64 " records and %" PRIu64 " routes are malformed, %" PRIu64
                 " routes were left out for want of memory",
                 key, path, n->malformed, n->refused, r->lost);
}

static void restore_file(struct bgp_service *b, const char *key, const char *path, uint64_t stale_s)
{
    static const struct mrt_ops ops = { .peers = on_peers, .route = on_route, .message = on_message };
    struct restoring r = { .b = b, .stale_s = stale_s };
    struct mrt_reader reader;
    struct err e = { 0 };
    const int64_t began_us = clock_mono_us();
    mrt_reader_init(&reader, &ops, &r);
    if (mrt_read_file(&reader, path, NULL, &e) == -1)
        log_warn(b->log, "%s: %s", key, e.text);
    tell(&r, key, path, &reader.counts, clock_mono_us() - began_us);
    mrt_reader_free(&reader);
    free(r.peers);
    rib_tend(b->rib, TEND_EVERY);
}

void bgp_restore(struct bgp_service *b)
{
    const struct config *c = b->c;
    if (c->bgp_mrt_file)
        restore_file(b, "bgp_daemon_mrt_file", c->bgp_mrt_file, UINT64_MAX);
    if (c->bgp_snapshot_file &&
        access(c->bgp_snapshot_file, F_OK) == 0) /* at the first start there is none */
        restore_file(b, "bgp_daemon_snapshot_file", c->bgp_snapshot_file,
                     (uint64_t)c->bgp_snapshot_stale_time);
}
