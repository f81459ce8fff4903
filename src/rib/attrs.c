/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of attributes, each stored once: packed to octets that are equal when the sets are, found by a seeded
 * hash in an open-addressing table of numbers. A number leads to its set through a directory of two levels,
 * which readers may read while it grows. */
#include "rib/pool.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include "base/hash.h"
#include "base/pages.h"

enum {
    PAGE_BITS = 17, /* numbers a page of the directory: what is read of them fills a huge page */
    PAGES = 1 << 12,
    MANY = 1 << 13, /* sets from which on huge pages are asked for: who has little should take little */
    LINE = 64,
    PACKED_MAX = 64 + 5 * 65537,
    HOP_V4 = 1 << 30, /* in a packed `has`: the next hop has 4 octets */
};

struct set {
    uint32_t refs;
    uint32_t waits; /* how often it stands in the queue of what is to be freed */
    uint32_t hash;
    uint32_t size : 31,
        hop_mapped : 1; /* the latter no part of what makes sets equal: as the first one came */
    uint8_t body[];
};

/* What flows ask a number for is found without the set, and lies apart from the pointers to sets. */
struct page {
    struct rib_kept *kept;
    struct set *_Atomic set[1 << PAGE_BITS];
};

/* A note's memory begins with a line of the cache: its size, so that what is asked first shares that line.
 * The last octets of one that was put in another's place lead to that. */
struct note {
    uint32_t size; /* of all; NOTE_OLDER: it has taken another's place */
    uint8_t rest[];
};
enum { NOTE_OLDER = 1 };

struct slot {
    uint32_t hash, id; /* id 0: empty */
};

struct rib_pool {
    struct slab *slab;
    struct epoch *epoch;
    struct epoch_queue queue;
    uint64_t seed;
    struct slot *slots;
    size_t mask, count;
    uint32_t *free; /* numbers to give out again */
    size_t free_count, free_room;
    uint32_t next; /* the first number never given out */
    size_t pages;
    pthread_mutex_t notes_lock;
    struct slab notes; /* of many threads, so it has a lock */
    uint8_t packed[PACKED_MAX];
    struct page *_Atomic page[PAGES];
};

struct rib_pool *pool_new(struct slab *slab, struct epoch *e)
{
    struct rib_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->slab = slab;
    p->epoch = e;
    slab_init(&p->notes);
    pthread_mutex_init(&p->notes_lock, NULL);
    p->next = 1;
    p->mask = 255;
    p->slots = calloc(p->mask + 1, sizeof(*p->slots));
    if (!p->slots) {
        free(p);
        return NULL;
    }
    if (getrandom(&p->seed, sizeof(p->seed), GRND_NONBLOCK) < 0)
        p->seed = (uintptr_t)p;
    return p;
}

static struct page *page_of(const struct rib_pool *p, uint32_t id)
{
    return atomic_load_explicit(&p->page[id >> PAGE_BITS], memory_order_acquire);
}

static struct rib_kept *kept_of(const struct rib_pool *p, uint32_t id)
{
    return &page_of(p, id)->kept[id & ((1 << PAGE_BITS) - 1)];
}

static struct set *set_of(const struct rib_pool *p, uint32_t id)
{
    return atomic_load_explicit(&page_of(p, id)->set[id & ((1 << PAGE_BITS) - 1)], memory_order_acquire);
}

static void page_free(struct page *page)
{
    if (!page)
        return;
    munmap(page->kept, sizeof(struct rib_kept) << PAGE_BITS);
    free(page);
}

/* Untouched places take no memory. */
static struct page *page_new(void)
{
    struct page *page = calloc(1, sizeof(*page));
    if (page && (page->kept = pages_reserve(sizeof(struct rib_kept) << PAGE_BITS)))
        return page;
    free(page);
    return NULL;
}

void pool_free(struct rib_pool *p)
{
    if (!p)
        return;
    for (size_t i = 0; i <= p->mask; i++)
        if (p->slots[i].id) {
            struct set *s = set_of(p, p->slots[i].id);
            slab_free(p->slab, s, sizeof(*s) + s->size);
        }
    for (size_t i = 0; i < p->pages; i++)
        page_free(atomic_load(&p->page[i]));
    slab_clear(&p->notes);
    pthread_mutex_destroy(&p->notes_lock);
    free(p->queue.items);
    free(p->slots);
    free(p->free);
    free(p);
}

uint64_t pool_sets(const struct rib_pool *p) { return p->count; }
uint64_t pool_waiting(const struct rib_pool *p) { return p->queue.count; }

uint64_t pool_index_octets(struct rib_pool *p)
{
    pthread_mutex_lock(&p->notes_lock);
    const uint64_t notes = p->notes.held;
    pthread_mutex_unlock(&p->notes_lock);
    return notes + (p->mask + 1) * sizeof(struct slot) +
           p->next * (sizeof(struct rib_kept) + sizeof(struct set *)) + p->free_room * sizeof(uint32_t);
}

/* --- packing: `has`, then what is there in the order of the bits, octets at the end */

struct member {
    uint32_t bit;
    size_t at, size;
};

static const struct member scalars[] = {
    { RIB_ORIGIN, offsetof(struct rib_attrs, origin), 1 },
    { RIB_MED, offsetof(struct rib_attrs, med), 4 },
    { RIB_LOCAL_PREF, offsetof(struct rib_attrs, local_pref), 4 },
    { RIB_OTC, offsetof(struct rib_attrs, otc), 4 },
    { RIB_LABEL_INDEX, offsetof(struct rib_attrs, label_index), 4 },
    { RIB_AIGP, offsetof(struct rib_attrs, aigp), 8 },
};

static const struct member strings[] = {
    { RIB_AS_PATH, offsetof(struct rib_attrs, as_path), 0 },
    { RIB_COMMS, offsetof(struct rib_attrs, comms), 0 },
    { RIB_EXT_COMMS, offsetof(struct rib_attrs, ext_comms), 0 },
    { RIB_LRG_COMMS, offsetof(struct rib_attrs, lrg_comms), 0 },
    { RIB_OTHERS, offsetof(struct rib_attrs, others), 0 },
};

enum { SCALARS = sizeof(scalars) / sizeof(scalars[0]), STRINGS = sizeof(strings) / sizeof(strings[0]) };

/* Constant sizes, so that no call is made. */
static inline void copy_scalar(uint8_t *to, const uint8_t *from, size_t size)
{
    if (size == 4)
        memcpy(to, from, 4);
    else if (size == 8)
        memcpy(to, from, 8);
    else
        *to = *from;
}

static size_t pack(uint8_t *to, const struct rib_attrs *a)
{
    const uint8_t *from = (const uint8_t *)a;
    uint32_t has = a->has & ~(uint32_t)RIB_HOP_MAPPED;
    uint8_t *p = to + sizeof(has);
    if (has & RIB_NEXT_HOP) {
        bool v4 = addr_is_v4(&a->next_hop);
        has |= v4 ? HOP_V4 : 0;
        memcpy(p, a->next_hop.b + (v4 ? 12 : 0), v4 ? 4 : 16);
        p += v4 ? 4 : 16;
    }
    memcpy(to, &has, sizeof(has));
    for (unsigned i = 0; i < SCALARS; i++)
        if (has & scalars[i].bit) {
            copy_scalar(p, from + scalars[i].at, scalars[i].size);
            p += scalars[i].size;
        }
    for (unsigned i = 0; i < STRINGS; i++)
        if (has & strings[i].bit) {
            const struct rib_octets *o = (const struct rib_octets *)(const void *)(from + strings[i].at);
            if (o->len > UINT16_MAX)
                return 0;
            uint16_t len = (uint16_t)o->len;
            memcpy(p, &len, sizeof(len));
            if (len)
                memcpy(p + sizeof(len), o->p, len);
            p += sizeof(len) + len;
        }
    return (size_t)(p - to);
}

void rib_attrs_get(const struct rib_pool *pool, uint32_t id, struct rib_attrs *a)
{
    memset(a, 0, sizeof(*a));
    if (!id)
        return;
    const uint8_t *p = set_of(pool, id)->body;
    uint32_t has;
    memcpy(&has, p, sizeof(has));
    p += sizeof(has);
    a->has = (has & ~(uint32_t)HOP_V4) | (set_of(pool, id)->hop_mapped ? RIB_HOP_MAPPED : 0);
    if (has & HOP_V4)
        addr_set_v4(&a->next_hop, p);
    else if (has & RIB_NEXT_HOP)
        memcpy(a->next_hop.b, p, 16);
    p += has & HOP_V4 ? 4 : has & RIB_NEXT_HOP ? 16 : 0;
    uint8_t *to = (uint8_t *)a;
    for (unsigned i = 0; i < SCALARS; i++)
        if (has & scalars[i].bit) {
            copy_scalar(to + scalars[i].at, p, scalars[i].size);
            p += scalars[i].size;
        }
    for (unsigned i = 0; i < STRINGS; i++)
        if (has & strings[i].bit) {
            struct rib_octets *o = (struct rib_octets *)(void *)(to + strings[i].at);
            uint16_t len;
            memcpy(&len, p, sizeof(len));
            *o = (struct rib_octets){ p + sizeof(len), len };
            p += sizeof(len) + len;
        }
}

/* --- the table */

static void insert_slot(struct slot *slots, size_t mask, struct slot s)
{
    size_t i = s.hash & mask;
    while (slots[i].id)
        i = (i + 1) & mask;
    slots[i] = s;
}

static int grow(struct rib_pool *p)
{
    if (p->count + 1 <= p->mask - p->mask / 4)
        return 0;
    size_t mask = p->mask * 2 + 1;
    struct slot *slots = calloc(mask + 1, sizeof(*slots));
    if (!slots)
        return -1;
    for (size_t i = 0; i <= p->mask; i++)
        if (p->slots[i].id)
            insert_slot(slots, mask, p->slots[i]);
    free(p->slots);
    p->slots = slots;
    p->mask = mask;
    return 0;
}

/* Gives memory back after a flood of sets has gone. */
static void shrink(struct rib_pool *p)
{
    size_t mask = p->mask / 2;
    if (p->mask <= 255 || p->count > mask / 4)
        return;
    struct slot *slots = calloc(mask + 1, sizeof(*slots));
    if (!slots)
        return;
    for (size_t i = 0; i <= p->mask; i++)
        if (p->slots[i].id)
            insert_slot(slots, mask, p->slots[i]);
    free(p->slots);
    p->slots = slots;
    p->mask = mask;
}

static uint32_t find(const struct rib_pool *p, uint32_t hash, const uint8_t *body, size_t size)
{
    for (size_t i = hash & p->mask; p->slots[i].id; i = (i + 1) & p->mask) {
        if (p->slots[i].hash != hash)
            continue;
        const struct set *s = set_of(p, p->slots[i].id);
        if (s->size == size && !memcmp(s->body, body, size))
            return p->slots[i].id;
    }
    return 0;
}

/* Takes a number out of the table; those behind it move up, so that no marks of the dead are needed. */
static void remove_slot(struct rib_pool *p, uint32_t hash, uint32_t id)
{
    size_t i = hash & p->mask;
    while (p->slots[i].id != id)
        i = (i + 1) & p->mask;
    for (size_t k = (i + 1) & p->mask; p->slots[k].id; k = (k + 1) & p->mask)
        if (((k - p->slots[k].hash) & p->mask) >= ((k - i) & p->mask)) {
            p->slots[i] = p->slots[k];
            i = k;
        }
    p->slots[i].id = 0;
    p->count--;
}

/* A number with its place in the directory; 0: no memory. */
static uint32_t take_number(struct rib_pool *p)
{
    if (p->free_count)
        return p->free[--p->free_count];
    uint32_t at = p->next >> PAGE_BITS;
    if (at >= PAGES)
        return 0;
    if (at >= p->pages) {
        struct page *page = page_new();
        if (!page)
            return 0;
        atomic_store_explicit(&p->page[at], page, memory_order_release);
        p->pages = at + 1;
    }
    if ((p->next & ((1 << PAGE_BITS) - 1)) == (at ? 0 : MANY))
        pages_make_huge(page_of(p, p->next)->kept, sizeof(struct rib_kept) << PAGE_BITS);
    return p->next++;
}

/* Room for every number to come back, so that freeing cannot fail; and for one to wait. */
static int make_room(struct rib_pool *p)
{
    if (epoch_room(&p->queue, 1) || grow(p))
        return -1;
    if (p->free_room >= p->count + p->free_count + 1)
        return 0;
    size_t room = p->free_room ? p->free_room * 2 : 256;
    uint32_t *more = realloc(p->free, room * sizeof(*more));
    if (!more)
        return -1;
    p->free = more;
    p->free_room = room;
    return 0;
}

static uint32_t add(struct rib_pool *p, uint32_t hash, const uint8_t *body, size_t size, bool hop_mapped)
{
    if (make_room(p))
        return 0;
    struct set *s = slab_alloc(p->slab, sizeof(*s) + size);
    uint32_t id = s ? take_number(p) : 0;
    if (!id) {
        if (s)
            slab_free(p->slab, s, sizeof(*s) + size);
        return 0;
    }
    *s =
        (struct set){ .refs = 1, .hash = hash, .size = (uint32_t)size & INT32_MAX, .hop_mapped = hop_mapped };
    memcpy(s->body, body, size);
    /* Release: who finds the number in a trie finds the set (pairs with the acquire in set_of). */
    atomic_store_explicit(&page_of(p, id)->set[id & ((1 << PAGE_BITS) - 1)], s, memory_order_release);
    insert_slot(p->slots, p->mask, (struct slot){ hash, id });
    p->count++;
    return id;
}

uint32_t rib_attrs_intern(struct rib_pool *p, const struct rib_attrs *a)
{
    size_t size = pack(p->packed, a);
    if (!size)
        return 0;
    uint32_t hash = (uint32_t)XXH3_64bits_withSeed(p->packed, size, p->seed);
    uint32_t id = find(p, hash, p->packed, size);
    if (!id)
        return add(p, hash, p->packed, size, a->has & RIB_HOP_MAPPED);
    rib_attrs_ref(p, id);
    return id;
}

void rib_attrs_ref(struct rib_pool *p, uint32_t id)
{
    if (id)
        set_of(p, id)->refs++;
}

void rib_attrs_put(struct rib_pool *p, uint32_t id)
{
    struct set *s = id ? set_of(p, id) : NULL;
    if (!s || --s->refs)
        return;
    if (epoch_room(&p->queue, 1))
        return; /* stays, findable: somebody may want it again */
    s->waits++;
    epoch_retire(p->epoch, &p->queue, s, id, 0);
}

/* --- notes */

static size_t note_size(const struct note *n) { return n->size & ~(size_t)NOTE_OLDER; }

static void **older_of(struct note *n) { return (void **)((uint8_t *)n + note_size(n)) - 1; }

static struct note *note_of(void *note)
{
    return (struct note *)(void *)((uint8_t *)note - offsetof(struct note, rest));
}

bool rib_attrs_note_is_long(const void *note)
{
    return ((const struct note *)(const void *)((const uint8_t *)note - offsetof(struct note, rest)))->size >=
           2 * LINE;
}

void *rib_attrs_note_new(struct rib_pool *p, size_t size, void *was)
{
    size = (sizeof(struct note) + size + (was ? sizeof(void *) : 0) + LINE - 1) & ~(size_t)(LINE - 1);
    pthread_mutex_lock(&p->notes_lock);
    struct note *n = size <= UINT32_MAX ? slab_alloc(&p->notes, size) : NULL;
    pthread_mutex_unlock(&p->notes_lock);
    if (!n)
        return NULL;
    n->size = (uint32_t)size | (was ? NOTE_OLDER : 0);
    if (was)
        *older_of(n) = was;
    return n->rest;
}

/* With those in whose place it was put. */
static void drop_notes(struct rib_pool *p, void *note)
{
    pthread_mutex_lock(&p->notes_lock);
    while (note) {
        struct note *n = note_of(note);
        note = n->size & NOTE_OLDER ? *older_of(n) : NULL;
        slab_free(&p->notes, n, note_size(n));
    }
    pthread_mutex_unlock(&p->notes_lock);
}

void *rib_attrs_note(const struct rib_pool *p, uint32_t id)
{
    return atomic_load_explicit(&kept_of(p, id)->note, memory_order_acquire);
}

void *rib_attrs_set_note(struct rib_pool *p, uint32_t id, void *made)
{
    struct note *n = note_of(made);
    void *was = n->size & NOTE_OLDER ? *older_of(n) : NULL, *there = was;
    if (atomic_compare_exchange_strong_explicit(&kept_of(p, id)->note, &there, made, memory_order_acq_rel,
                                                memory_order_acquire))
        return made;
    if (was)
        *older_of(n) = NULL;
    drop_notes(p, made);
    return there;
}

uint64_t rib_attrs_word(const struct rib_pool *p, uint32_t id)
{
    return atomic_load_explicit(&kept_of(p, id)->word, memory_order_relaxed);
}

void rib_attrs_set_word(struct rib_pool *p, uint32_t id, uint64_t word)
{
    atomic_store_explicit(&kept_of(p, id)->word, word, memory_order_relaxed);
}

const struct rib_kept *rib_attrs_kept(const struct rib_pool *p, uint32_t id) { return kept_of(p, id); }

void rib_attrs_prefetch_set(const struct rib_pool *p, uint32_t id, enum rib_attrs_step step)
{
    if (step == RIB_ATTRS_FIRST) {
        __builtin_prefetch((const void *)&page_of(p, id)->set[id & ((1 << PAGE_BITS) - 1)]);
        return;
    }
    const uint8_t *set = (const uint8_t *)set_of(p, id);
    __builtin_prefetch(set);
    __builtin_prefetch(set + LINE);
}

/* Numbers and notes of sets that nobody has any more. */
static void forget(struct rib_pool *p, uint32_t id)
{
    struct rib_kept *e = kept_of(p, id);
    void *note = atomic_exchange_explicit(&e->note, NULL, memory_order_acq_rel);
    atomic_store_explicit(&e->word, 0, memory_order_relaxed);
    if (note)
        drop_notes(p, note);
}

bool pool_tend(struct rib_pool *p, uint64_t safe, unsigned n)
{
    struct epoch_item item;
    while (n-- && epoch_next(&p->queue, safe, &item)) {
        struct set *s = item.p;
        if (--s->waits || s->refs)
            continue;
        uint32_t id = item.size;
        remove_slot(p, s->hash, id);
        p->free[p->free_count++] = id;
        forget(p, id);
        slab_free(p->slab, s, sizeof(*s) + s->size);
    }
    shrink(p);
    return p->queue.count;
}
