/* SPDX-License-Identifier: BSD-2-Clause */
/* Open addressing. A slot is found by the upper bits of its hash, so that a table which grows is read and
 * written from one end to the other. */
#include "rib/exact.h"
#include <stddef.h>
#include <string.h>
#include "base/cursor.h"
#include "base/hash.h"
#include "base/pages.h"

enum {
    LEAST = 16, /* slots */
    MAPPED =
        16 << 10, /* octets from which on slots are pages of their own, which go back when they are freed */
    HUGE_PAGE = 2 << 20, /* and huge ones */
    VALUE_SHIFT = 33,    /* in a slot of one word, above the prefix */
};

/* A slot's words. One: the prefix with a bit behind its last one (33 bits), then the value; nothing else
 * looks like it, and none is zero. Three: the address, then the length and, above it, the value. */
struct slot {
    uint64_t word[3];
};

static uint64_t masked(uint64_t v, unsigned bits)
{
    return bits == 0 ? 0 : bits >= 64 ? v : v & ~(UINT64_MAX >> bits);
}

static inline struct slot key_of(const struct exact *x, const uint8_t *addr, unsigned bits)
{
    if (x->words == 1) {
        const uint64_t a = masked((uint64_t)load_be32(addr) << 32, bits) >> 31;
        return (struct slot){ { a | UINT64_C(1) << (32 - bits), 0, 0 } };
    }
    return (struct slot){ { masked(load_be64(addr), bits),
                            bits > 64 ? masked(load_be64(addr + 8), bits - 64) : 0, bits } };
}

static inline uint64_t *at(const struct exact *x, uint32_t i) { return x->slots + (size_t)i * x->words; }

static inline bool taken(const struct exact *x, uint32_t i) { return at(x, i)[x->words - 1] != 0; }

static inline uint32_t value_at(const struct exact *x, uint32_t i)
{
    return (uint32_t)(x->words == 1 ? at(x, i)[0] >> VALUE_SHIFT : at(x, i)[2] >> 32);
}

static inline struct slot key_at(const struct exact *x, uint32_t i)
{
    const uint64_t *s = at(x, i);
    if (x->words == 1)
        return (struct slot){ { s[0] & ((UINT64_C(1) << VALUE_SHIFT) - 1), 0, 0 } };
    return (struct slot){ { s[0], s[1], (uint32_t)s[2] } };
}

static inline bool same(const struct slot *a, const struct slot *b)
{
    return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2];
}

static inline uint32_t home_of(const struct exact *x, const struct exact_memory *m, const struct slot *k)
{
    const uint64_t h = x->words == 1 ? XXH3_64bits_withSeed(k->word, sizeof(k->word[0]), m->seed)
                                     : XXH3_64bits_withSeed(k->word, sizeof(k->word), m->seed);
    return (uint32_t)(h >> x->shift);
}

static inline uint32_t next_to(const struct exact *x, uint32_t i) { return (i + 1) & (x->room - 1); }

/* The slot of a key, or the free one where its search ends. */
static inline uint32_t slot_of(const struct exact *x, const struct exact_memory *m, const struct slot *k)
{
    uint32_t i = home_of(x, m, k);
    while (taken(x, i)) {
        const struct slot there = key_at(x, i);
        if (same(&there, k))
            break;
        i = next_to(x, i);
    }
    return i;
}

static inline void set_slot(struct exact *x, uint32_t i, const struct slot *k, uint32_t value)
{
    uint64_t *s = at(x, i);
    if (x->words == 1) {
        s[0] = k->word[0] | (uint64_t)value << VALUE_SHIFT;
        return;
    }
    s[0] = k->word[0];
    s[1] = k->word[1];
    s[2] = k->word[2] | (uint64_t)value << 32;
}

static inline void move(const struct exact *to, uint32_t i, const struct exact *from, uint32_t k)
{
    uint64_t *t = at(to, i);
    const uint64_t *f = at(from, k);
    if (to->words == 1)
        *t = *f;
    else
        memcpy(t, f, sizeof(struct slot));
}

/* ---- room */

static size_t octets_of(const struct exact *x) { return (size_t)x->room * x->words * sizeof(uint64_t); }

static void slots_free(const struct exact *x)
{
    if (octets_of(x) < MAPPED)
        free(x->slots);
    else
        munmap(x->slots, octets_of(x));
}

/* All of the pages will be written to, but are read first: without this the kernel would be asked for each of
 * them twice. Refused before Linux 5.14: no harm. */
static void fetch_pages(void *p, size_t octets)
{
#ifdef MADV_POPULATE_WRITE
    madvise(p, octets, MADV_POPULATE_WRITE);
#else
    madvise(p, octets, 23);
#endif
}

static uint64_t *pages_new(size_t octets)
{
    void *p = octets < HUGE_PAGE
                  ? mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                  : pages_reserve(octets);
    if (!p || p == MAP_FAILED)
        return NULL;
    if (octets >= HUGE_PAGE)
        madvise(p, octets, MADV_HUGEPAGE);
    fetch_pages(p, octets);
    return p;
}

/* Zeros. */
static uint64_t *slots_new(size_t octets) { return octets < MAPPED ? calloc(1, octets) : pages_new(octets); }

/* Puts all into `room` slots. */
static int resize(struct exact *x, struct exact_memory *m, uint32_t room)
{
    struct exact fresh = { .room = room, .count = x->count, .words = x->words };
    fresh.shift = (uint8_t)(64 - __builtin_ctz(room));
    fresh.slots = slots_new(octets_of(&fresh));
    if (!fresh.slots)
        return -1;
    for (uint32_t i = 0; i < x->room; i++) {
        if (!taken(x, i))
            continue;
        const struct slot k = key_at(x, i);
        uint32_t to = home_of(&fresh, m, &k);
        while (taken(&fresh, to))
            to = next_to(&fresh, to);
        move(&fresh, to, x, i);
    }
    m->held += octets_of(&fresh) - octets_of(x);
    if (x->room)
        slots_free(x);
    *x = fresh;
    return 0;
}

/* ---- what others call */

uint32_t exact_find(const struct exact *x, const struct exact_memory *m, const uint8_t *addr, unsigned bits)
{
    const struct slot k = key_of(x, addr, bits);
    if (!x->room)
        return 0;
    const uint32_t i = slot_of(x, m, &k);
    return taken(x, i) ? value_at(x, i) : 0;
}

int exact_put(struct exact *x, struct exact_memory *m, const uint8_t *addr, unsigned bits, uint32_t value,
              uint32_t *old)
{
    const struct slot k = key_of(x, addr, bits);
    *old = 0;
    if (value > EXACT_VALUE_MAX || x->room > UINT32_MAX / 4)
        return -1;
    if (x->count + 1 > x->room / 16 * 13 && resize(x, m, x->room ? 2 * x->room : LEAST) == -1)
        return -1;
    const uint32_t i = slot_of(x, m, &k);
    if (taken(x, i)) {
        *old = value_at(x, i);
    } else {
        x->count++;
        m->used += x->words * sizeof(uint64_t);
    }
    set_slot(x, i, &k, value);
    return 0;
}

/* Closes the gap at i: what has been pushed past it moves up, so that no marks of the dead are needed. */
static void close_gap(struct exact *x, const struct exact_memory *m, uint32_t i)
{
    const uint32_t mask = x->room - 1;
    for (uint32_t k = next_to(x, i); taken(x, k); k = next_to(x, k)) {
        const struct slot key = key_at(x, k);
        if (((k - home_of(x, m, &key)) & mask) < ((k - i) & mask))
            continue;
        move(x, i, x, k);
        i = k;
    }
    memset(at(x, i), 0, x->words * sizeof(uint64_t));
}

uint32_t exact_take(struct exact *x, struct exact_memory *m, const uint8_t *addr, unsigned bits)
{
    const struct slot k = key_of(x, addr, bits);
    if (!x->room)
        return 0;
    const uint32_t i = slot_of(x, m, &k), was = taken(x, i) ? value_at(x, i) : 0;
    if (!was)
        return 0;
    close_gap(x, m, i);
    x->count--;
    m->used -= x->words * sizeof(uint64_t);
    if (!x->count)
        exact_clear(x, m);
    else if (x->room > LEAST && x->count < x->room / 8)
        (void)resize(x, m, x->room / 2); /* no memory: it stays as large as it is */
    return was;
}

void exact_expect(const struct exact *x, const struct exact_memory *m, const uint8_t *addr, unsigned bits)
{
    const struct slot k = key_of(x, addr, bits);
    if (x->room)
        __builtin_prefetch(at(x, home_of(x, m, &k)));
}

uint32_t exact_next(const struct exact *x, uint32_t *place, uint8_t addr[16], uint8_t *bits)
{
    while (*place < x->room && !taken(x, *place))
        ++*place;
    if (*place >= x->room)
        return 0;
    const uint32_t i = (*place)++;
    const struct slot k = key_at(x, i);
    memset(addr, 0, 16);
    if (x->words == 1) {
        const unsigned end = (unsigned)__builtin_ctzll(k.word[0]);
        *bits = (uint8_t)(32 - end);
        put_be32(addr, (uint32_t)((k.word[0] ^ UINT64_C(1) << end) >> 1));
    } else {
        *bits = (uint8_t)k.word[2];
        put_be64(addr, k.word[0]);
        put_be64(addr + 8, k.word[1]);
    }
    return value_at(x, i);
}

void exact_clear(struct exact *x, struct exact_memory *m)
{
    m->used -= (uint64_t)x->count * x->words * sizeof(uint64_t);
    m->held -= octets_of(x);
    if (x->room)
        slots_free(x);
    *x = (struct exact){ .words = x->words };
}
