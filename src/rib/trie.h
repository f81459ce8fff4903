/* SPDX-License-Identifier: BSD-2-Clause */
/* Prefixes of up to 128 bits with a value each: longest match without a lock, walks in order. Eight bits a
 * step; a node is packed (bitmaps or short lists over arrays without holes), never changed but for values and
 * links, and replaced when something comes or goes. Chains of nodes without a choice are left out. For rib.c.
 */
#ifndef RIB_TRIE_H
#define RIB_TRIE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "rib/epoch.h"
#include "rib/slab.h"

enum { TRIE_OCTETS = 16, TRIE_DEPTH = TRIE_OCTETS + 1 };

struct trie_node;

/* What nodes of all tries of a rib share. */
struct trie_memory {
    struct slab *slab;
    struct epoch *epoch;
    struct epoch_queue *queue; /* where replaced nodes wait, as pieces with their size */
    bool unread;               /* no reader ever: nothing has to wait */
    uint64_t nodes;
};

struct trie {
    struct trie_node *_Atomic root;
    bool wide; /* values of 8 octets, else 4 */
};

/* A value; 0: none. */
uint64_t trie_find(const struct trie *t, const uint8_t *addr, unsigned bits);

/* Puts a value (not 0) under a prefix; bits of addr behind it are ignored. *old: what was there, 0: nothing.
 * -1: no memory. */
int trie_put(struct trie *t, struct trie_memory *m, const uint8_t *addr, unsigned bits, uint64_t value,
             uint64_t *old);

/* Takes a prefix out; *old as above. -1: no memory, nothing has changed. */
int trie_remove(struct trie *t, struct trie_memory *m, const uint8_t *addr, unsigned bits, uint64_t *old);

/* For who puts several prefixes in soon: fetches what trie_put will read, for all of them side by side, since
 * memory is far away. At most TRIE_EXPECTED. */
enum { TRIE_EXPECTED = 32 };
void trie_expect(const struct trie *t, const uint8_t *const *addr, unsigned n);

/* For readers: the value of the longest prefix that covers an address of `octets` octets (4 or 16), and its
 * length; 0: none. */
uint64_t trie_match(const struct trie *t, const uint8_t *addr, unsigned octets, unsigned *bits);

/* The same of n addresses, at most TRIE_MANY, with the memory that it reads fetched for all of them side by
 * side. bits of what has value 0 are not set. */
enum { TRIE_MANY = 64 };
struct trie_found {
    uint64_t value;
    unsigned bits;
};
void trie_match_many(const struct trie *t, const uint8_t *const *addr, unsigned octets, unsigned n,
                     struct trie_found *found);

/* Called for a prefix: 16 octets of address, zero behind it. false ends the walk. */
typedef bool (*trie_fn)(void *arg, const uint8_t *addr, unsigned bits, uint64_t value);

/* Calls fn for prefixes from (addr, bits) on, by address, the shorter first. Returns whether it came to the
 * end. */
bool trie_walk(const struct trie *t, const uint8_t *addr, unsigned bits, trie_fn fn, void *arg);

/* Taking a trie apart that no reader sees any more, in slices. Start from all zero. */
struct trie_drain {
    struct trie_node *node[TRIE_DEPTH];
    uint16_t child[TRIE_DEPTH];
    unsigned depth;
    uint8_t addr[TRIE_OCTETS];
};

/* Calls fn (it must return true) for some prefixes, at least a node's, and frees their nodes, until about n
 * have gone, or all: returns true then. */
bool trie_drain(struct trie *t, struct trie_memory *m, struct trie_drain *d, unsigned n, trie_fn fn,
                void *arg);

#endif
