/* SPDX-License-Identifier: BSD-2-Clause */
/* Routes of many peers, for the daemons that learn them (bgp, bmp) and for the workers that look flows up in
 * them. A rib has one writing thread, which does everything but what is said to be for readers. Each peer has
 * a trie for each of its tables (family, RD); routes are numbers of attribute sets in it, prefixes are where
 * they stand and cost nothing. Readers take no lock and wait for nothing: nodes are replaced, never changed,
 * and freed when every reader has been quiescent (epoch.h). */
#ifndef RIB_RIB_H
#define RIB_RIB_H

#include "core/figures.h"
#include "rib/attrs.h"

enum { RIB_LABELS_MAX = 30 }; /* octets; an NLRI's length field holds no more than ten labels */

enum { RIB_IPV4 = 1, RIB_IPV6 = 2 };                                          /* afi */
enum { RIB_UNICAST = 1, RIB_MULTICAST = 2, RIB_LABELLED = 4, RIB_VPN = 128 }; /* safi */

/* What a route is known by. Start from all zero. */
struct rib_key {
    uint16_t afi;
    uint8_t safi;
    uint8_t bits; /* prefix length without RD and labels */
    bool has_rd, has_path_id;
    uint32_t path_id;
    uint8_t rd[8];
    uint8_t addr[16];       /* network order; bits behind the prefix are ignored */
    struct rib_octets nlri; /* families that are no prefixes (EVPN, flowspec, BGP-LS, SR policy): the whole
                               NLRI without path id */
};

struct rib_route {
    uint32_t attrs; /* number of the set */
    uint8_t labels_len;
    uint8_t labels[RIB_LABELS_MAX]; /* 3 octets each as on the wire, top first; EVPN: see bgp/evpn.h */
};

/* Who a peer is: for readers who look for the one of an exporter. */
struct rib_peer_info {
    struct addr addr; /* where the session comes from; BMP: the monitored peer */
    uint16_t port;
    struct addr id;     /* BGP identifier, as an IPv4 address */
    struct addr router; /* BMP: the router that monitors; else not set */
    uint32_t as;
    uint8_t kind; /* BMP: the caller's number for the kind of RIB (in, out, local, before or after policy) */
    bool stale; /* left by a session that is gone (graceful restart, snapshot): asked after the living ones */
    bool has_rd;
    uint8_t rd[8]; /* BMP: peer distinguisher */
};

struct rib;

struct rib *rib_new(void); /* NULL: no memory */
/* Nobody will ever look up: nothing that is replaced has to wait for readers. Before the first route. */
void rib_set_unread(struct rib *rib);
/* Beside that, nobody will ever walk: routes are asked for by exactly their key (rib_find, rib_withdraw,
 * rib_covering), or go with their peer, in no order. Costs less memory, and a fifth of the time. Tables with
 * path ids or labels are not changed by it. Before the first route. */
void rib_set_exact(struct rib *rib);
/* `wake` is called from a reader's thread, seldom: rib_tend has something to do. Before the first reader. */
void rib_set_wake(struct rib *rib, void (*wake)(void *arg), void *arg);
void rib_free(struct rib *rib); /* no reader may be left */
struct rib_pool *rib_pool(struct rib *rib);

/* --- peers */

/* Number of a new peer (from 1, the least that is free); 0: no memory. */
uint32_t rib_peer_add(struct rib *rib, const struct rib_peer_info *info);

/* Called for a route. Returning false ends the walk after this one. `key` and `route` are the caller's own
 * copies. */
typedef bool (*rib_route_fn)(void *arg, const struct rib_key *key, const struct rib_route *route);

/* Takes a peer out: lookups see it no more. Its routes go in slices, by rib_tend, and `gone` (or NULL) is
 * told each of them; then `done` (or NULL) is called and the number may be given out again. */
void rib_peer_remove(struct rib *rib, uint32_t peer, rib_route_fn gone, void (*done)(void *arg), void *arg);

/* Routes of a peer; 0 for one that is not there. How many tables have some. For the writing thread. */
uint64_t rib_peer_routes(const struct rib *rib, uint32_t peer);
unsigned rib_peer_tables(const struct rib *rib, uint32_t peer);

/* --- routes */

/* Puts a route in; the reference on `attrs` stays the caller's, the route has its own. Labels belong to safi
 * 4 and 128; those of opaque NLRI are whatever is no part of its key. Returns 1: new, 0: replaces one, which
 * *was (or NULL) then tells; -1: no memory, nothing has changed. What *was names stays readable until the
 * next rib_tend. */
int rib_announce(struct rib *rib, uint32_t peer, const struct rib_key *key, struct rib_octets labels,
                 uint32_t attrs, struct rib_route *was);

/* For who announces or withdraws several routes of one table soon: fetches what that will read, for all of
 * them side by side, since memory is far away. The first RIB_PREPARED count. */
enum { RIB_PREPARED = 32 };
void rib_prepare(const struct rib *rib, uint32_t peer, const struct rib_key *keys, unsigned n);

/* Takes a route out. Returns 1: it was there, *was (or NULL) tells what it was; 0: there was none; -1: no
 * memory. */
int rib_withdraw(struct rib *rib, uint32_t peer, const struct rib_key *key, struct rib_route *was);

/* The route of exactly this key. For the writing thread. */
bool rib_find(const struct rib *rib, uint32_t peer, const struct rib_key *key, struct rib_route *route);

/* Where a walk is; start from all zero. Survives whatever happens to the routes between two calls: routes
 * that stay are visited once. */
struct rib_place {
    uint32_t table;
    uint32_t index;
    struct rib_key next;
    bool inside;
};

/* Not for a rib of rib_set_exact. Calls fn for up to n routes of the peer, table after table in the order in
 * which these came up, in each by address and length (opaque NLRI: in no order). Returns whether there may be
 * more. */
bool rib_walk(const struct rib *rib, uint32_t peer, struct rib_place *place, unsigned n, rib_route_fn fn,
              void *arg);

/* Does what was put off: routes of peers that are gone (about n of them), memory that no reader can see any
 * more. Call it after each batch of messages and, while it returns true, whenever the loop is idle. */
bool rib_tend(struct rib *rib, unsigned n);

/* --- readers: a flow worker's thread has one of a rib */

struct rib_reader;

/* A new reader, offline. From any thread. NULL: no memory. */
struct rib_reader *rib_reader_new(struct rib *rib);
void rib_reader_free(struct rib_reader *r);

/* From online to offline the reader may look up; what it got stays valid until quiescent or offline. A worker
 * is offline while it blocks, else memory piles up; quiescent between two batches. */
void rib_reader_online(struct rib_reader *r);
void rib_reader_offline(struct rib_reader *r);
void rib_reader_quiescent(struct rib_reader *r);

/* Changes whenever a peer comes or goes: what was found by the two functions below has to be found again. */
uint32_t rib_generation(const struct rib *rib);
uint32_t rib_peer_max(const struct rib_reader *r); /* the highest number in use */
const struct rib_peer_info *rib_peer(const struct rib_reader *r, uint32_t peer); /* NULL: none */

/* What was found. */
struct rib_match {
    uint8_t bits;
    uint32_t path_id;
    struct rib_route route;
};

/* The longest prefix of this peer's table that covers the address: IPv4 or IPv6 by the address, safi, rd (8
 * octets, or NULL for a table without). Among paths of one prefix that with the next hop `want` (or NULL),
 * else the one with the lowest path id. Attributes: rib_attrs_get(rib_pool(..), m->route.attrs, ..). */
bool rib_lookup(const struct rib_reader *r, uint32_t peer, uint8_t safi, const uint8_t *rd,
                const struct addr *a, const struct addr *want, struct rib_match *m);

/* For who has several addresses to look up soon, one after the other: what their lookups will read is fetched
 * while those before them are worked on, since memory is far away; and of those that say so the notes of what
 * they find. */
enum { RIB_EXPECTED = 64 };
struct rib_expected {
    const uint8_t *addr;
    bool note;
};

/* Addresses on their way; the caller's, opaque but for n, addr6, addr, and id, bits, kept of what
 * rib_expected_found returns. Valid as long as what the reader has found. */
struct rib_ahead {
    const struct rib *rib;
    const void *way; /* NULL: the trie's, all at once */
    bool known;      /* results are kept, not only fetched */
    unsigned n, begun, ready;
    struct rib_ahead_one {
        const void *at;
        const struct rib_kept *kept; /* with the set */
        uint32_t addr;               /* IPv4, as on the wire */
        uint32_t id;                 /* of the set; 0: nothing, or not known here: ask rib_lookup */
        uint8_t bits;                /* of the prefix */
        bool note, missing;
    } one[RIB_EXPECTED];
    uint8_t addr6[RIB_EXPECTED][16]; /* IPv6 */
};

/* Begins with n addresses, at most RIB_EXPECTED, of one family (`octets` 4 or 16), among the unicast routes
 * of a peer. They are copied. */
void rib_expect(struct rib_ahead *a, const struct rib_reader *r, uint32_t peer, unsigned octets,
                const struct rib_expected *e, unsigned n);

/* Goes on until number i is there, and with those behind it. */
void rib_expected_go(struct rib_ahead *a, unsigned i);

/* What rib_lookup finds for address number i (less than n). NULL: nothing, or not known here: ask rib_lookup.
 */
static inline const struct rib_ahead_one *rib_expected_found(struct rib_ahead *a, unsigned i)
{
    if (__builtin_expect(a->ready <= i, 0))
        rib_expected_go(a, i);
    return a->known && a->one[i].id ? &a->one[i] : NULL;
}

/* Has this peer routes with path ids in the table that addresses of so many octets are looked up in? */
bool rib_has_path_ids(const struct rib_reader *r, uint32_t peer, unsigned octets);

/* Calls fn for the routes of the same table whose prefixes are shorter than that of the key and cover it, the
 * longest first, until it returns false; all paths of each. Asks for one length after the other: not for
 * every flow. For the writing thread, and for readers that are online. */
void rib_covering(const struct rib *rib, uint32_t peer, const struct rib_key *key, rib_route_fn fn,
                  void *arg);

/* --- counts, exact at any time; for the writing thread */
struct rib_counts {
    uint64_t peers, tables, routes, nodes;
    uint64_t fast_ways;                  /* tables with a second way in, for flows */
    uint64_t sets;                       /* of attributes */
    uint64_t octets_routes, octets_sets; /* in use */
    uint64_t octets_held;                /* from the system */
    uint64_t waiting;                    /* pieces of memory that wait for readers */
};
void rib_counts(const struct rib *rib, struct rib_counts *c);
/* The same as figures of the RIB called `name`. */
void rib_figures(const struct rib *rib, const char *name, struct figures *f);

#endif
