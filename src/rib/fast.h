/* SPDX-License-Identifier: BSD-2-Clause */
/* A second way into a big table of IPv4 routes, for tables that flows are looked up in: 65,536 places by the
 * first two octets, each with what matches under it by the third, as runs. Three reads find an address,
 * without a choice on the way. What changes is marked, looked up in the trie meanwhile, and made anew by the
 * writer later. For rib.c and rib_lookup.c. */
#ifndef RIB_FAST_H
#define RIB_FAST_H

#include <stdatomic.h>
#include <stdint.h>
#include "rib/node.h"
#include "rib/trie.h"

enum { FAST_PLACES = 1 << 16, FAST_LEAST = 4096 /* routes that make it worth while */ };

/* A result in 32 bits: length and number of the set. */
enum { FAST_SHIFT = 27, FAST_DEEP = 30, FAST_NOTHING = 31, FAST_ID_MAX = (1 << FAST_SHIFT) - 1 };

/* What lies under one place where that is not the same for all. Run k begins at the k-th bit set. */
struct fast_block {
    uint64_t begins[4];
    uint8_t rank[4]; /* runs that begin before the word */
    uint16_t runs;
    uint16_t unused;
    uint32_t value[];
};

/* Places: a block's address; or a result << 32 | FAST_SAME; FAST_STALE: ask the trie. */
enum { FAST_SAME = 1, FAST_STALE = 2 };

struct fast {
    uint64_t stale[FAST_PLACES / 64];
    uint32_t stale_count, next; /* where to go on with making anew */
    _Atomic uint64_t place[FAST_PLACES];
};

/* Everything stale. NULL: no memory. */
struct fast *fast_new(void);

/* Frees its blocks; no reader sees it any more. The memory of `f` itself is the caller's to free(). */
void fast_clear(struct fast *f, struct trie_memory *m);

/* The prefix has come, changed or gone. */
void fast_touch(struct fast *f, const uint8_t *addr, unsigned bits);

/* Makes up to n places anew from the narrow trie. Returns whether stale ones are left. */
bool fast_tend(struct fast *f, const struct trie *t, struct trie_memory *m, unsigned n);

/* For readers: the result for an address of 4 octets; FAST_DEEP: the trie knows. */
static inline uint32_t fast_match(const struct fast *f, const uint8_t *addr)
{
    unsigned at_place = (unsigned)addr[0] << 8 | addr[1], octet = addr[2];
    /* Acquire: the block was written before it was linked (pairs with the release in fast_tend). */
    uint64_t place = atomic_load_explicit(&f->place[at_place], memory_order_acquire);
    if (place & (FAST_SAME | FAST_STALE))
        return place & FAST_STALE ? (uint32_t)FAST_DEEP << FAST_SHIFT : (uint32_t)(place >> 32);
    const struct fast_block *b = (const struct fast_block *)(uintptr_t)place;
    unsigned w = octet >> 6;
    return b->value[b->rank[w] + ones(b->begins[w] & (~UINT64_C(0) >> (63 - (octet & 63)))) - 1];
}

#endif
