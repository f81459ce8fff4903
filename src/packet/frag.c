/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of fragmented packets: chained hashing over a fixed pool of entries. Each entry is in one of four
 * lists: free ones, packets whose first fragment is known, packets whose later ones wait for it, and what has
 * waited in vain and is to be handed out. The middle two are in the order of age. */
#include "packet/frag.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>
#include "base/clock.h"
#include "base/hash.h"
#include "packet/snapshot.h"

enum { LIFE_S = 60, OCTETS_DEFAULT = 4096000, ENTRIES_MIN = 128, RESERVE = 32 };
#define LIFE_US (LIFE_S * US_PER_S)
#define NIL UINT32_MAX

enum list { LIST_FREE, LIST_KNOWN, LIST_HELD, LIST_READY, LIST_MAX };

struct entry {
    struct frag_key key;
    uint32_t bucket, chain; /* place in the hash table; next of the same bucket */
    uint32_t prev, next;    /* in its list */
    uint32_t seen, total;   /* octets of payload that came; of all fragments, 0: not known */
    int64_t at_us;          /* of the first fragment that came */
    uint64_t held_packets, held_bytes;
    uint8_t list; /* enum list */
    bool replaced;
    struct snapshot s;
};

struct frag_table {
    struct entry *entries;
    uint32_t *buckets;
    uint32_t mask; /* number of buckets - 1 */
    uint32_t made; /* entries that were used ever; the others are untouched memory */
    uint32_t room; /* entries */
    uint32_t used; /* of them */
    bool hold;
    uint64_t seed;
    struct {
        uint32_t first, last;
    } list[LIST_MAX];
    struct frag_stats stats;
    uint32_t labels[PACKET_LABELS_MAX]; /* of the last orphan */
};

/* ---- lists */

static void list_remove(struct frag_table *t, uint32_t i)
{
    struct entry *e = &t->entries[i];
    if (e->prev == NIL)
        t->list[e->list].first = e->next;
    else
        t->entries[e->prev].next = e->next;
    if (e->next == NIL)
        t->list[e->list].last = e->prev;
    else
        t->entries[e->next].prev = e->prev;
}

static void list_append(struct frag_table *t, uint32_t i, enum list to)
{
    struct entry *e = &t->entries[i];
    e->list = (uint8_t)to;
    e->prev = t->list[to].last;
    e->next = NIL;
    if (e->prev == NIL)
        t->list[to].first = i;
    else
        t->entries[e->prev].next = i;
    t->list[to].last = i;
}

static void list_move(struct frag_table *t, uint32_t i, enum list to)
{
    t->used += (uint32_t)(to != LIST_FREE) - (t->entries[i].list != LIST_FREE);
    list_remove(t, i);
    list_append(t, i, to);
}

/* ---- hash table */

static uint32_t bucket_of(const struct frag_table *t, const struct frag_key *key)
{
    return (uint32_t)XXH3_64bits_withSeed(key, sizeof(*key), t->seed) & t->mask;
}

static uint32_t find(const struct frag_table *t, const struct frag_key *key)
{
    uint32_t i = t->buckets[bucket_of(t, key)];
    while (i != NIL && memcmp(&t->entries[i].key, key, sizeof(*key)) != 0)
        i = t->entries[i].chain;
    return i;
}

static void unchain(struct frag_table *t, uint32_t i)
{
    uint32_t *at = &t->buckets[t->entries[i].bucket];
    while (*at != i)
        at = &t->entries[*at].chain;
    *at = t->entries[i].chain;
}

static void forget(struct frag_table *t, uint32_t i)
{
    unchain(t, i);
    list_move(t, i, LIST_FREE);
}

static void give_up(struct frag_table *t, uint32_t i)
{
    unchain(t, i);
    list_move(t, i, LIST_READY);
}

/* ---- entries */

/* A jump back in time (a capture that is read again) makes nothing old. */
static bool is_old(const struct entry *e, int64_t now_us) { return now_us - e->at_us > LIFE_US; }

static bool older(const struct frag_table *t, uint32_t a, uint32_t b)
{
    return a != NIL && (b == NIL || t->entries[a].at_us < t->entries[b].at_us);
}

/* Forgets the packet that began longest ago. One that is held has to be handed out before its entry is free.
 */
static void evict(struct frag_table *t)
{
    uint32_t known = t->list[LIST_KNOWN].first, held = t->list[LIST_HELD].first;
    t->stats.evicted += known != NIL || held != NIL;
    if (older(t, held, known))
        give_up(t, held);
    else if (known != NIL)
        forget(t, known);
}

/* A free entry; NIL: none is free before orphans have been handed out. Evicts while there is a reserve, so
 * that they can be. */
static uint32_t take_entry(struct frag_table *t, int64_t now_us)
{
    uint32_t oldest = t->list[LIST_KNOWN].first;
    if (oldest != NIL && is_old(&t->entries[oldest], now_us))
        forget(t, oldest);
    if (t->used + RESERVE >= t->room)
        evict(t);
    if (t->list[LIST_FREE].first == NIL && t->made < t->room)
        list_append(t, t->made++, LIST_FREE);
    if (t->list[LIST_FREE].first == NIL && t->list[LIST_KNOWN].first != NIL)
        forget(t, t->list[LIST_KNOWN].first);
    return t->list[LIST_FREE].first;
}

static struct entry *insert(struct frag_table *t, const struct frag_key *key, enum list list, int64_t now_us)
{
    uint32_t i = take_entry(t, now_us);
    if (i == NIL)
        return NULL;
    struct entry *e = &t->entries[i];
    e->key = *key;
    e->seen = e->total = 0;
    e->held_packets = e->held_bytes = 0;
    e->at_us = now_us;
    e->replaced = false;
    e->bucket = bucket_of(t, key);
    e->chain = t->buckets[e->bucket];
    t->buckets[e->bucket] = i;
    list_move(t, i, list);
    return e;
}

static uint32_t index_of(const struct frag_table *t, const struct entry *e)
{
    return (uint32_t)(e - t->entries);
}

/* Notes what the fragment carries. True: all of its packet have come. */
static bool complete(struct entry *e, const struct frag_part *part)
{
    e->seen += part->octets;
    if (!part->more)
        e->total = part->offset + part->octets;
    return e->total && e->seen >= e->total;
}

/* ---- fragments */

void frag_set_key(struct frag_part *part, const struct flow *f)
{
    part->key =
        (struct frag_key){ .src = f->src_host, .dst = f->dst_host, .id = part->id, .proto = part->proto };
}

static void join_held(struct frag_table *t, struct entry *e, struct flow *f)
{
    if (e->replaced) {
        t->stats.rest += e->held_packets;
    } else {
        t->stats.joined += e->held_packets;
        f->packets += e->held_packets;
        f->bytes += e->held_bytes;
    }
    e->held_packets = e->held_bytes = 0;
}

void frag_first(struct frag_table *t, const struct frag_part *part, struct flow *f, bool replaced,
                int64_t at_us)
{
    t->stats.first++;
    uint32_t i = find(t, &part->key);
    struct entry *e = i == NIL ? insert(t, &part->key, LIST_KNOWN, at_us) : &t->entries[i];
    if (!e)
        return;
    if (i != NIL && e->list == LIST_KNOWN) { /* the number is used again */
        e->seen = e->total = 0;
        e->at_us = at_us;
    }
    e->replaced = replaced;
    snapshot_save(&e->s, f);
    list_move(t, index_of(t, e), LIST_KNOWN);
    join_held(t, e, f);
    if (complete(e, part))
        forget(t, index_of(t, e));
}

static enum packet_drop named(struct frag_table *t, struct entry *e, const struct frag_part *part,
                              struct flow *f)
{
    const bool done = complete(e, part);
    if (e->replaced) {
        if (done)
            forget(t, index_of(t, e));
        return PACKET_TUNNEL_REST;
    }
    memcpy(&f->src_port, e->s.ends + FLOW_SPAN(src_host, src_port), FLOW_SPAN(src_port, tos));
    f->icmp_type = e->s.icmp_type;
    memcpy(&f->vxlan, e->s.tunnel, SPAN_TUNNEL);
    t->stats.named++;
    if (done)
        forget(t, index_of(t, e));
    return PACKET_OK;
}

static enum packet_drop hold(struct frag_table *t, struct entry *e, const struct frag_part *part,
                             const struct flow *f)
{
    t->stats.held++;
    e->held_packets += f->packets;
    e->held_bytes += f->bytes;
    (void)complete(e, part);
    return PACKET_HELD;
}

enum packet_drop frag_later(struct frag_table *t, struct frag_part *part, struct flow *f, int64_t at_us)
{
    t->stats.later++;
    frag_set_key(part, f);
    uint32_t i = find(t, &part->key);
    if (i != NIL && t->entries[i].list == LIST_KNOWN && is_old(&t->entries[i], at_us)) {
        forget(t, i);
        i = NIL;
    }
    if (i != NIL)
        return t->entries[i].list == LIST_KNOWN ? named(t, &t->entries[i], part, f)
                                                : hold(t, &t->entries[i], part, f);
    struct entry *e = t->hold ? insert(t, &part->key, LIST_HELD, at_us) : NULL;
    if (!e) {
        t->stats.alone++;
        return PACKET_OK;
    }
    snapshot_save(&e->s, f);
    return hold(t, e, part, f);
}

/* ---- orphans */

int64_t frag_due(const struct frag_table *t)
{
    if (t->list[LIST_READY].first != NIL)
        return INT64_MIN;
    uint32_t oldest = t->list[LIST_HELD].first;
    return oldest == NIL ? INT64_MAX : t->entries[oldest].at_us + LIFE_US + 1;
}

bool frag_orphan(struct frag_table *t, int64_t now_us, struct flow *f, int64_t *at_us)
{
    uint32_t i = t->list[LIST_READY].first;
    if (i == NIL) {
        i = t->list[LIST_HELD].first;
        if (i == NIL || !(now_us == INT64_MAX || is_old(&t->entries[i], now_us)))
            return false;
        unchain(t, i);
    }
    struct entry *e = &t->entries[i];
    snapshot_load(&e->s, f, t->labels);
    f->packets = e->held_packets;
    f->bytes = e->held_bytes;
    f->packet = NULL;
    *at_us = e->at_us;
    t->stats.orphans += e->held_packets;
    list_move(t, i, LIST_FREE);
    return true;
}

/* ---- the table */

struct frag_table *frag_new(size_t octets, bool hold)
{
    uint32_t n = (uint32_t)((octets ? octets : OCTETS_DEFAULT) / sizeof(struct entry)),
             n_buckets = ENTRIES_MIN;
    if (n < ENTRIES_MIN)
        n = ENTRIES_MIN;
    while (n_buckets < n)
        n_buckets *= 2;
    struct frag_table *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->entries = calloc(n, sizeof(*t->entries));
    t->buckets = malloc(n_buckets * sizeof(*t->buckets));
    if (!t->entries || !t->buckets) {
        frag_free(t);
        return NULL;
    }
    memset(t->buckets, 0xff, n_buckets * sizeof(*t->buckets));
    t->mask = n_buckets - 1;
    t->room = n;
    t->hold = hold;
    if (getrandom(&t->seed, sizeof(t->seed), GRND_NONBLOCK) < 0)
        t->seed = 0; /* keys that collide are the worst that can come of it */
    for (unsigned l = 0; l < LIST_MAX; l++)
        t->list[l].first = t->list[l].last = NIL;
    return t;
}

void frag_free(struct frag_table *t)
{
    if (!t)
        return;
    free(t->entries);
    free(t->buckets);
    free(t);
}

const struct frag_stats *frag_stats(const struct frag_table *t) { return &t->stats; }
