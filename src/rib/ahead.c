/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses that will be looked up soon: each goes through the steps of a lookup while those before it are
 * worked on, and what was found is kept. For flow workers (src/routing/lookup.c). */
#include "rib/rib_impl.h"
#include <string.h>

static inline void fetch(const void *p, unsigned lines)
{
    for (unsigned i = 0; i < lines; i++)
        __builtin_prefetch((const uint8_t *)p + (size_t)FAST_LINE * i);
}

/* A result that is no number of a set: a leaf has it, the trie knows, or there is nothing. */
static __attribute__((noinline)) void put_other(struct rib_ahead_one *x, uint32_t result)
{
    x->at = x->at ? fast_leaf_of(x->at, result) : NULL;
    x->id = 0;
    x->bits = (uint8_t)(result >> FAST_SHIFT);
    if (x->at)
        fetch(x->at, 2);
}

static inline void put_result(struct rib_ahead_one *x, uint32_t result)
{
    if (__builtin_expect(result >> FAST_SHIFT >= FAST_DEEP, 0)) {
        put_other(x, result);
        return;
    }
    x->at = NULL;
    x->id = result & FAST_ID_MAX;
    x->bits = (uint8_t)(result >> FAST_SHIFT);
}

/* Each step reads what the one before has fetched. First from the place to the block, */
static inline void step_place(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    const uint64_t place =
        atomic_load_explicit(fast_place(a->way, (const uint8_t *)&x->addr), memory_order_acquire);
    if (__builtin_expect(place & (FAST_SAME | FAST_STALE), 0)) {
        put_result(x, place & FAST_STALE ? (uint32_t)FAST_DEEP << FAST_SHIFT : (uint32_t)(place >> 32));
        return;
    }
    x->at = fast_block(place);
    fetch(x->at, place & FAST_LONG ? 2 : 1);
}

/* to the set's number, or a leaf, */
static inline void step_block(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    if (__builtin_expect(x->at != NULL, 1))
        put_result(x, fast_in_block(x->at, (const uint8_t *)&x->addr));
    x->kept = NULL;
    if (x->id) {
        x->kept = rib_attrs_kept(a->rib->pool, x->id);
        fetch(x->kept, 1);
    }
}

static __attribute__((noinline)) void leave_leaf(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    const struct fast_found found = fast_in_leaf(x->at, (const uint8_t *)&x->addr);
    x->bits = (uint8_t)found.bits;
    x->id = found.id;
    x->kept = x->id ? rib_attrs_kept(a->rib->pool, x->id) : NULL;
}

/* to the note, or where there is none yet, the set that it will be made of, */
static inline void step_kept(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    if (__builtin_expect(x->at != NULL, 0))
        leave_leaf(a, x);
    if (!x->kept)
        return;
    const void *note = x->note ? atomic_load_explicit(&x->kept->note, memory_order_acquire) : NULL;
    x->missing = x->note ? !note : !atomic_load_explicit(&x->kept->word, memory_order_relaxed);
    x->at = note;
    if (note)
        fetch(note, 1);
    if (__builtin_expect(x->missing, 0))
        rib_attrs_prefetch_set(a->rib->pool, x->id, RIB_ATTRS_FIRST);
}

/* to a note's second line, where it has one. */
static inline void step_set(const struct rib_ahead *a, struct rib_ahead_one *x)
{
    if (x->kept && x->at && rib_attrs_note_is_long(x->at))
        __builtin_prefetch((const uint8_t *)x->at + FAST_LINE);
    if (__builtin_expect(x->missing, 0))
        rib_attrs_prefetch_set(a->rib->pool, x->id, RIB_ATTRS_SECOND);
}

/* Addresses take a step in groups; the first step is three groups ahead of the answer: so long does memory
 * take. */
enum { GROUP = 8, STEPS = 4 };

#define TAKE_STEP(a, from, step)                                                                             \
    for (unsigned k = (from), end = k + GROUP < (a)->n ? k + GROUP : (a)->n; k < end; k++)                   \
    step(a, &(a)->one[k])

void rib_expected_go(struct rib_ahead *a, unsigned i)
{
    while (a->way && a->ready <= i && a->ready < a->n) {
        const unsigned at = a->begun;
        a->begun += GROUP;
        TAKE_STEP(a, at, step_place);
        if (at >= GROUP)
            TAKE_STEP(a, at - GROUP, step_block);
        if (at >= 2 * GROUP)
            TAKE_STEP(a, at - 2 * GROUP, step_kept);
        if (at < 3 * GROUP)
            continue;
        TAKE_STEP(a, at - 3 * GROUP, step_set);
        a->ready = a->begun - 3 * GROUP;
    }
}

/* Where there is no fast way, all at once. Of IPv4 what was found is only fetched: asking for it makes a fast
 * way wanted. */
static void expect_trie(struct rib_ahead *a, const struct trie *t, unsigned octets,
                        const struct rib_expected *e)
{
    const uint8_t *addr[RIB_EXPECTED] = { NULL };
    struct trie_found found[RIB_EXPECTED];
    for (unsigned i = 0; i < a->n; i++)
        addr[i] = e[i].addr;
    trie_match_many(t, addr, octets, a->n, found);
    a->known = octets == 16 && !t->wide;
    a->ready = a->n;
    for (unsigned i = 0; i < a->n && a->known; i++)
        memcpy(a->addr6[i], e[i].addr, sizeof(a->addr6[i]));
    for (unsigned i = 0; i < a->n; i++) {
        struct rib_ahead_one *x = &a->one[i];
        const uint32_t id = t->wide ? 0 : (uint32_t)found[i].value;
        *x = (struct rib_ahead_one){ .note = e[i].note, .bits = id ? (uint8_t)found[i].bits : 0 };
        if (id)
            x->kept = rib_attrs_kept(a->rib->pool, x->id = id);
        if (id)
            fetch(x->kept, 1);
    }
    for (unsigned i = 0; i < a->n; i++)
        step_kept(a, &a->one[i]);
}

static void expect_fast(struct rib_ahead *a, const struct fast *f, const struct rib_expected *e)
{
    a->way = f;
    a->known = true;
    for (unsigned i = 0; i < a->n; i++) {
        struct rib_ahead_one *x = &a->one[i];
        memcpy(&x->addr, e[i].addr, sizeof(x->addr));
        x->at = NULL;
        x->note = e[i].note;
        x->missing = false;
        __builtin_prefetch((const void *)(uintptr_t)fast_place(f, (const uint8_t *)&x->addr));
    }
}

void rib_expect(struct rib_ahead *a, const struct rib_reader *r, uint32_t peer, unsigned octets,
                const struct rib_expected *e, unsigned n)
{
    const struct view *v = view_of(r->rib, peer);
    const int quick = quick_place(octets == 4 ? RIB_IPV4 : RIB_IPV6, RIB_UNICAST, false, false);
    const struct table *t = v ? atomic_load_explicit(&v->quick[quick], memory_order_acquire) : NULL;
    const struct fast *f = t ? atomic_load_explicit(&t->fast, memory_order_acquire) : NULL;
    a->rib = r->rib;
    a->way = NULL;
    a->known = false;
    a->begun = a->ready = 0;
    a->n = t && n <= RIB_EXPECTED ? n : 0;
    if (!a->n)
        return;
    if (f)
        expect_fast(a, f, e);
    else
        expect_trie(a, &t->trie, octets, e);
}
