/* SPDX-License-Identifier: BSD-2-Clause */
/* Peers and their tables, as rib.c, rib_walk.c and rib_lookup.c see them. */
#ifndef RIB_RIB_IMPL_H
#define RIB_RIB_IMPL_H

#include "rib/exact.h"
#include "rib/fast.h"
#include "rib/opaque.h"
#include "rib/paths.h"
#include "rib/pool.h"
#include "rib/rib.h"
#include "rib/trie.h"

/* What a table is found by: the family in one word, the RD in the other. */
struct table_key {
    uint64_t family, rd;
};

struct table {
    struct table_key key;
    struct rib_key shown; /* family, RD, path ids: what the keys of its routes begin with */
    bool is_opaque;
    bool is_exact; /* the routes are in `exact`, not in the trie */
    struct trie trie;
    struct exact exact;
    struct fast *_Atomic fast; /* NULL: none, or not yet */
    _Atomic bool wanted;       /* flows have been looked up here */
    struct table *next_stale;  /* among those whose fast way has stale places */
    bool is_stale;
    struct opaque opaque;
    uint64_t routes;
};

struct table_index {
    uint32_t mask;
    struct table *_Atomic slot[];
};

enum {
    QUICK = 8
}; /* tables without RD that flows are looked up in: afi, safi 1 or 4, with path ids or without */

/* A peer. */
struct view {
    struct rib_peer_info info;
    uint32_t number;
    struct table *_Atomic quick[QUICK];
    struct table_index *_Atomic index; /* of all tables; NULL: none */
    /* the writer's own */
    struct table **list; /* in the order of their making */
    uint32_t tables, room;
    struct table *last; /* the one asked for last */
    uint64_t routes;
    /* once it is gone */
    struct view *next;
    rib_route_fn gone;
    void (*done)(void *arg);
    void *arg;
    uint32_t drained; /* tables */
    struct trie_drain drain;
    uint32_t place; /* in a table of opaque or exact routes */
};

struct views {
    uint32_t count;
    struct view *_Atomic v[];
};

enum waiting { WAIT_PIECE, WAIT_MALLOC, WAIT_VIEW, WAIT_FAST = FAST_WAITS }; /* kinds of epoch_item */

struct rib {
    struct epoch epoch;
    struct epoch_queue queue;
    struct slab routes_slab, sets_slab;
    struct slab fast_slab; /* of its own, so that what lookups read lies close together */
    struct trie_memory memory;
    struct exact_memory exact;
    bool is_exact; /* tables that can be, are */
    struct rib_pool *pool;
    struct views *_Atomic views; /* by number */
    _Atomic uint32_t generation;
    uint8_t *taken;       /* numbers in use, those of peers that are being removed too */
    struct view *dying;   /* no reader sees them */
    struct table *stale;  /* whose fast way is to be tended */
    _Atomic bool wanting; /* a table may have become worth a fast way */
    void (*wake)(void *arg);
    void *wake_arg;
    size_t queue_mark; /* when to look whether what waits may go */
    uint64_t peers, tables, routes, fast_ways;
};

struct rib_reader {
    struct epoch_reader e;
    struct rib *rib;
};

static inline unsigned max_bits(uint16_t afi) { return afi == RIB_IPV4 ? 32 : afi == RIB_IPV6 ? 128 : 0; }

struct table_key table_key_of(const struct rib_key *key);

static inline uint32_t table_hash(const struct table_key *k)
{
    uint64_t x = (k->family ^ k->rd * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(x >> 32);
}

/* The place among `quick`, or -1. */
static inline int quick_place(uint16_t afi, uint8_t safi, bool has_rd, bool add_path)
{
    if (has_rd || (afi != RIB_IPV4 && afi != RIB_IPV6) || (safi != RIB_UNICAST && safi != RIB_LABELLED))
        return -1;
    return (afi == RIB_IPV6) << 2 | (safi == RIB_LABELLED) << 1 | add_path;
}

static inline struct view *view_of(const struct rib *rib, uint32_t peer)
{
    const struct views *v = atomic_load_explicit(&rib->views, memory_order_acquire);
    return v && peer < v->count ? atomic_load_explicit(&v->v[peer], memory_order_acquire) : NULL;
}

struct table *find_table(const struct view *v, const struct table_key *k);

/* What stands under exactly this prefix, of a table that is not opaque. */
static inline uint64_t find_value(const struct rib *rib, const struct table *t, const uint8_t *addr,
                                  unsigned bits)
{
    return t->is_exact ? exact_find(&t->exact, &rib->exact, addr, bits) : trie_find(&t->trie, addr, bits);
}

/* Calls fn for the routes of a prefix from path id `from` on; `key` has its address and length. false: fn has
 * ended it, *next is where it goes on (0: behind the prefix). */
bool each_path(const struct table *t, struct rib_key *key, uint64_t value, uint32_t from, rib_route_fn fn,
               void *arg, uint64_t *next);

#endif
