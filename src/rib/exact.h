/* SPDX-License-Identifier: BSD-2-Clause */
/* Prefixes with a number each, for who asks for exactly that prefix and for nothing else: a hash table,
 * without longest match and without order. A message log without dumps wants no more of a route than what it
 * was. A prefix is one line of the cache, where a trie has three or four and makes a node anew. For rib.c;
 * readers do not look here. */
#ifndef RIB_EXACT_H
#define RIB_EXACT_H

#include <stdbool.h>
#include <stdint.h>

/* What all tables of a rib share. Octets: of slots in use, and of all. */
struct exact_memory {
    uint64_t seed;
    uint64_t used, held;
};

/* Start from all zero, with `words` from exact_words. */
struct exact {
    uint64_t *slots;
    uint32_t room; /* slots, a power of two; 0: none */
    uint32_t count;
    uint8_t words; /* of a slot: 1 (IPv4) or 3 */
    uint8_t shift; /* of a hash, to a slot */
};

enum { EXACT_VALUE_MAX = INT32_MAX }; /* values go from 1 to this */

static inline uint8_t exact_words(bool ipv4) { return ipv4 ? 1 : 3; }

/* Addresses have 16 octets, the first 4 of which count for IPv4; bits behind the prefix are ignored. */

/* The value of a prefix; 0: none. */
uint32_t exact_find(const struct exact *x, const struct exact_memory *m, const uint8_t *addr, unsigned bits);

/* Puts a value under a prefix. *old: what was there, 0: nothing. -1: no memory, nothing has changed. */
int exact_put(struct exact *x, struct exact_memory *m, const uint8_t *addr, unsigned bits, uint32_t value,
              uint32_t *old);

/* Takes a prefix out and returns what it was; 0: it was not there. */
uint32_t exact_take(struct exact *x, struct exact_memory *m, const uint8_t *addr, unsigned bits);

/* Fetches what the others will read, for several prefixes side by side, since memory is far away. */
void exact_expect(const struct exact *x, const struct exact_memory *m, const uint8_t *addr, unsigned bits);

/* The prefix in *place or the next one behind it, in no order, and moves *place past it. As long as nothing
 * is put or taken meanwhile. Returns its value; 0: there is none. */
uint32_t exact_next(const struct exact *x, uint32_t *place, uint8_t addr[16], uint8_t *bits);

/* Frees everything. */
void exact_clear(struct exact *x, struct exact_memory *m);

#endif
