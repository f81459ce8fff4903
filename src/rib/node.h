/* SPDX-License-Identifier: BSD-2-Clause */
/* How a node of the trie lies in memory, and how it is read and copied. For trie.c and trie_walk.c alone.
 *
 * A node at depth d decides over octet d of the address. A prefix of 8d + l bits (l from 1 to 8; 0 at the
 * very top) ends in it under the number 1 << l | its last l bits, so that the numbers of what covers an octet
 * are found by shifting. Behind the header lie: the octets left out on the way here, the bitmap of prefixes
 * with ranks (many) or nothing (few), the same for children, links, values, and for few the sorted list of
 * numbers and of octets. */
#ifndef RIB_NODE_H
#define RIB_NODE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    NODE_WIDE = 1,   /* values of 8 octets */
    NODE_ROUTES = 2, /* a bitmap of prefixes */
    NODE_KIDS = 4,   /* a bitmap of children */
    FEW_ROUTES = 16, /* up to here a list */
    FEW_KIDS = 8,
};

struct trie_node {
    uint8_t depth, skip, flags, unused;
    uint16_t routes, kids;
};

struct route_map {
    uint64_t bits[8];
    uint16_t rank[8]; /* how many lie before the word */
};

struct kid_map {
    uint64_t bits[4];
    uint16_t rank[4];
};

typedef struct trie_node *_Atomic trie_link;

/* Where its parts begin. What a search reads first lies in front: in most nodes, the first cache line. */
struct shape {
    uint32_t kids_at, routes_at, links, values, size; /* kids_at, routes_at: bitmap or list */
};

static inline uint32_t value_size(unsigned flags) { return flags & NODE_WIDE ? 8 : 4; }

static inline struct shape shape_of(const struct trie_node *h)
{
    struct shape s;
    s.kids_at = (uint32_t)sizeof(*h) + ((h->skip + 7u) & ~7u);
    s.routes_at =
        s.kids_at + (h->flags & NODE_KIDS ? (uint32_t)sizeof(struct kid_map) : (h->kids + 7u) & ~7u);
    s.links = s.routes_at +
              (h->flags & NODE_ROUTES ? (uint32_t)sizeof(struct route_map) : (2u * h->routes + 7u) & ~7u);
    s.values = s.links + 8u * h->kids;
    s.size = s.values + value_size(h->flags) * h->routes;
    return s;
}

static inline const uint8_t *at(const struct trie_node *n, uint32_t offset)
{
    return (const uint8_t *)n + offset;
}
static inline const uint8_t *skipped(const struct trie_node *n) { return at(n, sizeof(*n)); }

static inline const struct route_map *route_map(const struct trie_node *n, const struct shape *s)
{
    return (const struct route_map *)(const void *)at(n, s->routes_at);
}

static inline const struct kid_map *kid_map(const struct trie_node *n, const struct shape *s)
{
    return (const struct kid_map *)(const void *)at(n, s->kids_at);
}

static inline const uint16_t *numbers_of(const struct trie_node *n, const struct shape *s)
{
    return (const uint16_t *)(const void *)at(n, s->routes_at);
}

static inline trie_link *links_of(struct trie_node *n, const struct shape *s)
{
    return (trie_link *)(void *)((uint8_t *)n + s->links);
}

/* Bits set, without the instruction that not every processor has. */
static inline unsigned ones(uint64_t x)
{
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (unsigned)(x * 0x0101010101010101u >> 56);
}

static inline bool bit_of(const uint64_t *bits, unsigned i) { return bits[i >> 6] >> (i & 63) & 1; }

static inline unsigned rank_of(const uint64_t *bits, const uint16_t *rank, unsigned i)
{
    return rank[i >> 6] + ones(bits[i >> 6] & ((UINT64_C(1) << (i & 63)) - 1));
}

static inline void make_ranks(const uint64_t *bits, uint16_t *rank, unsigned words)
{
    unsigned n = 0;
    for (unsigned w = 0; w < words; w++) {
        rank[w] = (uint16_t)n;
        n += ones(bits[w]);
    }
}

/* The place of a prefix, or where it would be put: *there tells which. */
static inline unsigned route_place(const struct trie_node *n, const struct shape *s, unsigned number,
                                   bool *there)
{
    if (n->flags & NODE_ROUTES) {
        const struct route_map *m = route_map(n, s);
        *there = bit_of(m->bits, number);
        return rank_of(m->bits, m->rank, number);
    }
    const uint16_t *numbers = numbers_of(n, s);
    unsigned i = 0;
    while (i < n->routes && numbers[i] < number)
        i++;
    *there = i < n->routes && numbers[i] == number;
    return i;
}

static inline unsigned kid_place(const struct trie_node *n, const struct shape *s, unsigned octet,
                                 bool *there)
{
    if (n->flags & NODE_KIDS) {
        const struct kid_map *m = kid_map(n, s);
        *there = bit_of(m->bits, octet);
        return rank_of(m->bits, m->rank, octet);
    }
    const uint8_t *octets = at(n, s->kids_at);
    unsigned i = 0;
    while (i < n->kids && octets[i] < octet)
        i++;
    *there = i < n->kids && octets[i] == octet;
    return i;
}

/* The octet under which the child at this place hangs. */
static inline unsigned kid_octet(const struct trie_node *n, const struct shape *s, unsigned place)
{
    if (!(n->flags & NODE_KIDS))
        return at(n, s->kids_at)[place];
    const struct kid_map *m = kid_map(n, s);
    unsigned w = 3;
    while (m->rank[w] > place)
        w--;
    uint64_t left = m->bits[w];
    for (unsigned i = m->rank[w]; i < place; i++)
        left &= left - 1;
    return w * 64 + (unsigned)__builtin_ctzll(left);
}

static inline uint64_t value_at(const struct trie_node *n, const struct shape *s, unsigned place)
{
    /* Acquire: what the value leads to was written before it (pairs with set_value). */
    if (n->flags & NODE_WIDE)
        return atomic_load_explicit((_Atomic uint64_t *)(void *)((uintptr_t)at(n, s->values) + 8u * place),
                                    memory_order_acquire);
    return atomic_load_explicit((_Atomic uint32_t *)(void *)((uintptr_t)at(n, s->values) + 4u * place),
                                memory_order_acquire);
}

static inline void set_value(struct trie_node *n, const struct shape *s, unsigned place, uint64_t value)
{
    if (n->flags & NODE_WIDE)
        atomic_store_explicit((_Atomic uint64_t *)(void *)((uintptr_t)at(n, s->values) + 8u * place), value,
                              memory_order_release);
    else
        atomic_store_explicit((_Atomic uint32_t *)(void *)((uintptr_t)at(n, s->values) + 4u * place),
                              (uint32_t)value, memory_order_release);
}

/* Octets of the address and the number under which a prefix stands. */
static inline unsigned depth_of(unsigned bits) { return bits ? (bits - 1) / 8 : 0; }

static inline unsigned number_of(const uint8_t *addr, unsigned bits)
{
    unsigned depth = depth_of(bits), l = bits - 8 * depth;
    return 1u << l | addr[depth] >> (8 - l);
}

static inline unsigned number_bits(unsigned number) { return 31u - (unsigned)__builtin_clz(number); }

/* The longest prefix in this node that covers the octet: its place, or -1. */
static inline int longest(const struct trie_node *n, const struct shape *s, unsigned octet, unsigned *bits)
{
    unsigned host = 256 | octet;
    if (n->flags & NODE_ROUTES) {
        const struct route_map *m = route_map(n, s);
        for (unsigned l = 9; l-- > 0;) {
            unsigned number = host >> (8 - l);
            if (bit_of(m->bits, number)) {
                *bits = l;
                return (int)rank_of(m->bits, m->rank, number);
            }
        }
        return -1;
    }
    const uint16_t *numbers = numbers_of(n, s);
    for (unsigned i = n->routes; i-- > 0;) {
        unsigned l = number_bits(numbers[i]);
        if (host >> (8 - l) == numbers[i]) {
            *bits = l;
            return (int)i;
        }
    }
    return -1;
}

/* The number of the prefix at place i, where that of the one before is `last` (0: none). */
static inline unsigned next_number(const struct trie_node *n, const struct shape *s, unsigned i,
                                   unsigned last)
{
    if (!(n->flags & NODE_ROUTES))
        return numbers_of(n, s)[i];
    const struct route_map *m = route_map(n, s);
    unsigned w = (last + 1) >> 6;
    uint64_t left = m->bits[w] & ~UINT64_C(0) << ((last + 1) & 63);
    while (!left)
        left = m->bits[++w];
    return w * 64 + (unsigned)__builtin_ctzll(left);
}

#endif
