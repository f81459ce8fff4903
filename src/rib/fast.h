/* SPDX-License-Identifier: BSD-2-Clause */
/* A second way into a big table of IPv4 routes, for tables that flows are looked up in: 262,144 places by the
 * first 18 bits, each with what matches under it by the next six, as runs, in most cases in one line of the
 * cache. Where there are routes longer than 24 bits a leaf has those. What changes is marked, looked up in
 * the trie meanwhile, and made anew by the writer later. For rib.c and rib_lookup.c. */
#ifndef RIB_FAST_H
#define RIB_FAST_H

#include <stdatomic.h>
#include <stdint.h>
#include "rib/node.h"
#include "rib/trie.h"

enum {
    FAST_BITS = 18,
    FAST_PLACES = 1 << FAST_BITS,
    FAST_LEAST = 16384, /* routes that make it worth while: it takes 2 MiB */
    FAST_LINE = 64
};

/* A result in 32 bits: length and number of the set; or FAST_DEEP and which leaf of its block has it, 0:
 * none, the trie knows. */
enum { FAST_SHIFT = 27, FAST_DEEP = 30, FAST_NOTHING = 31, FAST_ID_MAX = (1 << FAST_SHIFT) - 1 };

/* What lies under one place where that is not the same for all. Run k begins at the k-th bit set. Behind the
 * values stand pointers to its leaves. */
struct fast_block {
    uint64_t begins;
    uint32_t value[];
};

/* The same for the 256 addresses of 24 bits; the length is one less, and 0 stands for what is around the
 * leaf. */
struct fast_leaf {
    uint64_t begins[4];
    uint8_t rank[4]; /* runs that begin before the word */
    uint32_t runs;
    uint32_t around;
    uint32_t value[];
};

struct fast_found {
    uint32_t bits; /* or FAST_DEEP: the trie knows; or FAST_NOTHING */
    uint32_t id;   /* of the set; 0: there is none */
};

/* Places: a block's address, with FAST_LONG where it is longer than a line; or a result << 32 | FAST_SAME;
 * FAST_STALE: ask the trie. */
enum { FAST_SAME = 1, FAST_STALE = 2, FAST_LONG = 4, FAST_FLAGS = 7 };

struct fast {
    _Atomic uint64_t *place;
    uint32_t stale_count, next; /* where to go on with making anew */
    uint64_t stale[FAST_PLACES / 64];
};

/* Everything stale. NULL: no memory. */
struct fast *fast_new(void);

/* Frees all of it; no reader sees it any more. */
void fast_free(struct fast *f, struct trie_memory *m);

/* Blocks come from the slab of m, and wait in its queue as items of this kind. */
enum { FAST_WAITS = 3 };

/* Octets that it takes without its blocks. */
enum { FAST_OCTETS = sizeof(struct fast) + FAST_PLACES * sizeof(uint64_t) };

/* The prefix has come, changed or gone. */
void fast_touch(struct fast *f, const uint8_t *addr, unsigned bits);

/* Makes up to n places anew from the narrow trie, or a few more. Returns whether stale ones are left. */
bool fast_tend(struct fast *f, const struct trie *t, struct trie_memory *m, unsigned n);

/* --- for readers */

static inline const _Atomic uint64_t *fast_place(const struct fast *f, const uint8_t *addr)
{
    return &f->place[(unsigned)addr[0] << 10 | (unsigned)addr[1] << 2 | addr[2] >> 6];
}

static inline const struct fast_block *fast_block(uint64_t place)
{
    return (const struct fast_block *)(uintptr_t)(place & ~(uint64_t)FAST_FLAGS);
}

static inline uint32_t fast_in_block(const struct fast_block *b, const uint8_t *addr)
{
    return b->value[ones(b->begins & ~UINT64_C(0) >> (63 - (addr[2] & 63))) - 1];
}

/* Where the pointers to leaves begin. */
static inline uint32_t fast_leaves_at(unsigned runs)
{
    return (uint32_t)(sizeof(struct fast_block) + 4u * runs + 7u) & ~7u;
}

static inline const struct fast_leaf *fast_leaf(const struct fast_block *b, uint32_t number)
{
    const uint8_t *leaves = (const uint8_t *)b + fast_leaves_at(ones(b->begins));
    return ((const struct fast_leaf *const *)(const void *)leaves)[number - 1];
}

static inline struct fast_found fast_result(uint32_t result)
{
    const uint32_t bits = result >> FAST_SHIFT;
    return (struct fast_found){ bits, bits < FAST_DEEP ? result & FAST_ID_MAX : 0 };
}

static inline struct fast_found fast_in_leaf(const struct fast_leaf *l, const uint8_t *addr)
{
    const unsigned w = addr[3] >> 6;
    const uint32_t v = l->value[l->rank[w] + ones(l->begins[w] & ~UINT64_C(0) >> (63 - (addr[3] & 63))) - 1];
    return v ? (struct fast_found){ (v >> FAST_SHIFT) + 1, v & FAST_ID_MAX } : fast_result(l->around);
}

/* The leaf that a result stands for, or NULL. */
static inline const struct fast_leaf *fast_leaf_of(const struct fast_block *b, uint32_t found)
{
    const uint32_t number = found & FAST_ID_MAX;
    return found >> FAST_SHIFT == FAST_DEEP && number ? fast_leaf(b, number) : NULL;
}

/* What an address of 4 octets leads to. */
static inline struct fast_found fast_match(const struct fast *f, const uint8_t *addr)
{
    /* Acquire: the block was written before it was linked (pairs with the release in fast_tend). */
    const uint64_t place = atomic_load_explicit(fast_place(f, addr), memory_order_acquire);
    if (place & (FAST_SAME | FAST_STALE))
        return fast_result(place & FAST_STALE ? (uint32_t)FAST_DEEP << FAST_SHIFT : (uint32_t)(place >> 32));
    const struct fast_block *b = fast_block(place);
    const uint32_t found = fast_in_block(b, addr);
    const struct fast_leaf *l = fast_leaf_of(b, found);
    return __builtin_expect(l != NULL, 0) ? fast_in_leaf(l, addr) : fast_result(found);
}

#endif
