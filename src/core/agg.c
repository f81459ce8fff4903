/* SPDX-License-Identifier: BSD-2-Clause */
/* The aggregation table. A slot is 8 octets: 32 bits of the key's hash and the place of the entry, so that
 * probing and growing never touch entries, and a record that meets its aggregate touches one line of slots
 * and the entry. */
#include "core/agg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "base/hash.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* linux/mman.h, since 5.14 */
#endif

enum {
    UNIT = 8,              /* entries are placed in units of this many octets */
    CHUNK = 2 << 20,       /* octets of an arena chunk; the first may be smaller */
    CHUNK_FIRST = 1 << 20, /* small tables stay small */
    CHUNK_UNITS = CHUNK / UNIT,
    CHUNK_SHIFT = 18,
    STRETCH = 128 << 10, /* octets of a chunk whose pages are taken together */
    SLOTS_MIN = 1 << 10,
    GROUP = 32,   /* records whose memory is fetched together; 16 to 48 are the same */
    AHEAD = 1024, /* octets of records that are fetched before they are looked at */
    WALK = 640,   /* octets of entries that are fetched before they are looked at, in order */
};
_Static_assert(1 << CHUNK_SHIFT == CHUNK_UNITS, "chunk size and shift");
_Static_assert(CHUNK_FIRST % STRETCH == 0 && CHUNK % STRETCH == 0, "chunks are whole stretches");

struct chunk {
    uint8_t *p;
    uint32_t used;  /* octets */
    uint32_t taken; /* octets whose pages are there, or were asked for */
    uint32_t size;
    uint32_t first; /* where its first entry is */
};

struct agg {
    uint16_t times_len; /* octets behind each key: struct agg_times, or 0 */
    bool unindexed;     /* entries were absorbed that no slot leads to */
    uint64_t *slots;    /* hash << 32 | place; 0: empty */
    uint64_t mask;      /* number of slots - 1 */
    uint64_t count, grow_at;
    struct chunk *chunks;
    uint32_t n_chunks, cap_chunks;
    size_t memory;
};

/* Anonymous memory, zeros. Huge pages are not asked for: a table lives from one purge to the next, entries
 * are fetched ahead, so that the TLB's misses hide behind the caches', and where the host of a virtual
 * machine takes free pages back, a huge one costs several times what the small ones in its place do
 * (docs/performance.md). */
static void *map_octets(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        abort(); /* no address space: nothing sensible can go on */
    return p;
}

/* Pages that will all be written soon: to take them together costs half of a fault for each. What cannot be
 * had now (a kernel before 5.14, no memory) comes with the faults. */
static void take_pages(void *p, size_t n)
{
    const int error = errno;
    (void)madvise(p, n, MADV_POPULATE_WRITE);
    errno = error;
}

static void slots_make(struct agg *t, uint64_t n)
{
    t->slots = map_octets(n * sizeof(*t->slots));
    take_pages(t->slots, n * sizeof(*t->slots));
    t->mask = n - 1;
    t->grow_at = n / 4 * 3;
    t->memory += n * sizeof(*t->slots);
}

static void slots_drop(struct agg *t)
{
    munmap(t->slots, (t->mask + 1) * sizeof(*t->slots));
    t->memory -= (t->mask + 1) * sizeof(*t->slots);
}

static void chunk_put(struct agg *t, struct chunk c)
{
    if (t->n_chunks == t->cap_chunks) {
        t->cap_chunks = t->cap_chunks ? t->cap_chunks * 2 : 16;
        t->chunks = realloc(t->chunks, t->cap_chunks * sizeof(*t->chunks));
        if (!t->chunks)
            abort();
    }
    t->chunks[t->n_chunks++] = c;
}

static void chunk_add(struct agg *t, uint32_t size)
{
    /* Place 0 means "no entry": the first unit of the first chunk stays unused. */
    const uint32_t first = t->n_chunks ? 0 : UNIT;
    chunk_put(t, (struct chunk){ .p = map_octets(size), .used = first, .size = size, .first = first });
    t->memory += size;
}

struct agg *agg_new(void)
{
    struct agg *t = calloc(1, sizeof(*t));
    if (!t)
        abort();
    slots_make(t, SLOTS_MIN);
    chunk_add(t, CHUNK_FIRST);
    return t;
}

struct agg *agg_new_stitching(void)
{
    struct agg *t = agg_new();
    t->times_len = sizeof(struct agg_times);
    return t;
}

bool agg_is_stitching(const struct agg *t) { return t->times_len; }

static void chunks_drop(struct agg *t, uint32_t keep)
{
    while (t->n_chunks > keep) {
        struct chunk *c = &t->chunks[--t->n_chunks];
        munmap(c->p, c->size);
        t->memory -= c->size;
    }
}

void agg_free(struct agg *t)
{
    if (!t)
        return;
    slots_drop(t);
    chunks_drop(t, 0);
    free(t->chunks);
    free(t);
}

void agg_clear(struct agg *t)
{
    slots_drop(t);
    slots_make(t, SLOTS_MIN);
    chunks_drop(t, 1);
    t->chunks[0].used = UNIT;
    t->count = 0;
    t->unindexed = false;
}

static inline struct agg_entry *entry_at(const struct agg *t, uint32_t place)
{
    return (struct agg_entry *)(t->chunks[place >> CHUNK_SHIFT].p +
                                (size_t)(place & (CHUNK_UNITS - 1)) * UNIT);
}

static inline size_t entry_size(uint32_t key_len)
{
    return (sizeof(struct agg_entry) + key_len + UNIT - 1) & ~(size_t)(UNIT - 1);
}

/* Keys are multiples of 8 octets and 8-aligned on both sides (records and entries are): compare by words. */
static inline bool key_equal(const uint8_t *a, const uint8_t *b, uint32_t len)
{
    for (uint32_t i = 0; i < len; i += 8) {
        uint64_t x, y;
        memcpy(&x, a + i, 8);
        memcpy(&y, b + i, 8);
        if (x != y)
            return false;
    }
    return true;
}

static void slots_grow(struct agg *t)
{
    uint64_t *old = t->slots, n = t->mask + 1;
    slots_make(t, n * 2);
    for (uint64_t i = 0; i < n; i++) {
        if (!old[i])
            continue;
        uint64_t at = old[i] >> 32 & t->mask;
        while (t->slots[at])
            at = (at + 1) & t->mask;
        t->slots[at] = old[i];
    }
    munmap(old, n * sizeof(*old));
    t->memory -= n * sizeof(*old);
}

/* The next pages of a chunk. More than an entry is; less than what matters in a small table. */
static void chunk_take(struct chunk *c)
{
    take_pages(c->p + c->taken, STRETCH);
    c->taken += STRETCH;
}

static struct agg_entry *entry_new(struct agg *t, const uint8_t *key, uint32_t key_len, uint32_t *place)
{
    size_t size = entry_size(key_len + t->times_len);
    struct chunk *c = &t->chunks[t->n_chunks - 1];
    if (c->size - c->used < size) {
        chunk_add(t, CHUNK);
        c = &t->chunks[t->n_chunks - 1];
    }
    if (c->used + size > c->taken)
        chunk_take(c);
    *place = (t->n_chunks - 1) << CHUNK_SHIFT | c->used / UNIT;
    struct agg_entry *e = (struct agg_entry *)(c->p + c->used);
    c->used += (uint32_t)size;
    memset(e, 0, sizeof(*e)); /* agg_clear keeps a chunk that was written before */
    e->key_len = (uint16_t)key_len;
    e->times_len = t->times_len;
    memcpy(e->key, key, key_len);
    if (t->times_len)
        *agg_times(e) = (struct agg_times){ INT64_MAX, INT64_MIN };
    return e;
}

/* The entry of a key, looked for from slot `at` on; made when it is new. */
static inline struct agg_entry *entry_get(struct agg *t, uint32_t hash, uint64_t at, const uint8_t *key,
                                          uint32_t key_len)
{
    for (; t->slots[at]; at = (at + 1) & t->mask) {
        if (t->slots[at] >> 32 != hash)
            continue;
        struct agg_entry *e = entry_at(t, (uint32_t)t->slots[at]);
        if (e->key_len == key_len && key_equal(e->key, key, key_len))
            return e;
    }
    uint32_t place;
    struct agg_entry *e = entry_new(t, key, key_len, &place);
    t->slots[at] = (uint64_t)hash << 32 | place;
    t->count++;
    return e;
}

static inline uint32_t key_hash(const void *key, uint32_t len)
{
    return (uint32_t)(hash_bytes(key, len) >> 32);
}

static inline void entry_add(struct agg_entry *e, const struct record *r, struct sums *s)
{
    e->packets += r->packets;
    e->bytes += r->bytes;
    e->flows += r->flows;
    e->tcpflags |= (uint8_t)r->tcpflags;
    e->tunnel_tcpflags |= (uint8_t)r->tunnel_tcpflags;
    e->kind = r->kind;
    s->records++;
    s->packets += r->packets;
    s->bytes += r->bytes;
    s->flows += r->flows;
}

static void stitch(struct agg_entry *e, int64_t from_us, int64_t to_us)
{
    struct agg_times *t = agg_times(e);
    if (from_us < t->min_us)
        t->min_us = from_us;
    if (to_us > t->max_us)
        t->max_us = to_us;
}

/* Records whose memory is fetched together. */
struct group {
    unsigned n;
    const struct record *rec[GROUP];
    uint32_t hash[GROUP];
    uint64_t at[GROUP]; /* the first slot of that hash, or an empty one */
};

/* First pass: the hash, and the slot comes. */
static inline void group_put(const struct agg *t, struct group *g, const struct record *r)
{
    const unsigned i = g->n++;
    g->rec[i] = r;
    g->hash[i] = key_hash(r->key, record_key_len(r) - t->times_len);
    __builtin_prefetch(&t->slots[g->hash[i] & t->mask]);
}

/* Second pass: the slot, and the entry comes. What is added meanwhile fills slots from the found ones on,
 * never before them. */
static void group_find(struct agg *t, struct group *g)
{
    if (t->count + g->n > t->grow_at)
        slots_grow(t);
    for (unsigned i = 0; i < g->n; i++) {
        uint64_t slot, at = g->hash[i] & t->mask;
        while ((slot = t->slots[at]) && slot >> 32 != g->hash[i])
            at = (at + 1) & t->mask;
        g->at[i] = at;
        if (slot) {
            const char *e = (const char *)entry_at(t, (uint32_t)slot);
            __builtin_prefetch(e, 1);
            __builtin_prefetch(e + 64, 1);
        }
    }
}

/* Third pass. */
static inline void group_add(struct agg *t, const struct group *g, unsigned i, struct sums *s)
{
    const struct record *r = g->rec[i];
    struct agg_entry *e = entry_get(t, g->hash[i], g->at[i], r->key, record_key_len(r) - t->times_len);
    entry_add(e, r, s);
    if (__builtin_expect(t->times_len, 0)) {
        const struct record_times *times =
            (const struct record_times *)((const uint8_t *)r + record_size(r)) - 1;
        stitch(e, times->start_us, times->end_us);
    }
}

/* ---- tables put together */

void agg_absorb(struct agg *t, struct agg *more)
{
    for (uint32_t i = 0; i < more->n_chunks; i++) {
        chunk_put(t, more->chunks[i]);
        t->memory += more->chunks[i].size;
    }
    t->count += more->count;
    t->unindexed |= more->count != 0;
    more->n_chunks = 0;
    agg_free(more);
}

static void index_entry(struct agg *t, const struct agg_entry *e, uint32_t place)
{
    const uint32_t hash = key_hash(e->key, e->key_len);
    uint64_t at = hash & t->mask;
    while (t->slots[at])
        at = (at + 1) & t->mask;
    t->slots[at] = (uint64_t)hash << 32 | place;
}

static void index_all(struct agg *t)
{
    uint64_t n = SLOTS_MIN;
    while (n / 4 * 3 <= t->count)
        n *= 2;
    slots_drop(t);
    slots_make(t, n);
    for (uint32_t c = 0; c < t->n_chunks; c++)
        for (uint32_t off = t->chunks[c].first; off < t->chunks[c].used;) {
            const struct agg_entry *e = (const struct agg_entry *)(t->chunks[c].p + off);
            index_entry(t, e, c << CHUNK_SHIFT | off / UNIT);
            off += (uint32_t)entry_size((uint32_t)e->key_len + e->times_len);
        }
    t->unindexed = false;
}

/* The next record that is not in a group yet, if there is one. */
static inline const uint8_t *group_next(const struct agg *t, struct group *g, const uint8_t *p,
                                        const uint8_t *end)
{
    if (p == end)
        return p;
    const struct record *r = (const struct record *)p;
    __builtin_prefetch(p + AHEAD); /* the producer's core has just written it: a long way off */
    __builtin_prefetch(p + AHEAD + 64);
    group_put(t, g, r);
    return p + record_size(r);
}

/* Latency of memory is paid once a group; hashes of one are made between the additions of the one before, so
 * that there is work while lines come. */
struct sums agg_add(struct agg *t, const uint8_t *recs, size_t bytes)
{
    struct group two[2], *now = &two[0], *next = &two[1];
    const uint8_t *p = recs, *end = recs + bytes;
    struct sums s = { 0 };
    if (__builtin_expect(t->unindexed, 0))
        index_all(t);
    for (now->n = 0; now->n < GROUP && p != end;)
        p = group_next(t, now, p, end);
    while (now->n) {
        struct group *done = now;
        group_find(t, now);
        next->n = 0;
        for (unsigned i = 0; i < now->n; i++) {
            p = group_next(t, next, p, end);
            group_add(t, now, i, &s);
        }
        now = next;
        next = done;
    }
    return s;
}

void agg_merge(struct agg *t, const struct agg_entry *from)
{
    if (__builtin_expect(t->unindexed, 0))
        index_all(t);
    if (t->count >= t->grow_at)
        slots_grow(t);
    uint32_t hash = key_hash(from->key, from->key_len);
    struct agg_entry *e = entry_get(t, hash, hash & t->mask, from->key, from->key_len);
    e->packets += from->packets;
    e->bytes += from->bytes;
    e->flows += from->flows;
    e->tcpflags |= from->tcpflags;
    e->tunnel_tcpflags |= from->tunnel_tcpflags;
    e->kind = from->kind;
    if (t->times_len && from->times_len) {
        const struct agg_times *times = (const struct agg_times *)(from->key + from->key_len);
        stitch(e, times->min_us, times->max_us);
    }
}

struct agg_entry *agg_find(const struct agg *t, const void *key, uint32_t key_len)
{
    uint32_t hash = key_hash(key, key_len);
    for (uint64_t at = hash & t->mask; t->slots[at]; at = (at + 1) & t->mask) {
        struct agg_entry *e = entry_at(t, (uint32_t)t->slots[at]);
        if (t->slots[at] >> 32 == hash && e->key_len == key_len && key_equal(e->key, key, key_len))
            return e;
    }
    return NULL;
}

uint64_t agg_count(const struct agg *t) { return t->count; }
size_t agg_memory(const struct agg *t) { return t->memory + t->cap_chunks * sizeof(*t->chunks); }

struct agg_entry *agg_next(const struct agg *t, uint64_t *at)
{
    for (;;) {
        uint64_t c = *at >> CHUNK_SHIFT, off = (*at & (CHUNK_UNITS - 1)) * UNIT;
        if (c >= t->n_chunks)
            return NULL;
        if (off < t->chunks[c].first) /* units that stay unused */
            off = t->chunks[c].first;
        if (off < t->chunks[c].used) {
            struct agg_entry *e = (struct agg_entry *)(t->chunks[c].p + off);
            __builtin_prefetch((const char *)e + WALK); /* past the page's end, where the processor stops */
            size_t next = off + entry_size((uint32_t)e->key_len + e->times_len);
            *at = next < t->chunks[c].size ? c << CHUNK_SHIFT | next / UNIT : (c + 1) << CHUNK_SHIFT;
            return e;
        }
        if (c + 1 >= t->n_chunks)
            return NULL; /* more may come behind *at */
        *at = (c + 1) << CHUNK_SHIFT;
    }
}
